"""Which rows stay and why the others go: one reason each, the first that holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from studio.data import duplicates, near_duplicates, quality, rules
from studio.data.measures import Measures
from studio.data.rules import Rule
from studio.data.studio_quality import question_and_answer
from studio.data.words import Array
from studio.errors import InputError

NEAR = "nearly the same as"


@dataclass(frozen=True)
class Choices:
    """What a filter leaves out; see `Project.filter`."""

    min_quality: float = 0.7
    preset: str = "guide"
    max_tokens: int = 4096
    exact_duplicates: bool = True
    drop_flags: Sequence[str] = ()
    near_duplicates: float | None = None
    rules: Sequence[Rule | Mapping[str, Any]] = ()

    def check(self) -> None:
        """Raises InputError that names every mistake."""
        mistakes = []
        if not 0 <= self.min_quality <= 1:
            mistakes.append(f"min_quality is {self.min_quality}, not from 0 to 1")
        if self.max_tokens < 1:
            mistakes.append(f"max_tokens is {self.max_tokens}, not at least 1")
        if unknown := [flag for flag in self.drop_flags if flag not in quality.FLAGS]:
            mistakes.append(f"there is no flag {', '.join(map(repr, unknown))}; there are {', '.join(quality.FLAGS)}")
        if self.preset not in quality.PRESETS:
            mistakes.append(f"there is no preset {self.preset!r}; there are {', '.join(quality.PRESETS)}")
        if self.near_duplicates is not None and not 0 < self.near_duplicates <= 1:
            mistakes.append(f"near_duplicates is {self.near_duplicates}, not over 0 and up to 1")
        try:
            rules.check([Rule.of(rule) for rule in self.rules])
        except InputError as error:
            mistakes.append(error.found)
        if mistakes:
            raise InputError("The filter cannot be applied", "; ".join(mistakes), "Correct it and run again")


def _reasons(examples: pd.DataFrame, choices: Choices, measures: Measures | None) -> Array:
    """An array with the reason to drop each row, or an empty text."""
    choices.check()
    measures = measures or Measures(examples)
    ids = examples["id"].to_numpy(object)
    reason = np.full(len(examples), "", object)

    def drop(where: Array, words: Any) -> None:
        chosen = np.flatnonzero(where & (reason == ""))
        reason[chosen] = [words(at) for at in chosen.tolist()] if callable(words) else words

    if choices.exact_duplicates:
        first = duplicates.first_of_each(examples).to_numpy(object)
        drop(first != ids, lambda at: f"the same as {first[at]}")
    for flag in choices.drop_flags:
        drop(np.array([flag in found for found in examples["flags"]], bool), flag)
    if choices.rules:
        answers = [question_and_answer(messages)[1] for messages in examples["messages"]]
        broken = rules.broken([Rule.of(rule) for rule in choices.rules], answers)
        drop(np.array([bool(words) for words in broken], bool), lambda at: broken[at])
    tokens = examples["tokens"].to_numpy()
    drop(tokens > choices.max_tokens, lambda at: f"{tokens[at]:,} tokens, over {choices.max_tokens:,}")
    scores = measures.values(choices.preset)
    drop(scores < choices.min_quality, lambda at: f"quality {scores[at]:.2f} under {choices.min_quality:g}")
    if choices.near_duplicates is not None:
        stays = reason == ""  # the best of those that stay is kept, so that none goes for one that is gone itself
        found = measures.pairs(choices.near_duplicates)
        instead, similarity = near_duplicates.keepers(scores, found, stays)
        drop(instead != np.arange(len(ids)), lambda at: f"{NEAR} {ids[instead[at]]} ({similarity[at]:.0%})")
    return reason


def apply(
    examples: pd.DataFrame, measures: Measures | None = None, **choices: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows kept, and id and reason of the others; together they are all rows. `choices` are those of Choices, and
    `measures` what is known of the examples. Raises InputError that names every choice that cannot be."""
    reason = _reasons(examples, Choices(**choices), measures)
    gone = reason != ""
    dropped = pd.DataFrame({"id": examples["id"].to_numpy(object)[gone], "reason": reason[gone]}, dtype="str")
    return examples[~gone].reset_index(drop=True), dropped


def preview(examples: pd.DataFrame, measures: Measures | None = None, **choices: Any) -> dict[str, Any]:
    """What `apply` would do: kept, total, and reasons (counts by kind)."""
    reason = _reasons(examples, Choices(**choices), measures)
    kinds = Counter(kind(words) for words in reason if words)
    return {"kept": int((reason == "").sum()), "total": len(reason), "reasons": dict(kinds)}


def kind(reason: str) -> str:
    """The kind of a reason, without what is particular to its row."""
    if reason.startswith("the same as"):
        return "exact duplicate"
    if reason.startswith(NEAR):
        return "near duplicate"
    if reason.startswith("quality"):
        return "low quality"
    return "too long" if "tokens, over" in reason else reason
