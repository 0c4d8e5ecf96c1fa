"""Whatever a file holds: no error but the studio's own, and kept + problems = what stood in it."""

import csv
import gzip
import io
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio import Project, StudioError
from studio.chat import TokenCounter
from studio.data import detection, readers
from studio.data.columns import Choices
from tests.data import frames

COUNTER = TokenCounter(None)
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
FIELDS = [
    "role", "from", "content", "value", "text", "tool_calls", "function_call", "name", "prompt", "completion", "chosen", "rejected",
    "label", "messages", "conversations", "instruction", "input", "output", "question", "answer", "answers", "history", "system",
    "tools", "kind", "quality", "id", "source", "other",
]  # fmt: skip
roles = st.sampled_from(
    ["system", "user", "assistant", "tool", "human", "gpt", "function_call", "observation", "USER", "x"]
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": roles, "content": st.text(max_size=5) | scalars},
        optional={"tool_calls": scalars | st.lists(st.dictionaries(st.sampled_from(["function", "name"]), scalars), max_size=2)},
    ),
    max_size=5,
)  # fmt: skip
values = st.recursive(
    scalars | messages,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=10,
)
rows = st.dictionaries(st.sampled_from(FIELDS), values, max_size=6)


def counted(path: Path, content: bytes) -> tuple[int, int, int] | None:
    """Rows read, kept and listed; None when the whole file was refused in the studio's own words."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read, kept, listed = 0, 0, 0
            taken: set[str] = set()
            for some, unread in readers.batches(path):
                examples, unshaped = frames.batch(some, "fuzz", COUNTER, Choices(), taken)
                detection.detect([row for _, row in some])
                assert len(examples) + len(unshaped) == len(some)
                assert all(reason for _, reason, _ in [*unread, *unshaped])
                read, kept = read + len(some) + len(unread), kept + len(examples)
                listed += len(unread) + len(unshaped)
        except StudioError as error:
            assert error.what and error.fix
            return None
    assert len(taken) == kept
    return read, kept, listed


@QUICK
@given(st.binary(max_size=400), st.sampled_from([*readers.SUFFIXES, ".jsonl.gz", ".csv.zst", ".parquet.gz"]))
def test_random_bytes_under_any_name(tmp_path: Path, content: bytes, suffix: str) -> None:
    found = counted(tmp_path / f"a{suffix}", content)
    assert found is None or found[0] == found[1] + found[2]


@pytest.mark.parametrize(
    "start", [b"%PDF-1.4\n", b"PK\x03\x04", b"PAR1", b"ARROW1\0\0", b"\x1f\x8b\x08\0", b"(\xb5/\xfd", b"\xff\xfe"]
)
@settings(QUICK, max_examples=25)
@given(content=st.binary(max_size=300))
def test_random_bytes_behind_a_known_beginning(tmp_path: Path, start: bytes, content: bytes) -> None:
    for suffix in (".pdf", ".docx", ".parquet", ".arrow", ".jsonl.gz", ".jsonl.zst", ".txt"):
        counted(tmp_path / f"a{suffix}", start + content)


@QUICK
@given(st.lists(rows | values, max_size=8))
def test_every_line_of_json_is_kept_or_listed(tmp_path: Path, given_rows: list[Any]) -> None:
    content = "\n".join(json.dumps(row) for row in given_rows).encode()
    found = counted(tmp_path / "a.jsonl", content)
    assert found is None or found[0] == len(given_rows) == found[1] + found[2]


@QUICK
@given(st.lists(st.lists(st.text(max_size=10), min_size=2, max_size=4), min_size=1, max_size=8), st.booleans())
def test_every_record_of_csv_is_kept_or_listed(tmp_path: Path, records: list[list[str]], packed: bool) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["prompt", "completion"])
    writer.writerows(records)
    content = text.getvalue().encode("utf-8", "replace")
    found = counted(tmp_path / ("a.csv.gz" if packed else "a.csv"), gzip.compress(content) if packed else content)
    there = [cells for cells in records if any(cell.strip() for cell in cells)]
    assert found is None or (found[0] >= len(there) if "\r" in content.decode() else found[0] == len(there))


@settings(QUICK, max_examples=60)
@given(st.text(alphabet='ab,;"\n\t ', max_size=80))
def test_broken_csv(tmp_path: Path, text: str) -> None:
    found = counted(tmp_path / "a.csv", ("prompt,completion\n" + text).encode())
    assert found is None or found[0] == found[1] + found[2]


@QUICK
@given(st.lists(rows, min_size=1, max_size=6))
def test_nested_nulls_in_parquet(tmp_path: Path, given_rows: list[dict[str, Any]]) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    try:
        table = pyarrow.Table.from_pylist(given_rows)
        pyarrow.parquet.write_table(table, path)
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        return  # rows of several types are no table
    found = counted(path, path.read_bytes())
    assert found is None or found[0] == table.num_rows == found[1] + found[2]


def packed(content: bytes, suffix: str) -> bytes:
    import zstandard

    return {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[suffix](content)


def as_file(given_rows: list[dict[str, Any]], kind: str) -> bytes | None:
    """The rows as a file of one kind; None where such a file cannot hold them."""
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    if kind in ("jsonl", "json"):
        return (json.dumps(given_rows) if kind == "json" else "\n".join(map(json.dumps, given_rows))).encode()
    if kind in ("csv", "tsv"):
        text, fields = io.StringIO(), [*dict.fromkeys(key for row in given_rows for key in row)]
        writer = csv.writer(text, delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
        cells = [[str(row.get(key, "")).replace("\r", " ").replace("\0", " ") for key in fields] for row in given_rows]
        if not fields or not all(any(cell.strip() for cell in row) for row in cells):
            return None  # a line of nothing is no row
        writer.writerows([fields, *cells])
        return text.getvalue().encode("utf-8", "replace")
    content = io.BytesIO()
    try:
        table = pyarrow.Table.from_pylist(given_rows)
        if kind == "parquet":
            pyarrow.parquet.write_table(table, content)
        elif kind == "feather":
            pyarrow.feather.write_feather(table, content)
        else:
            with pyarrow.ipc.new_stream(content, table.schema) as stream:
                stream.write_table(table)
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        return None  # rows of several types are no table
    return content.getvalue() if table.num_rows == len(given_rows) else None


kinds = st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet", "arrow", "feather"])
good_rows = st.fixed_dictionaries(
    {"prompt": st.text(min_size=1, max_size=9), "completion": st.text(min_size=1, max_size=9)}
)


@settings(QUICK, max_examples=200)
@given(
    st.lists(good_rows, min_size=1, max_size=3), st.lists(rows, max_size=5), kinds, st.sampled_from(["", ".gz", ".zst"])
)
def test_what_is_loaded_adds_up(
    tmp_path_factory: pytest.TempPathFactory,
    good: list[dict[str, Any]],
    others: list[dict[str, Any]],
    kind: str,
    pack: str,
) -> None:
    """Through the public verb, whichever way it reads: rows kept and rows listed are all rows of the file."""
    given_rows = [*good, *others]
    content = as_file(given_rows, kind)
    if content is None:
        return
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / f"rows.{kind}{pack}"
    path.write_bytes(packed(content, pack))
    project = Project.open("fuzz", home=folder / "home")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = project.load(path)
        except StudioError as error:
            assert error.what and error.fix and not project.datasets()
            return
    assert len(made) + len(made.problems) == len(given_rows)
    assert made.examples["id"].is_unique and len(made.examples) == len(made)
    assert all(made.problems["reason"]) and made.problems["line"].is_unique
    assert set(project.filter(made, min_quality=0, drop_flags=(), exact_duplicates=False).examples["id"]) == set(
        made.examples["id"]
    )
