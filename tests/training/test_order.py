"""Rows of about one length go together; every row is seen once an epoch, in an order that the seed alone decides."""

import numpy as np

from studio.training.order import ByLength

LENGTHS = np.random.default_rng(0).normal(120, 30, 1003).clip(20, 250).astype(int)
STEP = 16


def padded(order: list[int]) -> int:
    """Tokens computed when each row of a step is as long as the longest."""
    return sum(
        len(order[at : at + STEP]) * int(LENGTHS[order[at : at + STEP]].max()) for at in range(0, len(order), STEP)
    )


def test_every_row_once_and_another_order_in_each_epoch() -> None:
    sampler = ByLength(LENGTHS, STEP, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(len(LENGTHS))) and first != second
    again = ByLength(LENGTHS, STEP, seed=3)
    again.set_epoch(1)
    assert list(again) == second and list(ByLength(LENGTHS, STEP, seed=4)) != first


def test_little_is_padded_and_chance_still_decides() -> None:
    order = list(ByLength(LENGTHS, STEP, seed=0))
    by_chance = np.random.default_rng(1).permutation(len(LENGTHS)).tolist()
    needed = int(LENGTHS.sum())
    assert padded(order) - needed < (padded(by_chance) - needed) / 4
    means = [LENGTHS[order[at : at + STEP]].mean() for at in range(STEP, 960, STEP)]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.4  # no run of ever longer steps


def test_the_longest_row_comes_in_the_first_step_and_the_partial_one_last() -> None:
    order = list(ByLength(LENGTHS, STEP, seed=0))
    assert LENGTHS[order[0]] == LENGTHS.max()
    few = list(ByLength(LENGTHS[:5], STEP, seed=0))
    assert sorted(few) == [0, 1, 2, 3, 4]


def test_what_fills_the_last_step_stands_at_its_end() -> None:
    alone, filled = (list(ByLength(LENGTHS, STEP, seed=0, filling=count)) for count in (0, 5))
    assert filled == [*alone, *range(1003, 1008)]
    assert len(ByLength(LENGTHS, STEP, seed=0, filling=5)) == len(filled) == 63 * STEP
