"""The runs of words of many texts and their MinHash signatures, in loops over bytes that Numba compiles.

Import it inside a function: it brings a compiler. Words and their hashes are those of `studio.data.words`.
"""

import numpy as np
from numba import njit, types

from studio.data.compiled import BYTES, EIGHTS, HASHES, PLACES, loop
from studio.data.folded_words import BASE, fold, hash_words, mixed, room, word_room
from studio.data.words import Array

REGISTER = 16  # numbers of 32 bits
TEXTS = (BYTES, PLACES, PLACES, types.uint8[::1], EIGHTS, types.int64, HASHES)


def runs(data: Array, starts: Array, ends: Array, run: int, common: Array) -> tuple[Array, Array]:
    """(hashes, uint64, of all texts, one text after the other; bounds, int64, one more than texts) of the runs of `run`
    words of each text `data[starts[i]:ends[i]]`, in lower case, without the `common` ones (sorted). A text shorter than
    a run gives its words, and one of common runs alone gives them all. Those of a text are sorted, and none stands twice."""
    hashes: Array = np.empty(int((ends - starts).sum() + len(starts)) // 2 + 1, np.uint64)
    bounds: Array = np.zeros(len(starts) + 1, np.int64)
    _runs(data, starts, ends, *room(starts, ends), run, common, hashes, bounds)
    return hashes[: bounds[-1]], bounds


def signatures(
    data: Array, starts: Array, ends: Array, run: int, common: Array, bands: int, values: int
) -> tuple[Array, Array]:
    """(keys, uint32, texts by bands: two texts share one when they share `values` MinHash values; whether a text has any
    words), of the same texts and runs."""
    keys, present = np.empty((len(starts), bands), np.uint32), np.empty(len(starts), np.bool_)
    factors, terms = permutations(bands * values)
    _sign(data, starts, ends, *room(starts, ends), run, common, factors, terms, values, keys, present)
    return keys, present


def jaccard(members: Array, bounds: Array, first: Array, second: Array) -> Array:
    """What two sets share over what they have together, for each pair; set `i` is `members[bounds[i]:bounds[i + 1]]`
    (uint64), sorted, nothing twice."""
    similarity = np.empty(len(first), np.float64)
    _jaccard(members, bounds, first, second, similarity)
    return similarity


def permutations(count: int) -> tuple[Array, Array]:
    """Factors (odd) and terms of `count` permutations of 32 bits, x to factor times x plus term; the same for ever. Behind
    them stand as many more as fill the processor's registers, which nobody asks for."""
    numbers = np.arange(1, 2 * count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    high = (numbers >> np.uint64(32)).astype(np.uint32)
    unused = np.zeros(-count % REGISTER, np.uint32)
    return np.append(high[:count] | np.uint32(1), unused), np.append(high[count:], unused)


@njit
def _is_common(common, perhaps, hash_):  # type: ignore[no-untyped-def, misc]
    if not perhaps[hash_ >> np.uint64(52)]:
        return False
    low, high = 0, len(common)
    while low < high:
        middle = (low + high) // 2
        if common[middle] < hash_:
            low = middle + 1
        else:
            high = middle
    return low < len(common) and common[low] == hash_


@njit
def _runs_of(words, count, run, common, perhaps, found, begin):  # type: ignore[no-untyped-def, misc]
    """Writes the runs of one text's words from `found[begin]` on; where they end."""
    length = run if count >= run else 1
    end = begin
    for leave_out in (len(common) > 0, False):
        for at in range(count - length + 1):
            hash_ = np.uint64(0)
            for step in range(length):
                hash_ = hash_ * BASE + words[at + step]
            hash_ = mixed(hash_)
            if not (leave_out and _is_common(common, perhaps, hash_)):
                found[end] = hash_
                end += 1
        if end > begin or not leave_out:
            break
    return end


@njit
def perhaps_common(common):  # type: ignore[no-untyped-def, misc]
    """Whether any of the common hashes begins with these 12 bits."""
    perhaps = np.zeros(1 << 12, np.bool_)
    for hash_ in common:
        perhaps[hash_ >> np.uint64(52)] = True
    return perhaps


@loop(types.void(*TEXTS, types.uint64[::1], types.int64[::1]))
def _runs(data, starts, ends, folded, eights, run, common, hashes, bounds):  # type: ignore[no-untyped-def, misc]
    perhaps = perhaps_common(common)
    words, places = word_room(folded)
    for row in range(len(starts)):
        count = hash_words(folded, eights, fold(data[starts[row] : ends[row]], folded), words, places)
        begin = bounds[row]
        end = _runs_of(words, count, run, common, perhaps, hashes, begin)
        if end > begin:
            hashes[begin:end].sort()
            last = begin
            for at in range(begin + 1, end):
                if hashes[at] != hashes[last]:
                    last += 1
                    hashes[last] = hashes[at]
            end = last + 1
        bounds[row + 1] = end


@njit
def sign_words(words, count, run, common, perhaps, factors, terms, values, found, least, keys):  # type: ignore[no-untyped-def, misc]
    """Writes the `keys` of one text's words; whether it has any. `found` and `least` are room, for a run a word and for a
    value a permutation."""
    count = _runs_of(words, count, run, common, perhaps, found, 0)
    least[:] = 0xFFFFFFFF
    whole = count - count % 4
    for at in range(0, whole, 4):  # four at a time: the least values so far are read and written as rarely
        one, two = np.uint32(found[at] >> np.uint64(32)), np.uint32(found[at + 1] >> np.uint64(32))
        three, four = np.uint32(found[at + 2] >> np.uint64(32)), np.uint32(found[at + 3] >> np.uint64(32))
        for place in range(len(factors)):  # several at once in the processor's wide registers
            factor, term = factors[place], terms[place]
            first = min(np.uint32(factor * one + term), np.uint32(factor * two + term))
            second = min(np.uint32(factor * three + term), np.uint32(factor * four + term))
            least[place] = min(least[place], min(first, second))
    for at in range(whole, count):
        hash_ = np.uint32(found[at] >> np.uint64(32))
        for place in range(len(factors)):
            least[place] = min(least[place], np.uint32(factors[place] * hash_ + terms[place]))
    for band in range(len(keys)):
        key = np.uint64(band)
        for value in range(values):
            key = mixed(key ^ np.uint64(least[band * values + value]))
        keys[band] = np.uint32(key >> np.uint64(32))
    return count > 0


@loop(types.void(*TEXTS, types.uint32[::1], types.uint32[::1], types.int64, types.uint32[:, ::1], types.bool_[::1]))
def _sign(data, starts, ends, folded, eights, run, common, factors, terms, values, keys, present):  # type: ignore[no-untyped-def, misc]
    perhaps = perhaps_common(common)
    words, places = word_room(folded)
    found, least = np.empty(len(words), np.uint64), np.empty(len(factors), np.uint32)
    for row in range(len(starts)):
        count = hash_words(folded, eights, fold(data[starts[row] : ends[row]], folded), words, places)
        present[row] = sign_words(words, count, run, common, perhaps, factors, terms, values, found, least, keys[row])


@loop(types.void(HASHES, PLACES, PLACES, PLACES, types.float64[::1]))
def _jaccard(members, bounds, first, second, similarity):  # type: ignore[no-untyped-def, misc]
    for pair in range(len(first)):
        one, end_of_one = bounds[first[pair]], bounds[first[pair] + 1]
        other, end_of_other = bounds[second[pair]], bounds[second[pair] + 1]
        together, shared = end_of_one - one + end_of_other - other, 0
        while one < end_of_one and other < end_of_other:
            left, right = members[one], members[other]
            shared += left == right
            one += left <= right
            other += right <= left
        similarity[pair] = shared / (together - shared) if together else 0.0
