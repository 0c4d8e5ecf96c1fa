"""The steps behind a dataset, any of them left out again, and what differs between two versions."""

import json
from pathlib import Path

import pytest

from studio import InputError, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.open("history", home=tmp_path / "home")
    answers = [
        "A good long answer that says all that there is to say.",
        "TODO",
        "Another fine answer, as long as the first.",
    ]
    rows = [
        {"instruction": f"Question {number}", "output": answer} for number, answer in enumerate([*answers, answers[0]])
    ]
    rows[3] = dict(rows[0])
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "not JSON\n", encoding="utf-8")
    raw = project.load(file, name="raw")
    first = project.filter(raw, min_quality=0, drop_flags=("TODO",), exact_duplicates=False)
    project.filter(first, min_quality=0, drop_flags=(), exact_duplicates=True)
    return project


def test_each_step_says_what_it_took_away(project: Project) -> None:
    listed = project.history(project.dataset("clean"))
    assert [(one.verb, one.position, one.before, one.after) for one in listed] == [
        ("load", None, 5, 4),
        ("filter", 1, 4, 3),
        ("filter", 2, 3, 2),
    ]
    assert listed[0].reasons == {"could not be read": 1}
    assert listed[1].reasons == {"TODO": 1}
    assert listed[2].reasons == {"exact duplicate": 1}


def test_a_step_left_out_comes_back_and_nothing_is_lost(project: Project) -> None:
    whole = project.dataset("clean")
    without = project.redo(whole, leave_out=(1,))
    assert len(without) == 3
    assert "TODO" in [messages[-1]["content"] for messages in without.examples["messages"]]
    assert len(project.redo(whole, leave_out=(1, 2))) == 4
    assert len(project.dataset(whole.reference)) == 2
    with pytest.raises(InputError, match="no such step"):
        project.redo(whole, leave_out=(3,))


def test_the_difference_names_each_row_and_why(project: Project) -> None:
    found = project.difference(project.dataset("raw"), project.dataset("clean"))
    assert sorted(found["change"]) == ["only in the first", "only in the first"]
    assert "TODO" in set(found["reason"])
    same = project.difference(project.dataset("raw"), project.dataset("raw"))
    assert same.empty


def test_only_what_follows_the_last_split_can_be_left_out(project: Project) -> None:
    train, _ = project.split(project.dataset("raw"), test=0.3, seed=0)
    made = project.filter(train, min_quality=0, drop_flags=("TODO",), exact_duplicates=False)
    assert [one.position for one in project.history(made)] == [None, None, 1]
    again = project.redo(made, leave_out=(1,))
    assert again.reference == train.reference
    last = project.filter(made, min_quality=0, drop_flags=(), exact_duplicates=True)
    assert set(project.redo(last, leave_out=(1,)).examples["id"]) <= set(train.examples["id"])
    assert [one.position for one in project.history(last)] == [None, None, 1, 2]


def test_before_a_mix_stand_the_steps_of_all_that_went_into_it(project: Project) -> None:
    general = project.load(pasted='{"prompt": "Who?", "completion": "Me, and nobody else."}', name="general")
    mixed = project.mix(project.dataset("clean"), general, rows=2)
    listed = project.history(project.filter(mixed, min_quality=0, drop_flags=()))
    assert [(one.verb, one.position, one.before, one.after) for one in listed] == [
        ("load", None, 5, 4),
        ("filter", None, 4, 3),
        ("filter", None, 3, 2),
        ("load", None, 1, 1),
        ("mix", None, 3, 2),
        ("filter", 1, 2, 2),
    ]
    assert listed[1].reasons == {"TODO": 1}
