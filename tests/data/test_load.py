"""Whatever a file holds, each row is kept or listed with its reason, or one clear message says why none can be."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import readers
from tests.data import frames

COUNTER = TokenCounter(None)


def load(path: Path, content: bytes) -> tuple[int, list[tuple[int, str, str]]]:
    path.write_bytes(content)
    rows, unread = readers.read(path)
    examples, unshaped = frames.to_examples(rows, path.name, COUNTER)
    assert len(examples) + len(unshaped) == len(rows)
    return len(examples), [*unread, *unshaped]


GOOD = {"instruction": "Say hello.", "input": "", "output": "Hello."}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"\n\n", "no rows"),
        ("a.xyz", b"text", "kind of file"),
        ("a.jsonl", b"\x00\x01\x02\x00" * 50, "binary"),
        ("a.parquet", b"not parquet", "no Parquet"),
        ("a.json", b"{", "not JSON"),
        ("a.csv", b"thing\nonly one column\n", "No known shape"),
        ("a.json", b"3", "no list"),
        ("a.csv", b"\xef\xbb\xbf", "no rows"),
        ("a.csv", b"prompt,prompt,completion\na,b,c\n", "same name"),
        ("a.csv", b"prompt\nonly one column\n", "No row of the file is an example"),
        ("a.jsonl", b"{a\n{b\n", "No row of the file can be read"),
    ],
)
def test_one_clear_message(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(tmp_path / name, content)


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    with open(path, "wb") as file:
        file.truncate(8 * 1024**3)
    with pytest.raises(InputError, match="8,192 MB"):
        readers.read(path)


def test_bad_rows_are_set_aside_with_line_and_reason(tmp_path: Path) -> None:
    rows = [
        json.dumps(GOOD),
        "{broken",
        "[1]",
        json.dumps({**GOOD, "instruction": {"a": 3}}),
        json.dumps({"instruction": "x"}),
        json.dumps({**GOOD, "output": " "}),
    ]
    count, problems = load(tmp_path / "a.jsonl", "\n".join(rows).encode())
    assert count == 1
    reasons = {line: reason for line, reason, _ in problems}
    assert set(reasons) == {2, 3, 4, 5, 6}
    assert "not JSON" in reasons[2] and "not text" in reasons[4] and "missing" in reasons[5] and "empty" in reasons[6]


def test_csv_with_quotes_and_newlines(tmp_path: Path) -> None:
    content = 'instruction,input,output\n"Say ""hi""","two\nlines","He said, ""hi"""\nshort,row\n'
    count, problems = load(tmp_path / "a.csv", content.encode("utf-8-sig"))
    assert count == 1 and problems[0][1] == "2 cells where the header has 3"


def test_an_unclosed_quote_costs_one_row_alone(tmp_path: Path) -> None:
    content = 'prompt,completion\na,one\nb,"two\nc,three\nd,"four"\n'
    count, problems = load(tmp_path / "a.csv", content.encode())
    assert count == 3 and [line for line, _, _ in problems] == [3]


def test_what_no_file_can_hold_is_still_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps({"instruction": "\ud800", "output": " "}) + "\n")
    made = Project.open("odd", home=tmp_path / "home").load(path)
    assert len(made) == 1 and list(made.problems["line"]) == [2]


def test_roles_in_the_wrong_order_are_set_aside(tmp_path: Path) -> None:
    wrong = {
        "messages": [
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "b"},
            {"role": "assistant", "content": "c"},
        ]
    }
    count, problems = load(tmp_path / "a.jsonl", (json.dumps(GOOD) + "\n" + json.dumps(wrong)).encode())
    assert count == 1 and "not of the user" in problems[0][1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = json.dumps(
        {**GOOD, "output": "Grüße aus Köln, schöne Straße, möglichst früh über die Brücke."}, ensure_ascii=False
    )
    path = tmp_path / "a.jsonl"
    path.write_bytes(text.encode(encoding))
    rows, problems = readers.read(path)
    assert not problems and "Köln" in rows[0][1]["output"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"instruction": "Add.", "input": "1 and 2", "output": "3"}, ["system", "Add.\n\nInput: 1 and 2", "3"]),
        ({"prompt": "Hi", "completion": "Hello"}, ["system", "Hi", "Hello"]),
        (
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]},
            ["system", "Hi", "Hello"],
        ),
    ],
)
def test_shapes(row: dict[str, object], expected: list[str]) -> None:
    examples, problems = frames.to_examples([(1, row)], "made", COUNTER, system="system")
    assert not problems
    assert [message["content"] for message in examples["messages"].iloc[0]] == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(["instruction", "input", "output", "prompt", "completion", "messages", "other"]),
    json_values,
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(fields | json_values, max_size=8), st.binary(max_size=30))
def test_every_row_is_kept_or_listed(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.jsonl"
    lines = [json.dumps(value).encode() for value in values] + [noise.replace(b"\n", b" ")]
    path.write_bytes(b"\n".join(lines))
    try:
        rows, unread = readers.read(path)
        lines_seen = len(rows) + len(unread)
        examples, unshaped = frames.to_examples(rows, "fuzz", COUNTER)
    except InputError:
        return
    assert lines_seen in (len(values), len(values) + 1)
    assert len(examples) + len(unshaped) + len(unread) == lines_seen
