"""The text of each row, read a chunk at a time: a list, or a dataset that is larger than the memory."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from studio.data.words import Array
from studio.data.words import chunks as chunks_of_list
from studio.example_tables import Message

if TYPE_CHECKING:
    from studio.examples import Dataset

SAID = tuple(f"messages.list.element.{name}" for name in ("role", "content"))
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
    """All that is asked and answered in each row of a dataset, the system prompt left out."""

    def __init__(self, dataset: "Dataset") -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def chunks(self) -> Iterator[tuple[int, Sequence[str]]]:
        begin = 0
        for batch in self._dataset.record_batches(*SAID):
            texts = said(batch["messages"]).to_pylist()
            for at, part in chunks_of_list(texts):
                yield begin + at, part
            begin += len(texts)

    def some(self, places: Array) -> list[str]:
        if len(places) < FEW * len(self):
            return [text(messages) for messages in self._dataset.take(places)["messages"]]
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
        found: list[str] = []
        for batch in self._dataset.record_batches(*SAID, files=[path]):
            low, high = np.searchsorted(places, [begin, begin + len(batch)])
            if high > low:
                found += said(batch["messages"].take(places[low:high] - begin)).to_pylist()
            begin += len(batch)
        return found


def text(messages: Sequence[Message]) -> str:
    """All that is asked and answered in one conversation, the system prompt left out."""
    return "\n".join(message["content"] or "" for message in messages if message["role"] != "system")


def said(messages: Any) -> Any:
    """An Arrow column of conversations as one of texts: the contents but the system's, one a line."""
    import pyarrow
    import pyarrow.compute

    flat = messages.flatten()
    counts = messages.value_lengths().to_numpy(zero_copy_only=False)
    kept = pyarrow.compute.not_equal(flat.field("role"), "system")
    contents = pyarrow.compute.fill_null(flat.field("content"), "").filter(kept)
    before = np.zeros(len(flat) + 1, np.int32)
    np.cumsum(kept.to_numpy(zero_copy_only=False), out=before[1:])
    ends = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    lists = pyarrow.ListArray.from_arrays(pyarrow.array(before[ends]), contents)
    return pyarrow.compute.binary_join(lists, "\n")
