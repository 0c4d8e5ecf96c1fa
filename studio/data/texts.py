"""The text of each row, read a chunk at a time: a list, or a dataset that is larger than the memory."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from studio.data.words import Array
from studio.data.words import chunks as chunks_of_list
from studio.example_tables import Message, complete

if TYPE_CHECKING:
    import pandas as pd

    from studio.examples import Dataset

SAID = (*(f"messages.list.element.{name}" for name in ("role", "content", "tool_calls")), "rejected")
CALL_ID = r'"id": ?"[^"]*", ?"type"'
"""Of a call: another one for the same call says nothing. What is called with `"id"` keeps it."""
_CALL_ID = re.compile(CALL_ID)
FEW = 0.01  # share of the rows up to which only their row groups are read


class Texts(Protocol):
    """What near duplicates are searched in."""

    def __len__(self) -> int: ...

    def chunks(self) -> Iterator[tuple[int, Sequence[str]]]:
        """(place of the first, texts) with about a chunk of text each."""

    def some(self, places: Array) -> list[str]:
        """The texts at these places, which are sorted."""

    def answered(self, places: Array) -> tuple[list[str], Array | None]:
        """The same, and the character of each at which its answer begins; see `answer_begins`. None where texts are no
        questions and answers."""


class ListTexts:
    """Texts that are in memory, and where the answer begins in each, where it is known."""

    def __init__(self, texts: Sequence[str], begins: Array | None = None) -> None:
        self._texts, self._begins = texts, begins

    @classmethod
    def of(cls, examples: "pd.DataFrame") -> "ListTexts":
        """Those of a frame of examples."""
        return cls(texts_of(examples), begins_of(examples))

    def __len__(self) -> int:
        return len(self._texts)

    def chunks(self) -> Iterator[tuple[int, Sequence[str]]]:
        return chunks_of_list(self._texts)

    def some(self, places: Array) -> list[str]:
        return [self._texts[at] for at in places.tolist()]

    def answered(self, places: Array) -> tuple[list[str], Array | None]:
        return self.some(places), None if self._begins is None else self._begins[places]


class DatasetTexts:
    """All that is asked, called and answered in each row of a dataset, and the answer to avoid; see `text`."""

    def __init__(self, dataset: "Dataset") -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def chunks(self) -> Iterator[tuple[int, Sequence[str]]]:
        begin = 0
        for batch in self._dataset.record_batches(*SAID):
            texts = said(batch).to_pylist()
            for at, part in chunks_of_list(texts):
                yield begin + at, part
            begin += len(texts)

    def some(self, places: Array) -> list[str]:
        return self.answered(places)[0]

    def answered(self, places: Array) -> tuple[list[str], Array]:
        if len(places) < FEW * len(self):
            examples = self._dataset.take(places)
            return texts_of(examples), begins_of(examples)
        with ThreadPoolExecutor(
            os.cpu_count()
        ) as threads:  # the files are read side by side: Arrow does without Python's lock
            parts = [*threads.map(lambda file: self._of_file(places, *file), self._files())]
        begins = [one for _, of_file in parts for one in of_file]
        return [one for texts, _ in parts for one in texts], np.concatenate([np.zeros(0, np.int64), *begins])

    def _files(self) -> list[tuple[int, Path]]:
        """(place of the first row, file)."""
        import pyarrow.parquet

        rows = [pyarrow.parquet.read_metadata(path).num_rows for path in self._dataset.files]
        return list(zip(np.cumsum([0, *rows[:-1]]).tolist(), self._dataset.files, strict=True))

    def _of_file(self, places: Array, begin: int, path: Path) -> tuple[list[str], list[Array]]:
        import pyarrow

        found: list[str] = []
        begins: list[Array] = []
        for batch in self._dataset.record_batches(*SAID, files=[path]):
            low, high = np.searchsorted(places, [begin, begin + len(batch)])
            if high > low:
                texts, of_batch = said_and_begins(batch.take(pyarrow.array(places[low:high] - begin)))
                found += texts.to_pylist()
                begins.append(of_batch)
            begin += len(batch)
        return found, begins


def text(messages: Sequence[Message], rejected: str | None = None) -> str:
    """All that is asked, called and answered in one conversation, the system prompt left out, and the answer to avoid:
    that one in words apart, so that no answer to learn is near to it."""
    parts = []
    for message in messages:
        if message["role"] != "system":
            parts.append(message["content"] or "")
            if calls := message.get("tool_calls"):
                parts.append(_CALL_ID.sub('"type"', calls))
    return "\n".join(parts if rejected is None else [*parts, f"_ {rejected.replace(' ', ' _ ')}"])


def answer_begins(messages: Sequence[Message], rejected: str | None = None) -> int:
    """The character of `text` at which the answer begins, where there are two with the better one, or the only one; 0
    where there is none."""
    is_answered = messages[-1]["role"] == "assistant"
    if not is_answered and rejected is None:
        return 0
    asked = messages[:-1] if is_answered else messages
    return len(text(asked)) + any(message["role"] != "system" for message in asked)


def texts_of(examples: "pd.DataFrame") -> list[str]:
    """`text` of each row of a frame of examples."""
    there = complete(examples, ["messages", "rejected"])
    return [*map(text, there["messages"], there["rejected"])]


def begins_of(examples: "pd.DataFrame") -> Array:
    """`answer_begins` (int64) of each row of a frame of examples."""
    there = complete(examples, ["messages", "rejected"])
    return np.fromiter(map(answer_begins, there["messages"], there["rejected"]), np.int64, len(examples))


def said(rows: Any) -> Any:
    """`text` of each row of an Arrow record batch with the columns SAID, as an Arrow column."""
    import pyarrow.compute

    return _with_worse(rows, pyarrow.compute.binary_join(_parts(rows), "\n"))


def said_and_begins(rows: Any) -> tuple[Any, Array]:
    """`said`, and `answer_begins` (int64) of each row."""
    import pyarrow.compute

    parts = _parts(rows)
    texts = pyarrow.compute.binary_join(parts, "\n")
    roles = rows["messages"].flatten().field("role")
    last = np.cumsum(rows["messages"].value_lengths().to_numpy(zero_copy_only=False)) - 1
    is_answered = np.asarray(pyarrow.compute.equal(roles.take(pyarrow.array(last)), "assistant"))
    is_ascii = pyarrow.compute.all(pyarrow.compute.string_is_ascii(texts)).as_py()
    length = pyarrow.compute.binary_length if is_ascii else pyarrow.compute.utf8_length  # the one looks at no letter
    ends, lengths = (np.asarray(length(one)).astype(np.int64) for one in (texts, parts.values))
    begins = np.where(is_answered, ends, 0)
    begins[is_answered] -= lengths[np.asarray(parts.offsets)[1:][is_answered] - 1]
    if "rejected" in rows.schema.names:
        worse = ~is_answered & np.asarray(rows["rejected"].is_valid())
        begins[worse] = ends[worse] + (np.diff(np.asarray(parts.offsets))[worse] > 0)
    return _with_worse(rows, texts), begins


def _parts(rows: Any) -> Any:
    """What is said in each message of each row but the system prompt, as an Arrow column of lists."""
    import pyarrow
    import pyarrow.compute

    messages = rows["messages"]
    flat = messages.flatten()
    counts = messages.value_lengths().to_numpy(zero_copy_only=False)
    kept = pyarrow.compute.not_equal(flat.field("role"), "system")
    contents = pyarrow.compute.fill_null(flat.field("content"), "")
    if "tool_calls" in flat.type.names and flat.field("tool_calls").null_count < len(flat):
        calls = pyarrow.compute.replace_substring_regex(flat.field("tool_calls"), CALL_ID, '"type"')
        both = pyarrow.compute.binary_join_element_wise(contents, calls, "\n")
        contents = pyarrow.compute.coalesce(both, contents)
    contents = contents.filter(kept)
    before = np.zeros(len(flat) + 1, np.int32)
    np.cumsum(kept.to_numpy(zero_copy_only=False), out=before[1:])
    ends = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    return pyarrow.ListArray.from_arrays(pyarrow.array(before[ends]), contents)


def _with_worse(rows: Any, texts: Any) -> Any:
    import pyarrow.compute

    if "rejected" not in rows.schema.names or rows["rejected"].null_count == len(rows):
        return texts
    worse = pyarrow.compute.replace_substring(rows["rejected"], " ", " _ ")
    return pyarrow.compute.coalesce(pyarrow.compute.binary_join_element_wise(texts, worse, "\n_ "), texts)
