"""Train and test parts: seeded, and the same example, or nearly the same, never in both."""

import math

import numpy as np
import pandas as pd

from studio.data import near_duplicates
from studio.data.near_duplicates import Pairs
from studio.data.words import Array
from studio.errors import InputError


def held_out(ids: Array, first: Array, test: float = 0.1, seed: int = 0, near: Pairs | None = None) -> Array:
    """For each row whether it is for testing: about `test` of them. Rows that are the same (`first` has the place of the
    first of them), or joined by the pairs of `near`, stay together; a group larger than the test part is for training.

    Raises InputError when the share is not between 0 and 1 or one part would be empty.
    """
    if not 0 < test < 1:
        raise InputError("The test share must lie between 0 and 1", str(test), "0.1 is usual")
    groups = ids[first if near is None else together(first, near)]
    numbers, names = pd.factorize(groups.astype(str), sort=True)
    sizes = np.bincount(numbers, minlength=len(names))
    if len(names) < 2:
        raise InputError("There are too few rows to split", f"{len(names)} different", "Load more examples")
    wanted = min(len(names) - 1, max(1, math.floor(len(names) * test + 0.5)))
    order = np.random.default_rng(seed).permutation(len(names))
    small = order[sizes[order] <= max(sizes.min(), test * len(ids))]
    chosen = np.zeros(len(names), bool)
    chosen[small[:wanted]] = True
    return chosen[numbers]


def together(first: Array, near: Pairs) -> Array:
    """For each row the place of the first row of its group: the same, near to it, or near to one of the group."""
    rows = np.arange(len(first))
    ones = np.ones(len(near.first) + len(rows))
    joined = Pairs(np.concatenate([near.first, first]), np.concatenate([near.second, rows]), ones)
    labels = near_duplicates.components(len(rows), joined)
    return pd.Series(rows).groupby(labels).transform("first").to_numpy()
