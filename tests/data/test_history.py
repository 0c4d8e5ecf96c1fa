"""The steps behind a dataset, any of them left out again, and what differs between two versions."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from studio import InputError, Project
from studio.data import replay
from studio.errors import NothingError
from studio.examples import Dataset


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


def test_the_difference_after_a_mix_is_what_was_mixed_in(tmp_path: Path) -> None:
    project = Project.open("mixed", home=tmp_path / "home")
    own, general = (
        project.load(pasted="\n".join(json.dumps({"prompt": f"Who {at}?", "completion": f"{name} {at}."}) for at in range(10)), name=name)
        for name in ("own", "general")
    )  # fmt: skip
    for seed in range(3):
        mixed = project.mix(own, general, rows=12, seed=seed)
        found = project.difference(own, mixed)
        assert set(found["change"]) == {"only in the first", "only in the second"}
        assert len(set(mixed.examples["id"])) == 12
        assert sum(found["second"].str.startswith("general")) == (found["change"] == "only in the second").sum() == 6


def test_the_difference_knows_answers_to_avoid_and_calls(tmp_path: Path) -> None:
    project = Project.open("redacted", home=tmp_path / "home")
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "send", "arguments": json.dumps({"to": "ann@corp.com"})},
    }
    rows = [
        {"prompt": "Where?", "chosen": "Here.", "rejected": "Ask joe@corp.com please."},
        {"messages": [{"role": "user", "content": "Send it to eve@corp.com."}, {"role": "assistant", "content": "", "tool_calls": [call]}]},
        {"prompt": "Who is bob@corp.com?", "completion": "Bob."},
    ]  # fmt: skip
    before = project.load(pasted="\n".join(map(json.dumps, rows)))
    found = project.difference(before, project.redact(before))
    assert set(found["change"]) == {"changed"} and len(found) == 3
    assert found["second"][0] == "answer to avoid: Ask [EMAIL] please."
    assert "[EMAIL]" in found["second"][1] and "ann@corp.com" in found["first"][1]
    assert found["first"][2] == "message 2, user: Who is bob@corp.com?"


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


# ---- made again: what finds nothing is passed over, and what fails leaves nothing


def masked(tmp_path: Path, name: str = "masked") -> tuple[Project, Dataset]:
    """Rows that are alike once their e-mail addresses are masked, and some that are not."""
    project = Project.open(name, home=tmp_path / "home")
    alike = [
        {"prompt": f"Write to {one}@{one}corp.com or {one}{one}@{one}{one}.org?", "completion": f"Yes, to {one}{one}{one}@x{one}.net today."}
        for one in "abcd"
    ]  # fmt: skip
    words = "amber birch cedar delta ember fjord grove heath inlet jetty".split()
    others = [
        {"prompt": f"What is {words[at]} {at}?", "completion": f"It is {words[at]} of {words[at - 1]}."}
        for at in range(5)
    ]
    return project, project.load(pasted="\n".join(map(json.dumps, [*alike, *others])), name="raw")


def all_of(project: Project) -> list[str]:
    """Everything that is in the project's folder."""
    return sorted(str(path.relative_to(project.folder)) for path in project.folder.rglob("*"))


def lax(project: Project, dataset: Dataset, **more: Any) -> Dataset:
    return project.filter(dataset, min_quality=0, drop_flags=(), exact_duplicates=False, **more)


