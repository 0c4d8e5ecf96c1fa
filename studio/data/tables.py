"""Tables to rows: CSV and TSV, Parquet, Arrow and Feather, in a stream."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from studio.data.compressed import LARGEST, LONGEST_LINE, Text
from studio.data.filled_nulls import columns_with_tools, without
from studio.data.rows import Problem, Row, shown
from studio.errors import InputError

MOST_RESTARTS = 100
NAMED_DELIMITER = re.compile(r"(?i)sep=([,;\t|:])\s*$")
QUOTED = re.compile(r'"[^"]*"?')
BATCH_ROWS = 1000


class _Lines:
    """Lines one by one; those of the record being read are kept, so that reading can begin again behind its first."""

    def __init__(self, text: Text, name: str) -> None:
        self._source, self._text, self._name = text.lines(), text, name
        self._waiting: deque[str] = deque()
        self.record: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._decoded(next(self._source))
        self.record.append(line)
        return line

    def _decoded(self, line: bytes | None) -> str:
        if line is None:
            raise InputError(
                "A line is too long", f"{self._name}, over {LONGEST_LINE:,} bytes", "Split it, or use JSONL"
            )
        return self._text.text(line)

    def done(self) -> int:
        """How many lines the record took."""
        count = len(self.record)
        self.record.clear()
        return count

    def begin_behind_first(self) -> str:
        """The record's first line; the others are given again."""
        first, *rest = self.record
        self._waiting.extendleft(reversed(rest))
        self.record.clear()
        return first

    def are_rows(self, tabs: int) -> bool:
        """Whether the lines of the record are a row each: one sentence may begin with a quote, and a later one end with
        it. A cell that was written in quotes has no such tabs in most lines, or doubles the quotes in it."""
        return len(self.record) > 1 and all(line.count("\t") == tabs and '""' not in line for line in self.record)


def delimited(text: Text, name: str, delimiter: str | None) -> Iterator[Row | Problem]:
    """With a header line; cells may hold quotes and line breaks. A line number is that on which the row begins. Between
    tabs a quote that would make one cell of whole rows is a letter, as many programs write no others.

    The delimiter is found in the first line, outside of its quotes, when it is None; a line as `sep=;` before it names it. Raises InputError when there is no header."""
    csv.field_size_limit(LONGEST_LINE)
    lines = _Lines(text, name)
    header: list[str] | None = None
    at = restarts = apart = 0
    first = next(lines, "")
    if named := NAMED_DELIMITER.match(first):  # a line for Excel, and no header
        delimiter, at, first = delimiter or named[1], 1, next(lines, "")
    chosen = delimiter or max(",;\t|", key=QUOTED.sub("", first).count)
    plain = chosen == "\t" and not first.startswith('"')
    lines._waiting.append(first)
    lines.record.clear()
    while True:
        try:
            quoting: Literal[0, 3] = csv.QUOTE_NONE if apart > MOST_RESTARTS else csv.QUOTE_MINIMAL
            for cells in csv.reader(lines, delimiter=chosen, strict=True, quoting=quoting):
                if is_apart := plain and header is not None and len(header) > 1 and lines.are_rows(len(header) - 1):
                    cells, apart = lines.begin_behind_first().rstrip("\r\n").split(chosen), apart + 1
                begins, at = at, at + (1 if is_apart else lines.done())
                if header is None:
                    header = _header(cells, name) if any(cell.strip() for cell in cells) else None
                elif any(cell.strip() for cell in cells):
                    yield _record(header, cells, begins + 1, chosen)
                if is_apart and apart > MOST_RESTARTS:
                    break  # nowhere in this file does a quote open a cell
            else:
                break
        except csv.Error as error:
            # only the line on which the bad row begins is set aside; reading goes on with the next
            yield at + 1, f"not CSV: {error}", shown(lines.begin_behind_first().rstrip())
            at, restarts = at + 1, restarts + 1
        if restarts > MOST_RESTARTS:
            for line in lines:
                at += lines.done()
                yield at, "not read: too many broken rows before it", shown(line.rstrip())
            break
    if header is None:
        raise InputError("The file holds no rows", name, "Give a header line and a line for each example")


def _record(header: list[str], cells: list[str], number: int, delimiter: str) -> Row | Problem:
    if len(cells) == len(header):
        return number, dict(zip(header, cells, strict=True))
    return number, f"{len(cells)} cells where the header has {len(header)}", shown(delimiter.join(cells))


def _header(cells: list[str], name: str) -> list[str]:
    header = [cell.strip() or f"column {place}" for place, cell in enumerate(cells, start=1)]
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise InputError(
            "Two columns have the same name", f"{name}: {', '.join(map(repr, twice))}", "Rename one of them"
        )
    return header


def parquet(path: Path, name: str) -> Iterator[Row | Problem]:
    """Raises InputError when it is none, is broken, or holds more than LARGEST bytes."""
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield from _rows(file.iter_batches(batch_size=BATCH_ROWS), name)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            "This is no Parquet file", f"{name}: {str(error)[:100]}", "Write it again, or use JSONL"
        ) from None


def arrow(path: Path, name: str) -> Iterator[Row | Problem]:
    """Arrow in its file and its stream format, and Feather. Raises InputError as for Parquet."""
    import pyarrow
    import pyarrow.feather

    try:
        with pyarrow.memory_map(str(path)) as source:
            yield from _rows(_arrow_batches(source), name)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            "This is no Arrow file", f"{name}: {str(error)[:100]}", "Write it again, or use JSONL"
        ) from None


def _arrow_batches(source: Any) -> Iterator[Any]:
    import pyarrow.feather

    magic = source.read(6)
    source.seek(0)
    if magic == b"ARROW1":
        reader = pyarrow.ipc.open_file(source)
        for place in range(reader.num_record_batches):
            yield from _parts(reader.get_batch(place))
    elif magic.startswith(b"FEA1"):
        for batch in pyarrow.feather.read_table(source).to_batches():
            yield from _parts(batch)
    else:
        for batch in pyarrow.ipc.open_stream(source):
            yield from _parts(batch)


def _parts(batch: Any) -> Iterator[Any]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def _rows(batches: Iterator[Any], name: str) -> Iterator[Row | Problem]:
    number = seen = 0
    for batch in batches:
        seen += batch.nbytes
        if seen > LARGEST:
            raise InputError(
                "The table is too large", f"{name} unpacks to over {LARGEST / 1024**2:,.0f} MB", "Split it into parts"
            )
        twice = sorted({column for column in batch.schema.names if batch.schema.names.count(column) > 1})
        if twice:
            raise InputError(
                "Two columns have the same name", f"{name}: {', '.join(map(repr, twice))}", "Rename one of them"
            )
        with_tools = columns_with_tools(batch.schema)
        for item in _values(batch):
            number += 1
            if with_tools and isinstance(item, dict):
                item |= {name: without(item[name], name) for name in with_tools}
            yield (number, item) if isinstance(item, dict) else (number, f"cannot be read: {item}", "")


def _values(batch: Any) -> list[dict[str, Any] | Exception]:
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError):
        pass  # one value that Python cannot hold: row by row, so that the others are kept
    values: list[dict[str, Any] | Exception] = []
    for place in range(batch.num_rows):
        try:
            values += batch.slice(place, 1).to_pylist()
        except (ValueError, OverflowError) as error:
            values.append(error)
    return values
