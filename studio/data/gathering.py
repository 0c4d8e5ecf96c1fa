"""Examples gathered column by column while rows are read, and made into Arrow tables of a thousand rows at once."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from studio import example_tables
from studio.chat import DEFAULT_SYSTEM
from studio.data import near_duplicates, privacy, quality, row_texts
from studio.data.duplicates import fingerprint_of, fingerprint_of_turn
from studio.data.studio_quality import is_avoided, question_and_answer
from studio.data.text_column import TextColumn
from studio.data.texts import text
from studio.data.words import Array
from studio.example_tables import Message

if TYPE_CHECKING:
    import pandas as pd

EXTRAS = example_tables.MESSAGE_EXTRAS
ANSWERED = ("system", "user", "assistant")
SUSPECT = re.compile(privacy.SUSPECT, re.ASCII)


class Gathered:
    """Some examples as lists: of each row id, source, the last question (`asked`) and the answer (`last`); of all messages,
    one after the other, role and content; and for the rows that have it kind, rejected, tools, the score that it brought
    (0 to 1), the tool calls of the answer, whether it is one to avoid, and the texts in which private details alone are
    looked for: those of the other messages but the usual system prompt, and what stands beside the messages. `other_scale`
    counts the rows whose quality is a number of another scale than 0 to 1."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.asked: list[str] = []
        self.last: list[str] = []
        self.roles: list[str] = []
        self.contents: list[str] = []
        self.counts: list[int] = []
        # what few rows have, by their place
        self.kinds: dict[int, str] = {}
        self.rejected: dict[int, str | None] = {}
        self.tools: dict[int, str | None] = {}
        self.brought: dict[int, float] = {}
        self.calls: dict[int, str] = {}
        self.systems: dict[int, str] = {}
        self.avoided: set[int] = set()
        self.others: dict[int, list[str]] = {}
        self.prints: dict[int, bytes] = {}
        self.extras: dict[str, dict[int, str]] = {name: {} for name in EXTRAS}
        self.other_scale = 0

    def __len__(self) -> int:
        return len(self.ids)

    def add(
        self, row_id: str, source: str, kind: str, messages: Sequence[Message], rejected: str | None = None, tools: str | None = None,
        brought: float | None = None,
    ) -> None:  # fmt: skip
        """One row of any form."""
        at = len(self.ids)
        self.ids.append(row_id)
        self.sources.append(source)
        self.kinds[at], self.rejected[at], self.tools[at] = kind, rejected, tools
        if brought is not None:
            self.brought[at] = brought
        asked, answer = question_and_answer(messages, rejected)
        last, before = messages[-1]["content"], messages[:-1]
        if is_avoided(messages):
            self.avoided.add(at)
            last, before = answer, messages
        self.asked.append(asked)
        self.last.append(last)
        if answer and not last:
            self.calls[at] = answer
        self.others[at] = [
            message["content"] for message in before if message["content"] not in (asked, DEFAULT_SYSTEM)
        ]
        beside = [*([rejected] if rejected else []), *(_suspects("tools", tools) if tools else ())]
        for message in messages:
            for name in EXTRAS if len(message) > 2 else ():
                if name in message:
                    self.extras[name][len(self.roles)] = message[name]
                    beside += _suspects(name, message[name]) if name in row_texts.IN_MESSAGE else ()
            self.roles.append(message["role"])
            self.contents.append(message["content"])
        self.others[at] += beside
        self.counts.append(len(messages))
        self.prints[at] = fingerprint_of(messages, rejected, tools)

    def add_turn(
        self, row_id: str, source: str, system: str, asked: str, answer: str, brought: float | None = None
    ) -> None:  # fmt: skip
        """One question and its answer, after the system prompt where there is one: most rows there are."""
        if brought is not None:
            self.brought[len(self.ids)] = brought
        if system:
            if system != DEFAULT_SYSTEM:
                self.others[len(self.ids)] = [system]
                self.systems[len(self.ids)] = system
            self.contents += (system, asked, answer)
            self.roles += ANSWERED
            self.counts.append(3)
        else:
            self.contents += (asked, answer)
            self.roles += ANSWERED[1:]
            self.counts.append(2)
        self.ids.append(row_id)
        self.sources.append(source)
        self.asked.append(asked)
        self.last.append(answer)

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

    def texts(self) -> TextColumn:
        """All that is said in each row; see `texts.text`."""
        plain = [f"{asked}\n{last}" for asked, last in zip(self.asked, self.last, strict=True)]
        for at, messages in zip(self.prints, self.conversations(self.prints), strict=True):
            plain[at] = text(messages, self.rejected[at])
        return TextColumn.of(plain)

    def signed(self, common: Array) -> tuple[Array, Array]:
        """As `near_duplicates.sign_some`."""
        return near_duplicates.sign_some(self.texts(), common)

    def characters(self) -> Array:
        """How many characters (int64) the messages of each row have together, the longer answer where there are two."""
        lengths = np.zeros(len(self.contents) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, self.contents), np.int64, len(self.contents)), out=lengths[1:])
        characters: Array = np.diff(lengths[self._ends()])
        for at, worse in self.rejected.items():
            if worse:
                characters[at] += len(worse) if at in self.avoided else max(0, len(worse) - len(self.last[at]))
        return characters

    def _ends(self) -> Array:
        ends = np.zeros(len(self) + 1, np.int32)
        np.cumsum(self.counts, out=ends[1:])
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
        rows = range(len(self))
        known = {
            "id": self.ids, "messages": pyarrow.ListArray.from_arrays(pyarrow.array(self._ends()), struct), "source": self.sources,
            "quality": [self.brought.get(at) for at in rows] if self.brought else None,
            "kind": [self.kinds.get(at, "conversation") for at in rows],
            "rejected": [self.rejected.get(at) for at in rows] if self.rejected else None,
            "tools": [self.tools.get(at) for at in rows] if self.tools else None,
            "fingerprint": [
                self.prints[at] if at in self.prints else fingerprint_of_turn(asked, answer, self.systems.get(at, ""))
                for at, asked, answer in zip(rows, self.asked, self.last, strict=True)
            ],
            "tokens": tokens,
        }  # fmt: skip
        return example_tables.of_columns(known, len(self))

    def scored(self, tokens: Array) -> Any:
        """All stored columns; a score that a row brought stays."""
        import pyarrow
        import pyarrow.compute

        texts = pyarrow.string()
        rows = range(len(self))
        others = pyarrow.array([self.others.get(at) for at in rows], pyarrow.list_(texts)) if self.others else None
        calls = pyarrow.array([self.calls.get(at) for at in rows], texts) if self.calls else None
        avoided = np.zeros(len(self), bool)
        avoided[[*self.avoided]] = True
        asked, last = (pyarrow.array(said, texts) for said in (self.asked, self.last))
        found = quality.score_columns(asked, last, others, calls, avoided)
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
        return example_tables.of_columns({name: table[name] for name in table.column_names} | made, len(self))


@lru_cache(256)  # all rows of a file may offer the same tools
def _suspects(name: str, value: str) -> tuple[str, ...]:
    """What of a field of a row or message may be private; see `row_texts.texts_in`."""
    if not SUSPECT.search(value) and "\\u" not in value:
        return ()
    texts = (words + text for words, text in row_texts.texts_in(name, value))
    return tuple(text for text in texts if SUSPECT.search(text))


def measured(examples: "pd.DataFrame") -> Any:
    """Examples whose text was changed as the table that is stored: scored and fingerprinted anew, with the tokens that
    they had; a score that a row brought stays."""
    found = Gathered()
    rows: list[dict[str, Any]] = examples.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        brought = row["quality"] if row["reasons"] == [quality.BROUGHT] else None
        found.add(row["id"], row["source"], row["kind"], row["messages"], row["rejected"], row["tools"], brought)
    return found.scored(examples["tokens"].to_numpy(np.int64))
