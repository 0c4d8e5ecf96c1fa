"""The order of the rows to learn from: by chance, but rows of about one length go together, so that little is padded."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

WINDOW = 8
"""Optimiser steps whose rows are sorted among themselves: enough that a batch is even, few enough that chance decides
what is learned together."""


class ByLength(Sampler[int]):
    """Row numbers, each once an epoch, in another order in each epoch; the same for the same seed, however many processes
    divide the `rows_a_step` and in how many passes. The step with the longest row is the first, so that what does not fit
    into memory fails at once, and one that is not full the last; behind it come the numbers of the rows that fill it up."""

    def __init__(self, lengths: "np.ndarray[Any, Any]", rows_a_step: int, seed: int, filling: int = 0) -> None:
        self.lengths, self.rows_a_step, self.seed, self.epoch = lengths, rows_a_step, seed, 0
        self.filling = filling

    def __len__(self) -> int:
        return len(self.lengths) + self.filling

    def set_epoch(self, epoch: int) -> None:
        """Called by the loader before each epoch, also of a run that goes on."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        chance = np.random.default_rng([self.seed, self.epoch])
        order = chance.permutation(len(self.lengths))
        steps: list[Any] = []
        for window in np.split(order, range(WINDOW * self.rows_a_step, len(order), WINDOW * self.rows_a_step)):
            window = window[np.argsort(-self.lengths[window], kind="stable")]
            steps += np.split(window, range(self.rows_a_step, len(window), self.rows_a_step))
        whole = [step for step in steps if len(step) == self.rows_a_step]
        partial = [step for step in steps if len(step) < self.rows_a_step]
        longest = [whole.pop(int(np.argmax([self.lengths[step[0]] for step in whole])))] if whole else []
        shuffled = [whole[place] for place in chance.permutation(len(whole))]
        yield from np.concatenate([*longest, *shuffled, *partial]).tolist()
        yield from range(len(self.lengths), len(self))
