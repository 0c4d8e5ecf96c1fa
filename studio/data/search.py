"""Text found in the questions and answers of a dataset: a streaming pass in Arrow, remembered while the process lives.

Patterns are RE2's (no backreference, no look-around), so that the time is bounded by the text's length. Case is ignored.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Any

import numpy as np

from studio.data.row_facts import BATCH, CALLS, CONTENT, ROLE, SPEAKERS
from studio.data.words import Array
from studio.errors import InputError
from studio.examples import Dataset

REMEMBERED = 12  # answers of the newest queries; each holds four bytes a row
OPEN, CLOSE = "\ue000", "\ue001"  # private use: what stands there in a text is no character that anybody reads


class Remembered:
    """The newest REMEMBERED results by their key."""

    def __init__(self) -> None:
        self._results: OrderedDict[Any, Array] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any) -> Array | None:
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def put(self, key: Any, result: Array) -> Array:
        with self._lock:
            self._results[key] = result
            while len(self._results) > REMEMBERED:
                self._results.popitem(last=False)
        return result


_found = Remembered()


def key_of(dataset: Dataset) -> tuple[str, int]:
    """What tells one version on disk from all others, also from one of the same name made after it was deleted."""
    return str(dataset.folder), dataset.written


def check(text: str, regular: bool) -> None:
    """Raises InputError for a pattern that cannot be."""
    import pyarrow
    import pyarrow.compute

    try:
        pyarrow.compute.match_substring_regex(pyarrow.array([""]), _pattern(text, regular))
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        why = str(error).splitlines()[0].removeprefix("Invalid regular expression: ").rpartition(": ")[0]
        fix = "Correct it, or search for plain text; look-around and backreferences are not supported"
        raise InputError("The search is no regular expression", f"{text!r} ({why})", fix) from None


def searching(dataset: Dataset, text: str, regular: bool = False) -> Iterator[tuple[int, int]]:
    """Searches unless this was just searched for; yields (rows done, rows). Raises InputError for a bad pattern."""
    key = (key_of(dataset), text, regular)
    if _found.get(key) is not None:
        return
    check(text, regular)
    found, done = [], 0
    for batch in dataset.record_batches(ROLE, CONTENT, CALLS, "rejected", size=BATCH):
        found.append(done + np.flatnonzero(_rows_with(batch, _pattern(text, regular))).astype(np.int32))
        done += batch.num_rows
        yield done, len(dataset)
    _found.put(key, np.concatenate(found) if found else np.zeros(0, np.int32))


def positions(dataset: Dataset, text: str, regular: bool = False) -> Array:
    """The positions of the rows where a question or an answer has the text, ascending (int32)."""
    for _ in searching(dataset, text, regular):
        pass
    found = _found.get((key_of(dataset), text, regular))
    return found if found is not None else positions(dataset, text, regular)  # pushed out by others meanwhile


def pieces(text: str, wanted: str, regular: bool = False) -> list[tuple[str, bool]]:
    """A text in pieces, each with whether it is what was searched for; together they are the text."""
    import pyarrow
    import pyarrow.compute

    if not wanted:
        return [(text, False)]
    clean = text.replace(OPEN, "").replace(CLOSE, "")
    column = pyarrow.array([clean.encode("utf-8", "replace").decode()])
    marked = pyarrow.compute.replace_substring_regex(
        column, pattern=_pattern(wanted, regular), replacement=rf"{OPEN}\0{CLOSE}"
    )
    parts = re.split(f"{OPEN}(.*?){CLOSE}", marked[0].as_py(), flags=re.DOTALL)
    return [(part, at % 2 == 1) for at, part in enumerate(parts) if part]


def _pattern(text: str, regular: bool) -> str:
    return "(?i)" + (text if regular else re.escape(text))


def _rows_with(batch: Any, pattern: str) -> Array:
    import pyarrow
    import pyarrow.compute

    column = batch["messages"]
    flat, rows = column.flatten(), np.asarray(pyarrow.compute.list_parent_indices(column))
    said = np.asarray(pyarrow.compute.is_in(flat.field("role"), pyarrow.array(SPEAKERS)))
    found = np.zeros(batch.num_rows, bool)
    for name in ("content", "tool_calls"):
        if name in flat.type.names:
            found[rows[said & _matches(flat.field(name), pattern)]] = True
    return found | _matches(batch["rejected"], pattern) if "rejected" in batch.schema.names else found


def _matches(texts: Any, pattern: str) -> Array:
    import pyarrow.compute

    matched = pyarrow.compute.match_substring_regex(texts, pattern).fill_null(False)
    return np.asarray(matched)
