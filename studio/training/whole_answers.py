"""What the longest length of a recipe leaves of the answers: of how many examples nothing is left to learn, before a model
is loaded. Counted are the tokens before an answer, of a part of those examples that are cut. Never loads torch."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from studio.errors import RecipeError, StudioError
from studio.examples import Dataset
from studio.model_shapes import ModelShape
from studio.models import STARTER
from studio.training import objectives
from studio.training.recipe import Recipe
from studio.training.token_lengths import counter_of, own_count, tokenizer_folder

SAMPLE, FEWEST, TOKENS = 100, 10, 200_000
"""Cut examples that are counted, spread over all of them: at most SAMPLE, and so many that they have about TOKENS together,
which takes less than a second, but no fewer than FEWEST."""
NEARLY_ALL = 0.95
"""Share of the examples: where of so many nothing is left to learn a training is not begun."""
STEP, SPARE = 64, 16
"""A length is a multiple of STEP, and has room for SPARE tokens more than what it is to hold: counts are of a part."""


@dataclass(frozen=True)
class Left:
    """Of `total` examples that the objective learns from `longer` are cut, and of `lost` nothing is left to learn; that is
    an estimate unless `is_exact`. `keeps`: tokens that leave NEARLY_ALL of them whole; `longest`: tokens of the longest.
    `is_own`: in the tokens of the model, else in the starter's."""

    total: int
    longer: int = 0
    lost: int = 0
    keeps: int = 0
    longest: int = 0
    is_own: bool = True
    is_exact: bool = True

    @property
    def is_next_to_nothing(self) -> bool:
        return 0 < self.lost >= NEARLY_ALL * self.total

    @property
    def said(self) -> str:
        return f"{'' if self.is_exact else 'about '}{self.lost:,} of the {self.total:,}"


def rounded_up(tokens: float) -> int:
    """A max_length that holds an example of so many tokens."""
    return max(STEP, math.ceil((tokens + SPARE) / STEP) * STEP)


def left_of(dataset: Dataset, model: str, objective: objectives.Objective, max_length: int) -> Left:
    """Of examples that are not packed: packing loses nothing, nor is anything of a passage lost."""
    factor = own_count(dataset, model).factor
    return _left(dataset, dataset.written, tokenizer_folder(model), factor, objective, max_length)


def leaves_answers(recipe: Recipe, dataset: Dataset | None) -> bool:
    """Whether there is more than next to nothing left to learn, as far as it is known."""
    if dataset is None or recipe.packing:
        return True
    left = left_of(dataset, recipe.model, recipe.objective, recipe.max_length)
    return not left.is_next_to_nothing


def check(recipe: Recipe, *datasets: Dataset | None) -> None:
    """Raises RecipeError when next to nothing would be left to learn from one of the datasets (the second is the evaluation).
    In the tokens of another model nobody knows it for sure."""
    mistakes = []
    for dataset, whose in zip(datasets, ("", "the evaluation: "), strict=False):
        if dataset is None or recipe.packing:
            continue
        left = left_of(dataset, recipe.model, recipe.objective, recipe.max_length)
        if left.is_own and left.is_next_to_nothing:
            mistakes.append(
                f"max_length: {whose}of {left.said} examples the whole answer is cut off, and next to nothing is left to "
                f"learn; {_what_keeps(recipe.model, left)} (found {recipe.max_length:,})"
            )
    if mistakes:
        raise RecipeError(mistakes)


def sentence(recipe: Recipe, dataset: Dataset) -> str:
    """What is to say of answers that are cut off whole; empty where none is."""
    if recipe.packing:
        return ""
    left = left_of(dataset, recipe.model, recipe.objective, recipe.max_length)
    if not left.lost:
        return ""
    context = _context(recipe.model)
    remedy = f"raise max_length (the longest has {left.longest:,}), or filter them"
    if context and recipe.max_length >= context:
        remedy = f"filter them, or choose a model that takes in more (this one was made for {context:,}, the longest has {left.longest:,})"
    elif context and left.longest > context:
        remedy = f"raise max_length, to {context:,} at most, for which the model was made (the longest has {left.longest:,}), or filter them"
    return f"Of {left.said} examples the whole answer is cut off at {recipe.max_length:,} tokens, and nothing is learned from them: {remedy}."


def _what_keeps(model: str, left: Left) -> str:
    context = _context(model)
    if context and left.keeps > context:
        return f"{left.keeps:,} tokens would keep them, and the model was made for {context:,}: choose one that takes in more, or shorter examples"
    return f"choose {left.keeps:,}, which keeps them, or shorter examples"


def _context(model: str) -> int:
    """Tokens; 0 where nobody knows."""
    try:
        return ModelShape.of(model).context
    except StudioError:  # whoever loads it says so
        return 0


@lru_cache(256)
def _left(
    dataset: Dataset, written: int, folder: Path | None, factor: float, objective: objectives.Objective, max_length: int
) -> Left:
    total = objectives.count_rows(dataset).usable(objective)
    rows = dataset.columns("tokens", "kind")
    lengths, is_passage = rows["tokens"].to_numpy() * factor, (rows["kind"] == "passage").to_numpy()
    longer = np.flatnonzero((lengths > max_length) & ~is_passage)
    if not len(longer):
        return Left(total)
    counted = min(max(FEWEST, int(TOKENS / lengths[longer].mean())), SAMPLE, len(longer))
    some = longer[np.unique(np.linspace(0, len(longer) - 1, counted).astype(int))]
    try:
        counter = counter_of(folder or STARTER)
    except Exception:  # the library of tokenizers raises nothing narrower
        counter, folder = counter_of(STARTER), None
    befores = [_before(list(messages), objective) for messages in dataset.take(some)["messages"]]
    lost = sum(counter.count(before) >= max_length for before in befores if before)
    keeps = np.quantile(lengths[~is_passage], NEARLY_ALL, method="higher")
    return Left(
        total, len(longer), round(len(longer) * lost / len(some)), rounded_up(keeps), math.ceil(lengths.max()), folder is not None, len(some) == len(longer),
    )  # fmt: skip


def _before(messages: list[Any], objective: objectives.Objective) -> list[Any] | None:
    """What stands before the first word that is learned; None where there is none. An answer of weight 0 is only read."""
    if objective != "sft":
        return messages[:-1] if messages[-1]["role"] == "assistant" else messages
    answers = (at for at, one in enumerate(messages) if one["role"] == "assistant" and "weight" not in one)
    first = next(answers, None)
    return None if first is None else messages[:first]
