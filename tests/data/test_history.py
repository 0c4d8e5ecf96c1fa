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
from studio.export import notebook


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


# ---- behind a split and a mix


def test_what_follows_a_split_is_left_out_without_splitting_again(project: Project) -> None:
    train, _ = project.split(project.dataset("raw"), test=0.3, seed=0)
    made = project.filter(train, min_quality=0, drop_flags=("TODO",), exact_duplicates=False)
    assert [one.position for one in project.history(made)] == [None, None, 1]
    again = project.redo(made, leave_out=(1,))
    assert again.reference == train.reference and again.parts == ()
    last = project.filter(made, min_quality=0, drop_flags=(), exact_duplicates=True)
    assert set(project.redo(last, leave_out=(1,)).examples["id"]) <= set(train.examples["id"])
    assert [one.position for one in project.history(last)] == [None, None, 1, 2]


def test_a_filter_before_a_split_goes_off_with_both_parts_made_again(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    clean = lax(project, project.redact(lax(project, raw, max_tokens=1000)))
    train, test = project.split(clean, test=0.25, seed=3)
    assert [one.position for one in project.history(train)] == [None, 1, 2, 3, None]
    assert project.history(train)[-1].reasons == {f"in {test.reference}": len(test)}
    unmasked = project.redo(train, leave_out=[2])
    assert unmasked.reference == "train@v2" and unmasked.parts == ("test@v2",)
    expected = project.split(lax(project, lax(project, raw, max_tokens=1000)), test=0.25, seed=3)
    assert unmasked.examples.equals(expected[0].examples)
    assert project.dataset("test@v2").examples.equals(expected[1].examples)
    assert (
        len(project.dataset("train@v1")) == len(train)
        and project.dataset("test@v2").description["from"] == unmasked.description["from"]
    )
    of_test = project.redo(test, leave_out=[1, 2, 3])
    assert (
        of_test.reference == "test@v4"
        and of_test.parts == ("train@v4",)
        and of_test.description["from"] == raw.reference
    )
    assert len(of_test) + len(project.dataset("train@v4")) == len(raw)
    assert "[EMAIL]" not in str(of_test.examples["messages"].tolist())


def test_after_a_split_made_again_follow_the_later_steps_and_the_part_they_are_held_against(tmp_path: Path) -> None:
    words = "amber birch cedar delta ember fjord grove heath inlet jetty".split()
    pairs = [
        pair
        for at, one in enumerate("abcdefghij")
        for pair in (
            (f"Please write to {one}@{one}corp.com or {one}{one}@{one}{one}.org about it?", f"Yes, today at {at}."),
            (f"What is {words[at]}?", f"It is {words[at]} of {words[at - 1]}."),
        )
    ]
    rows = [json.dumps({"prompt": asked, "completion": said}) for asked, said in pairs]

    def opened(name: str) -> tuple[Project, Dataset]:
        project = Project.open(name, home=tmp_path / "home")
        return project, project.load(pasted="\n".join(rows), name="raw")

    project, raw = opened("held")
    train, test = project.split(project.redact(raw), test=0.3, seed=1, keep_groups_together=False)
    held = lax(project, project.drop_leaked(train, lax(project, test)))
    assert [(one.verb, one.position) for one in project.history(held)] == [
        ("load", None), ("redact", 1), ("split", None), ("drop_leaked", 2), ("filter", 3)
    ]  # fmt: skip
    steps = len(project.journal.steps())
    made = project.redo(held, leave_out=[1])
    added = project.journal.steps()[steps:]
    assert [step.verb for step in added] == ["split", "filter", "filter"] and made.parts == ()
    assert made.passed_over == ("2 drop_leaked: There is nothing to drop",)
    assert added[0].code == "train_2, test_2 = project.split(raw, test=0.3, seed=1, keep_groups_together=False)"
    assert [step.inputs["dataset"] for step in added[1:]] == ["test_2", "train_2"]
    again, same = opened("again")
    names = {"project": again, "raw": same}
    for step in added:
        exec(step.code, names)
    assert names[added[-1].outputs[0]].examples.equals(made.examples)  # type: ignore[attr-defined]


def test_a_notebook_repeats_a_split_that_was_made_again(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    train, _ = project.split(project.redact(lax(project, raw)), seed=1)
    made = project.redo(train, leave_out=[2])
    code = [step.code for step in notebook.ancestry(project.journal.steps(), project.journal.name_of(made.reference))]
    assert [line.split("project.")[1].split("(")[0] for line in code] == ["load", "filter", "split"]
    again = Project.open("again", home=tmp_path / "home")
    names = {"project": again, "raw": masked(tmp_path, "again")[1]}
    for line in code[1:]:
        exec(line, names)
    assert names["train_2"].examples.equals(made.examples)  # type: ignore[attr-defined]
    assert names["test_2"].examples.equals(project.dataset(made.parts[0]).examples)  # type: ignore[attr-defined]


def test_before_a_mix_stand_the_steps_of_all_that_went_into_it(project: Project) -> None:
    general = project.load(pasted='{"prompt": "Who?", "completion": "Me, and nobody else."}', name="general")
    mixed = project.mix(project.dataset("clean"), general, rows=2)
    last = project.filter(mixed, min_quality=0, drop_flags=())
    listed = project.history(last)
    assert [(one.verb, one.position, one.before, one.after) for one in listed] == [
        ("load", None, 5, 4),
        ("filter", 1, 4, 3),
        ("filter", 2, 3, 2),
        ("load", None, 1, 1),
        ("mix", None, 3, 2),
        ("filter", 3, 2, 2),
    ]
    assert listed[1].reasons == {"TODO": 1} and listed[4].reasons == {"not drawn": 1}


def test_a_filter_before_a_mix_goes_off_and_the_mix_is_made_again(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    said = "\n".join(json.dumps({"prompt": f"Who {at}?", "completion": f"Me {at}."}) for at in range(6))
    general = project.load(pasted=said, name="general")
    own = lax(project, project.redact(raw, kinds=("e-mail address",), how="drop"))
    train, _ = project.split(project.mix(own, lax(project, general), shares=[2, 1], seed=5), seed=2)
    assert [one.position for one in project.history(train)] == [None, None, 1, 2, 3, None, None]
    made = project.redo(train, leave_out=[1])
    expected = project.split(project.mix(raw, general, shares=[2, 1], seed=5), seed=2)
    assert made.examples.equals(expected[0].examples) and made.parts == ("test@v2",)
    assert len(made) > len(train)
    mixed = project.dataset("mixed@v2").description
    assert mixed["mixed_from"] == ["clean@v4", "clean@v3"] and set(mixed["counts"]) == {"clean@v4", "clean@v3"}
    assert [one.reference for one in project.history(made)] == [
        "raw@v1", "general@v1", "clean@v3", "clean@v4", "mixed@v2", "train@v2"
    ]  # fmt: skip


def test_a_split_or_a_mix_that_cannot_be_made_again_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    project, raw = masked(tmp_path)
    unmasked = project.redact(raw, kinds=("e-mail address",), how="drop")
    both = project.mix(raw, unmasked, rows=4)
    before = [one.reference for one in project.datasets()]
    with pytest.raises(InputError, match="given twice"):
        project.redo(both, leave_out=[1])
    assert [one.reference for one in project.datasets()] == before
    train, _ = project.split(raw)
    with pytest.raises(InputError, match=r"No step behind train@v1 can be left out.*there are load, split"):
        project.redo(train, leave_out=[1])
    assert project.history(train)[0].position is None


@pytest.mark.usefixtures("jobs_here")
def test_a_filter_before_what_a_generator_wrote_stays_on(tmp_path: Path) -> None:
    project = Project.open("written", home=tmp_path / "home")
    file = tmp_path / "handbook.txt"
    file.write_text("The gate opens at nine. " * 30, encoding="utf-8")
    documents = lax(project, project.load(file))
    examples = project.add_from_documents(
        documents, {"kind": "template", "prompt": "Go on.", "completion": "{passage}"}
    )
    assert [one.position for one in project.history(examples)] == [None, None, None]
    with pytest.raises(InputError, match="What add_from_documents made is not made again"):
        project.redo(examples, leave_out=[1])
    train = lax(project, examples)
    assert [one.position for one in project.history(train)] == [None, None, None, 1]
    assert project.redo(train, leave_out=[1]).reference == examples.reference


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
