"""Rows read as columns are the rows that are read one by one, or are left to be read so."""

import io
import json
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data import readers, shapes, turns
from studio.data.columns import Choices
from studio.data.gathering import Gathered

TEXT = st.one_of(
    st.text(max_size=12), st.sampled_from(["", " ", "\u2003", "a", "Grüße 你好", "\x1c", "\x00", "\ud83d", "..."])
)
FIRST = 8  # a line inside a file


def one_by_one(block: bytes, choices: Choices) -> tuple[Gathered, int]:
    """(the rows, how many are none)."""
    batches = list(readers.batches_of_lines(io.BytesIO(block), "file.jsonl", FIRST))
    found, problems = shapes.gather([row for rows, _ in batches for row in rows], "file.jsonl", choices, None)
    return found, len(problems) + sum(len(unread) for _, unread in batches)


def same(block: bytes, choices: Choices | None = None) -> turns.Turns | None:
    """What is read as columns, after it was held against the rows read one by one."""
    choices = choices or Choices()
    found = turns.read(block, FIRST, "file.jsonl", choices)
    if found is None:
        return None
    rows, bad = one_by_one(block, choices)
    assert bad == 0 and len(rows) == len(found)
    tokens = np.arange(len(rows))
    left, right = found.scored(tokens), rows.scored(tokens)
    assert left.schema == right.schema
    for name in left.column_names:
        assert left[name].to_pylist() == right[name].to_pylist(), name
    assert found.texts().texts() == rows.texts().texts()
    assert found.characters().tolist() == rows.characters().tolist()
    assert found.conversations([0]) == rows.conversations([0])
    return found


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


ALPACA = {"instruction": "Say it.", "input": "This.", "output": "It is said."}


@pytest.mark.parametrize("system", [None, "", "Write to ana@example.org."])
@pytest.mark.parametrize(
    "row",
    [
        ALPACA,
        {"prompt": "Why?", "completion": "For 3 reasons (so."},
        {"question": "Where?", "context": "A map.", "answer": "There: a@b.org", "id": 7, "source": "atlas"},
        {"instruction": "Say.", "input": "", "output": "Said.", "topic": None, "id": "own"},
        {"instruction": "Grüß sie.", "response": "Grüße, 你好 – “so”.", "source": ""},
    ],
)
def test_rows_of_the_usual_shapes_are_read_as_columns(row: dict[str, Any], system: str | None) -> None:
    random = Random(1)
    rows = [row] + [
        {name: random.choice([value, value if name not in ("input", "context", "id", "source", "topic") else None]) for name, value in row.items()}
        for _ in range(30)
    ]  # fmt: skip
    found = same(lines(*rows), Choices.of(None, None, system))
    assert found is not None and len(found) == 31


@settings(max_examples=150, deadline=None)
@given(st.lists(st.fixed_dictionaries({"instruction": TEXT, "output": TEXT}, optional={"input": TEXT, "source": TEXT, "id": TEXT}), min_size=1, max_size=5))  # fmt: skip
def test_whatever_is_read_as_columns_is_the_same(rows: list[dict[str, str]]) -> None:
    same(lines(*rows))
    same("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace"))


@pytest.mark.parametrize(
    "line",
    [
        b"", b"  ", b"{", b"null", b"[]", b"{}", b'{"instruction": "a"}', b'{"instruction": "a", "output": 1}',
        b'{"instruction": "a", "output": ""}', b'{"instruction": "a", "output": "b", "more": "c"}',
        b'{"instruction": "a", "output": "\\ud800"}', b'{"instruction": "a", "output": "b", "output": "c"}',
        b'{"instruction": "a", "output": "\xff"}', b'{"instruction": "a", "output": "b"} {"instruction": "a", "output": "b"}',
        b' {"instruction": "a", "output": "b"}', b'{"instruction": "a", "output": "b\tc"}',
    ],
)  # fmt: skip
def test_a_block_with_any_other_line_is_read_one_by_one(line: bytes) -> None:
    usual = b'{"instruction": "a", "output": "b"}\n'
    assert same(usual * 3) is not None
    assert same(usual + line + b"\n" + usual) is None and same(usual + line + b"\n") is None
    same(line + b"\n" + usual)


SAID = json.dumps([{"content": "b", "role": "assistant"}])


@pytest.mark.parametrize(
    ("row", "is_more"),
    [
        ({"prompt": "a", "completion": SAID}, True), ({"prompt": SAID.replace("assistant", "user"), "completion": "b"}, True),
        ({"prompt": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:", "completion": " d"}, True),
        ({"question": "a", "answers": '{"text": ["b"], "answer_start": [10]}'}, True),
        ({"instruction": "a", "output": SAID}, False),
        ({"prompt": "a", "completion": '{"name": "Bob", "role": "admin"}'}, False),
        ({"prompt": "a", "completion": '[{"name": "Bob", "role": "admin"}]'}, False),
        ({"prompt": "Human: a\n\nAssistant: b", "completion": "c"}, False),
    ],
)  # fmt: skip
def test_texts_that_are_more_are_read_one_by_one(row: dict[str, Any], is_more: bool) -> None:
    usual = dict.fromkeys(row, "a")
    found = same(lines(usual, row, usual))
    assert (found is None) is is_more
    rows, bad = one_by_one(lines(usual, row, usual), Choices())
    assert bad == 0 and bool(rows.prints) is is_more


@pytest.mark.parametrize(
    ("row", "choices"),
    [
        (ALPACA | {"system": "Be brief."}, Choices()),
        (ALPACA | {"quality": 0.5}, Choices()),
        (ALPACA | {"Output": "x"}, Choices()),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, Choices()),
        ({"text": "A passage."}, Choices()),
        (ALPACA, Choices(columns={"prompt": "instruction", "completion": "output"})),
        (ALPACA, Choices(shape="text")),
    ],
)
def test_other_shapes_are_read_one_by_one(row: dict[str, Any], choices: Choices) -> None:
    assert same(lines(row), choices) is None
