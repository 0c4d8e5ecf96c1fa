"""Which rows are worth the exact checks of the scorers: each mask covers all rows that a check can hold for.

The checks read texts; these read columns of bytes. What they cover needlessly costs time, never a result.
"""

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from studio.data import language, placeholders, privacy, refusals, repetition
from studio.data.text_column import SIGNS, TextColumn
from studio.data.words import Array

if TYPE_CHECKING:
    from studio.data.word_look import Look

# over bytes; letters outside ASCII that are the same as k, s or i in lower case or without regard to case
KELVIN, FOLDED = r"\xe2\x84\xaa", r"\xe2\x84\xaa|\xc5\xbf|\xc4[\xb0\xb1]"
GUIDE = rf"(?i:i cannot|i'm not sure|i don't know|todo|tbd|\[placeholder\]|always|none|false)|{KELVIN}"
TODO = rf"TODO|TBD|TBA|FIXME|[\[<](?i:placeholder|insert|enter|fill in|add|your )|\{{\{{|(?i:lorem ipsum)|{FOLDED}"
UNSURE = rf"(?i:not sure|don(?:'|\xe2\x80\x99)t know)|{FOLDED}"
ANY = f"{GUIDE}|{TODO}|{UNSURE}|{privacy.SUSPECT}"
WORDS = (b"cann", b"\0sur", b"\0t\0k", b"todo", b"alwa", b"none", b"fals", b"lore")
"""Of each word of GUIDE, TODO and UNSURE a part that no text without it has; for the others see `sign_look`."""
SPACE = r"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
LINE_BREAK = r"\xc2\x85|\xe2\x80[\xa8\xa9]"
QUOTE = r"\xc2[\xab\xbb]|\xe3\x80[\x8c-\x91]|\xef\xbc[\x88\x89]|\xe2\x80[\x9c-\x9e]"
BROKEN = r"\xef\xbf\xbd|\xc3\x83|\xc3\xa2\xe2\x82\xac"
FEWEST_CHARACTERS = 2 * repetition.LEAST_WORDS - 1
SMALL_WORDS = tuple(
    sorted({word for words in language.SMALL_WORDS.values() for word in words.split() if word.isascii()})
)
LOOK = repetition.FEWEST_WORDS, SMALL_WORDS, language.LOOKED_AT
ENGLISH = "|".join(language.PLAINLY_ENGLISH)
_SENTENCE_END = np.zeros(256, bool)
_SENTENCE_END[list(b".!?)]}\"'`>:;|*_~")] = True
_OPENINGS = np.array([list((start.encode() + b"\0\0")[:3]) for start in refusals.STARTS], np.uint8) | 0x20
_REFUSAL_CODES = np.unique(_OPENINGS.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32))
_REFUSAL_PAIRS = np.zeros((256, 256), bool)
_REFUSAL_PAIRS[_OPENINGS[:, 0], _OPENINGS[:, 1]] = True


class Answers(TextColumn):
    """Answers with what several masks ask of them."""

    @cached_property
    def any_sign(self) -> Array:
        """One pass for all patterns; few texts hold any, and only those are passed over again."""
        return self.matching(ANY, self.perhaps(WORDS))

    @cached_property
    def look(self) -> "Look":
        from studio.data import word_look

        return word_look.look_apart(self.data, self.starts, self.ends, self.first, *LOOK)

    def with_sign(self, pattern: str) -> Array:
        """Whether one of the patterns that make up ANY stands in the text."""
        return self.matching(pattern, self.any_sign)

    def beyond_ascii(self, pattern: str) -> Array:
        return self.matching(pattern, ~self.is_ascii)

    def count(self, sign: str) -> Array:
        return self.signs[:, SIGNS.index(sign.encode())]


class Rows(NamedTuple):
    prompts: TextColumn
    answers: Answers


def few_different_words(answers: Answers) -> Array:
    return answers.look.few_different | answers.beyond_ascii(SPACE)


def ends_in_dots(answers: Answers) -> Array:
    return np.logical_and.reduce([answers.closing(number) == ord(".") for number in (1, 2, 3)])


def guide_words(answers: Answers) -> Array:
    return answers.with_sign(GUIDE)


