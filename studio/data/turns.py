"""Rows that are all one question and one answer of plain text, as columns of Arrow: read and scored without making
Python objects of each. Anything else is left to the reader that goes row by row; what both make is the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from xxhash import xxh3_128_digest

from studio import example_tables
from studio.chat import DEFAULT_SYSTEM
from studio.data import near_duplicates, pieces, plain_lines, prompts_and_answers, quality, shapes
from studio.data.columns import Choices
from studio.data.duplicates import parts_of_turn, seed_of
from studio.data.rows import clean
from studio.data.screens import LOOK, Answers
from studio.data.shapes import Turn
from studio.data.text_column import TextColumn
from studio.data.words import Array
from studio.example_tables import Message

if TYPE_CHECKING:
    import pyarrow

GIVEN = "\n\nInput: "  # as in `shapes`
WITH_A_SCORE = {"quality", "quality_score"}  # they are numbers, and stay the row's


@dataclass(frozen=True)
class Turns:
    """`ids` and `sources` are Arrow arrays of strings without nulls. `printed` is what the fingerprint of each row is over,
    and `asked` and `last` (the answer) stand in it; `system` stands before each row, if it is not empty. It is asked what
    `Gathered` is asked."""

    ids: "pyarrow.Array"
    sources: "pyarrow.Array"
    printed: TextColumn
    asked: TextColumn
    last: Answers
    system: str

    @property
    def kinds(self) -> dict[int, str]:
        return {}

    @property
    def rejected(self) -> dict[int, str | None]:
        return {}

    def __len__(self) -> int:
        return len(self.ids)

    def conversations(self, rows: "range | list[int]") -> list[list[Message]]:
        """The messages of some rows."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        return [
            [
                *before,
                {"role": "user", "content": self.asked.text(at)},
                {"role": "assistant", "content": self.last.text(at)},
            ]
            for at in rows
        ]

    def texts(self) -> TextColumn:
        """All that is asked and answered in each row, the system prompt left out; see `texts.text`."""
        return TextColumn(_joined(self.asked.strings(), "\n", self.last.strings()))

    def characters(self) -> Array:
        """How many characters (int64) the messages of each row have together."""
        characters: Array = self.asked.characters + self.last.characters + len(self.system)
        return characters.astype(np.int64)

    def signed(self, common: Array) -> tuple[Array, Array]:
        """As `near_duplicates.sign_some`. Where all is ASCII, what `scored` wants of the words of the answers is taken from
        the same reading."""
        if not self.printed.is_all_ascii:
            return near_duplicates.sign_some(self.texts(), common)
        from studio.data import turn_words

        asked, last = self.asked, self.last
        bands, values = near_duplicates.bands(near_duplicates.THRESHOLD)
        keys, present, last.look = turn_words.sign_and_look(
            self.printed.data, (asked.starts, asked.ends), (last.starts, last.ends), last.first, near_duplicates.WORDS_IN_A_RUN,
            common, bands, values, *LOOK,
        )  # fmt: skip
        return keys, present

    def scored(self, tokens: Array) -> Any:
        """All stored columns; see example_tables.schema."""
        import pyarrow

        others = None
        if self.system not in ("", DEFAULT_SYSTEM):
            others = _repeated(self.system, len(self))
        found = quality.score_columns(self.asked, self.last, others)
        return example_tables.of_columns(
            {
                "id": self.ids, "messages": self._messages, "source": self.sources, "tokens": pyarrow.array(tokens),
                "quality": found["guide_quality"], "flags": found["flags"], "reasons": found["guide_reasons"],
                "kind": _repeated("conversation", len(self)), "fingerprint": self._fingerprints,
                "studio_quality": found["studio_quality"], "studio_reasons": found["studio_reasons"],
            },
            len(self),
        )  # fmt: skip

    @cached_property
    def _messages(self) -> "pyarrow.Array":
        import pyarrow

        rows, roles = len(self), ("system", "user", "assistant")[0 if self.system else 1 :]
        columns = [self.asked, self.last]
        starts, ends = np.array([column.starts for column in columns]), np.array([column.ends for column in columns])
        system = self.system.encode("utf-8", "surrogatepass")
        if system:
            beyond = np.full((1, rows), len(self.printed.data))
            starts, ends = np.concatenate([beyond, starts]), np.concatenate([beyond + len(system), ends])
        contents = pieces.strings(self.printed.data, starts.T.ravel(), ends.T.ravel(), system)
        absent = [pyarrow.nulls(len(contents), pyarrow.string())] * len(example_tables.MESSAGE_EXTRAS)
        messages = pyarrow.StructArray.from_arrays(
            [_again(roles, rows), contents, *absent], [*example_tables.MESSAGE_FIELDS]
        )
        ends = np.arange(rows + 1, dtype=np.int32) * len(roles)
        return pyarrow.ListArray.from_arrays(pyarrow.array(ends), messages)

    @cached_property
    def _fingerprints(self) -> "pyarrow.Array":
        """As `fingerprint_of_turn`."""
        import pyarrow

        data, ends = memoryview(self.printed.data.data), self.printed.ends.tolist()
        seed = seed_of(self.system)
        made = [xxh3_128_digest(data[start:end], seed) for start, end in zip([0, *ends], ends, strict=False)]
        kind = pyarrow.binary(16)
        return pyarrow.Array.from_buffers(kind, len(made), [None, pyarrow.py_buffer(b"".join(made))])


