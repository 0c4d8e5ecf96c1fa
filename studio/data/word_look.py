"""Quick looks at the words of many texts: which might have few different words, say the same again or be in a language
with many small words. Each errs to one side: a text that is passed over has surely nothing of it.

A word is a run of ASCII letters, digits and _ or of bytes outside ASCII, in lower case. Its key is made of four of its
bytes and its length: the same word has the same key; that two words share one now and then only makes a look longer.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from studio.data.words import Array

_ROWS = (
    512  # looked at together, so that the arrays stay in the cache and in the memory that was there; at most 2 ** 10
)
_BYTES = 1 << 18
_CLASSES = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() or byte == 0x5F else 0 for byte in bytes(range(256)).lower()
)
_BUCKET_BITS = 7
_PADDING = b"\0\0\0"
_SMALL_BITS = 16
_PRIME = np.uint32(0x9E3779B1)
_WIDE = np.uint64(0x9E3779B97F4A7C15)
LEAST_TOP_SHARE = (
    0.08  # the least share of the characters in one pair of words, where a 2-, 3- or 4-gram is over its threshold
)
LEAST_AGAIN_SHARE = 0.10
LEAST_RUNS_SHARE = 0.25  # where over half of the 10-grams occur again


class Look(NamedTuple):
    """One bool a text."""

    few_different: Array
    again: Array
    small_words: Array


class _Words(NamedTuple):
    begins: Array
    lengths: Array
    rows: Array
    keys: Array


def look(data: Array, bounds: Array, first: Array, least_words: int, small: Sequence[str], within: int) -> Look:
    """For each text `data[bounds[i]:bounds[i + 1]]` of bytes:

    few_different: perhaps under 30 % of its words (by whitespace, of which there must be none outside ASCII) differ.
    again: perhaps it has `least_words` and is over a threshold of `repetition.PRESETS` but that of its lines.
    small_words: perhaps at least three of the words `small` begin in its first `within` bytes after `first[i]`, or a
    letter stands beside a digit or _.
    """
    found = Look(*(np.zeros(len(first), bool) for _ in Look._fields))
    is_small = _small(tuple(small))
    for rows in _parts(bounds):
        part = _look(data, bounds[rows.start : rows.stop + 1], first[rows], least_words, is_small, within)
        for whole, some in zip(found, part, strict=True):
            whole[rows] = some
    return found


def _parts(bounds: Array) -> Iterator[slice]:
    begin, count = 0, len(bounds) - 1
    while begin < count:
        end = int(np.searchsorted(bounds, bounds[begin] + _BYTES, "right")) - 1
        end = min(max(end, begin + 1), begin + _ROWS, count)
        yield slice(begin, end)
        begin = end


def _look(data: Array, bounds: Array, first: Array, least_words: int, is_small: Array, within: int) -> Look:
    count, origin = len(bounds) - 1, int(bounds[0])
    folded = np.frombuffer(data[origin : bounds[-1]].tobytes().translate(_CLASSES) + _PADDING, np.uint8)
    bounds = bounds - origin
    is_word = folded != 0
    change = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    if is_word[0]:
        change = np.append(0, change)
    inner = bounds[(bounds > 0) & (bounds < bounds[-1])]
    joined = inner[is_word[inner - 1] & is_word[inner]]  # a text ends in a word and the next begins with one
    if len(joined):
        change = np.sort(np.concatenate([change, np.repeat(np.unique(joined), 2)]))
    begins = change[::2]
    lengths = change[1::2] - begins
    words_before = np.searchsorted(begins, bounds)
    counts = np.diff(words_before)
    found = _Words(
        begins, lengths, np.repeat(np.arange(count, dtype=np.uint32), counts), _keys(folded, begins, lengths)
    )
    letters_before = np.append(0, np.cumsum(lengths))[words_before]
    letters = np.diff(letters_before)
    return Look(
        _few_different(data, origin, found, counts, np.diff(bounds) - letters),
        _again(found, counts, letters, least_words),
        _small_words(folded, found, first - origin, is_small, within),
    )


def _keys(folded: Array, begins: Array, lengths: Array) -> Array:
    """The first two bytes, the last two and the length, mixed."""
    ends, short = begins + lengths, lengths.astype(np.uint8)
    longer = lengths > 1
    bytes_ = np.empty((len(begins), 4), np.uint8)
    bytes_[:, 0] = folded.take(begins)
    bytes_[:, 1] = folded.take(begins + 1) * longer
    bytes_[:, 2] = folded.take(ends - 2) * longer
    bytes_[:, 3] = folded.take(ends - 1)
    keys = bytes_.view(np.uint32).reshape(-1) * _PRIME + short
    keys *= _PRIME
    keys ^= keys >> np.uint32(15)
    keys *= np.uint32(0x846CA68B)
    return keys


@cache
def _small(words: tuple[str, ...]) -> Array:
    """Whether a key, and a key with the third byte (in the other half), is that of one of `words`."""
    table = np.zeros(2 << _SMALL_BITS, bool)
    for word in words:
        folded = np.frombuffer(word.encode() + _PADDING, np.uint8)
        begin, length = np.zeros(1, np.int64), np.array([len(word)])
        key = _keys(folded, begin, length)
        table[key >> np.uint32(32 - _SMALL_BITS)] = True
        table[_with_third(folded, begin, length, key)] = True
    return table


def _with_third(folded: Array, begins: Array, lengths: Array, keys: Array) -> Array:
    mixed = (keys + folded[begins + 2] * (lengths > 2)) * _PRIME
    return (mixed >> np.uint32(32 - _SMALL_BITS)) | np.uint32(1 << _SMALL_BITS)


def _few_different(data: Array, origin: int, found: _Words, counts: Array, between: Array) -> Array:
    """Words that differ after a space or a line break differ by whitespace too. A word by whitespace that holds none
    of ours takes two at least of the bytes between ours."""
    most = (between + 1 + counts) // 2
    some = slice(None, None, 2)  # half of the words show enough of most texts
    starting = _after_space(data, origin, found.begins[some])
    buckets = np.zeros((len(counts), 1 << _BUCKET_BITS), bool)
    places = (found.rows[some] << np.uint32(_BUCKET_BITS)) | (found.keys[some] >> np.uint32(32 - _BUCKET_BITS))
    buckets.reshape(-1)[places[starting]] = True
    few = (most > 10) & (10 * np.count_nonzero(buckets, axis=1) < 3 * most)
    if few.any():
        chosen = np.flatnonzero(few[found.rows])
        chosen = chosen[_after_space(data, origin, found.begins[chosen])]
        keys = np.sort((found.rows[chosen].astype(np.uint64) << np.uint64(32)) | found.keys[chosen])
        keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
        different = np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=len(counts))
        few &= 10 * different < 3 * most
    return few


def _after_space(data: Array, origin: int, begins: Array) -> Array:
    """Whether a space or a line break stands before each place; if that is of the text before, the word is the first."""
    before = data[np.maximum(begins + (origin - 1), 0)]
    return (before == 0x20) | (before == 0x0A)


def _again(found: _Words, counts: Array, letters: Array, least_words: int) -> Array:
    """Every measure of repetition over its threshold has at least two pairs of words that stood before."""
    pairs = found.keys[:-1] * np.uint32(0x85EBCA6B) + found.keys[1:]
    keys = ((pairs ^ (pairs >> np.uint32(16))) * np.uint32(0xC2B2AE35)) >> np.uint32(10)
    keys |= found.rows[:-1] << np.uint32(22)
    keys.sort()
    again = np.bincount(keys[1:][keys[1:] == keys[:-1]] >> np.uint32(22), minlength=len(counts)) > 1
    again &= counts >= least_words
    if again.any():
        chosen = again[found.rows]
        rows = found.rows[chosen].astype(np.int64)
        again &= _closer(found.keys[chosen].astype(np.uint64), found.lengths[chosen], rows, counts, letters)
    return again


def _closer(words: Array, lengths: Array, rows: Array, counts: Array, letters: Array) -> Array:
    """The share of the characters in the most frequent pair of words (that of a longer one is in pairs that are as
    frequent) or in runs of five that stood before (as every longer one holds), and the number of these runs."""
    groups, _ = _runs(words, rows, 2)
    often = np.bincount(groups)[groups]
    share = often * (lengths[:-1] + lengths[1:])
    worth = np.zeros(len(counts), bool)
    worth[rows[:-1][(often > 2) & (share > LEAST_TOP_SHARE * letters[rows[:-1]])]] = True
    groups, before = _runs(words, rows, 5)
    steps = np.zeros(len(words) + 1, np.int64)
    steps[np.flatnonzero(before)] += 1
    steps[np.flatnonzero(before) + 5] -= 1
    covered = np.cumsum(steps[:-1]) > 0
    worth |= np.bincount(rows, covered * lengths, len(counts)) > LEAST_AGAIN_SHARE * letters
    runs = np.bincount(rows[: len(before)][before], minlength=len(counts))
    return worth | ((runs > 0) & (runs >= LEAST_RUNS_SHARE * (counts - 9)))


def _runs(words: Array, rows: Array, n: int) -> tuple[Array, Array]:
    """Of each run of `n` words the number of its group of equal ones in a text, and whether one stood before it."""
    total = max(0, len(words) - n + 1)
    mixed = rows[:total].astype(np.uint64) * _WIDE
    for step in range(n):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _WIDE + words[step : step + total]
    if not total:
        return np.zeros(0, np.int64), np.zeros(0, bool)
    order = np.argsort(mixed)
    equal = mixed[order]
    is_new = np.append(True, equal[1:] != equal[:-1])
    groups, before = np.empty(total, np.int64), np.ones(total, bool)
    groups[order] = np.cumsum(is_new) - 1
    before[np.minimum.reduceat(order, np.flatnonzero(is_new))] = False
    return groups, before


def _small_words(folded: Array, found: _Words, first: Array, is_small: Array, within: int) -> Array:
    hits = np.flatnonzero(is_small[found.keys >> np.uint32(32 - _SMALL_BITS)])
    hits = hits[is_small[_with_third(folded, found.begins[hits], found.lengths[hits], found.keys[hits])]]
    rows = found.rows[hits]
    early = found.begins[hits] < first[rows] + within
    worth = np.bincount(rows[early], minlength=len(first)) > 2
    numbers = np.flatnonzero(folded - np.uint8(1) < 0x5F)
    beside = (folded[numbers - 1] >= 0x60) | (folded[numbers + 1] >= 0x60)
    worth[np.searchsorted(first, numbers[beside], "right") - 1] = True
    return worth
