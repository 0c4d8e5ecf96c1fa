"""Lines of JSON that are alike: objects with the same fields in the same order and a string in each, written with the same
spaces. Their values are found where they stand, several times as soon as by a reader of any JSON."""

import re
from typing import Any

import numpy as np

from studio.data.text_column import TextColumn

STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def values(block: bytes, lines: int, line: bytes, row: dict[str, Any]) -> dict[str, TextColumn] | None:
    """The values of each field in `block` of so many lines, of which the first is `line` and reads as `row`; None where a
    line is not as the first. The block is UTF-8."""
    between = _between(line, row)
    if between is None:
        return None
    from studio.data import piece_loops

    data = np.frombuffer(block, np.uint8)
    eights = np.ndarray((max(0, len(data) - 7),), np.uint64, block, 0, (1,))
    spare = np.empty(len(data) if b"\\" in block else 0, np.uint8)
    starts, ends = np.empty((2, len(row), lines), np.int64)
    bounds = np.append(0, np.cumsum([len(part) for part in between]))
    used = piece_loops.find_values(
        data, eights, np.frombuffer(b"".join(between), np.uint8), bounds, spare, starts, ends
    )
    if used < 0:
        return None
    data = np.concatenate([data, spare[:used]]) if used else data
    return {name: TextColumn.within(data, starts[at], ends[at]) for at, name in enumerate(row)}


def _between(line: bytes, row: dict[str, Any]) -> list[bytes] | None:
    """What stands before, between and behind the values, with their quotes; None where one is no string."""
    if not all(type(value) is str for value in row.values()):
        return None
    strings = [found.span() for found in STRING.finditer(line)]
    if len(strings) != 2 * len(row):
        return None  # a field stands twice
    cuts = [0, *(place for start, end in strings[1::2] for place in (start + 1, end - 1)), len(line)]
    return [line[start:end] for start, end in zip(cuts[::2], cuts[1::2], strict=True)]
