"""What to read of a folder: all its documents; of a dataset, as the Hub or `save_to_disk` lay it out, the rows alone, and of
its splits one."""

import re
from collections.abc import Sequence
from pathlib import Path

from studio import sources
from studio.data import documents, readers
from studio.data.compressed import kind
from studio.errors import InputError

ABOUT = re.compile(r"(readme|licen[cs]e|notice|citation|changelog|contributing)([-_. ]|$)", re.IGNORECASE)
INFOS = ("dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json")
SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
}  # fmt: skip
"""The words by which the Hub tells a split from a file's name, or from its folder's."""
LISTED = 8


def choose(folder: Path, split: str | None = None) -> tuple[list[Path], list[sources.Left], list[str]]:
    """The files to read, those left out with the reason, and what is to be said of the choice.

    Where a folder of rows has a split for training beside others, that one is read, or the `split` that is named: what is
    kept for testing is not learned by mistake. Raises InputError as `sources.files_of`, and for a split that is not there."""
    files, left = sources.files_of(folder, readers.is_readable)
    rows = [file for file in files if kind(file) not in documents.SUFFIXES and not _is_about(file.name)]
    if not rows:
        if split is not None:
            raise _no_split(folder, split, [])
        return files, left, []
    stems = {file.with_suffix("") for file in rows}
    about = [file for file in files if _is_about(file.name) or (file.suffix == ".md" and file.with_suffix("") in stems)]
    names = [file.relative_to(folder).as_posix() for file in about]
    names += [name for _, _, name in left if _is_about(Path(name).name)]
    left = [one for one in left if not _is_about(Path(one[2]).name)]
    notes = [f"Not read, since they only tell of the data: {_listed(sorted(names))}"] if names else []
    files = [file for file in files if file not in set(about)]
    splits = {file: split_of(file.relative_to(folder)) for file in rows}
    there = sorted({found for found in splits.values() if found})
    wanted = SPLITS.get(split.lower(), split) if split is not None else "train"
    if split is not None and wanted not in there:
        raise _no_split(folder, split, there)
    if split is None and (wanted not in there or len(there) == 1):
        return files, left, notes
    others = [name for name in there if name != wanted]
    kept = [file for file in files if splits.get(file) == wanted or (split is None and not splits.get(file))]
    if others:
        notes.append(
            f"Read is the split {wanted}; not read: "
            + ", ".join(f"{name} ({sum(found == name for found in splits.values())} files)" for name in others)
            + f'. Load it with split="{others[0]}"'
        )
    return kept, left, notes


def split_of(path: Path) -> str | None:
    """The split that a file's name tells, or the name of a folder that it lies in; None when they tell none."""
    for part in reversed(path.parts):
        for word in re.findall(r"[a-z]+", part.lower()):
            if word in SPLITS:
                return SPLITS[word]
    return None


def _is_about(name: str) -> bool:
    return name in INFOS or ABOUT.match(name) is not None


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} others" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _no_split(folder: Path, split: str, there: Sequence[str]) -> InputError:
    found = f"{split!r} in {folder.name}; its files tell of {', '.join(there) or 'none'}"
    return InputError("There is no such split", found, "Give one of these, or the file itself")
