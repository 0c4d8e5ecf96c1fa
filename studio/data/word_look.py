"""Quick looks at the words of many texts: which might have few different words, say the same again or be in a language
with many small words. Each errs to one side: a text that is passed over has surely nothing of it.

A word is a run of ASCII letters, digits and _ or of bytes outside ASCII, in lower case. That two words share a hash by
chance only makes a look longer. Import it inside a function: it brings a compiler.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit, types

from studio.data.compiled import BYTES, EIGHTS, PLACES, loop
from studio.data.folded_words import BASE, fold_bytes, hash_words, mixed, room, word_room
from studio.data.repetition import LEAST_AGAIN_SHARE, LEAST_RUNS_SHARE, LEAST_TOP_SHARE, LONGEST_PLAIN_WORD
from studio.data.words import Array, words


class Look(NamedTuple):
    """One bool a text."""

    few_different: Array
    again: Array
    small_words: Array


def look(data: Array, bounds: Array, first: Array, least_words: int, small: Sequence[str], within: int) -> Look:
    """As `look_apart`, of texts that follow each other: `data[bounds[i]:bounds[i + 1]]`."""
    return look_apart(data, bounds[:-1], bounds[1:], first, least_words, small, within)


def look_apart(
    data: Array, starts: Array, ends: Array, first: Array, least_words: int, small: Sequence[str], within: int
) -> Look:  # fmt: skip
    """For each text `data[starts[i]:ends[i]]` of bytes:

    few_different: perhaps under 30 % of its words (by whitespace, of which there must be none outside ASCII) differ.
    again: perhaps it is over a threshold of `repetition.PRESETS` but that of its lines: it has `least_words` and some of
    them again, or a word so long that it may be a loop.
    small_words: perhaps at least three of the words `small` begin in its first `within` bytes after `first[i]`, or a
    letter stands beside a digit or _ there.
    """
    found = Look(*(np.zeros(len(first), bool) for _ in Look._fields))
    _look(data, starts, ends, first, *room(starts, ends), least_words, table_of(tuple(small)), within, *found)
    return found


@cache
def table_of(small: tuple[str, ...]) -> Array:
    """A table (see `_slot`) of the hashes of these words."""
    table = np.zeros(1 << 10, np.uint64)
    for hash_ in words([" ".join(small)]).hashes | np.uint64(1):
        at = int(hash_) % len(table)
        while table[at]:  # as `_slot`, which would be compiled for this alone
            at = (at + 1) % len(table)
        table[at] = hash_
    return table


@njit
def _slot(seen, size, hash_):  # type: ignore[no-untyped-def, misc]
    """Where the hash (not zero) stands or may be written among the first `size` places, a power of two."""
    at = hash_ & np.uint64(size - 1)
    while seen[at] != 0 and seen[at] != hash_:
        at = (at + np.uint64(1)) & np.uint64(size - 1)
    return at


@njit
def _cleared(seen, count):  # type: ignore[no-untyped-def, misc]
    """How many places of `seen` are zero again: four times `count` at least, a power of two."""
    size = 16
    while size < 4 * count:
        size *= 2
    seen[:size] = 0
    return size


@njit
def _has_few_different(text, words, places, count, seen):  # type: ignore[no-untyped-def, misc]
    """Words that differ after a space or a line break differ by whitespace too. A word by whitespace that holds none of
    ours takes two at least of the bytes between ours."""
    letters = 0
    for at in range(count):
        letters += places[at, 1] - places[at, 0]
    most = (len(text) - letters + 1 + count) // 2
    if most <= 10:
        return False
    size, different = _cleared(seen, min(count, 3 * most // 10 + 1)), 0
    for at in range(count):
        before = text[places[at, 0] - 1] if places[at, 0] else 0x20
        if before == 0x20 or before == 0x0A:
            place = _slot(seen, size, words[at] | np.uint64(1))
            if seen[place] == 0:
                seen[place] = words[at] | np.uint64(1)
                different += 1
                if 10 * different >= 3 * most:
                    return False
    return True


@njit
def _says_again(words, places, count, seen, times):  # type: ignore[no-untyped-def, misc]
    """The share of the characters in the most frequent pair of words (that of a longer one is in pairs that are as
    frequent) or in runs of five that stood before (as every longer one holds), and the number of these runs; or that one
    word is long."""
    letters = pairs_again = 0
    longest = np.int32(0)
    size = _cleared(seen, count)
    for at in range(count - 1):  # a bit a pair: few texts have two of which the bits stood already
        length = places[at, 1] - places[at, 0]
        letters += length
        longest = max(longest, length)
        pair = mixed(words[at] * BASE + words[at + 1])
        bit = np.uint64(1) << (pair >> np.uint64(58))
        pairs_again += (seen[pair & np.uint64(size - 1)] & bit) != 0
        seen[pair & np.uint64(size - 1)] |= bit
    last = places[count - 1, 1] - places[count - 1, 0]
    if max(longest, last) >= LONGEST_PLAIN_WORD:
        return True
    if pairs_again < 2:
        return False  # every measure over its threshold has two at least
    letters += last
    pairs_again, size = 0, _cleared(seen, count)
    times[:size] = 0
    for at in range(count - 1):
        pair = mixed(words[at] * BASE + words[at + 1]) | np.uint64(1)
        place = _slot(seen, size, pair)
        seen[place] = pair
        times[place] += 1
        pairs_again += times[place] > 1
        both = places[at, 1] - places[at, 0] + places[at + 1, 1] - places[at + 1, 0]
        if times[place] > 2 and times[place] * both > LEAST_TOP_SHARE * letters:
            return True
    if pairs_again < 2:
        return False
    size = _cleared(seen, count)
    covered = covered_to = runs_again = 0
    for at in range(count - 4):
        run = np.uint64(0)
        for step in range(5):
            run = run * BASE + words[at + step]
        run = mixed(run) | np.uint64(1)
        place = _slot(seen, size, run)
        if seen[place] == run:
            runs_again += 1
            for word in range(max(at, covered_to), at + 5):
                covered += places[word, 1] - places[word, 0]
            covered_to = at + 5
        seen[place] = run
    return covered > LEAST_AGAIN_SHARE * letters or (runs_again > 0 and runs_again >= LEAST_RUNS_SHARE * (count - 9))


@njit
def _has_long_word(places, count):  # type: ignore[no-untyped-def, misc]
    longest = np.int32(0)
    for at in range(count):
        longest = max(longest, places[at, 1] - places[at, 0])
    return longest >= LONGEST_PLAIN_WORD


@njit
def _has_small_words(folded, words, places, count, small, begin, end):  # type: ignore[no-untyped-def, misc]
    found = 0
    for at in range(count):
        if places[at, 0] >= end:
            break
        hash_ = words[at] | np.uint64(1)
        found += small[_slot(small, len(small), hash_)] == hash_
    if found > 2:
        return True
    beside = np.uint8(0)
    one, other = folded[begin:end], folded[begin + 1 : end + 1]
    for at in range(len(one)):  # every step is told to be a byte; see folded_words._folded
        first, second = one[at], other[at]
        is_word = first != np.uint8(0), second != np.uint8(0)
        is_letter = first >= np.uint8(0x60), second >= np.uint8(0x60)
        beside = np.uint8(beside | np.uint8(is_word[0] & is_word[1] & (is_letter[0] ^ is_letter[1])))
    return beside != 0


@njit
def look_tables(words):  # type: ignore[no-untyped-def, misc]
    """What `look_at` counts in, for as many words as there is room for in `words`."""
    size = 1 << 8
    while size < 4 * len(words):
        size *= 2
    return np.zeros(size, np.uint64), np.zeros(size, np.int32)


@njit
def look_at(text, folded, words, places, begin, within, least_words, small_words, seen, times):  # type: ignore[no-untyped-def, misc]
    """(few_different, again, small_words) of one text; `begin` is the first byte that is no space."""
    count = len(words)
    few = _has_few_different(text, words, places, count, seen)
    again = _says_again(words, places, count, seen, times) if count >= least_words else _has_long_word(places, count)
    return (
        few,
        again,
        _has_small_words(folded, words, places, count, small_words, begin, min(begin + within, len(text))),
    )


@loop(
    types.void(
        BYTES, PLACES, PLACES, PLACES, types.uint8[::1], EIGHTS, types.int64, types.uint64[::1], types.int64,
        types.bool_[::1], types.bool_[::1], types.bool_[::1],
    )
)  # fmt: skip
def _look(data, starts, ends, first, folded, eights, least_words, small_words, within, few, again, small):  # type: ignore[no-untyped-def, misc]
    words, places = word_room(folded)
    seen, times = look_tables(words)
    for row in range(len(first)):
        text = data[starts[row] : ends[row]]
        fold_bytes(text, folded)
        count = hash_words(folded, eights, len(text), words, places)
        few[row], again[row], small[row] = look_at(
            text, folded, words[:count], places[:count], first[row] - starts[row], within, least_words, small_words, seen, times
        )  # fmt: skip
