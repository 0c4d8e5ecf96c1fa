"""How long an example may be in the recipe that is recommended, and what of it makes the training fit: by the real lengths,
by what the model was made for, and by the memory that is free here."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from studio import hardware
from studio.examples import Dataset
from studio.jobs import queue
from studio.memory import Correction, ModelShape, estimate
from studio.training import calibration, fit, objectives
from studio.training.recipe import Recipe
from studio.training.token_lengths import own_count, row_lengths
from studio.training.whole_answers import STEP, leaves_answers, left_of, rounded_up

USUAL = 2048
"""Tokens up to which the longest example decides; beyond, so few long ones as MOST_WHOLE leaves do not."""
MOST_WHOLE = 0.99
UNKNOWN = 8192
"""Tokens at most where nobody says what the model was made for."""
MOST_CUT = 0.1
"""Share of the examples that may be cut so that it fits: a recipe that cuts more is somebody's choice, and not ours."""

Lengths = np.ndarray[Any, Any]


def example_lengths(dataset: Dataset, model: str, context: int) -> Lengths:
    """Tokens of each example as this model counts them; of a passage, which is learned in pieces, those of a piece."""
    tokens = np.ceil(row_lengths(dataset) * own_count(dataset, model).factor)
    if not objectives.count_rows(dataset).passages:
        return tokens
    piece = min(USUAL - STEP, context or USUAL)
    return np.where(dataset.columns("kind")["kind"] == "passage", np.minimum(tokens, piece), tokens)


def length_for(
    dataset: Dataset, model: str, objective: objectives.Objective, lengths: Lengths, context: int
) -> tuple[int, str]:
    """The max_length for examples of these lengths with a model made for `context` tokens (0: nobody says), and why."""
    wanted = rounded_up(float(lengths.max()) if len(lengths) else 0.0)
    if wanted > USUAL:
        wanted = max(USUAL, rounded_up(float(np.quantile(lengths, MOST_WHOLE, method="higher"))))
    length = max(16, min(wanted, context or UNKNOWN))
    cut, left = int((lengths > length).sum()), left_of(dataset, model, objective, length)
    if not cut:
        return length, "the longest example fits"
    known = f"the model was made for {context:,} tokens at once: " if length < wanted and context else ""
    lost = f", {left.lost:,} of them before the answer begins" if left.lost else ""
    advice = "choose a model that takes in more" if left.is_next_to_nothing else "filter them"
    return length, f"{known}{cut:,} longer examples are cut{lost}; {advice}"


def into_memory(values: dict[str, Any], reasons: dict[str, str], shape: ModelShape, dataset: Dataset) -> None:
    """Takes what changes speed alone until it fits what is free here, else a shorter example too, where that cuts few."""
    room, where, learned = _room(dataset)
    recipe = Recipe(**values)
    if estimate(shape, recipe, room, None, learned).fits:
        return
    if changes := fit.same_result(shape, recipe, room, learned):
        why = dict.fromkeys(changes, f"for {where}; the same step")
    elif (changes := _shortened(shape, recipe, room, learned)) and (
        left := left_of(dataset, recipe.model, recipe.objective, changes["max_length"])
    ).longer <= MOST_CUT * left.total:
        why = dict.fromkeys(changes, f"for {where}; the same step")
        why["max_length"] = f"the most that fits {where}: {left.longer:,} longer examples are cut; filter them"
    else:
        offers = [
            one
            for one in fit.nearest_changes(shape, recipe, room, None, learned)
            if leaves_answers(one.recipe, dataset)
        ]
        helps = (
            f"does not fit {where}; what would: {offers[0].words}"
            if offers
            else f"nothing fits {where}: choose a smaller model"
        )
        changes, why = {}, {"batch_size": helps}
    values |= changes
    reasons |= why


def _room(dataset: Dataset) -> tuple[hardware.Machine, str, Correction]:
    """The machine with the memory that a training will find, that in words, and what earlier ones here have taught. What a
    job of the studio holds now is free by then: one has the card at a time."""
    machine = hardware.machine()
    device = "GPU" if machine.device == "cuda" else "computer"
    home = _home(dataset)
    if home is not None and queue.holder(home) is not None:
        machine = replace(machine, memory_free=machine.memory_total)
        where = f"the {machine.memory_total / hardware.GIB:.0f} GB of this {device}"
    else:
        where = f"the {machine.memory_free / hardware.GIB:.1f} GB that are free on this {device}"
    return machine, where, Correction() if home is None else calibration.correction(home, machine)


def _home(dataset: Dataset) -> Path | None:
    """The home of a dataset in HOME/projects/PROJECT/datasets/NAME/vN."""
    above = dataset.folder.parents
    return above[4] if len(above) > 4 and above[3].name == "projects" else None


def _shortened(shape: ModelShape, recipe: Recipe, room: hardware.Machine, learned: Correction) -> dict[str, Any]:
    """The longest examples that fit with what changes speed alone, and that; empty where none do."""
    found: dict[str, Any] = {}
    fewest, most = fit.SHORTEST // STEP, math.ceil(recipe.max_length / STEP) - 1
    while fewest <= most:  # the need only grows with the length
        middle = (fewest + most) // 2
        shorter = Recipe(**{**recipe.model_dump(), "max_length": middle * STEP})
        changes = fit.same_result(shape, shorter, room, learned)
        if estimate(shape, Recipe(**{**shorter.model_dump(), **changes}), room, None, learned).fits:
            found, fewest = {**changes, "max_length": shorter.max_length}, middle + 1
        else:
            most = middle - 1
    return found
