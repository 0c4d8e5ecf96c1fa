"""Texts as arrays of word hashes: what repetition, near duplicates and leakage count with.

A word is a run of letters, digits and signs outside ASCII, in lower case; a Chinese, Japanese or Korean sign is a word
of its own. Two words get the same 64-bit hash only when they are the same (by chance once in 10^19 pairs).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
CHUNK_BYTES = 1_000_000  # of text hashed at once; the arrays of work are eight times that
BASE = 0x9E3779B97F4A7C15 | 1
WIDE_LEADS = (0xE3, 0xED)  # first bytes of UTF-8 from U+3000 to U+DFFF: kana, ideographs, Hangul
PUNCTUATION = 0xE2  # the first byte of general punctuation


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
    data, starts = buffer(texts)
    is_wide = np.zeros(0, bool)
    if data.max() < 0x80:
        letters = np.frombuffer(data.tobytes().translate(_LETTERS), np.uint8)
    else:
        data, starts = buffer([text.lower() for text in texts])
        letters = np.frombuffer(bytearray(data.tobytes().translate(_LETTERS)), np.uint8)
        _leave_out_punctuation(data, letters)
        is_wide = (letters >= WIDE_LEADS[0]) & (letters <= WIDE_LEADS[1])
    is_word = letters != 0
    change = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1
    if is_word[0]:
        change = np.concatenate([np.zeros(1, np.int64), change])
    begins, ends = change[::2], change[1::2]  # the last byte is a zero, so that every word ends
    if is_wide.any():
        cuts = np.flatnonzero(is_wide)
        after = cuts + 3
        begins = np.unique(np.concatenate([begins, cuts, after[is_word[after]]]))
        ends = np.unique(np.concatenate([ends, cuts[(cuts > 0) & is_word[cuts - 1]], after]))
    return Words(_hashed(letters, begins, ends - begins), np.searchsorted(begins, starts), ends - begins)


def _hashed(letters: Array, begins: Array, lengths: Array) -> Array:
    """The hash of each word: eight of its bytes at a time, so that the work is by word and not by byte."""
    padded = np.concatenate([letters, np.zeros(8, np.uint8)])
    eights = np.ndarray((len(letters) + 1,), "<u8", padded.data, 0, (1,))  # the eight bytes from each place on
    hashes = _mixed(eights[begins] & _FIRST_BYTES[np.minimum(lengths, 8)])
    longer, at = np.flatnonzero(lengths > 8), 8
    while len(longer):
        part = eights[begins[longer] + at] & _FIRST_BYTES[np.minimum(lengths[longer] - at, 8)]
        hashes[longer] = _mixed(hashes[longer] * np.uint64(BASE) + part)
        at += 8
        longer = longer[lengths[longer] > at]
    return hashes


def grams(found: Words, n: int) -> Grams:
    """Every run of `n` words that stays within one text."""
    counts = np.diff(found.starts)
    runs = np.maximum(counts - n + 1, 0)
    rows = np.repeat(np.arange(len(counts)), runs)
    first = np.arange(len(rows)) - np.repeat(np.cumsum(runs) - runs, runs) + found.starts[rows]
    mixed = np.zeros(len(rows), np.uint64)
    for step in range(n):
        mixed = mixed * np.uint64(BASE) + found.hashes[first + step]
    return Grams(_mixed(mixed), rows, first)


def _mixed(hashes: Array) -> Array:
    """Spread over all 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _leave_out_punctuation(data: Array, letters: Array) -> None:
    """Curly quotes, dashes and the like (U+2000 to U+2FFF) and the stops of Chinese and Japanese (U+3000 to U+303F)."""
    leads = np.flatnonzero(data == PUNCTUATION)
    wide = np.flatnonzero((data[:-1] == WIDE_LEADS[0]) & (data[1:] == 0x80))
    for offset in range(3):
        letters[leads + offset] = 0
        letters[wide + offset] = 0


def _letters() -> bytes:
    """For each byte what it is in a word: a capital of ASCII its small letter, a sign between words zero."""
    inside = set(b"abcdefghijklmnopqrstuvwxyz0123456789_") | set(range(0x80, 0x100))
    return bytes(
        low if (low := ord(chr(byte).lower()) if byte < 0x80 else byte) in inside else 0 for byte in range(256)
    )


_LETTERS = _letters()
_FIRST_BYTES = np.array([*(256**count - 1 for count in range(8)), 2**64 - 1], np.uint64)
