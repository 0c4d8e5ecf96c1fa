"""Rows read as columns: the quick way of plain turns gives what the careful one gives, and tokens may be estimated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.chat import DEFAULT_SYSTEM, TokenCounter
from studio.data import duplicates, shapes, studio_quality
from studio.data.columns import Choices
from studio.data.gathering import Gathered
from studio.data.token_counts import TokenCounts, exact
from studio.examples import COLUMNS
from studio.models import STARTER
from tests.data import frames

COUNTER = TokenCounter(None)
texts = st.sampled_from(
    ["", " ", "Say it.", "Grüße", "Write to me@example.org", '{"a": 1', "\ud800 lone", "(open", "TODO"]
)
scalars = texts | st.none() | st.integers(0, 3) | st.floats() | st.lists(texts, max_size=2)
FIELDS = [
    "instruction", "input", "output", "prompt", "completion", "question", "context", "answer", "history", "system", "label", "Input",
    "source", "id", "quality", "text", "tools",
]  # fmt: skip
rows = st.lists(st.dictionaries(st.sampled_from(FIELDS), scalars, max_size=6), max_size=6)


@contextmanager
def carefully() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "turn_of", lambda there, shape: None)
        yield


@settings(max_examples=400, deadline=None)
@given(
    rows,
    st.sampled_from([None, "alpaca", "prompt-completion", "question-answer"]),
    st.sampled_from(["", DEFAULT_SYSTEM, "Be kind."]),
)
def test_the_quick_way_gives_what_the_careful_one_gives(
    found: list[dict[str, Any]], shape: str | None, system: str
) -> None:
    choices, numbered = Choices(shape=shape, system=system), list(enumerate(found, start=1))
    quick, problems = shapes.gather(numbered, "made", choices, set())
    with carefully():
        careful, listed = shapes.gather(numbered, "made", choices, set())
    assert problems == listed
    assert quick.scored(exact(quick, COUNTER)).equals(careful.scored(exact(careful, COUNTER)))


def test_most_rows_go_the_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read carefully")

    monkeypatch.setattr(shapes, "parts", refuse)
    made = [
        {"instruction": "Say hello.", "input": "", "output": "Hello."}, {"instruction": "Say it.", "input": "Hi", "output": "Hi."},
        {"prompt": "Who?", "completion": "Me."}, {"question": "Who?", "answer": "Me.", "source": "file", "id": 4, "quality": 0.5},
    ]  # fmt: skip
    gathered, problems = shapes.gather(list(enumerate(made)), "made", Choices(), set())
    assert len(gathered) == 4 and not problems


def test_a_row_is_scored_as_its_frame_is() -> None:
    made = [
        {"instruction": "Say hello.", "output": "TODO (open"}, {"text": "A passage with me@example.org in it."},
        {"prompt": "Who?", "chosen": "I am the one who did it.", "rejected": "No."}, {"prompt": "Who?", "completion": "Me.", "quality": 0.4},
        {"messages": [
            {"role": "system", "content": "Ask bo@example.org."}, {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "weather", "arguments": "{}"}}]},
        ]},
    ]  # fmt: skip
    numbered = list(enumerate(made, start=1))
    gathered, _ = shapes.gather(numbered, "made", Choices(), set())
    table = gathered.scored(exact(gathered, COUNTER))
    frame = frames.score_dataset(frames.batch(numbered, "made", COUNTER, Choices(), set())[0])
    for name in ("quality", "reasons", "flags"):
        assert table[name].to_pylist() == frame[name].tolist()
    studio = studio_quality.score_messages({"messages": list(frame["messages"])})
    assert table["studio_quality"].to_pylist() == studio["quality"]
    assert table["studio_reasons"].to_pylist() == studio["reasons"]
    assert table["fingerprint"].to_pylist() == duplicates.fingerprints(frame).to_pylist()
    assert set(COLUMNS) < set(table.column_names)


def test_a_call_and_an_answer_to_avoid_are_part_of_a_row() -> None:
    ask = {"role": "user", "content": "Weather?"}
    calls = [[ask, {"role": "assistant", "content": "", "tool_calls": name}] for name in ("[1]", "[2]")]
    assert duplicates.fingerprint_of(calls[0]) != duplicates.fingerprint_of(calls[1])
    assert duplicates.fingerprint_of([ask], "No.") != duplicates.fingerprint_of([ask], "Yes.")
    kind, usual = ([{"role": "system", "content": said}, ask] for said in ("Be kind.", "You are a helpful assistant."))
    assert duplicates.fingerprint_of(usual) == duplicates.fingerprint_of([ask]) != duplicates.fingerprint_of(kind)


def turns(count: int) -> Gathered:
    made = Gathered()
    for number in range(count):
        made.add_turn(f"r{number}", "made", "", "What is it?", "It is a word and another one. " * (1 + number % 40))
    return made


def test_tokens_are_counted_up_to_a_size_and_then_estimated() -> None:
    counter, gathered = TokenCounter(STARTER), turns(900)
    true = exact(gathered, counter)
    few = TokenCounts(counter, counted_rows=900)
    assert (few.of(gathered) == true).all() and few.report == {}
    many = TokenCounts(counter, counted_rows=300)
    guessed = many.of(gathered)
    assert (guessed[:300] == true[:300]).all()
    assert np.abs(guessed - true).max() <= 2
    many.of(gathered)
    assert many.report["rows"] > 1400 and 0 <= many.report["mean_error"] < 0.02
