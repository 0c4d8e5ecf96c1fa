"""Train and test parts: seeded, and the same example, or nearly the same, never in both."""

import math

import numpy as np
import pandas as pd

from studio.data import duplicates, near_duplicates
from studio.data.near_duplicates import Pairs
from studio.data.words import Array
from studio.errors import InputError


def split(
    examples: pd.DataFrame, test: float = 0.1, seed: int = 0, near: Pairs | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """(train, test) with about `test` of the rows in the second, each in the order of the data. Rows that are the same,
    or joined by the pairs of `near`, stay together; a group larger than the test part is for training.

    Raises InputError when the share is not between 0 and 1 or one part would be empty.
    """
    if not 0 < test < 1:
        raise InputError("The test share must lie between 0 and 1", str(test), "0.1 is usual")
    groups = duplicates.first_of_each(examples).to_numpy(object) if near is None else together(examples, near)
    names, sizes = np.unique(groups.astype(str), return_counts=True)
    if len(names) < 2:
        raise InputError("There are too few rows to split", f"{len(names)} different", "Load more examples")
    wanted = min(len(names) - 1, max(1, math.floor(len(names) * test + 0.5)))
    order = np.random.default_rng(seed).permutation(len(names))
    small = order[sizes[order] <= max(sizes.min(), test * len(examples))]
    chosen = set(names[small[:wanted]])
    held_out = np.array([group in chosen for group in groups], bool)
    return examples[~held_out].reset_index(drop=True), examples[held_out].reset_index(drop=True)


def together(examples: pd.DataFrame, near: Pairs) -> Array:
    """For each row the id of the first row of its group: the same, near to it, or near to one of the group."""
    ids: Array = examples["id"].to_numpy(object)
    place = {row_id: at for at, row_id in reversed(list(enumerate(ids)))}
    same = np.array([place[row_id] for row_id in duplicates.first_of_each(examples)], np.int64)
    joined = Pairs(
        np.concatenate([near.first, same]), np.concatenate([near.second, np.arange(len(ids))]), np.ones(len(near.first) + len(ids))
    )  # fmt: skip
    labels = near_duplicates.components(len(ids), joined)
    return ids[pd.Series(np.arange(len(ids))).groupby(labels).transform("first").to_numpy()]