def empty(rows: Rows) -> Array:
    return rows.answers.stripped_characters <= placeholders.LONGEST


def to_fill_in(rows: Rows) -> Array:
    return rows.answers.with_sign(TODO)


def json_start(answers: Answers) -> Array:
    opening = answers.opening(0)
    return (opening == ord("{")) | (opening == ord("["))


def broken_json(rows: Rows) -> Array:
    return json_start(rows.answers) | rows.answers.matching(r"(?i)```[ \t]*json", rows.answers.count("`") > 2)


def broken_python(rows: Rows) -> Array:
    return rows.answers.matching(r"(?i)```[ \t]*py", rows.answers.count("`") > 2)


def truncated(rows: Rows) -> Array:
    """All but what ends like a sentence and not like a gap, without code, and no JSON without an end."""
    answers = rows.answers
    last = answers.closing(1)
    open_json = json_start(answers) & (last != ord("}")) & (last != ord("]"))
    return (answers.last > answers.first) & (
        ~_SENTENCE_END[last] | ends_in_dots(answers) | (answers.count("`") > 2) | open_json
    )


def refusal(rows: Rows) -> Array:
    """Of English the first three letters of each way to refuse, or the first and two that are not ASCII; of the other
    languages how a refusal begins, as which hardly any two first bytes do."""
    answers = rows.answers
    one, two, three = (answers.opening(number) for number in range(3))
    first, second, third = one | 0x20, two | 0x20, three | 0x20
    is_i = (first == ord("i")) & ((two == ord(" ")) | (two == ord("'")) | (second == ord("m")))
    starts = is_i
    for name in (b"sor", b"unf", b"as "):
        starts |= (first == name[0]) & (second == name[1]) & (third == name[2])
    starts |= ((two | three) >= 0x80) & np.isin(first, list(b"isua"))
    others = _REFUSAL_PAIRS[first, second] & ~starts
    at = np.flatnonzero(others)
    others[at] = np.isin(_code(first[at], second[at], third[at]), _REFUSAL_CODES)
    starts |= others & ~answers.is_stripped  # the pattern is asked of whole texts
    return starts | answers.matching(refusals.STARTS_IN_BYTES, others & answers.is_stripped)


def _code(first: Array, second: Array, third: Array) -> Array:
    return first.astype(np.uint32) << 16 | second.astype(np.uint32) << 8 | third


def copied(rows: Rows, least: int, share: float) -> Array:
    """Folding for comparison makes a text three times as long at most, and one in ASCII no longer."""
    asked, said = rows.prompts.characters, rows.answers.stripped_characters
    most = np.where(rows.prompts.is_ascii, asked, 3 * asked)
    return (said >= least) & (said >= share * asked) & (said <= most)


def other_language(rows: Rows) -> Array:
    """Both have to be in some language; most that are have small words of English in both."""
    prompts, answers = rows
    worth = answers.look.small_words | ~(answers.is_ascii & prompts.is_ascii)
    english = answers.matching(ENGLISH, worth & answers.is_stripped)
    return worth & ~(english & prompts.matching(ENGLISH, english))


def broken_signs(rows: Rows) -> Array:
    return rows.answers.beyond_ascii(BROKEN)


def unbalanced(rows: Rows) -> Array:
    answers = rows.answers
    worth = answers.count('"') % 2 == 1
    for first, last in ("()", "[]", "{}"):
        worth |= answers.count(first) != answers.count(last)
    return worth | answers.beyond_ascii(QUOTE)


def unsure(rows: Rows) -> Array:
    return rows.answers.with_sign(UNSURE)


def lines(answers: Answers) -> Array:
    """Three lines or more, and long enough for the words of which lines are measured."""
    several = (answers.signs[:, -1] > 1) | answers.beyond_ascii(LINE_BREAK)
    return several & (answers.stripped_characters >= FEWEST_CHARACTERS)


def prose_differs(answers: Answers) -> Array:
    """The words of the prose are not those of the bytes: there is code, or there are signs outside ASCII. It is long enough
    for a loop."""
    differ = (answers.count("`") > 1) | ~answers.is_ascii
    return differ & (answers.stripped_characters >= repetition.LONGEST_PLAIN_WORD)
