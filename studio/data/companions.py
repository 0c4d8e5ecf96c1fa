"""What the form of a copy has no place for, in a file beside it: load takes it up again when it is given along.

The first line says of which file it is. Each that follows has the line of a row, a digest of it, its id and source and,
where it brought one, its score. Rows are found again by their digest, so that others may go, move or come in between;
and since they were written as they are, none gets a system prompt that it did not have.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from studio.chat import DEFAULT_SYSTEM
from studio.data import readers
from studio.data.columns import Choices
from studio.data.compressed import is_packed, kind
from studio.data.rows import Row
from studio.errors import InputError

FORMAT = 1
SUFFIX = ".ids.jsonl"
BEGINS = b'{"ids_of": '
Told = dict[str, Any]
"""The id and source of a row and, where it brought one, its quality."""


def path_of(copy: Path) -> Path:
    """Where the companion of a copy stands: rows.ids.jsonl beside rows.jsonl and rows.jsonl.gz."""
    plain = copy.with_suffix("") if is_packed(copy) else copy
    return plain.with_name(plain.stem + SUFFIX)


def is_one(path: Path) -> bool:
    """Whether a file is a companion, whatever it is called by now."""
    if kind(path) != ".jsonl" or not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return file.read(len(BEGINS)) == BEGINS
    except OSError:  # the reader of rows says what is wrong with it
        return False


def header(name: str) -> str:
    """The first line of the companion of the copy `name`."""
    return json.dumps({"ids_of": name, "format": FORMAT})


def entry(line: int, written: str, told: Told) -> str:
    """The line about a row, which was `written` as JSON on `line` of the copy (from 1)."""
    return json.dumps({"line": line, "row": digest(readers.parsed(written.encode())), **told}, ensure_ascii=False)


def digest(row: dict[str, Any]) -> str:
    """32 hex digits of what a row says, whatever the order of its fields and the blanks between them."""
    said = json.dumps(row, sort_keys=True, separators=(",", ":")).encode("ascii")
    return hashlib.blake2b(said, digest_size=16).hexdigest()


@dataclass
class Companion:
    """What one says of the rows of `copy`, each of which is given away once; `found` of `read` rows were in it so far."""

    name: str
    copy: str
    _told: dict[bytes, list[tuple[int, Told]]] = field(default_factory=dict)
    found: int = 0
    read: int = 0

    @classmethod
    def of(cls, path: Path) -> "Companion":
        """Raises InputError when the file is broken or written by a newer studio."""
        lines: Iterator[Any] = (item for rows, problems in readers.batches(path) for item in sorted([*rows, *problems]))
        _, first, *_ = next(lines)
        if not isinstance(first, dict) or type(first.get("format")) is not int:
            raise _broken(path, 1)
        made = cls(path.name, str(first["ids_of"]))
        if first["format"] > FORMAT:
            raise InputError(
                "The ids were written by a newer studio", path.name, "Update this studio, or save the copy again"
            )
        for line in lines:
            if not made._take(line[1]):
                raise _broken(path, line[0])
        return made

    def _take(self, said: Any) -> bool:
        """Keeps what a line says; False when it is broken."""
        if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in ("row", "id", "source")):
            return False
        if type(said.get("line")) is not int or not isinstance(said.get("quality", 0.0), int | float):
            return False
        told = {name: said[name] for name in ("id", "source", "quality") if name in said}
        with suppress(ValueError):
            self._told.setdefault(bytes.fromhex(said["row"]), []).append((said["line"], told))
            return True
        return False

    def restored(self, rows: Sequence[Row], choices: Choices) -> Iterator[tuple[list[Row], Choices]]:
        """The rows with what is said of them, in parts: those that are in here, and those that are not; each with the
        choices by which to read it."""
        verbatim = replace(choices, system="") if choices.system == DEFAULT_SYSTEM else choices
        looked_up = [(number, row, self._of(number, row)) for number, row in rows]
        self.read += len(rows)
        for is_known, some in groupby(looked_up, key=lambda one: one[2] is not None):
            part = [(number, {**row, **(told or {})}) for number, row, told in some]
            self.found += len(part) if is_known else 0
            yield part, verbatim if is_known else choices

    def _of(self, number: int, row: dict[str, Any]) -> Told | None:
        entries = self._told.get(bytes.fromhex(digest(row)))
        if not entries:
            return None
        at = next((at for at, (line, _) in enumerate(entries) if line == number), 0)
        return entries.pop(at)[1]

    def note(self, name: str) -> str:
        """What is to be said when all rows of the file `name` were read."""
        if self.found == self.read:
            return f"All {self.read:,} rows of {name} have their ids and sources from {self.name}"
        return (
            f"{self.found:,} of {self.read:,} rows of {name} have their ids and sources from {self.name}; the others are not "
            "in it, as they stand now, and have new ones"
        )


def _broken(path: Path, line: int) -> InputError:
    return InputError(
        "The ids of a copy cannot be read",
        f"{path.name}, line {line}",
        "Save the copy again, or move this file away and load the copy alone",
    )


def pair(files: Sequence[tuple[Path, str]], paths: Sequence[Path]) -> tuple[dict[Path, Companion], list[str]]:
    """Which of the files (path and name) has which companion, and what is to be said of those that are of none of them.

    They go by the name that the companion tells; a single file and a single companion belong together under any name."""
    read = [Companion.of(path) for path in paths]
    if len(files) == 1 == len(read):
        return {files[0][0]: read[0]}, []
    found: dict[Path, Companion] = {}
    notes: list[str] = []
    for one in read:
        of = next((path for path, name in files if Path(name).name == one.copy and path not in found), None)
        if of is None:
            notes.append(f"Not used, since {one.name} is of {one.copy}, which is not among the files")
        else:
            found[of] = one
    return found, notes
