"""A copy gives back what was written, or says in one message what its form cannot hold."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import readers, shapes, writers
from studio.data.columns import Choices
from studio.examples import Dataset, write_dataset

COUNTER = TokenCounter(None)
words = st.text(min_size=1, max_size=12).map(lambda text: text.encode("utf-8", "replace").decode()).filter(str.strip)
system = st.lists(words.map(lambda text: {"role": "system", "content": text}), max_size=1)
user = words.map(lambda text: {"role": "user", "content": text})
assistant = words.map(lambda text: {"role": "assistant", "content": text})
called = st.lists(user, min_size=1, max_size=1).map(lambda asked: [
    *asked,
    {"role": "assistant", "content": "", "tool_calls": json.dumps([{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}])},
    {"role": "tool", "content": "done", "tool_call_id": "1", "name": "f"},
])  # fmt: skip
one_turn = st.tuples(system, user, assistant).map(lambda parts: [*parts[0], parts[1], parts[2]])
unlearned = st.tuples(user, assistant, user, assistant).map(
    lambda turns: [turns[0], {**turns[1], "weight": "0"}, *turns[2:]]
)
several_turns = st.tuples(system, st.lists(st.tuples(user, assistant).map(list) | called.flatmap(
    lambda before: assistant.map(lambda last: [*before, last])) | unlearned, min_size=1, max_size=3)).map(
    lambda parts: [*parts[0], *(message for turn in parts[1] for message in turn)])  # fmt: skip
tools = st.none() | st.just(json.dumps([{"type": "function", "function": {"name": "f"}}]))
conversations = st.tuples(several_turns, tools).map(lambda row: ("conversation", row[0], None, row[1]))
pairs = st.tuples(one_turn, words).filter(lambda row: row[0][-1]["content"] != row[1]).map(
    lambda row: ("preference", row[0], row[1], None))  # fmt: skip
judged = st.tuples(one_turn, st.booleans()).map(
    lambda row: (
        ("preference", row[0], None, None) if row[1] else ("preference", row[0][:-1], row[0][-1]["content"], None)
    )
)
passages = assistant.map(lambda message: ("passage", [message], None, None))
everything = st.one_of(conversations, pairs, judged, passages)


def table(rows: list[Any]) -> pd.DataFrame:
    kinds, messages, rejected, offered = zip(*rows, strict=True)
    columns: dict[str, Any] = {"messages": [*messages], "rejected": [*rejected], "tools": [*offered]}
    made = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    return made.assign(id=[f"r{row}" for row in range(len(rows))], source="made", tokens=1, quality=0.5, kind=[*kinds])


@pytest.mark.parametrize(
    ("form", "rows"),
    [("openai", conversations), ("sharegpt", conversations), ("prompt-completion", everything), ("parquet", everything),
     ("alpaca", one_turn.map(lambda messages: ("conversation", messages, None, None)))],
)  # fmt: skip
def test_nothing_is_lost(form: str, rows: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(rows, min_size=1, max_size=5))
    def check(written: list[Any]) -> None:
        path = tmp_path_factory.mktemp("copies") / ("a.parquet" if form == "parquet" else "a.jsonl")
        writers.write([table(written)], path, form)
        read, unread = readers.read(path)
        assert not unread
        assert [tuple(shapes.parts(row, Choices(system=""))) for _, row in read] == written

    check()


TURN = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def test_what_a_form_cannot_hold_is_said_at_once(tmp_path: Path) -> None:
    rows = table([
        ("conversation", TURN, None, None), ("conversation", [*TURN, *TURN], None, None), ("conversation", TURN, None, "[]"),
        ("preference", TURN, "No", None), ("passage", TURN[1:], None, None),
    ])  # fmt: skip
    with pytest.raises(
        InputError, match="1 with more than one turn; 1 with tools.*; 1 with an answer to avoid; 1 with a passage"
    ):
        writers.write([rows], tmp_path / "a.jsonl", "alpaca")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="prompt-completion, parquet, which can"):
        writers.write([rows], tmp_path / "a.jsonl", "openai")


def test_a_dataset_keeps_every_kind(tmp_path: Path) -> None:
    written = table(
        [("conversation", TURN, None, "[]"), ("preference", TURN[:1], "No", None), ("passage", TURN[1:], None, None)]
    )
    made = write_dataset(tmp_path, "kinds", iter([written, written]))
    again = Dataset(made.folder, made.name, made.version).examples
    assert len(made) == 6 and [*again["messages"]] == [*written["messages"]] * 2
    assert [*again["rejected"]] == [None, "No", None] * 2 and [*again["tools"]] == ["[]", None, None] * 2
    assert [*again["kind"]] == ["conversation", "preference", "passage"] * 2 and [*again["reasons"]] == [[]] * 6
    assert pd.concat(made.batches(size=4), ignore_index=True).equals(again)


def test_the_card_says_what_is_in_the_file(tmp_path: Path) -> None:
    project = Project.open("copies", home=tmp_path)
    raw = project.load(Project.sample())
    clean = project.filter(raw)
    path = project.save_copy(clean, "sharegpt")
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert path.name == "clean-v1-sharegpt.jsonl"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in card and f"| Examples | {len(clean):,} |" in card
    assert "raw = project.load(" in card and "clean = project.filter(raw" in card and "project.save_copy" not in card
    assert "| tickets |" in card
    assert f"| filter | clean@v1 | {len(raw):,} | {len(clean):,} |" in card and str(Path.home()) not in card
    back = project.load(path, system="")
    assert [*back.examples["id"]] == [*clean.examples["id"]] and [*back.examples["source"]] == [
        *clean.examples["source"]
    ]
    assert [*back.examples["messages"]] == [*clean.examples["messages"]]
    whole = project.load(project.save_copy(clean, form="parquet"))
    for column in ("id", "messages", "source", "tokens", "quality", "kind"):
        assert [*whole.examples[column]] == [*clean.examples[column]]
    with pytest.raises(InputError, match="no such form"):
        project.save_copy(clean, "pdf")


def test_the_card_counts_what_every_step_before_took_away(tmp_path: Path) -> None:
    project = Project.open("copies", home=tmp_path)
    rows = [{"prompt": f"Who wrote letter {at}?", "completion": f"Number {at} was written by me."} for at in range(8)]
    rows[3]["completion"] = "TODO"
    raw = project.load(pasted="".join(json.dumps(row) + "\n" for row in rows) + "not JSON\n")
    train, _ = project.split(project.filter(raw, min_quality=0, drop_flags=("TODO",)), test=0.3, seed=0)
    card = project.save_copy(train).with_suffix(".md").read_text(encoding="utf-8")
    assert f"| load | {raw.reference} | 9 | 8 | could not be read (1) |" in card
    assert "| filter | clean@v1 | 8 | 7 | TODO (1) |" in card
