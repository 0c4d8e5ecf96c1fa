"""Values that are found where they stand are those that any reader of JSON gives."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data import plain_lines

TEXT = st.one_of(
    st.text(max_size=30),
    st.text('ab"\\/\b\f\n\r\t\x00\x7fé€😀\u2028', max_size=30),
    st.just("x" * 200),
    st.just("\n" * 70),
)
FIELDS = ("instruction", 'a \\ and a "', "", "output")


def read(block: bytes) -> list[dict[str, str]] | None:
    lines = block.removesuffix(b"\n").split(b"\n")
    found = plain_lines.values(block, len(lines), lines[0], json.loads(lines[0]))
    return None if found is None else [
        {name: column.text(at) for name, column in found.items()} for at in range(len(lines))
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(*[TEXT] * len(FIELDS)), min_size=1, max_size=6), st.booleans(), st.booleans(), st.booleans())
def test_values_are_those_of_json(rows: list[tuple[str, ...]], ascii_: bool, narrow: bool, ends: bool) -> None:
    said = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    separators = (",", ":") if narrow else (", ", ": ")
    block = "\n".join(json.dumps(row, ensure_ascii=ascii_, separators=separators) for row in said) + "\n" * ends
    assert read(block.encode()) == said


def test_every_way_to_write_a_sign() -> None:
    escaped = r"\" \\ \/ \b \f \n \r \t \u0000 \u0041 \u00e9 \u00E9 \u20ac \ud83d\ude00 \uD83D\uDE00 \uffff"
    block = f'{{"a": "{escaped}", "b": "plain"}}\r\n{{"a": "", "b": "{escaped}"}}\r'.encode()
    assert read(block) == [json.loads(line) for line in block.split(b"\n")]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": "x", "b": "y" }', b'{"a":"x", "b": "y"}', b'{"b": "y", "a": "x"}', b'{"a": "x"}', b'{"a": "x", "b": 1}', b" ", b"{",
        b'{"a": "x", "b": null}', b'{"a": "x", "b": "y", "c": "z"}', b'{"a": "x", "b": "y"', b'{"a": "x", "b": "y', b'{"a": "x", "b": "y"}}',
        b'{"a": "\t", "b": "y"}', b'{"a": "\\x", "b": "y"}', b'{"a": "\\", "b": "y"}', b'{"a": "\\u12g4", "b": "y"}', b'{"a": "\\u12", "b": "y"}',
        b'{"a": "\\ud800", "b": "y"}', b'{"a": "\\udc00", "b": "y"}', b'{"a": "\\ud800\\u0041", "b": "y"}', b'{"a": "\\ud800\\n", "b": "y"}',
        b'{"a": "x", "b": "\\', b'{"a": "x", "b": "\\u', b'{"a": "x", "b": "\\ud83d\\ude0',
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_the_first_is_left_to_others(line: bytes) -> None:
    usual = b'{"a": "x", "b": "y"}'
    for block in (usual + b"\n" + line, usual + b"\n" + line + b"\n", usual + b"\n" + line + b"\n" + usual):
        assert read(block) is None


@pytest.mark.parametrize(
    "row", [{"a": 1}, {"a": None}, {"a": {"b": "c"}, "d": 1}, {"a": ["b"], "c": "d"}, {"a": True, "b": "c"}]
)
def test_a_first_line_with_other_values_is_left_to_others(row: dict[str, Any]) -> None:
    assert read(json.dumps(row).encode()) is None
    assert read(b'{"a": "x", "a": "y"}') is None
