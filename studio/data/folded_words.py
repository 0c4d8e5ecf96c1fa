"""The words of one text, for the loops that are compiled: folded to lower case, and hashed eight bytes at a time.

Import it inside a function: it brings a compiler. Words and their hashes are those of `studio.data.words`.
"""

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

from studio.data import words
from studio.data.words import PUNCTUATION, WIDE_LEADS, Array

BASE = np.uint64(words.BASE)
_ALL, _LOWS, _HIGHS = (np.uint64(bits) for bits in (0xFFFFFFFFFFFFFFFF, 0x7F7F7F7F7F7F7F7F, 0x8080808080808080))
_GATHER = np.uint64(0x0102040810204080)  # times ones in the lowest bits of eight bytes: those bits in the highest byte


def room(starts: Array, ends: Array) -> tuple[Array, Array]:
    """Bytes for the longest text when it is folded, and the eight bytes from each of them on as one number."""
    longest = 2 * int((ends - starts).max(initial=0)) + 80  # 64 are looked at together
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
    """Without a branch, so that the processor folds many bytes at once; and with every step told to be a byte: Numba would
    count in eight, and the processor take an eighth as many."""
    is_letter = np.uint8(np.uint8(byte | np.uint8(0x20)) - np.uint8(0x61)) < np.uint8(26)
    is_digit = np.uint8(byte - np.uint8(0x30)) < np.uint8(10)
    is_inside = is_letter | is_digit | (byte == np.uint8(0x5F)) | (byte >= np.uint8(0x80))
    small = np.uint8(byte | np.uint8(np.uint8(is_letter) << np.uint8(5)))
    return np.uint8(small & np.uint8(-np.uint8(is_inside)))


@njit
def hash_words(folded, eights, length, words, places):  # type: ignore[no-untyped-def, misc]
    """Writes the hash of each word of a folded text into `words`, and where it begins and ends into `places`; how many
    there are. `eights[i]` are the eight bytes from `i` on. The bytes of words are first marked, 64 in a number, and words
    taken from its bits: from byte to byte each step would wait for the last."""
    count = begin_of_word = 0
    inside = False
    for begin in range(0, length, 64):
        filled = np.uint64(0)
        for step in range(8):
            part = eights[begin + 8 * step]
            ones = ((((part & _LOWS) + _LOWS) | part) & _HIGHS) >> np.uint64(7)  # a one in each byte that is not zero
            filled |= ((ones * _GATHER) >> np.uint64(56)) << np.uint64(8 * step)
        if length - begin < 64:  # behind the text is what stood there before
            filled &= (np.uint64(1) << np.uint64(length - begin)) - np.uint64(1)
        changes = filled ^ ((filled << np.uint64(1)) | np.uint64(inside))
        while changes:
            at = begin + trailing_zeros(changes)
            changes &= changes - np.uint64(1)
            if inside:
                words[count] = _hash(eights, begin_of_word, at)
                places[count, 0], places[count, 1] = begin_of_word, at
                count += 1
            begin_of_word, inside = at, not inside
    if inside:
        words[count] = _hash(eights, begin_of_word, length)
        places[count, 0], places[count, 1] = begin_of_word, length
        count += 1
    return count


@njit(inline="always")
def _hash(eights, begin, end):  # type: ignore[no-untyped-def, misc]
    hash_ = np.uint64(0)
    while end - begin > 8:
        hash_ = mixed(hash_ * BASE + eights[begin])
        begin += 8
    return mixed(hash_ * BASE + (eights[begin] & (_ALL >> np.uint64(8 * (8 - (end - begin))))))
