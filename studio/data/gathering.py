"""Examples gathered column by column while rows are read, and made into Arrow tables of a thousand rows at once."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from studio import example_tables
from studio.chat import DEFAULT_SYSTEM
from studio.data import quality
from studio.data.duplicates import fingerprint_of, fingerprint_of_turn
from studio.data.studio_quality import question_and_answer
from studio.data.words import Array
from studio.examples import Message

EXTRAS = example_tables.MESSAGE_EXTRAS
NAN = float("nan")


class Gathered:
    """Some examples as lists: of each row id, source, kind, rejected, tools, brought (a score from 0 to 1 or NaN), the
    last question (`asked`), the last message and, for some rows, its tool calls and the other messages (all texts but
    the usual system prompt); of all messages, one after the other, role and content."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.kinds: list[str] = []
        self.rejected: list[str | None] = []
        self.tools: list[str | None] = []
        self.brought = array("d")
        self.asked: list[str] = []
        self.last: list[str] = []
        self.calls: dict[int, str] = {}
        self.others: dict[int, list[str]] = {}
        self.roles: list[str] = []
        self.contents: list[str] = []
        self.counts = array("i")
        self.prints: list[bytes] = []
        self.extras: dict[str, dict[int, str]] = {name: {} for name in EXTRAS}

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self, row_id: str, source: str, kind: str, messages: Sequence[Message], rejected: str | None = None, tools: str | None = None,
        brought: float = NAN,
    ) -> None:  # fmt: skip
        """One row of any form."""
        self.ids.append(row_id)
        self.sources.append(source)
        self.kinds.append(kind)
        self.rejected.append(rejected)
        self.tools.append(tools)
        self.brought.append(brought)
        asked, answer = question_and_answer(messages)
        last = messages[-1]["content"]
        self.asked.append(asked)
        self.last.append(last)
        if answer and not last:
            self.calls[len(self.counts)] = answer
        self.others[len(self.counts)] = [
            message["content"] for message in messages[:-1] if message["content"] not in (asked, DEFAULT_SYSTEM)
        ]
        for message in messages:
            for name in EXTRAS:
                if name in message:
                    self.extras[name][len(self.roles)] = message[name]
            self.roles.append(message["role"])
            self.contents.append(message["content"])
        self.counts.append(len(messages))
        self.prints.append(fingerprint_of(messages, rejected))

    def add_turn(self, row_id: str, source: str, system: str, asked: str, answer: str, brought: float = NAN) -> None:
        """One question and its answer, after the system prompt where there is one: most rows there are."""
        self.ids.append(row_id)
        self.sources.append(source)
        self.kinds.append("conversation")
        self.rejected.append(None)
        self.tools.append(None)
        self.brought.append(brought)
        self.asked.append(asked)
        self.last.append(answer)
        if system:
            if system != DEFAULT_SYSTEM:
                self.others[len(self.counts)] = [system]
            self.roles.append("system")
            self.contents.append(system)
        self.roles += ("user", "assistant")
        self.contents += (asked, answer)
        self.counts.append(3 if system else 2)
        self.prints.append(fingerprint_of_turn(asked, answer))

    def conversations(self, rows: Iterable[int]) -> list[list[Message]]:
        """The messages of some rows."""
        ends = self._ends()
        return [
            [
                {"role": self.roles[place], "content": self.contents[place]}
                | {name: said[place] for name, said in self.extras.items() if place in said}
                for place in range(ends[at], ends[at + 1])
            ]
            for at in rows
        ]

    def characters(self) -> Array:
        """How many characters (int64) the messages of each row have together."""
        lengths = np.zeros(len(self.contents) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, self.contents), np.int64, len(self.contents)), out=lengths[1:])
        return np.diff(lengths[self._ends()])

    def _ends(self) -> Array:
        ends = np.zeros(len(self) + 1, np.int32)
        np.cumsum(np.frombuffer(self.counts, np.int32), out=ends[1:])
        return ends

    def table(self, tokens: Array | None = None) -> Any:
        """The stored columns but those that are scored, which are null; see example_tables.schema."""
        import pyarrow

        texts = pyarrow.string()
        flat = [pyarrow.array(self.roles, texts), pyarrow.array(self.contents, texts)]
        for name in EXTRAS:
            said = self.extras[name]
            values = [said.get(at) for at in range(len(self.roles))] if said else None
            flat.append(pyarrow.nulls(len(self.roles), texts) if values is None else pyarrow.array(values, texts))
        struct = pyarrow.StructArray.from_arrays(flat, [*example_tables.MESSAGE_FIELDS])
        known = {
            "id": self.ids, "messages": pyarrow.ListArray.from_arrays(pyarrow.array(self._ends()), struct), "source": self.sources,
            "quality": pyarrow.array(np.frombuffer(self.brought), from_pandas=True), "kind": self.kinds, "rejected": self.rejected,
            "tools": self.tools, "fingerprint": self.prints, "tokens": tokens,
        }  # fmt: skip
        return _table(known, len(self))

    def scored(self, tokens: Array) -> Any:
        """All stored columns; a score that a row brought stays."""
        import pyarrow
        import pyarrow.compute

        texts = pyarrow.string()
        rows = range(len(self))
        others = pyarrow.array([self.others.get(at) for at in rows], pyarrow.list_(texts)) if self.others else None
        calls = pyarrow.array([self.calls.get(at) for at in rows], texts) if self.calls else None
        found = quality.score_columns(pyarrow.array(self.asked, texts), pyarrow.array(self.last, texts), others, calls)
        table = self.table(tokens)
        scores, reasons = found["guide_quality"], found["guide_reasons"]
        if table["quality"].null_count < len(self):
            brought = table["quality"].is_valid()
            scores = pyarrow.compute.coalesce(table["quality"], scores)
            said = pyarrow.array([[quality.BROUGHT]] * len(self), reasons.type)
            reasons = pyarrow.compute.if_else(brought, said, reasons)
        made = {
            "quality": scores, "reasons": reasons, "flags": found["flags"], "studio_quality": found["studio_quality"],
            "studio_reasons": found["studio_reasons"],
        }  # fmt: skip
        return _table({name: table[name] for name in table.column_names} | made, len(self))


def _table(columns: dict[str, Any], rows: int) -> Any:
    """The stored columns; those that are not given are null."""
    import pyarrow

    wanted = example_tables.schema()
    arrays = []
    for field in wanted:
        values = columns.get(field.name)
        if values is None:
            arrays.append(pyarrow.nulls(rows, field.type))
        elif isinstance(values, pyarrow.Array | pyarrow.ChunkedArray):
            arrays.append(values if values.type.equals(field.type) else values.cast(field.type))
        else:
            arrays.append(pyarrow.array(values, field.type))
    return pyarrow.Table.from_arrays(arrays, schema=wanted)
