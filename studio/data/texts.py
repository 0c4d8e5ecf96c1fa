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
from studio.example_tables import Message

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


class ListTexts:
    """Texts that are in memory."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def chunks(self) -> Iterator[tuple[int, Sequence[str]]]:
        return chunks_of_list(self._texts)

    def some(self, places: Array) -> list[str]:
        return [self._texts[at] for at in places.tolist()]


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
        if len(places) < FEW * len(self):
            return texts_of(self._dataset.take(places))
        with ThreadPoolExecutor(
            os.cpu_count()
        ) as threads:  # the files are read side by side: Arrow does without Python's lock
            return [
                one for part in threads.map(lambda file: self._of_file(places, *file), self._files()) for one in part
            ]

    def _files(self) -> list[tuple[int, Path]]:
        """(place of the first row, file)."""
        import pyarrow.parquet

        rows = [pyarrow.parquet.read_metadata(path).num_rows for path in self._dataset.files]
        return list(zip(np.cumsum([0, *rows[:-1]]).tolist(), self._dataset.files, strict=True))

    def _of_file(self, places: Array, begin: int, path: Path) -> list[str]:
        import pyarrow

        found: list[str] = []
        for batch in self._dataset.record_batches(*SAID, files=[path]):
            low, high = np.searchsorted(places, [begin, begin + len(batch)])
            if high > low:
                found += said(batch.take(pyarrow.array(places[low:high] - begin))).to_pylist()
            begin += len(batch)
        return found


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


def texts_of(examples: "pd.DataFrame") -> list[str]:
    """`text` of each row of a frame of examples."""
    rejected = examples["rejected"] if "rejected" in examples else [None] * len(examples)
    return [text(messages, worse) for messages, worse in zip(examples["messages"], rejected, strict=True)]


def said(rows: Any) -> Any:
    """`text` of each row of an Arrow record batch with the columns SAID, as an Arrow column."""
    import pyarrow
    import pyarrow.compute

    messages, names = rows["messages"], rows.schema.names
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
    lists = pyarrow.ListArray.from_arrays(pyarrow.array(before[ends]), contents)
    texts = pyarrow.compute.binary_join(lists, "\n")
    if "rejected" not in names or rows["rejected"].null_count == len(rows):
        return texts
    worse = pyarrow.compute.replace_substring(rows["rejected"], " ", " _ ")
    return pyarrow.compute.coalesce(pyarrow.compute.binary_join_element_wise(texts, worse, "\n_ "), texts)
