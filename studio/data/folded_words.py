"""The words of one text, for the loops that are compiled: folded to lower case, and hashed eight bytes at a time.

Import it inside a function: it brings a compiler. Words and their hashes are those of `studio.data.words`.
"""

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from studio.data import words
from studio.data.words import PUNCTUATION, WIDE_LEADS, Array

BASE = np.uint64(words.BASE)
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


def room(starts: Array, ends: Array) -> tuple[Array, Array]:
    """Bytes for the longest text when it is folded, and the eight bytes from each of them on as one number."""
    longest = 2 * int((ends - starts).max(initial=0)) + 16
    folded = np.zeros(longest + 8, np.uint8)
    return folded, np.ndarray((longest,), np.uint64, folded.data, 0, (1,))


@njit(inline="always")
def mixed(hash_):  # type: ignore[no-untyped-def, misc]
    """As `words._mixed`."""
    hash_ = (hash_ ^ (hash_ >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hash_ = (hash_ ^ (hash_ >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hash_ ^ (hash_ >> np.uint64(31))


@njit
def word_room(folded):  # type: ignore[no-untyped-def, misc]
    """The arrays that `hash_words` fills, for the longest text."""
    most = len(folded) // 4  # a word and the gap after it are two bytes, of which room has twice as many
    return np.empty(most, np.uint64), np.empty((most, 2), np.int32)


@njit
def fold(text, folded):  # type: ignore[no-untyped-def, misc]
    """Writes one text (bytes) as its words in lower case with zeros between them, and eight at the end; how long it is."""
    if fold_bytes(text, folded) < PUNCTUATION:
        return len(text)
    length = at = 0
    while at < len(text):
        byte = text[at]
        if byte >= PUNCTUATION and byte <= WIDE_LEADS[1] and at + 2 < len(text):
            # a sign of Chinese, Japanese or Korean is a word, their stops and curly quotes are not
            is_stop = byte == PUNCTUATION or (byte == WIDE_LEADS[0] and text[at + 1] == 0x80)
            folded[length] = folded[length + 4] = 0
            for step in range(3):
                folded[length + 1 + step] = np.uint8(0) if is_stop else text[at + step]
            length += 5
            at += 3
        else:
            folded[length] = _folded(byte)
            length += 1
            at += 1
    folded[length : length + 8] = 0
    return length


@njit
def fold_bytes(text, folded):  # type: ignore[no-untyped-def, misc]
    """The same with every byte outside ASCII as a letter, so that all stay in their places; the highest byte."""
    highest = np.uint8(0)
    for at in range(len(text)):
        byte = text[at]
        folded[at] = _folded(byte)
        highest = max(highest, byte)
    folded[len(text) : len(text) + 8] = 0
    return highest


@njit(inline="always")
def _folded(byte):  # type: ignore[no-untyped-def, misc]
    """Without a branch, so that the processor folds many bytes at once."""
    low = byte | np.uint8(0x20)
    is_letter = np.uint8(low - np.uint8(0x61)) < np.uint8(26)
    is_digit = np.uint8(byte - np.uint8(0x30)) < np.uint8(10)
    is_other = is_digit | (byte == np.uint8(0x5F)) | (byte >= np.uint8(0x80))
    return low if is_letter else (byte if is_other else np.uint8(0))


@njit
def hash_words(folded, eights, length, words, places):  # type: ignore[no-untyped-def, misc]
    """Writes the hash of each word of a folded text into `words`, and where it begins and ends into `places`; how many
    there are. `eights[i]` are the eight bytes from `i` on: words and the gaps between them are measured with them, since
    a loop over single bytes ends too soon or too late for the processor's guess."""
    count = at = 0
    while at < length:
        part = eights[at]
        if part == 0:
            at += 8
            continue
        at += trailing_zeros(part) >> 3
        places[count, 0] = at
        part, hash_ = eights[at], np.uint64(0)
        while True:
            zeros = (part - _ONES) & ~part & _HIGHS  # the lowest bit is that of the first byte that is zero
            if zeros:
                bits = trailing_zeros(zeros) - 7
                at += bits >> 3
                if bits:
                    hash_ = mixed(hash_ * BASE + (part & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1))))
                break
            hash_ = mixed(hash_ * BASE + part)
            at += 8
            part = eights[at]
        words[count] = hash_
        places[count, 1] = at
        count += 1
    return count
