"""Train and test parts: seeded, and the same example never in both."""

import math

import numpy as np
import pandas as pd

from studio.data import duplicates
from studio.errors import InputError


def split(examples: pd.DataFrame, test: float = 0.1, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, test) with about `test` of the rows in the second, each in the order of the data.

    Raises InputError when the share is not between 0 and 1 or one part would be empty.
    """
    if not 0 < test < 1:
        raise InputError("The test share must lie between 0 and 1", str(test), "0.1 is usual")
    groups = duplicates.first_of_each(examples).to_numpy(object)
    names = np.unique(groups.astype(str))
    if len(names) < 2:
        raise InputError("There are too few rows to split", f"{len(names)} different", "Load more examples")
    wanted = min(len(names) - 1, max(1, math.floor(len(names) * test + 0.5)))
    chosen = set(np.random.default_rng(seed).permutation(names)[:wanted])
    held_out = np.array([group in chosen for group in groups], bool)
    return examples[~held_out].reset_index(drop=True), examples[held_out].reset_index(drop=True)
