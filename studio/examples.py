"""Examples and datasets: named, immutable, versioned tables in Parquet with a small description beside them."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from studio import example_tables, store
from studio.errors import NotFoundError
from studio.example_tables import COLUMNS, KINDS, MESSAGE_EXTRAS, Message

FORMAT = 5
BATCH_ROWS = 2000
LARGE_BATCH = 10_000
Batches = Iterable[Any]
"""Frames or Arrow tables of examples, one after the other."""


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset in a project.

    `examples` has columns id (str), messages (list of Message), source (str), tokens (int), quality (0-1 or NaN), flags
    (list of str: what is worth a look), reasons (list of str: the penalties that made the quality), kind (see KINDS),
    rejected (the answer to avoid, or None) and tools (the JSON text of the tools on offer, or None);
    `problems` line, reason and raw of the rows set aside while loading; `dropped` id and reason of the rows that a
    filter left out.

    The last message of a conversation is the assistant's answer, and so it is in a preference, where `rejected` is the
    worse one; a preference whose only answer was judged bad ends with the prompt. A passage is one message of the
    assistant: a text to learn to write, with nothing asked before it.
    """

    folder: Path
    name: str
    version: int

    @property
    def reference(self) -> str:
        return f"{self.name}@v{self.version}"

    @property
    def written(self) -> int:
        """When, in nanoseconds: it never changes, but another may get its name and version once it is gone."""
        return (self.folder / "description.json").stat().st_mtime_ns

    @cached_property
    def description(self) -> dict[str, Any]:
        return store.read_description(self.folder / "description.json", FORMAT, f"Dataset {self.name}")

    @cached_property
    def files(self) -> list[Path]:
        """The Parquet files that hold the examples, in their order: one, or the parts of a large load."""
        self._check_format()
        return sorted(self.folder.glob("examples*.parquet"))

    @cached_property
    def examples(self) -> pd.DataFrame:
        return example_tables.to_frame(self.table(*COLUMNS))

    def table(self, *names: str) -> Any:
        """Some stored columns (of example_tables.schema) as an Arrow table; those that an older format lacks are absent."""
        import pyarrow
        import pyarrow.parquet

        there = set(pyarrow.parquet.read_schema(self.files[0]).names)
        chosen = [name for name in names if name in there]
        parts = [pyarrow.parquet.read_table(path, columns=chosen) for path in self.files]
        return pyarrow.concat_tables(parts)

    def columns(self, *names: str) -> pd.DataFrame:
        """Some columns of `examples` alone, in the order given: without messages a hundred times as quick."""
        return example_tables.to_frame(self.table(*names), names)

    def tables(self, size: int = BATCH_ROWS) -> Iterator[Any]:
        """The stored rows as Arrow tables of up to `size` rows, never more than one in memory."""
        import pyarrow
        import pyarrow.parquet

        for path in self.files:
            with pyarrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=size):
                    yield pyarrow.Table.from_batches([batch])

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pd.DataFrame]:
        """`examples` in parts of up to `size` rows, never more than one in memory."""
        return map(example_tables.to_frame, self.tables(size))

    def record_batches(self, *names: str, size: int = BATCH_ROWS, files: Sequence[Path] | None = None) -> Iterator[Any]:
        """Some columns as Arrow record batches of up to `size` rows, in the order of the rows, of all `files` or of some;
        one that an older format lacks is absent. "messages.list.element.role" is that part of the messages alone."""
        import pyarrow.parquet

        for path in self.files if files is None else files:
            with pyarrow.parquet.ParquetFile(path, pre_buffer=False) as file:
                there = set(file.schema_arrow.names)
                chosen = [name for name in names if name.split(".")[0] in there]
                for groups in _row_groups(file, size):  # one reader for the whole file would keep all that it has read
                    yield from file.iter_batches(size, row_groups=groups, columns=chosen)

    def take(self, positions: "np.ndarray[Any, Any] | range | list[int]") -> pd.DataFrame:
        """The rows of `examples` at these positions (from 0), in the order given; no other part of the files is read
        than the row groups they are in. Raises IndexError for a position that is not there."""
        import pyarrow
        import pyarrow.parquet

        wanted, places = np.unique(np.asarray(positions, np.int64), return_inverse=True)
        if len(wanted) and (wanted[0] < 0 or wanted[-1] >= len(self)):
            raise IndexError(f"{self.reference} has {len(self):,} rows; asked for {wanted[0]} to {wanted[-1]}")
        parts, begin = [example_tables.schema().empty_table().select(COLUMNS)], 0
        for path in self.files:
            with pyarrow.parquet.ParquetFile(path) as file:
                chosen = [name for name in COLUMNS if name in file.schema_arrow.names]
                ends = begin + np.cumsum([file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)])
                groups = np.unique(
                    np.searchsorted(
                        ends, wanted[(wanted >= begin) & (wanted < begin + file.metadata.num_rows)], "right"
                    )
                )
                for group in groups.tolist():
                    start, last = ([begin, *ends][group], wanted[np.searchsorted(wanted, ends[group]) - 1])
                    for batch in file.iter_batches(LARGE_BATCH, row_groups=[group], columns=chosen):
                        inside = wanted[(wanted >= start) & (wanted < start + batch.num_rows)] - start
                        if len(inside):
                            part = pyarrow.Table.from_batches([batch]).take(inside)
                            parts.append(example_tables.conformed(part).select(COLUMNS))
                        start += batch.num_rows
                        if start > last:
                            break
                begin += file.metadata.num_rows
        found = example_tables.to_frame(pyarrow.concat_tables(parts))
        return found.iloc[places.ravel()].reset_index(drop=True)

    @cached_property
    def problems(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "problems.parquet")

    @cached_property
    def dropped(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "dropped.parquet")

    @property
    def dropped_count(self) -> int:
        """How many rows `dropped` has, read without them."""
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(self.folder / "dropped.parquet").num_rows)

    def _check_format(self) -> None:
        _ = self.description

    def __len__(self) -> int:
        return int(self.description["rows"])

    def summary(self) -> dict[str, Any]:
        """count, mean/min/max tokens, estimated (rows whose tokens were, and mean_error), sources, mean_quality, flags, problems and dropped (counts)."""
        import pyarrow.compute

        table = self.table("tokens", "source", "quality", "flags")
        tokens, quality = table["tokens"].to_numpy(), table["quality"].to_numpy()
        scored = quality[~np.isnan(quality)]
        return {
            "count": len(tokens),
            "mean_tokens": float(tokens.mean()) if len(tokens) else 0.0,
            "min_tokens": int(tokens.min()) if len(tokens) else 0,
            "max_tokens": int(tokens.max()) if len(tokens) else 0,
            "token_counter": self.description.get("token_counter", "estimate"),
            "estimated": dict(self.description.get("estimated") or {}),
            "sources": _counted(table["source"]),
            "mean_quality": float(scored.mean()) if len(scored) else None,
            "flags": _counted(pyarrow.compute.list_flatten(table["flags"])),
            "problems": len(self.problems),
            "dropped": self.dropped_count,
        }


