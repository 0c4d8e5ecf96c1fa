"""Files to rows: JSONL, JSON, CSV and Parquet. A bad row is set aside with its line and reason; it never ends a load."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.errors import InputError

Row = tuple[int, dict[str, Any]]
Problem = tuple[int, str, str]
LARGEST = 512 * 1024**2
RAW_SHOWN = 500
MOST_RESTARTS = 100
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


def read(path: Path) -> tuple[list[Row], list[Problem]]:
    """(line or row number from 1, fields) of each row, and (line, reason, raw) of those that could not be read.

    Raises InputError when the whole file is none: unknown kind, empty, binary, over 512 MB, no rows.
    """
    check(path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        rows, problems = _parquet(path)
    else:
        text = _text(path)
        reader = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".tsv": _csv}[suffix]
        rows, problems = reader(text, path.name)
    if not rows and not problems:
        raise InputError("The file holds no rows", path.name, "Choose a file with examples")
    if not rows:
        line, reason, _ = problems[0]
        raise InputError(
            "No row of the file can be read",
            f"{path.name}, {len(problems)} rows; line {line}: {reason}",
            "Correct the file",
        )
    return rows, problems


def check(path: Path) -> None:
    """Raises InputError for what needs no reading: no file, an unknown kind, empty, too large."""
    if not path.is_file():
        raise InputError("There is no such file", str(path), "Check the path")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError("This kind of file cannot be read", path.name, f"Give one of {', '.join(SUFFIXES)}")
    size = path.stat().st_size
    if size == 0:
        raise InputError("The file is empty", path.name, "Choose a file with examples")
    if size > LARGEST:
        raise InputError(
            "The file is too large", f"{path.name}, {size / 1024**2:,.0f} MB", "Split it into parts under 512 MB"
        )


def _text(path: Path) -> str:
    """UTF-8 (with or without a mark at the start), UTF-16 with one, else the encoding that fits the bytes best."""
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\x00" in content[:65536]:
        raise InputError(
            "This is a binary file", f"{path.name} holds zero bytes", "Save it as text (UTF-8), or as Parquet"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        from charset_normalizer import from_bytes

        best = from_bytes(content[: 1 << 20]).best()
        if best is None:
            raise InputError(
                "The file's encoding is not known", f"{path.name}, byte {error.start}", "Save it as UTF-8"
            ) from None
        return content.decode(best.encoding, errors="replace")


def _jsonl(text: str, name: str) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.append((number, f"not JSON: {error}", line[:RAW_SHOWN]))
            continue
        _keep(value, number, rows, problems, line)
    return rows, problems


def _keep(value: Any, number: int, rows: list[Row], problems: list[Problem], raw: str) -> None:
    if isinstance(value, dict):
        rows.append((number, value))
    else:
        problems.append((number, f"not an object with fields but {type(value).__name__}", raw[:RAW_SHOWN]))


def _json(text: str, name: str) -> tuple[list[Row], list[Problem]]:
    """An array of objects, or an object that holds exactly one such array. Lines are the place in the array."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if "\n{" in text.strip():
            return _jsonl(text, name)  # lines of JSON under the wrong name
        raise InputError(
            "The file is not JSON", f"{name}: {error}", "Correct it, or save one object a line as .jsonl"
        ) from None
    if isinstance(value, dict):
        arrays = [content for content in value.values() if isinstance(content, list) and content]
        value = arrays[0] if len(arrays) == 1 and "messages" not in value else [value]
    if not isinstance(value, list):
        raise InputError(
            "The file holds no list of examples", f"{name}: a JSON {type(value).__name__}", "Give an array of objects"
        )
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, item in enumerate(value, start=1):
        _keep(item, number, rows, problems, json.dumps(item, ensure_ascii=False))
    return rows, problems


def _csv(text: str, name: str) -> tuple[list[Row], list[Problem]]:
    """With a header line; cells may hold quotes and line breaks. A line number is that on which the row begins."""
    csv.field_size_limit(64 * 1024**2)
    lines = text.splitlines(keepends=True)
    delimiter = max(",;\t|", key=lines[0].count) if lines else ","
    rows: list[Row] = []
    problems: list[Problem] = []
    header: list[str] | None = None
    at = restarts = 0
    while at < len(lines):
        try:
            for begins, ends, cells in _records(lines, at, delimiter):
                at = ends
                if header is None:
                    header = _header(cells, name)
                elif any(cell.strip() for cell in cells):
                    if len(cells) == len(header):
                        rows.append((begins + 1, dict(zip(header, cells, strict=True))))
                    else:
                        reason = f"{len(cells)} cells where the header has {len(header)}"
                        problems.append((begins + 1, reason, delimiter.join(cells)[:RAW_SHOWN]))
        except csv.Error as error:
            # only the line on which the bad row begins is set aside; reading goes on with the next
            problems.append((at + 1, f"not CSV: {error}", lines[at].rstrip()[:RAW_SHOWN]))
            at, restarts = at + 1, restarts + 1
        if restarts > MOST_RESTARTS:
            problems += [
                (number + 1, "not read: too many broken rows before it", lines[number][:RAW_SHOWN])
                for number in range(at, len(lines))
            ]
            break
    if header is None:
        raise InputError("The file holds no rows", name, "Give a header line and a line for each example")
    return rows, problems


def _records(lines: list[str], start: int, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """(index of the first line, index behind the last, cells) of each record from line `start` on."""
    reader = csv.reader(lines[start:], delimiter=delimiter, strict=True)
    begins = start
    for cells in reader:
        ends = start + reader.line_num
        yield begins, ends, cells
        begins = ends


def _header(cells: list[str], name: str) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(
            "Two columns have the same name", f"{name}: {', '.join(map(repr, twice))}", "Rename one of them"
        )
    return header


def _parquet(path: Path) -> tuple[list[Row], list[Problem]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            "This is no Parquet file", f"{path.name}: {str(error)[:100]}", "Write it again, or use JSONL"
        ) from None
    return [(number, row) for number, row in enumerate(table.to_pylist(), start=1)], []
