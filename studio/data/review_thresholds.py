"""What the judgements of a sample say of each threshold of a score: precision, recall and whether it separates.

Rows were drawn from strata, so each judged row counts with the rows that it stands for (Horvitz and Thompson 1952), and
the rows of each band that a threshold drops, or keeps, are counted and not estimated. Shares have Wilson's interval
(Wilson 1927) of Kish's effective number; recall's is made of those of both sides. Rows of strata where nothing was judged
may be all good or all bad, and widen both limits by their share.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from studio.data.review_sample import GOOD, Sample
from studio.data.words import Array
from studio.intervals import effective_number, part_of_two, wilson

LEAST_JUDGED = 10
COLUMNS = [
    "threshold", "dropped_share", "precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high",
    "f1", "separates",
]  # fmt: skip


class Side(NamedTuple):
    """The rows that a threshold drops, or those that it keeps: how many, and the share of bad ones with its interval;
    the share is NaN where none of them was judged."""

    rows: int
    bad: float
    low: float
    high: float

    @property
    def amount(self) -> tuple[float, float, float]:
        """How many are bad, at least, and at most."""
        middle = 0.0 if math.isnan(self.bad) else self.bad
        return self.rows * middle, self.rows * min(self.low, middle), self.rows * max(self.high, middle)


def thresholds(
    examples: pd.DataFrame | Sample, judged: pd.DataFrame, steps: Sequence[float] = ()
) -> pd.DataFrame:  # fmt: skip
    """For each threshold of the score: of the rows that it drops, how many are bad (precision), and of the bad rows, how
    many it drops (recall), each with low and high, NaN where nothing of it was judged; `separates` where the rows that it
    drops are surely (95 %) bad more often than those it keeps. Empty before LEAST_JUDGED rows are judged. Columns: see
    COLUMNS.
    """
    sample = Sample.of(examples)
    rows, bad = _verdicts(sample, judged)
    if len(rows) < LEAST_JUDGED:
        return pd.DataFrame(columns=COLUMNS)
    return table(sample, rows, bad, sorted(steps) or [round(0.05 * at, 2) for at in range(1, 21)])


def table(sample: Sample, rows: Array, bad: Array, steps: Sequence[float]) -> pd.DataFrame:
    """What `thresholds` gives, of the rows judged (their places, and whether each is bad) and thresholds in ascending
    order."""
    under = sample.rows_under(steps)
    found = [_of_threshold(sample, rows, bad, at, of_stratum) for at, of_stratum in zip(steps, under, strict=True)]
    return pd.DataFrame(found, columns=COLUMNS)


def _of_threshold(sample: Sample, rows: Array, bad: Array, threshold: float, under: Array) -> tuple[float | bool, ...]:
    below = sample.scores[rows] < threshold
    dropped = _side(sample, rows, bad, below, under)
    kept = _side(sample, rows, bad, ~below, sample.sizes - under)
    recall, recall_low, recall_high = part_of_two(dropped.amount, kept.amount)
    if dropped.rows and (math.isnan(dropped.bad) or (kept.rows and math.isnan(kept.bad))):
        recall = math.nan  # one side is unknown, so their sum is
    both = dropped.bad + recall
    return (
        threshold, dropped.rows / max(len(sample), 1), dropped.bad, dropped.low, dropped.high, recall, recall_low, recall_high,
        2 * dropped.bad * recall / both if both > 0 else 0.0, _is_over(dropped, kept),
    )  # fmt: skip


def _is_over(first: Side, second: Side) -> bool:
    """Whether the lower limit of the difference of both shares is over 0 (Newcombe 1998, method 10)."""
    if not first.rows or not second.rows or math.isnan(first.bad) or math.isnan(second.bad):
        return False
    difference = first.bad - second.bad
    return difference > math.hypot(first.bad - min(first.low, first.bad), max(second.high, second.bad) - second.bad)


def _side(sample: Sample, rows: Array, bad: Array, here: Array, of_stratum: Array) -> Side:
    """`here` says which of the judged rows are on it, `of_stratum` how many rows of each stratum are."""
    total = int(of_stratum.sum())
    judged = np.bincount(sample.strata[rows], minlength=len(of_stratum))
    if not here.any():
        return Side(total, math.nan, 0.0, 1.0)
    of_row, is_bad = sample.strata[rows[here]], bad[here]
    weights = sample.sizes[of_row] / judged[of_row]
    bands = sample.bands[of_row]
    weight_of_band = np.bincount(bands, weights=weights, minlength=int(sample.bands.max()) + 1)
    known = (judged > 0) & (weight_of_band[sample.bands] > 0)
    rows_of_band = np.bincount(sample.bands[known], weights=of_stratum[known], minlength=len(weight_of_band))
    weights = weights * rows_of_band[bands] / weight_of_band[bands]
    known_rows = rows_of_band.sum()
    share = float(weights[is_bad].sum() / weights.sum())
    if len(is_bad) >= known_rows:
        low = high = share
    else:
        # of a finite number of rows, those not judged alone are uncertain
        effective = effective_number(weights) * (known_rows - 1) / (known_rows - len(is_bad))
        low, high = wilson(share * effective, effective)
    unknown = 1 - known_rows / total
    return Side(total, share, low * (1 - unknown), high * (1 - unknown) + unknown)


def suggest(found: pd.DataFrame) -> tuple[float, str] | None:
    """The threshold with the best balance of precision and recall (F1) among those that separate and keep some rows, and
    why; None when there is none."""
    if found.empty:
        return None
    able = found[found["separates"].astype(bool) & (found["dropped_share"] > 0) & (found["dropped_share"] < 1)]
    if able.empty or able["f1"].max() == 0:
        return None
    best = able.iloc[int(able["f1"].to_numpy(float).argmax())]
    why = (
        f"of the rows under {best.threshold:g}, {best.precision:.0%} were judged bad ({best.precision_low:.0%} to {best.precision_high:.0%}), "
        f"and it finds {best.recall:.0%} of the bad rows ({best.recall_low:.0%} to {best.recall_high:.0%})"
    )
    return float(best.threshold), why


def why_none(found: pd.DataFrame, preset: str) -> str:
    """Why `suggest` names no threshold of this preset's score, in words; empty before anything is told."""
    if found.empty:
        return ""
    if not ((found["dropped_share"] > 0) & (found["dropped_share"] < 1)).any():
        return f"no threshold of the {preset} score separates: each one keeps all rows or drops all. Try another scorer"
    if not (found["f1"] > 0).any():
        return f"no row was judged bad among those that a threshold of the {preset} score drops: there is no reason to cut by it yet"
    return (
        f"no threshold of the {preset} score separates so far: the rows under it are not surely bad more often than the "
        "others. Judge more, or try another scorer"
    )


def _verdicts(sample: Sample, judged: pd.DataFrame) -> tuple[Array, Array]:
    """(places of the judged rows, whether each is bad): it is when most of its reviewers, or half of them, say so."""
    if judged.empty:
        return np.zeros(0, np.int64), np.zeros(0, bool)
    good = judged["verdict"].eq(GOOD).groupby(judged["id"]).mean() > 0.5
    rows, at = sample.rows_of(list(good.index))
    return rows, ~good.to_numpy(bool)[at]
