"""Files to rows, in a stream: a bad row is set aside with its line and reason; it never ends a load."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from studio.data import documents, tables
from studio.data.compressed import (
    BLOCK,
    GUESSED_FROM,
    LARGEST,
    LARGEST_WHOLE,
    LONGEST_LINE,
    PACKED,
    Text,
    decoded,
    is_packed,
    kind,
    opened,
    unpacked,
    whole,
    wide_encoding,
)
from studio.data.json_rows import no_array, rows_of
from studio.data.rows import Problem, Row, kept, shown
from studio.errors import InputError

BATCH_ROWS = 2000
LINES = (".jsonl", ".ndjson")
ARROW = (".arrow", ".feather", ".ipc")
TABLES = (".csv", ".tsv", ".parquet", *ARROW)
SUFFIXES = (*LINES, ".json", *TABLES, *documents.SUFFIXES)
HELD_WHOLE = (".json", *documents.SUFFIXES)


def batches(path: Path, array: str | None = None) -> Iterator[tuple[list[Row], list[Problem]]]:
    """Up to BATCH_ROWS rows and problems at a time, in the order of the file; `array` names the list of a JSON file that
    is meant, where it holds several.

    Raises InputError when the whole file is none: unknown kind, empty, binary, too large, broken.
    """
    check(path)
    yield from _in_batches(_items(path, array))


def batches_of_lines(
    raw: io.RawIOBase | io.BytesIO, name: str, first_line: int = 1
) -> Iterator[tuple[list[Row], list[Problem]]]:  # fmt: skip
    """The same of JSON lines, the first of which has the number `first_line` in its file."""
    yield from _in_batches(
        _json_lines(Text(cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, raw), BLOCK)), name), first_line)
    )


def _in_batches(items: Iterator[Row | Problem]) -> Iterator[tuple[list[Row], list[Problem]]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for item in items:
        if len(item) == 2:
            rows.append(item)
        else:
            problems.append(item)
        if len(rows) + len(problems) >= BATCH_ROWS:
            yield rows, problems
            rows, problems = [], []
    if rows or problems:
        yield rows, problems


def read(path: Path) -> tuple[list[Row], list[Problem]]:
    """(line or row number from 1, fields) of each row, and (line, reason, raw) of those that could not be read.

    Raises InputError as `batches` does, and when there are no rows.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    for some_rows, some_problems in batches(path):
        rows += some_rows
        problems += some_problems
    if not rows:
        raise nothing_read(path.name, problems)
    return rows, problems


def nothing_read(name: str, problems: list[Problem]) -> InputError:
    """The error for a source without one row that could be read."""
    if not problems:
        return InputError("The file holds no rows", name, "Choose a file with examples")
    line, reason, _ = problems[0]
    found = f"{name}, {len(problems)} rows; line {line}: {reason}"
    return InputError("No row of the file can be read", found, "Correct the file")


def check(path: Path) -> None:
    """Raises InputError for what needs no reading: no file, an unknown kind, empty, too large."""
    if not path.is_file():
        raise InputError("There is no such file", str(path), "Check the path")
    inside = kind(path)
    if inside not in SUFFIXES:
        raise InputError(
            "This kind of file cannot be read",
            path.name,
            f"Give one of {', '.join(SUFFIXES)}, or one of them packed as {' or '.join(PACKED)}",
        )
    size, limit = path.stat().st_size, LARGEST_WHOLE if inside in HELD_WHOLE else LARGEST
    if size == 0:
        raise InputError("The file is empty", path.name, "Choose a file with examples")
    if size > limit:
        raise InputError(
            "The file is too large",
            f"{path.name}, {size / 1024**2:,.0f} MB",
            f"Split it into parts under {limit / 1024**2:,.0f} MB" + (" or use .jsonl" if inside == ".json" else ""),
        )


def _items(path: Path, array: str | None) -> Iterator[Row | Problem]:
    inside = kind(path)
    if inside in documents.SUFFIXES:
        yield from documents.document(path, inside)
    elif inside == ".json":
        yield from _json(path, array)
    elif inside == ".parquet" or inside in ARROW:
        reader = tables.parquet if inside == ".parquet" else tables.arrow
        with unpacked(path) as plain:
            yield from reader(plain, path.name)
    else:
        with opened(path) as stream:
            text = Text(stream, path.name)
            if inside in LINES:
                yield from _json_lines(text)
            else:
                yield from tables.delimited(text, path.name, "\t" if inside == ".tsv" else None)


def _json_lines(text: Text, first_line: int = 1) -> Iterator[Row | Problem]:
    for number, line in enumerate(text.lines(first_line == 1), start=first_line):
        if line is None:
            yield number, f"the line is over {LONGEST_LINE / 1024**2:,.0f} MB", ""
        elif line and not line.isspace():
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                yield _second_reading(text.text(line).strip("\r\n"), number)
            else:
                yield kept(value, number, line)


def _second_reading(line: str, number: int) -> Row | Problem:
    """What the quick parser refuses and Python's takes: another encoding, NaN, very large numbers, odd escapes."""
    try:
        return kept(json.loads(line), number, line)
    except (ValueError, RecursionError) as error:
        return number, f"not JSON: {error}", shown(line)


def _json(path: Path, array: str | None) -> Iterator[Row | Problem]:
    """The rows of `rows_of`. Lines are the place in the array."""
    content = whole(path)
    if b"\x00" in content[:GUESSED_FROM] and not wide_encoding(content[:GUESSED_FROM]):
        raise InputError(
            "This is a binary file", f"{path.name} holds zero bytes", "Save it as text (UTF-8), or as Parquet"
        )
    try:
        value = parsed(content)
    except (ValueError, RecursionError) as error:
        if b"\n{" not in content.strip():
            raise InputError(
                "The file is not JSON", f"{path.name}: {error}", "Correct it, or save one object a line as .jsonl"
            ) from None
        if array is not None:
            raise no_array(array, f"the file is one object a line: {path.name}") from None
        with opened(path) as stream:  # lines of JSON under the wrong name
            yield from _json_lines(Text(stream, path.name))
        return
    for number, item in enumerate(rows_of(value, path.name, array), start=1):
        yield (number, item) if isinstance(item, dict) else kept(item, number, json.dumps(item, ensure_ascii=False))


def parsed(content: bytes) -> Any:
    """A JSON value as rows are read. Raises ValueError."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(decoded(content))


def is_readable(path: Path) -> bool:
    """Whether the file's name is of a kind that can be read."""
    return kind(path) in SUFFIXES


__all__ = [
    "SUFFIXES",
    "Problem",
    "Row",
    "batches",
    "check",
    "is_packed",
    "is_readable",
    "nothing_read",
    "parsed",
    "read",
]
