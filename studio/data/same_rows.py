"""Rows that have a key in common, found in loops that Numba compiles. Import it inside a function: it brings a compiler."""

import numpy as np
from numba import types

from studio.data.compiled import HASHES, loop
from studio.data.words import Array


def first_of_each(keys: Array) -> Array:
    """For each row of `keys` (uint64, rows by two, well mixed) the place (int64) of the first with the same two numbers."""
    first: Array = np.empty(len(keys), np.int64)
    slots = np.full(1 << max(4, (2 * len(keys)).bit_length()), -1, np.int64)
    _first_of_each(keys, slots, first)
    return first


def neighbours(band: Array, most: int) -> Array:
    """Pairs of places (each the one above the other's 32 bits, int64) that share a key, of `band` (uint64, sorted: a key
    above 32 bits of a place): each with the next `most` of its key."""
    pairs: Array = np.empty(_neighbours(band, most, np.empty(0, np.int64)), np.int64)
    _neighbours(band, most, pairs)
    return pairs


@loop(types.void(types.Array(types.uint64, 2, "C", readonly=True), types.int64[::1], types.int64[::1]))
def _first_of_each(keys, slots, first):  # type: ignore[no-untyped-def, misc]
    mask = np.uint64(len(slots) - 1)
    for row in range(len(keys)):
        at = keys[row, 0] & mask
        while slots[at] >= 0 and (keys[slots[at], 0] != keys[row, 0] or keys[slots[at], 1] != keys[row, 1]):
            at = (at + np.uint64(1)) & mask
        if slots[at] < 0:
            slots[at] = row
        first[row] = slots[at]


@loop(types.int64(HASHES, types.int64, types.int64[::1]))
def _neighbours(band, most, pairs):  # type: ignore[no-untyped-def, misc]
    """Writes the pairs where there is room for them; how many there are."""
    count = 0
    for at in range(len(band)):
        other = at + 1
        while other < len(band) and other <= at + most and band[other] >> np.uint64(32) == band[at] >> np.uint64(32):
            if len(pairs):
                pairs[count] = ((band[at] & np.uint64(0xFFFFFFFF)) << np.uint64(32)) | (
                    band[other] & np.uint64(0xFFFFFFFF)
                )
            count += 1
            other += 1
    return count
