"""The words of questions and their answers, read once to sign the rows and to look at the answers.

What it gives is what `word_runs.signatures` gives of both texts and `word_look.look` of the answers. Import it inside a
function: it brings a compiler.
"""

from collections.abc import Sequence

import numpy as np
from numba import types

from studio.data.compiled import BYTES, EIGHTS, HASHES, PLACES, loop
from studio.data.folded_words import fold_bytes, hash_words, room, word_room
from studio.data.word_look import Look, look_at, look_tables, table_of
from studio.data.word_runs import perhaps_common, permutations, sign_words
from studio.data.words import Array


def sign_and_look(
    data: Array, asked: tuple[Array, Array], answers: tuple[Array, Array], first: Array, run: int, common: Array, bands: int,
    values: int, least_words: int, small: Sequence[str], within: int,
) -> tuple[Array, Array, Look]:  # fmt: skip
    """(keys, whether a row has any words, the look at its answer) of rows of ASCII alone, of which the questions and the
    answers stand in `data` from their first number to their second; an answer is stripped from `first[i]` on."""
    rows = len(first)
    keys, present = np.empty((rows, bands), np.uint32), np.empty(rows, np.bool_)
    look = Look(*(np.zeros(rows, bool) for _ in Look._fields))
    factors, terms = permutations(bands * values)
    lengths = asked[1] - asked[0] + answers[1] - answers[0] + 1
    _sign_and_look(
        data, *asked, *answers, *room(np.zeros(rows, np.int64), lengths), first, run, common, factors, terms, values,
        least_words, table_of(tuple(small)), within, keys, present, *look,
    )  # fmt: skip
    return keys, present, look


@loop(
    types.void(
        BYTES, PLACES, PLACES, PLACES, PLACES, types.uint8[::1], EIGHTS, PLACES, types.int64, HASHES, types.uint32[::1], types.uint32[::1],
        types.int64, types.int64, types.uint64[::1], types.int64,
        types.uint32[:, ::1], types.bool_[::1], types.bool_[::1], types.bool_[::1], types.bool_[::1],
    )
)  # fmt: skip
def _sign_and_look(  # type: ignore[no-untyped-def, misc]
    data, starts, ends, answers, answer_ends, folded, eights, first, run, common, factors, terms, values, least_words,
    small_words, within, keys, present, few, again, small,
):  # fmt: skip
    perhaps = perhaps_common(common)
    words, places = word_room(folded)
    found, least = np.empty(len(words), np.uint64), np.empty(len(factors), np.uint32)
    seen, times = look_tables(words)
    for row in range(len(starts)):
        text = data[answers[row] : answer_ends[row]]
        answer = ends[row] - starts[row] + 1  # a question and its answer are two lines
        fold_bytes(data[starts[row] : ends[row]], folded)
        fold_bytes(text, folded[answer:])
        count = hash_words(folded, eights, answer + len(text), words, places)
        present[row] = sign_words(words, count, run, common, perhaps, factors, terms, values, found, least, keys[row])
        at = 0
        while at < count and places[at, 0] < answer:
            at += 1
        for word in range(at, count):
            places[word, 0] -= answer
            places[word, 1] -= answer
        few[row], again[row], small[row] = look_at(
            text, folded[answer:], words[at:count], places[at:count], first[row] - answers[row], within, least_words, small_words, seen, times
        )  # fmt: skip
