"""Text that is caught in a loop: a piece of it follows itself again and again, with spaces between or without.

What may stand several times in a row is left alone: numbers, rows of a table, a list of the same label, a refrain.
Import it inside a function: it brings a compiler.
"""

import re
import unicodedata
from typing import NamedTuple

import numpy as np
from numba import types

from studio.data.compiled import PLACES, loop

TIMES, LENGTH = 5, 100  # a piece that stands so often, in so many characters
OFTEN, SHORT_LENGTH = 8, 64  # a shorter one has to stand so often
LETTERS = 0.6  # the least share of letters in what is no white space: tags and tables have less
LABELS = 30  # so often a label may stand in a list
LONGEST_PIECE = 200  # characters
MOST_STEPS = 20_000_000  # of comparing; in a text of 100,000 characters all lengths of a piece are tried
SHOWN = 40  # characters of the piece
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")
_BETWEEN_LABELS = frozenset("\n,;|/、，；")
_SIGNS = types.Array(types.uint32, 1, "C", readonly=True)


class Loop(NamedTuple):
    """`piece` (its first SHOWN characters) stands `times` times in a row."""

    piece: str
    times: int


def loop_of(text: str, share: float) -> Loop | None:
    """The longest loop of the text, where more than `share` of its letters and digits are in it. Half the characters are
    enough where most of them are Chinese, Japanese or Korean."""
    plain = _SPACE.sub(lambda found: "\n" if "\n" in found[0] else " ", text.strip().lower())
    signs = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds, at = np.unique(signs, return_inverse=True)
    letters, filled, inside = (
        np.append(0, np.cumsum(np.array([holds(chr(kind)) for kind in kinds], np.int64)[at]))
        for holds in (_is_letter, _is_filled, _is_of_a_word)
    )
    is_wide = 2 * int(np.count_nonzero((signs >= 0x3040) & (signs <= 0xD7AF))) > len(signs)
    parts = 2 if is_wide else 1
    longest = min(LONGEST_PIECE, len(signs) // TIMES, max(20, MOST_STEPS // max(1, len(signs))))
    begin, end, length = _longest(signs, letters, filled, longest, LENGTH // parts, SHORT_LENGTH // parts).tolist()
    stretch = plain[begin:end]
    if not length or inside[end] - inside[begin] <= share * inside[-1] or _lists_a_label(stretch, end - begin, length):
        return None
    if "|" in stretch[:length]:  # rows of a table
        return None
    inside_a_word = begin > 0 and plain[begin - 1].isalnum()
    start = max(0, stretch[:length].find(" ")) if inside_a_word else 0
    # behind the last the space is gone
    return Loop(stretch[start : start + length].strip()[:SHOWN], (end - begin + 1) // length)


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LM"


def _is_filled(sign: str) -> bool:
    return not sign.isspace()


def _is_of_a_word(sign: str) -> bool:
    return sign == "_" or sign.isalnum()


def _lists_a_label(stretch: str, characters: int, length: int) -> bool:
    is_list = not _BETWEEN_LABELS.isdisjoint(stretch[:length]) and len(set(_WORD.findall(stretch)[1:-1])) == 1
    return is_list and characters < LABELS * length


@loop(types.int64[::1](_SIGNS, PLACES, PLACES, types.int64, types.int64, types.int64))
def _longest(signs, letters, filled, longest, least, least_short):  # type: ignore[no-untyped-def, misc]
    """Where the longest stretch begins and ends in which every sign is that of one piece before, and the length of the
    piece: the shortest that fits. `letters` and `filled` count those before each sign. Zeros where there is none."""
    found = np.zeros(3, np.int64)
    for length in range(1, longest + 1):
        begin = 0
        for at in range(length, len(signs) + 1):
            if at < len(signs) and signs[at] == signs[at - length]:
                continue
            size = at - begin
            is_long = (size >= TIMES * length and size >= least) or (size >= OFTEN * length and size >= least_short)
            is_long = is_long and size > found[1] - found[0]
            if is_long and letters[at] - letters[begin] > LETTERS * (filled[at] - filled[begin]):
                found[0], found[1], found[2] = begin, at, length
            begin = at - length + 1
    return found
