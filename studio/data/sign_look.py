"""Quick looks at the signs of many texts, in loops over bytes that Numba compiles: how often brackets and quotes stand in
each, and which may hold a word or a private detail that patterns look for. The second errs to one side: a text that is
passed over has surely none. Import it inside a function: it brings a compiler.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import njit, types

from studio.data.compiled import BYTES, PLACES, loop
from studio.data.folded_words import fold_bytes, room
from studio.data.words import Array

LITERAL = 4  # bytes
_PART = 64  # bytes looked at together


def counts(data: Array, starts: Array, ends: Array, kind: Array, kinds: int) -> Array:
    """How often each kind of sign stands in each text `data[starts[i]:ends[i]]`: (texts, kinds), int32. `kind` (256, uint8)
    says which a byte is, and `kinds` where it is none."""
    found = np.zeros((len(starts), kinds), np.int32)
    _counts(data, starts, ends, kind, found)
    return found


def perhaps(data: Array, starts: Array, ends: Array, literals: Sequence[bytes] = ()) -> Array:
    """For each text whether it may match `privacy.SUSPECT` or hold one of the `literals`, of LITERAL bytes each: words in
    lower case, zeros for what is between them. Texts with signs outside ASCII, digits, @, _, [, < or { are never
    passed over."""
    found = np.zeros(len(starts), bool)
    _perhaps(data, starts, ends, room(starts, ends)[0], _table(tuple(literals)), found)
    return found


@cache
def _table(literals: tuple[bytes, ...]) -> Array:
    return np.frombuffer(b"".join(literals), np.uint8).reshape(-1, LITERAL).copy()


@loop(types.void(BYTES, PLACES, PLACES, BYTES, types.int32[:, ::1]))
def _counts(data, starts, ends, kind, found):  # type: ignore[no-untyped-def, misc]
    none = found.shape[1]
    for row in range(len(starts)):
        for begin in range(starts[row], ends[row], _PART):
            part = data[begin : min(begin + _PART, ends[row])]
            is_any = np.uint8(0)
            for at in range(len(part)):  # without a branch, so that the processor looks at many bytes at once
                byte = part[at]
                low = np.uint8(byte | np.uint8(0x20))
                is_sign = (np.uint8(byte & np.uint8(0xFE)) == np.uint8(0x28)) | (byte == np.uint8(0x22))
                is_sign |= (byte == np.uint8(0x60)) | (low == np.uint8(0x7B)) | (low == np.uint8(0x7D))
                is_any = np.uint8(is_any | np.uint8(is_sign | (byte < np.uint8(0x20))))
            if is_any:
                for byte in part:
                    if kind[byte] < none:
                        found[row, kind[byte]] += 1


@njit
def _is_suspect(text):  # type: ignore[no-untyped-def, misc]
    """Whether one of these stands in it, of which each text has one that a pattern of privacy.SUSPECT, or one of screens.ANY
    that is no word alone, matches."""
    found: Any = False
    for at in range(len(text)):
        byte = text[at]
        found |= np.uint8(byte - np.uint8(0x30)) < np.uint8(10)
        found |= (byte == 0x40) | (byte == 0x5F) | (byte == 0x5B) | (byte == 0x3C) | (byte == 0x7B) | (byte >= 0x80)
    if found:
        return True
    one, other = text[:-1], text[1:]
    for at in range(len(other)):
        first, second = one[at], other[at]
        is_hex = np.uint8((second | np.uint8(0x20)) - np.uint8(0x61)) < np.uint8(6)
        found |= (first == 0x3A) & ((second == 0x3A) | is_hex)  # :: and 2001:db8:
        found |= (first == 0x41) & ((second == 0x4B) | (second == 0x53) | (second == 0x49))  # AKIA, ASIA and AIza
        found |= (first == 0x79) & (second == 0x4A)  # eyJ
        found |= (first == 0x78) & (second == 0x6F)  # xox
        found |= ((first == 0x54) & (second == 0x42)) | ((first == 0x49) & (second == 0x58))  # TBD, TBA and FIXME
        found |= (second == 0x2D) & ((first == 0x6B) | (first == 0x74) | (first == 0x2D))  # sk-, glpat- and -----BEGIN
    return found


@njit
def _holds(folded, length, literals):  # type: ignore[no-untyped-def, misc]
    one, two, three, four = folded[:length], folded[1:], folded[2:], folded[3:]
    for row in range(len(literals)):
        first, second, third, fourth = literals[row, 0], literals[row, 1], literals[row, 2], literals[row, 3]
        least = np.uint8(0xFF)
        for at in range(len(one)):  # the least of what differs: the processor takes many bytes at once
            differs = (one[at] ^ first) | (two[at] ^ second) | (three[at] ^ third) | (four[at] ^ fourth)
            least = min(least, np.uint8(differs))
        if least == 0:
            return True
    return False


@loop(types.void(BYTES, PLACES, PLACES, types.uint8[::1], types.uint8[:, ::1], types.bool_[::1]))
def _perhaps(data, starts, ends, folded, literals, found):  # type: ignore[no-untyped-def, misc]
    for row in range(len(starts)):
        text = data[starts[row] : ends[row]]
        found[row] = _is_suspect(text)
        if len(literals) and not found[row]:
            fold_bytes(text, folded)
            found[row] = _holds(folded, len(text), literals)
