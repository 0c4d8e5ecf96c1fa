"""Texts as arrays of word hashes: what repetition, near duplicates and leakage count with.

A word is a run of letters, digits and signs outside ASCII, in lower case; a Chinese, Japanese or Korean sign is a word
of its own. Two words get the same 64-bit hash only when they are the same (by chance once in 10^19 pairs).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
CHUNK_BYTES = 1_000_000  # of text hashed at once; the arrays of work are eight times that
_BASE = 0x9E3779B97F4A7C15 | 1
_WIDE_LEADS = (0xE3, 0xED)  # first bytes of UTF-8 from U+3000 to U+DFFF: kana, ideographs, Hangul
_GENERAL_PUNCTUATION = 0xE2


class Words(NamedTuple):
    """`hashes` (uint64) of all words of some texts, one text after the other; `starts` (int64, one more than texts)
    where each begins; `lengths` (int64) of each word in bytes."""

    hashes: Array
    starts: Array
    lengths: Array


class Grams(NamedTuple):
    """`hashes` (uint64) of the runs of `n` words; `rows` (int64) the text of each, `first` (int64) its first word."""

    hashes: Array
    rows: Array
    first: Array


def _powers(base: int, count: int) -> Array:
    return np.multiply.accumulate(np.concatenate([np.ones(1, np.uint64), np.full(count - 1, base, np.uint64)]))


def chunks(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """(index of the first, texts) with about CHUNK_BYTES of text each."""
    begin = size = 0
    for at, text in enumerate(texts):
        size += len(text)
        if size >= CHUNK_BYTES:
            yield begin, texts[begin : at + 1]
            begin, size = at + 1, 0
    if begin < len(texts):
        yield begin, texts[begin:]


def buffer(texts: Sequence[str]) -> tuple[Array, Array]:
    """The texts as one array of UTF-8 bytes with a zero after each, and where each begins (one more than texts)."""
    whole = "\0".join(texts) + "\0"
    data = np.frombuffer(whole.encode("utf-8", "replace"), np.uint8)
    lengths = (
        [len(text) for text in texts] if whole.isascii() else [len(text.encode("utf-8", "replace")) for text in texts]
    )
    starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(np.array(lengths, np.int64) + 1, out=starts[1:])
    return data, starts


def words(texts: Sequence[str]) -> Words:
    """The words of `texts`; give it no more than a chunk at once."""
    if not texts:
        return Words(np.zeros(0, np.uint64), np.zeros(1, np.int64), np.zeros(0, np.int64))
    lowered = [text.lower() for text in texts]
    data, starts = buffer(lowered)
    is_word = _WORD[data]
    is_wide = np.zeros(0, bool)
    if not data.max() < 0x80:
        _leave_out_punctuation(data, is_word)
        is_wide = is_word & (data >= _WIDE_LEADS[0]) & (data <= _WIDE_LEADS[1])
    change = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    if is_word[0]:
        change = np.concatenate([np.zeros(1, np.int64), change])
    begins, ends = change[::2], change[1::2]  # the last byte is a zero, so that every word ends
    if is_wide.any():
        cuts = np.flatnonzero(is_wide)
        after = cuts + 3
        begins = np.unique(np.concatenate([begins, cuts, after[is_word[after]]]))
        ends = np.unique(np.concatenate([ends, cuts[(cuts > 0) & is_word[cuts - 1]], after]))
    total = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(_VALUE[data] * _power_table(len(data))[0], out=total[1:])
    hashes = (total[ends] - total[begins]) * _power_table(len(data))[1][begins]
    return Words(_mixed(hashes), np.searchsorted(begins, starts), ends - begins)


def grams(found: Words, n: int) -> Grams:
    """Every run of `n` words that stays within one text."""
    counts = np.diff(found.starts)
    runs = np.maximum(counts - n + 1, 0)
    rows = np.repeat(np.arange(len(counts)), runs)
    first = np.arange(len(rows)) - np.repeat(np.cumsum(runs) - runs, runs) + found.starts[rows]
    mixed = np.zeros(len(rows), np.uint64)
    for step in range(n):
        mixed = mixed * np.uint64(_BASE) + found.hashes[first + step]
    return Grams(_mixed(mixed), rows, first)


def _mixed(hashes: Array) -> Array:
    """Spread over all 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _leave_out_punctuation(data: Array, is_word: Array) -> None:
    """Curly quotes, dashes and the like (U+2000 to U+2FFF) and the stops of Chinese and Japanese (U+3000 to U+303F)."""
    leads = np.flatnonzero(data == _GENERAL_PUNCTUATION)
    wide = np.flatnonzero((data[:-1] == _WIDE_LEADS[0]) & (data[1:] == 0x80))
    for offset in range(3):
        is_word[leads + offset] = False
        is_word[wide + offset] = False


def _tables() -> tuple[Array, Array]:
    letters = set(b"abcdefghijklmnopqrstuvwxyz0123456789_") | set(range(0x80, 0x100))
    is_word = np.array([byte in letters for byte in range(256)])
    values = np.random.default_rng(2024).integers(1, 2**63, 256, dtype=np.uint64)
    return is_word, values


_WORD, _VALUE = _tables()


class _PowerTable:
    """Powers of the base and of its inverse modulo 2^64, long enough for the longest chunk that was seen."""

    def __init__(self) -> None:
        self.forward = self.backward = np.ones(1, np.uint64)

    def __call__(self, length: int) -> tuple[Array, Array]:
        if len(self.forward) < length:
            rounded = 1 << (length - 1).bit_length()  # so that it seldom grows
            self.forward = _powers(_BASE, rounded)
            self.backward = _powers(pow(_BASE, -1, 2**64), rounded)
        return self.forward[:length], self.backward[:length]


_power_table = _PowerTable()
