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
from studio.data import near_duplicates, quality, shapes
from studio.data.columns import Choices
from studio.data.duplicates import parts_of_turn
from studio.data.rows import clean
from studio.data.screens import LOOK, Answers
from studio.data.shapes import Turn
from studio.data.text_column import TextColumn
from studio.data.words import Array
from studio.example_tables import Message

if TYPE_CHECKING:
    import pyarrow

WITH_A_SCORE = {"quality", "quality_score"}  # they are numbers, and stay the row's


@dataclass(frozen=True)
class Turns:
    """`ids`, `sources`, `asked` and `last` (the answer) are Arrow arrays of strings without nulls; `system` stands before
    each row, if it is not empty. It is asked what `Gathered` is asked."""

    ids: "pyarrow.Array"
    sources: "pyarrow.Array"
    asked: "pyarrow.Array"
    last: "pyarrow.Array"
    system: str

    @property
    def kinds(self) -> dict[int, str]:
        return {}

    def __len__(self) -> int:
        return len(self.ids)

    def conversations(self, rows: "range | list[int]") -> list[list[Message]]:
        """The messages of some rows."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        asked, last = (column.take(np.array(rows, np.int64)).to_pylist() for column in (self.asked, self.last))
        return [
            [*before, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
            for question, answer in zip(asked, last, strict=True)
        ]

    def texts(self) -> TextColumn:
        """All that is asked and answered in each row, the system prompt left out; see `texts.text`."""
        return TextColumn(_joined(self.asked, "\n", self.last))

    @cached_property
    def _question(self) -> TextColumn:
        return TextColumn(self.asked)

    @cached_property
    def _answer(self) -> Answers:
        return Answers(self.last)

    def characters(self) -> Array:
        """How many characters (int64) the messages of each row have together."""
        characters: Array = self._question.characters + self._answer.characters + len(self.system)
        return characters.astype(np.int64)

    def signed(self, common: Array) -> tuple[Array, Array]:
        """As `near_duplicates.sign_some`. Where all is ASCII, what `scored` wants of the words of the answers is taken from
        the same reading."""
        texts, answer = self.texts(), self._answer
        if not texts.is_all_ascii:
            return near_duplicates.sign_some(texts, common)
        from studio.data import turn_words

        begins = self._question.ends - self._question.starts + 1
        bands, values = near_duplicates.bands(near_duplicates.THRESHOLD)
        keys, present, answer.look = turn_words.sign_and_look(
            texts.data, texts.starts, texts.ends, begins, answer.first - answer.starts,
            near_duplicates.WORDS_IN_A_RUN, common, bands, values, *LOOK,
        )  # fmt: skip
        return keys, present

    def scored(self, tokens: Array) -> Any:
        """All stored columns; see example_tables.schema."""
        import pyarrow

        others = None
        if self.system not in ("", DEFAULT_SYSTEM):
            others = _repeated(self.system, len(self))
        found = quality.score_columns(self._question, self._answer, others)
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
        places = np.column_stack([np.arange(rows), np.arange(rows, 2 * rows)])
        if self.system:
            columns.append(pyarrow.array([self.system], pyarrow.string()))
            places = np.column_stack([np.full(rows, 2 * rows), places])
        contents = pyarrow.concat_arrays(columns).take(pyarrow.array(places.ravel()))
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

        column = TextColumn(_joined(*parts_of_turn(self.asked, self.last)))
        data, ends = memoryview(column.data.data), column.ends.tolist()
        made = [
            xxh3_128_digest(data[start:end]) for start, end in zip([int(column.starts[0]), *ends], ends, strict=False)
        ]
        kind = pyarrow.binary(16)
        return pyarrow.Array.from_buffers(kind, len(made), [None, pyarrow.py_buffer(b"".join(made))])


def read(block: bytes, first_line: int, name: str, choices: Choices) -> Turns | None:
    """The rows of whole lines of JSON, the first of which has the number `first_line`; None unless each line is one
    object with the same fields (or some of them) and is a turn to the letter, so that nothing can be wrong with it.
    `name` is the source of rows that name none."""
    data = np.frombuffer(block, np.uint8)
    starts = np.flatnonzero(data[:-1] == ord("\n")) + 1
    lines = len(starts) + 1
    if choices.columns or not block.startswith(b"{") or (data[starts] != ord("{")).any() or not _is_utf8(block):
        return None
    fields, how = _plan(block[: block.find(b"\n")], choices.shape)
    if how is None:
        return None
    table = _parsed(block, fields)
    if table is None or len(table) != lines:
        return None
    asked, last = table[how.asked], table[how.answer]
    if asked.null_count or last.null_count or _blank(asked).any() or _blank(last).any():
        return None
    if how.given is not None:
        asked = _with_given(asked, table[how.given])
    numbers = _numbers(first_line, lines)
    ids = _said(table["id"].cast(asked.type), numbers) if "id" in fields else numbers
    source = _repeated(clean(name), lines)
    return Turns(ids, _said(table["source"], source) if "source" in fields else source, asked, last, choices.system)


def _is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plan(line: bytes, shape: str | None) -> tuple[dict[str, str], Turn | None]:
    """The type of each field of a row, and which of them are question and answer: None where it is no turn."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}, None
    fields = {name: "int64" if name == "id" and type(value) is int else "string" for name, value in row.items()}
    if len({name.lower() for name in fields}) < len(fields) or WITH_A_SCORE & set(fields):
        return {}, None
    return fields, _turn(tuple(fields), shape)


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


def _parsed(block: bytes, fields: dict[str, str]) -> Any:
    """The fields as columns, a field that a row lacks as null; None when a row has others, or other values in them."""
    import pyarrow
    import pyarrow.json

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in fields.items()])
    try:
        table = pyarrow.json.read_json(
            pyarrow.BufferReader(block),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except pyarrow.ArrowInvalid:
        return None
    return table.combine_chunks().to_batches()[0]


def _blank(texts: "pyarrow.Array") -> Array:
    column = TextColumn(texts)
    blank: Array = column.first == column.last
    return blank


def _with_given(asked: "pyarrow.Array", given: "pyarrow.Array") -> "pyarrow.Array":
    """Each question with the text that it is about, where there is one."""
    import pyarrow
    import pyarrow.compute

    # not fill_null, which imports pandas
    both = _joined(asked, "\n\nInput: ", pyarrow.compute.coalesce(given, ""))
    blank = _blank(given)
    return pyarrow.compute.if_else(pyarrow.array(blank), asked, both) if blank.any() else both


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