def read(block: bytes, first_line: int, name: str, choices: Choices) -> Turns | None:
    """The rows of whole lines of JSON, the first of which has the number `first_line`; None unless each line is one
    object with the same fields (or some of them) and is a turn to the letter, so that nothing can be wrong with it.
    `name` is the source of rows that name none."""
    if choices.columns or not block.startswith(b"{") or not _is_utf8(block):
        return None
    lines = int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n"))) + (not block.endswith(b"\n"))
    line = block[: block.find(b"\n")] if lines > 1 else block.removesuffix(b"\n")
    row, fields, how = _plan(line, choices.shape)
    if how is None:
        return None
    found: dict[str, Any] | None = plain_lines.values(block, lines, line, row) or _parsed(block, fields, lines)
    if found is None or any(_nulls(found[name]) for name in (how.asked, how.answer)):
        return None
    asked, last = _text(found[how.asked]), _text(found[how.answer])
    if _blank(asked).any() or _blank(last).any() or (how.may_be_more and _is_more_than_text(asked, last)):
        return None
    numbers, source = _numbers(first_line, lines), _repeated(clean(name), lines)
    return Turns(
        _said(_strings(found["id"]), numbers) if "id" in fields else numbers,
        _said(_strings(found["source"]), source) if "source" in fields else source,
        *_printed(asked, None if how.given is None else _text(found[how.given]), last), choices.system,
    )  # fmt: skip


def _text(column: "TextColumn | pyarrow.Array") -> TextColumn:
    return column if isinstance(column, TextColumn) else TextColumn(column)


def _strings(column: "TextColumn | pyarrow.Array") -> "pyarrow.Array":
    import pyarrow

    return column.strings() if isinstance(column, TextColumn) else column.cast(pyarrow.string())


def _nulls(column: "TextColumn | pyarrow.Array") -> int:
    return 0 if isinstance(column, TextColumn) else int(column.null_count)


def _printed(asked: TextColumn, given: TextColumn | None, last: TextColumn) -> tuple[TextColumn, TextColumn, Answers]:
    """What the fingerprint of each row is over, and in it the questions, each with the text that it is about, where there
    is one, and the answers."""
    data, (of_asked, of_last, *of_given) = _together([asked, last] if given is None else [asked, last, given])
    begin, end = of_given[0] if of_given else (0, 0)
    before, between, behind = parts_of_turn("", "")[::2]
    parts = [part.encode() for part in (before, GIVEN, between, behind)]
    beyond = len(data) + np.cumsum([0, *map(len, parts)])
    is_about = 0 if given is None else 1 - _blank(given).astype(np.int64)
    row: list[Any] = [
        beyond[:2], of_asked, (beyond[1], beyond[1] + is_about * len(parts[1])), (begin, begin + is_about * (end - begin)),
        beyond[2:4], of_last, beyond[3:],
    ]  # fmt: skip
    starts, ends = np.empty((2, len(asked), len(row)), np.int64)
    for at, piece in enumerate(row):
        starts[:, at], ends[:, at] = piece
    whole, bounds = pieces.gathered(data, b"".join(parts), starts.ravel(), ends.ravel())
    cut = np.ascontiguousarray(bounds[:-1].reshape(starts.shape).T)
    printed = TextColumn.within(whole, cut[0], np.append(cut[0, 1:], bounds[-1]))
    found = printed, TextColumn.within(whole, cut[1], cut[4]), Answers.within(whole, cut[5], cut[6])
    for part_of in found[1:]:
        part_of.is_all_ascii = printed.is_all_ascii
    return found


