"""Which rows stay and why the others go: one reason each, the first that holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from studio.data import near_duplicates, quality, rules
from studio.data.measures import Measures
from studio.data.rules import Rule
from studio.data.words import Array
from studio.errors import InputError
from studio.examples import Dataset

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


@dataclass
class Verdict:
    """For each row the number of the reason why it goes, 0 where it stays; `words` writes the reason of a row."""

    of_row: Array
    kinds: list[str] = field(default_factory=lambda: [""])
    words: list[Callable[[int], str]] = field(default_factory=lambda: [lambda at: ""])

    def drop(self, where: Array, kind: str, words: Callable[[int], str] | None = None) -> None:
        """The rows `where` go for this reason, unless they went for one before."""
        self.of_row[where & (self.of_row == 0)] = len(self.kinds)
        self.kinds.append(kind)
        self.words.append(words or (lambda at: kind))

    @property
    def stays(self) -> Array:
        kept: Array = self.of_row == 0
        return kept

    def counts(self) -> dict[str, int]:
        """How many rows go for each kind of reason."""
        numbers = np.bincount(self.of_row, minlength=len(self.kinds)).tolist()
        return {kind: count for kind, count in zip(self.kinds[1:], numbers[1:], strict=True) if count}

    def dropped(self, ids: Array) -> pd.DataFrame:
        """id and reason of the rows that go."""
        gone = np.flatnonzero(self.of_row)
        reasons = [self.words[number](at) for at, number in zip(gone.tolist(), self.of_row[gone].tolist(), strict=True)]
        return pd.DataFrame({"id": ids[gone], "reason": reasons}, dtype="str")


def judge(measures: Measures, choices: Choices) -> Verdict:
    """Which rows go and why. Raises InputError that names every choice that cannot be."""
    choices.check()
    verdict = Verdict(np.zeros(len(measures), np.int16))
    if choices.exact_duplicates:
        first = measures.first_of_each()
        verdict.drop(
            first != np.arange(len(first)), "exact duplicate", lambda at: f"the same as {measures.ids()[first[at]]}"
        )
    for flag in choices.drop_flags:
        verdict.drop(measures.flagged(flag), flag)
    if choices.rules:
        answers, avoided = measures.answers()
        broken = rules.broken([Rule.of(rule) for rule in choices.rules], answers)
        for words in dict.fromkeys(filter(None, broken)):
            # what an answer to avoid breaks is what makes it one
            verdict.drop(~avoided & np.array([found == words for found in broken], bool), words)
    tokens = measures.tokens()
    verdict.drop(
        tokens > choices.max_tokens, "too long", lambda at: f"{tokens[at]:,} tokens, over {choices.max_tokens:,}"
    )
    scores = measures.values(choices.preset)
    verdict.drop(
        scores < choices.min_quality,
        "low quality",
        lambda at: f"quality {scores[at]:.2f} under {choices.min_quality:g}",
    )
    if choices.near_duplicates is not None:
        # the best of those that stay is kept, so that none goes for one that is gone itself
        found = measures.pairs(choices.near_duplicates)
        instead, similarity = near_duplicates.keepers(scores, found, verdict.stays)
        verdict.drop(
            instead != np.arange(len(instead)), "near duplicate", lambda at: f"{NEAR} {measures.ids()[instead[at]]} ({similarity[at]:.0%})"
        )  # fmt: skip
    return verdict


def preview(measures: Measures, **choices: Any) -> dict[str, Any]:
    """What a filter would do: kept, total, and reasons (counts by kind)."""
    verdict = judge(measures, Choices(**choices))
    return {"kept": int(verdict.stays.sum()), "total": len(verdict.of_row), "reasons": verdict.counts()}


def rows_where(dataset: Dataset, stays: Array) -> Iterator[Any]:
    """The stored rows of a dataset where `stays` is true, as tables."""
    import pyarrow

    begin = 0
    for table in dataset.tables():
        chosen = stays[begin : begin + table.num_rows]
        begin += table.num_rows
        if chosen.any():
            yield table if chosen.all() else table.filter(pyarrow.array(chosen))


def kind(reason: str) -> str:
    """The kind of a reason, without what is particular to its row."""
    if reason.startswith("the same as"):
        return "exact duplicate"
    if reason.startswith(NEAR):
        return "near duplicate"
    if reason.startswith("quality"):
        return "low quality"
    return "too long" if "tokens, over" in reason else reason