def _row_groups(file: Any, rows: int) -> Iterator[list[int]]:
    """The row groups of a Parquet file, as many together as make about so many rows."""
    together, held = [], 0
    for group in range(file.num_row_groups):
        together.append(group)
        held += file.metadata.row_group(group).num_rows
        if held >= rows:
            yield together
            together, held = [], 0
    if together:
        yield together


def _counted(values: Any) -> dict[str, int]:
    """How often each value of an Arrow column stands there, the most frequent first."""
    found = [(str(item["values"]), int(item["counts"])) for item in values.value_counts().to_pylist()]
    return dict(sorted(found, key=lambda item: -item[1]))


def write_dataset(
    project_folder: Path,
    name: str,
    examples: pd.DataFrame | Batches | Callable[[Path], int],
    problems: pd.DataFrame | list[tuple[int, str, str]] | None = None,
    dropped: pd.DataFrame | None = None,
    made_by: dict[str, Any] | None = None,
) -> Dataset:
    """Writes the next version of `name`, whole or not at all. Examples may come in batches, and the list of problems
    and what it was made by may grow while they come; or a function writes them into the folder it is given and returns
    how many there are."""
    store.check_name(name)
    parent = project_folder / "datasets" / name
    beside = parent / f".new-{uuid.uuid4().hex[:8]}"
    try:
        with store.making_folder(beside) as folder:
            _write(folder, examples, problems, dropped, made_by or {})
        with FileLock(parent / ".lock"):  # two at once get two versions
            version = max(_versions(parent), default=0) + 1
            os.replace(beside, parent / f"v{version}")
            store.sync_names(parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        with suppress(OSError):  # other versions are there
            parent.rmdir()
    return Dataset(parent / f"v{version}", name, version)


def _write(
    folder: Path,
    examples: pd.DataFrame | Batches | Callable[[Path], int],
    problems: pd.DataFrame | list[tuple[int, str, str]] | None,
    dropped: pd.DataFrame | None,
    made_by: dict[str, Any],
) -> None:
    if callable(examples):
        rows = examples(folder)
    else:
        batches = [examples] if isinstance(examples, pd.DataFrame) else examples
        rows = example_tables.write(folder / "examples.parquet", batches)
    if not isinstance(problems, pd.DataFrame):
        line, reason, raw = zip(*problems, strict=True) if problems else ((), (), ())
        problems = pd.DataFrame({"line": np.array(line, "int64"), "reason": [*reason], "raw": [*raw]})
    problems.astype({"reason": "str", "raw": "str"}).to_parquet(folder / "problems.parquet", index=False)
    empty_dropped = pd.DataFrame({"id": [], "reason": []}, dtype="str")
    (empty_dropped if dropped is None else dropped).to_parquet(folder / "dropped.parquet", index=False)
    store.write_json(folder / "description.json", {"format": FORMAT, "rows": rows, **made_by})


def _versions(parent: Path) -> list[int]:
    return sorted(int(folder.name[1:]) for folder in parent.glob("v*") if folder.name[1:].isdigit())


def open_dataset(project_folder: Path, name: str, version: int | None = None) -> Dataset:
    """The dataset `name` (or `name@vN`) in that version, the newest by default. Raises NotFoundError."""
    if version is None and "@v" in name:
        name, _, number = name.partition("@v")
        version = int(number) if number.isdigit() else -1
    parent = project_folder / "datasets" / store.check_name(name)
    versions = _versions(parent)
    if not versions or (version is not None and version not in versions):
        raise NotFoundError(
            "There is no such dataset", f"{name}" + (f" v{version}" if version else ""), "Load it first"
        )
    chosen = version or versions[-1]
    return Dataset(parent / f"v{chosen}", name, chosen)


def list_datasets(project_folder: Path) -> list[Dataset]:
    """Every version of every dataset, the oldest first."""
    folders = [folder for folder in project_folder.glob("datasets/*/v*") if folder.name[1:].isdigit()]
    folders.sort(key=lambda folder: (folder / "description.json").stat().st_mtime_ns)
    return [Dataset(folder, folder.parent.name, int(folder.name[1:])) for folder in folders]


__all__ = [
    "COLUMNS", "FORMAT", "KINDS", "MESSAGE_EXTRAS", "Batches", "Dataset", "Message", "list_datasets", "open_dataset", "write_dataset",
]  # fmt: skip
