"""Examples and datasets: named, immutable, versioned tables in Parquet with a small description beside them."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from studio import store
from studio.errors import NotFoundError

FORMAT = 2
Message = dict[str, str]
COLUMNS = ["id", "messages", "source", "tokens", "quality", "flags", "reasons"]
LISTS = ("flags", "reasons")


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset in a project.

    `examples` has columns id (str), messages (list of {role, content}), source (str), tokens (int), quality (0-1 or
    NaN), flags (list of str: what is worth a look) and reasons (list of str: the penalties that made the quality);
    `problems` line, reason and raw of the rows set aside while loading; `dropped` id and reason of the rows that a
    filter left out.
    """

    folder: Path
    name: str
    version: int

    @property
    def reference(self) -> str:
        return f"{self.name}@v{self.version}"

    @cached_property
    def description(self) -> dict[str, Any]:
        return store.read_description(self.folder / "description.json", FORMAT, f"Dataset {self.name}")

    @cached_property
    def examples(self) -> pd.DataFrame:
        written = self.description["format"]
        table = pd.read_parquet(self.folder / "examples.parquet")
        if written < 2:
            table = _with_reasons(table)
        conversations = [[dict(message) for message in messages] for messages in table["messages"]]
        table["messages"] = pd.Series(conversations, table.index, object)
        for column in LISTS:
            table[column] = pd.Series([list(words) for words in table[column]], table.index, object)
        return table

    @cached_property
    def problems(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "problems.parquet")

    @cached_property
    def dropped(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / "dropped.parquet")

    def __len__(self) -> int:
        return int(self.description["rows"])

    def summary(self) -> dict[str, Any]:
        """count, mean/min/max tokens, sources, mean_quality, flags, problems and dropped (counts)."""
        table = self.examples
        tokens = table["tokens"]
        return {
            "count": len(table),
            "mean_tokens": float(tokens.mean()) if len(table) else 0.0,
            "min_tokens": int(tokens.min()) if len(table) else 0,
            "max_tokens": int(tokens.max()) if len(table) else 0,
            "token_counter": self.description.get("token_counter", "estimate"),
            "sources": {str(key): int(count) for key, count in table["source"].value_counts().items()},
            "mean_quality": float(table["quality"].mean()) if table["quality"].notna().any() else None,
            "flags": dict(Counter(flag for flags in table["flags"] for flag in flags)),
            "problems": len(self.problems),
            "dropped": len(self.dropped),
        }


def _with_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Format 1 kept no reasons: each row gets an empty list."""
    return table.assign(reasons=pd.Series([[] for _ in range(len(table))], table.index, object))


def write_dataset(
    project_folder: Path,
    name: str,
    examples: pd.DataFrame,
    problems: pd.DataFrame | None = None,
    dropped: pd.DataFrame | None = None,
    made_by: dict[str, Any] | None = None,
) -> Dataset:
    """Writes the next version of `name`, whole or not at all."""
    store.check_name(name)
    parent = project_folder / "datasets" / name
    parent.mkdir(parents=True, exist_ok=True)
    with FileLock(parent / ".lock"):  # two at once get two versions
        version = max(_versions(parent), default=0) + 1
        _write(parent / f"v{version}", examples, problems, dropped, made_by or {})
    return Dataset(parent / f"v{version}", name, version)


def _write(
    target: Path,
    examples: pd.DataFrame,
    problems: pd.DataFrame | None,
    dropped: pd.DataFrame | None,
    made_by: dict[str, Any],
) -> None:
    complete = examples if "reasons" in examples else _with_reasons(examples)
    with store.making_folder(target) as folder:
        table = complete.reindex(columns=COLUMNS).astype({"quality": "float64", "tokens": "int64"})
        table.to_parquet(folder / "examples.parquet", index=False)
        empty_problems = pd.DataFrame({"line": np.array([], "int64"), "reason": [], "raw": []})
        (empty_problems if problems is None else problems).to_parquet(folder / "problems.parquet", index=False)
        empty_dropped = pd.DataFrame({"id": [], "reason": []}, dtype="str")
        (empty_dropped if dropped is None else dropped).to_parquet(folder / "dropped.parquet", index=False)
        store.write_json(folder / "description.json", {"format": FORMAT, "rows": len(table), **made_by})


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