def test_a_step_that_finds_nothing_is_passed_over_and_said(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    whole = lax(project, project.drop_duplicates(project.redact(raw)))
    assert len(whole) == 6
    without = project.redo(whole, leave_out=[1])
    assert len(without) == 9 and without.reference == "clean@v4"
    assert without.passed_over == ("2 drop_duplicates: There are no duplicates to drop",)
    assert [one.verb for one in project.history(without)] == ["load", "filter"]
    assert without.examples["messages"].tolist() == raw.examples["messages"].tolist()
    for position, rows in ((1, 9), (2, 9), (3, 6)):
        assert len(project.redo(whole, leave_out=[position])) == rows
    again = project.redo(whole, leave_out=[])
    assert again.passed_over == () and again.examples.equals(whole.examples) and again.dropped.equals(whole.dropped)
    assert [one.verb for one in project.history(again)] == ["load", "redact", "drop_duplicates", "filter"]
    assert {step.state for step in project.journal.steps()} == {"done"}


def test_where_all_that_stay_find_nothing_the_dataset_before_them_is_given(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    clean = project.drop_duplicates(project.redact(lax(project, raw)))
    before = all_of(project)
    made = project.redo(clean, leave_out=[1, 2])
    assert made.reference == raw.reference and len(made) == 9 and len(made.passed_over) == 1
    assert [path for path in all_of(project) if "measures" not in path] == [
        path for path in before if "measures" not in path
    ]
    filtered = project.redo(clean, leave_out=[2])
    assert [one.verb for one in project.history(filtered)] == ["load", "filter"] and filtered.passed_over


def test_what_is_no_longer_leaked_is_passed_over(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    asked = {"prompt": "Write to [EMAIL] or [EMAIL]?", "completion": "Yes, to [EMAIL] today."}
    bench = project.load(pasted=json.dumps(asked), name="bench")
    clean = lax(project, project.drop_leaked(project.redact(raw), bench))
    assert len(clean) == 5
    without = project.redo(clean, leave_out=[1])
    assert len(without) == 9 and without.passed_over == ("2 drop_leaked: There is nothing to drop",)
    unleaked = project.redo(clean, leave_out=[3])
    assert len(unleaked) == 5 and project.history(unleaked)[-1].reasons == {f"same in {bench.reference}": 4}


def test_a_direct_press_still_says_that_there_is_nothing(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    with pytest.raises(NothingError, match="no duplicates"):
        project.drop_duplicates(raw)


def test_a_replay_that_fails_leaves_no_dataset_and_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, raw = masked(tmp_path)
    only = {"kind": "regex", "pattern": r"\[EMAIL\]"}
    whole = lax(project, project.redact(lax(project, raw)), rules=(only,))
    assert len(whole) == 4
    before = [path for path in all_of(project) if "measures" not in path]
    steps = project.journal.path.read_bytes()

    def is_as_before() -> bool:
        left = [path for path in all_of(project) if "measures" not in path]
        return left == before and project.journal.path.read_bytes() == steps

    with pytest.raises(InputError, match="keeps no row"):
        project.redo(whole, leave_out=[2])  # the first filter was made by then
    assert is_as_before()

    def ended(*given: Any) -> None:
        assert [one.reference for one in project.datasets()] == ["raw@v1", "clean@v1", "clean@v2", "clean@v3"]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("studio.data.privacy.redact", ended)
        with pytest.raises(KeyboardInterrupt):
            project.redo(whole, leave_out=[3])
    assert is_as_before()
    written = replay.write_dataset

    def full(folder: Path, name: str, *given: Any, **more: Any) -> Dataset:
        if len(project.datasets()) == 5:
            raise InputError("description.json could not be written", "the disk is full", "Free some space")
        return written(folder, name, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(replay, "write_dataset", full)
        with pytest.raises(InputError, match="could not be written"):
            project.redo(whole, leave_out=[3])
    assert is_as_before()


def test_what_was_measured_and_kept_comes_along(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    whole = project.drop_duplicates(project.redact(lax(project, raw)))
    made = project.redo(whole, leave_out=[1])
    masked_again = project.dataset(project.history(made)[-2].reference)
    assert masked_again.description["from"] == raw.reference and made.description["from"] == masked_again.reference
    assert not project.is_long("near_duplicate_groups", masked_again)
    assert (masked_again.folder / "measures").is_dir()


@pytest.mark.usefixtures("jobs_here")
def test_duplicates_by_meaning_are_searched_in_what_is_not_there_yet(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    whole = project.drop_duplicates(project.redact(lax(project, raw)), by="meaning", threshold=1)
    assert len(whole) == 6 and len(project.jobs("semantic")) == 1
    made = project.redo(whole, leave_out=[1])
    assert made.dropped.equals(whole.dropped) and made.passed_over == ()
    assert [job.state.status for job in project.jobs("semantic")] == ["finished", "finished"]
    assert project.found_semantic_duplicates(made) is None and not list(project.folder.glob(".replay-*"))


def test_what_a_kill_left_is_gone_after_a_day(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    whole = project.redact(lax(project, raw))
    old, new = (project.folder / f".replay-{name}" / "datasets" for name in ("old", "new"))
    for left in (old, new):
        left.mkdir(parents=True)
    os.utime(old.parent, (1, 1))
    project.redo(whole, leave_out=[1])
    assert not old.exists() and new.exists()
