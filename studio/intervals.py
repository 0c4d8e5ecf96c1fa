"""The intervals of a share: counted alike, counted with weights, and of one part in the sum of two."""

import math
from collections.abc import Sequence
from typing import Any

Z95 = 1.959963984540054


def wilson(hits: float, of: float) -> tuple[float, float]:
    """The 95 % interval of the share hits / of (Wilson 1927, "Probable inference"); 0 to 1 where nothing was seen.

    `hits` may be a fraction, as weighted counts are; `of` is then the effective number of what was seen.
    """
    if of <= 0:
        return 0.0, 1.0
    share, squared = hits / of, Z95 * Z95
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = Z95 / (1 + squared / of) * math.sqrt(max(share * (1 - share), 0.0) / of + squared / (4 * of * of))
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def effective_number(weights: Sequence[float] | Any) -> float:
    """How many draws of like weight tell as much as draws of these weights (Kish 1965, "Survey Sampling"); 0 for none."""
    total = float(sum(weights))
    return total * total / float(sum(weight * weight for weight in weights)) if total > 0 else 0.0


def part_of_two(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:  # fmt: skip
    """The share first / (first + second) and its interval, of two independent amounts, each (value, low, high) and not
    negative: the limits recovered from those of both, as of a ratio (Donner and Zou 2012, "Closed-form confidence
    intervals for functions of the normal mean and standard deviation"). The share is NaN where both values are 0."""
    both = first[0] + second[0]
    share = first[0] / both if both > 0 else math.nan
    return share, _lowest_part(first, second), 1 - _lowest_part(second, first)


def _lowest_part(first: tuple[float, float, float], second: tuple[float, float, float]) -> float:
    value, below = first[0], first[0] - first[1]
    other, above = second[0], second[2] - second[0]
    reach = max(value * value - below * below, 0.0)
    root = math.sqrt(max(value * value * other * other - (other * other - above * above) * reach, 0.0))
    if reach <= 0:
        return 0.0
    return reach / (reach + value * other + root)
