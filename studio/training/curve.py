"""The loss of a run over its steps as a curve, with its noise: what every word about it is judged by.

1.4826 x MAD (the median absolute deviation) is the standard deviation where the noise is normal; half of the values may be
anything.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Curve:
    """Points with a finite loss (nats), in the order of their optimiser steps: two arrays of one length."""

    steps: np.ndarray
    losses: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, column: str) -> "Curve":
        values = rows[column].to_numpy(float)
        finite = np.isfinite(values)
        return cls(rows["step"].to_numpy(int)[finite], values[finite])

    def __len__(self) -> int:
        return len(self.steps)

    def after(self, step: int) -> "Curve":
        return Curve(self.steps[self.steps > step], self.losses[self.steps > step])

    def until(self, step: int) -> "Curve":
        return Curve(self.steps[self.steps <= step], self.losses[self.steps <= step])

    @property
    def noise(self) -> float:
        """Standard deviation of a point about the trend, from the differences of neighbours."""
        return spread(np.diff(self.losses)) / np.sqrt(2) if len(self) > 2 else 0.0

    @property
    def best_step(self) -> int:
        return int(self.steps[self.losses.argmin()])

    def level(self, points: slice) -> tuple[float, float]:
        """The mean of these points without outliers, and its standard error."""
        values = self.losses[points]
        middle = float(np.median(values))
        wide = 3 * max(self.noise, spread(values))
        return float(np.clip(values, middle - wide, middle + wide).mean()), self.noise / np.sqrt(len(values))


def spread(values: np.ndarray) -> float:
    """The standard deviation, by the MAD."""
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def disorder(values: np.ndarray) -> float:
    """The share of pairs of which the later one is lower (Kendall): 0 of what only rises, about 0.5 of noise."""
    later, earlier = np.tril_indices(len(values), -1)
    return float((values[later] < values[earlier]).mean()) if len(values) > 1 else 0.0


USUAL_WAVERING = 0.1
"""What a curve of few points is taken to waver by, as a share: as much as one step that was seen counts."""


def wavering(losses: np.ndarray, lowest: int) -> float:
    """The noise of a curve that falls to its `lowest` point and rises from there, as a share: the root mean square of the
    steps (logarithms) that go the wrong way. Of noise alone half of the steps do, each with twice its variance."""
    steps = np.diff(np.log(np.maximum(losses, 1e-6)))
    wrong = np.concatenate([np.maximum(steps[:lowest], 0), np.minimum(steps[lowest:], 0)])
    return float(np.sqrt((USUAL_WAVERING**2 + (wrong**2).sum()) / (1 + len(steps))))
