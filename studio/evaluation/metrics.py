"""Metrics of one answer, and their means with 95 % intervals.

Shares have Wilson's interval (Wilson 1927, "Probable inference"), means and perplexity the percentile bootstrap
(Efron 1979) over rows with a fixed seed, so that a repeated evaluation gives the same table.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from studio.intervals import wilson

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

RESAMPLES = 2_000
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Interval:
    """A value and the bounds within which it lies with 95 % confidence; not a number where there is no row."""

    value: float
    low: float
    high: float


NOTHING = Interval(math.nan, math.nan, math.nan)


def exact_match(expected: str, answer: str) -> bool:
    """Trimmed and case-insensitive."""
    return expected.strip().casefold() == answer.strip().casefold()


def valid_json(answer: str) -> bool:
    """Whether the whole answer is a JSON object or list; a bare number or word doesn't count, nor does NaN."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return isinstance(json.loads(answer, parse_constant=refuse), dict | list)
    except (ValueError, RecursionError):
        return False


class Words:
    """Words of any script in lower case, as ROUGE counts them (its own tokenizer knows a-z and 0-9 only)."""

    def tokenize(self, text: str) -> list[str]:
        return WORD.findall(text.lower())


def rouge_l_scorer() -> "RougeScorer":
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=Words())


def rouge_l(expected: str, answer: str, scorer: "RougeScorer | None" = None) -> float:
    """F-measure of the longest common subsequence of words (Lin 2004), 0 to 1."""
    return float((scorer or rouge_l_scorer()).score(expected, answer)["rougeL"].fmeasure)


def share(hits: Sequence[bool]) -> Interval:
    """The share of hits with Wilson's interval."""
    rows = len(hits)
    if rows == 0:
        return NOTHING
    return Interval(sum(hits) / rows, *wilson(sum(hits), rows))


def mean(values: Sequence[float], seed: int = 0) -> Interval:
    """The mean with its bootstrap interval."""
    rows = np.asarray(values, dtype=float)
    if len(rows) == 0:
        return NOTHING
    resampled = rows[_resamples(len(rows), seed)].mean(axis=1)
    return Interval(float(rows.mean()), *_bounds(resampled))


def perplexity(losses: Sequence[float], tokens: Sequence[int], seed: int = 0) -> Interval:
    """exp(mean loss of an answer token) from each row's summed loss (nats) and answer tokens, with its interval."""
    total, counts = np.asarray(losses, dtype=float), np.asarray(tokens, dtype=float)
    if counts.sum() == 0:
        return NOTHING
    chosen = _resamples(len(counts), seed)
    resampled = np.exp(total[chosen].sum(axis=1) / np.maximum(counts[chosen].sum(axis=1), 1))
    return Interval(float(np.exp(total.sum() / counts.sum())), *_bounds(resampled))


def _resamples(rows: int, seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return np.random.default_rng(seed).integers(rows, size=(RESAMPLES, rows))


def _bounds(resampled: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[float, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return float(low), float(high)