def _together(columns: list[TextColumn]) -> tuple[Array, list[tuple[Array, Array]]]:
    """One array of bytes, and where the texts of each column begin and end in it."""
    if all(column.data is columns[0].data for column in columns):
        return columns[0].data, [(column.starts, column.ends) for column in columns]
    begins = np.cumsum([0, *(len(column.data) for column in columns)])
    places = [(column.starts + begin, column.ends + begin) for column, begin in zip(columns, begins, strict=False)]
    return np.concatenate([column.data for column in columns]), places


def _is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plan(line: bytes, shape: str | None) -> tuple[dict[str, Any], dict[str, str], Turn | None]:
    """A row, the type of each of its fields, and which of them are question and answer: None where it is no turn."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}, {}, None
    fields = {name: "int64" if name == "id" and type(value) is int else "string" for name, value in row.items()}
    if len({name.lower() for name in fields}) < len(fields) or WITH_A_SCORE & set(fields):
        return {}, {}, None
    return row, fields, _turn(tuple(fields), shape)


@lru_cache
def _turn(fields: tuple[str, ...], shape: str | None) -> Turn | None:
    """How rows with these fields are read, when those without the text that a question may be about are read so too."""
    turn = shapes.turn_of(fields, shape)
    if turn is None or turn.given is None:
        return turn
    return (
        turn
        if shapes.turn_of(tuple(name for name in fields if name != turn.given), shape) == turn._replace(given=None)
        else None
    )


def _parsed(block: bytes, fields: dict[str, str], lines: int) -> dict[str, Any] | None:
    """The fields as columns, a field that a row lacks as null; None when a row has others, or other values in them, or
    there are not so many `lines` of them."""
    import pyarrow
    import pyarrow.json

    data = np.frombuffer(block, np.uint8)
    if (data[1:][data[:-1] == ord("\n")] != ord("{")).any():
        return None
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in fields.items()])
    try:
        table = pyarrow.json.read_json(
            pyarrow.BufferReader(block),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except pyarrow.ArrowInvalid:
        return None
    if len(table) != lines:
        return None
    batch = table.combine_chunks().to_batches()[0]
    return {name: batch[name] for name in fields}


def _blank(column: TextColumn) -> Array:
    blank: Array = column.first == column.last
    return blank


def _is_more_than_text(asked: TextColumn, last: TextColumn) -> bool:
    """As of `prompts_and_answers`, of any row."""
    for column, pattern in ((asked, prompts_and_answers.DIALOG), (last, prompts_and_answers.SPANS)):
        opening = column.opening(0)
        objects, human = (opening == ord("[")) | (opening == ord("{")), opening == ord("H")
        if _any_matches(column, objects, *prompts_and_answers.MESSAGE_SIGNS):
            return True
        if _any_matches(column, human if column is asked else objects, pattern):
            return True
    return False


def _any_matches(column: TextColumn, rows: Array, *patterns: str) -> bool:
    """Whether one of the rows of a mask matches all the patterns."""
    for pattern in patterns:
        if not rows.any():
            return False
        rows = column.matching(pattern, rows)
    return bool(rows.any())


def _said(given: "pyarrow.Array", otherwise: "pyarrow.Array") -> "pyarrow.Array":
    """What rows say, where they say something."""
    import pyarrow
    import pyarrow.compute

    is_said = pyarrow.compute.coalesce(pyarrow.compute.not_equal(given, ""), False)
    return pyarrow.compute.if_else(is_said, given, otherwise)


def _numbers(first: int, rows: int) -> "pyarrow.Array":
    """The ids of rows that bring none, as `shapes` gives them."""
    import pyarrow
    import pyarrow.compute

    plain = pyarrow.array(np.arange(first, first + rows)).cast(pyarrow.string())
    return _joined("r", pyarrow.compute.utf8_lpad(plain, 6, "0"))


def _joined(*columns: "pyarrow.Array | str") -> "pyarrow.Array":
    import pyarrow.compute

    return pyarrow.compute.binary_join_element_wise(*columns, "")


def _repeated(text: str, rows: int) -> "pyarrow.Array":
    import pyarrow

    return pyarrow.repeat(pyarrow.scalar(text, pyarrow.string()), rows)


@lru_cache(maxsize=8)
def _again(texts: Sequence[str], times: int) -> "pyarrow.Array":
    import pyarrow

    return pyarrow.array([*texts] * times, pyarrow.string())
