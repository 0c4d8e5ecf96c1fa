"""A system prompt that varies is part of the question; one that all rows share changes nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studio import Project
from studio.data import leakage
from studio.examples import Dataset

ASKED = "May I end the contract before the year is over, and what do I have to pay then?"
LONG = "Yes, you may, and you pay one month more, as the third part of the contract says in its last line."


def row(system: str, asked: str, answer: str) -> dict[str, Any]:
    said = (("system", system), ("user", asked), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in said if content]}


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return Project.open("systems", home=tmp_path)


def load(project: Project, *rows: dict[str, Any], **choices: Any) -> Dataset:
    return project.load(pasted="\n".join(json.dumps(one) for one in rows), name="rows", **choices)


def test_the_same_question_of_two_contracts_is_two(project: Project) -> None:
    data = load(project, *(row(f"Contract {at}", ASKED, answer) for at in "AB" for answer in ("Yes.", "No.")))
    assert len(project.filter(data, min_quality=0)) == 4
    again = load(project, *[row("Contract A", ASKED, "Yes.")] * 2, row("Contract B", ASKED, "Yes."))
    assert len(project.filter(again, min_quality=0)) == 2


def test_two_persons_are_in_no_group(project: Project) -> None:
    data = load(project, *(row(f"You are a {who}", ASKED, LONG) for who in ("pirate", "nun", "pirate", "nun")))
    groups = project.near_duplicate_groups(data)
    assert groups["kind"].tolist() == ["near", "exact"] * 2 and groups["group"].tolist() == [1, 1, 2, 2]
    assert len(project.filter(data, min_quality=0, near_duplicates=0.8)) == 2


@pytest.mark.parametrize("system", ["", "You are a pirate", None])
def test_a_shared_system_prompt_changes_nothing(project: Project, system: str | None) -> None:
    turns = [{"prompt": ASKED, "completion": LONG}] * 2 + [{"prompt": ASKED, "completion": "No."}]
    data = load(project, *turns, system=system)
    assert len(project.filter(data, min_quality=0)) == 2
    row_by_row = load(project, *turns, {"text": "A passage."}, system=system)  # read in another way
    prints = [one.table("fingerprint")["fingerprint"].to_pylist()[:3] for one in (data, row_by_row)]
    assert prints[0] == prints[1]
    alone = load(project, *(row(system or "", ASKED, answer) for answer in (LONG, LONG, "No.")))
    assert len(project.filter(alone, min_quality=0)) == 2
    assert alone.table("fingerprint")["fingerprint"].to_pylist() == prints[0]


def test_the_usual_system_prompt_is_as_good_as_none(project: Project) -> None:
    data = load(project, row("", ASKED, LONG), row("You are a helpful assistant.", ASKED, LONG), system="")
    assert len(project.filter(data, min_quality=0)) == 1


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"r{at}" for at in range(len(rows))], "messages": [one["messages"] for one in rows]})


def test_a_question_of_another_contract_is_no_leak() -> None:
    train = frame(row("Contract A", ASKED, "Yes."), row("Contract B", ASKED, "No."))
    test = frame(row("Contract C", ASKED, "Yes."), row("contract  A", ASKED, "Maybe."), row("Contract B", ASKED, "No."))
    assert leakage.check(train, test).counts["test"] == {
        "same": 1, "same question": 1, "near duplicate": 0, "13 words in a row": 0,
    }  # fmt: skip
    assert leakage.check(train, test).leaked["test"] == ["r1", "r2"]


def test_a_long_answer_that_was_learned_is_a_leak_under_any_system_prompt() -> None:
    train = frame(row("You are a pirate", ASKED, LONG), row("You are a nun", "What?", "That."))
    test = frame(row("You are a monk", ASKED, LONG), row("You are a cook", "Who?", "He."))
    assert leakage.check(train, test).leaked["test"] == ["r0"]


def test_a_benchmark_without_system_prompts_is_compared_by_the_question() -> None:
    train = frame(row("Contract A", ASKED, "Yes."), row("Contract B", ASKED, "No."))
    assert leakage.check(train, frame(row("", ASKED, "")), frame(row("", ASKED, "No."))).counts == {
        "test": {"same": 0, "same question": 1, "near duplicate": 0, "13 words in a row": 0},
        "benchmark": {"same": 1, "same question": 0, "near duplicate": 0, "13 words in a row": 0},
    }


def test_the_question_of_a_bad_answer_is_its_last_message() -> None:
    bad = frame({"messages": [{"role": "user", "content": ASKED}]})
    assert leakage.check(frame(row("", ASKED, "Yes.")), bad).counts["test"]["same question"] == 1
