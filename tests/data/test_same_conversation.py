"""No split parts the rows of one conversation, and one of single questions is divided as it was."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from studio import Project
from studio.data import duplicates, same_conversation
from studio.data.measures import Measures
from studio.examples import Dataset
from tests.benchmarks.data import WORDS

Turns = list[dict[str, str]]


def said(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words))


def turn(random: Random) -> Turns:
    return [{"role": "user", "content": said(random, 12)}, {"role": "assistant", "content": said(random, 25) + "."}]


def turn_by_turn(random: Random, dialogs: int, opening: Turns | None = None) -> list[dict[str, Any]]:
    """Each dialog as four rows, of one turn more each."""
    rows = []
    for _ in range(dialogs):
        messages = list(opening or [])
        for _ in range(4):
            messages = messages + turn(random)
            rows.append({"messages": messages})
    return rows


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return Project.open("talks", home=tmp_path)


def load(project: Project, rows: list[dict[str, Any]]) -> Dataset:
    return project.load(pasted="\n".join(map(json.dumps, rows)), name="rows")


def groups(examples: Dataset | pd.DataFrame) -> list[int]:
    """For each row a number of its group."""
    from studio.data.splitting import together

    measures = Measures.of(examples) if isinstance(examples, Dataset) else Measures(examples)
    found: list[int] = together(measures.first_of_each(), measures.together()).tolist()
    return found


@pytest.mark.parametrize("system", [None, "You are a pirate."])
def test_a_dialog_written_out_turn_by_turn_stays_in_one_part(project: Project, system: str | None) -> None:
    rows = turn_by_turn(Random(2), 60, system and [{"role": "system", "content": system}])  # type: ignore[arg-type]
    data = load(project, rows)
    train, test = project.split(data)
    assert 0.05 < len(test) / len(data) < 0.15
    assert project.check_leakage(train, test).leaked["test"] == []
    assert groups(data) == groups(data.examples) == [at // 4 * 4 for at in range(240)]


def test_a_greeting_does_not_make_all_dialogs_one(project: Project) -> None:
    greeting = [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi! How can I help?"}]
    rows = turn_by_turn(Random(3), 20, greeting)
    assert groups(load(project, [*rows, {"messages": greeting}])) == [*(at // 4 * 4 for at in range(80)), 80]


def test_dialogs_that_go_on_from_the_same_turns_are_one_also_as_preferences(project: Project) -> None:
    random = Random(4)
    first = turn(random)
    rows: list[dict[str, Any]] = [{"messages": first + turn(random)} for _ in range(2)]
    rows += [{"prompt": rows[0]["messages"][:-1], "chosen": said(random, 20), "rejected": said(random, 20)}]
    asked, better = turn(random)
    judged = {"prompt": [asked], "chosen": better["content"], "rejected": said(random, 20)}
    later = {"prompt": [asked, better, turn(random)[0]], "chosen": said(random, 20), "rejected": said(random, 20)}
    rows += [judged, later, {"messages": turn(random)}]
    data = load(project, rows)
    assert groups(data) == groups(data.examples) == [0, 0, 0, 3, 3, 5]


def test_single_questions_are_not_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(5)
    rows = [{"messages": [{"role": "system", "content": "Be brief."}, *turn(random)]} for _ in range(30)]
    data = load(project, rows)
    measures = Measures.of(data)
    monkeypatch.setattr(Dataset, "take", lambda *_: pytest.fail("read"))
    found = same_conversation.pairs(data, measures._prints(), measures.first_of_each(), np.zeros(30, bool))
    assert [len(column) for column in found] == [0, 0, 0]


def test_a_beginning_is_what_is_the_same_row_alone() -> None:
    random = Random(6)
    call = {"role": "assistant", "content": "", "tool_calls": '[{"id": "a"}]'}
    messages = [{"role": "system", "content": "Speak."}, *turn(random), turn(random)[0], call, *turn(random)]
    wanted = [duplicates.fingerprint_of(messages[:end], None, "[{}]") for end in (3, 5)]
    assert duplicates.beginnings_of(messages, "[{}]") == wanted
    assert duplicates.beginnings_of(messages[:3]) == []
