"""How long a training takes from its start to its adapter, part by part: by this machine's own runs, and by stated guesses
before there are any."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import hardware
from studio.examples import Dataset
from studio.hardware import Machine
from studio.memory import ModelShape
from studio.training import calibration
from studio.training.recipe import ANSWER_TOKENS, Recipe
from studio.training.spending import AROUND, EVALUATING, LEARNING, STARTING
from studio.training.token_lengths import own_count
from studio.training.workload import faster_looking, tokens_an_epoch

LIBRARIES = 7.0
"""Seconds until a process that has a core to itself has imported what a training needs, before any run was measured."""
READING = 0.5e9
"""Bytes a second of weights that are read and, where the recipe says so, packed into 4 bits."""
CHECKPOINT = 0.3
"""Seconds of one checkpoint of an adapter, before any was measured."""
AN_ANSWERED_TOKEN = 0.01
"""Seconds that a token of a sample answer takes at least, whatever the size of the model."""
NEWEST = 5


@dataclass(frozen=True)
class Needed:
    """`parts` in seconds, with the names of `spending`; `measured` is whether the speed of the steps is of runs here."""

    parts: dict[str, float]
    words: str
    measured: bool

    @property
    def seconds(self) -> float:
        return sum(self.parts.values())


def needed(home: Path, machine: Machine, recipe: Recipe, dataset: Dataset, evaluation: Dataset | None) -> Needed:
    """Before a start, on this machine alone. With patience it may take less."""
    found = calibration.speed(home, machine, recipe)
    pace, whence = found or calibration.first_guess(machine, recipe)
    rows = calibration.records(home, machine)
    tokens = tokens_an_epoch(dataset, recipe)
    watched = 0.0 if evaluation is None else tokens_an_epoch(evaluation, recipe)
    stops = calibration.occasions(recipe, _steps(recipe, dataset, tokens))
    looks = 0 if evaluation is None else stops + 1  # the first before anything is learned
    quickly = _evaluation_pace(rows, recipe) or pace * faster_looking(recipe)
    parts = {
        STARTING: _starting(rows, recipe),
        LEARNING: tokens * recipe.epochs / pace,
        EVALUATING: watched * looks / quickly,
        AROUND: _around(rows, machine, recipe) * (stops + 1),
    }
    if recipe.objective != "sft" and not recipe.uses_adapter:  # what the model says before it learns is asked for once
        parts[STARTING] += (tokens + watched) / quickly
    words = [
        whence,
        f"{tokens * recipe.epochs:,.0f} tokens are learned from{_beside(recipe)}",
        "" if evaluation is None else f"{looks} evaluations of {len(evaluation):,} rows",
        f"{stops} checkpoints" + (" with sample answers" if recipe.samples else ""),
        own_count(dataset, recipe.model).words,
    ]
    return Needed(parts, "; ".join(filter(None, words)), found is not None)


def _beside(recipe: Recipe) -> str:
    if recipe.objective == "dpo":
        return " (both answers of each pair, and the reference goes through them too)"
    return " (each answer, and the reference goes through them too)" if recipe.objective == "kto" else ""


def _steps(recipe: Recipe, dataset: Dataset, tokens: float) -> int:
    if recipe.packing:
        return recipe.steps_for(max(1, round(tokens / recipe.max_length)))
    return recipe.steps_on(dataset)


def _newest(rows: Iterable[dict[str, Any]], name: str) -> float | None:
    values = [row[name] for row in rows if name in row][-NEWEST:]
    return statistics.median(values) if values else None


def _starting(rows: list[dict[str, Any]], recipe: Recipe) -> float:
    """Of this model's runs; else of others', for whose size the reading is corrected."""

    def reading(parameters: float) -> float:
        return 2 * parameters / READING  # two bytes a weight

    same = _newest([row for row in rows if (row["model"], row["method"]) == (recipe.model, recipe.method)], "starting")
    if same is not None:
        return same
    libraries = [{"starting": row["starting"] - reading(row["parameters"])} for row in rows if "starting" in row]
    around = _newest(libraries, "starting")
    guessed = LIBRARIES / hardware.share_of_processor(1)
    return max(0.0, guessed if around is None else around) + reading(ModelShape.of(recipe.model).parameters)


def _evaluation_pace(rows: list[dict[str, Any]], recipe: Recipe) -> float | None:
    """Tokens a second where nothing is learned, of the same model, method and objective."""
    wanted = (recipe.model, recipe.method, recipe.objective)
    return _newest([row for row in rows if calibration.key_of(row) == wanted], "evaluation_pace")


def _around(rows: list[dict[str, Any]], machine: Machine, recipe: Recipe) -> float:
    """Seconds of one checkpoint with its sample answers."""
    alike = [row for row in rows if row["model"] == recipe.model and row.get("answers") == (recipe.samples > 0)]
    measured = _newest(alike, "around")
    if measured is not None:
        return measured
    if not recipe.samples:
        return CHECKPOINT
    a_token = 2 * ModelShape.of(recipe.model).parameters * recipe.samples / calibration.operations_a_second(machine)
    quiet = CHECKPOINT + ANSWER_TOKENS * max(AN_ANSWERED_TOKEN, a_token)
    return quiet / hardware.share_of_processor(machine.cores)
