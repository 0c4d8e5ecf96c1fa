"""The verbs that clean: what they make, what they write down, and that it can be done again."""

import json
import time
from pathlib import Path

import pytest

from studio import InputError, Project
from studio.data import leakage
from studio.data.rules import Rule
from studio.examples import Dataset


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("cleaning", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def raw(project: Project) -> Dataset:
    return project.load(Project.sample())


def test_a_filter_with_everything_is_written_down_and_repeats(project: Project, raw: Dataset) -> None:
    rule = Rule("length", name="over 200 characters", maximum=200)
    clean = project.filter(raw, preset="studio", near_duplicates=0.8, rules=(rule, {"kind": "regex", "pattern": "."}))
    step = project.journal.steps()[-1]
    assert "near_duplicates=0.8" in step.code and "'maximum': 200" in step.code
    names = {"project": project, step.inputs["dataset"]: raw}
    exec(step.code, names)
    assert names[step.outputs[0]].examples["id"].tolist() == clean.examples["id"].tolist()
    again = project.redo(clean, [])
    assert again.examples["id"].tolist() == clean.examples["id"].tolist()
    assert project.preview_filter(raw, preset="studio", near_duplicates=0.8)["reasons"]["near duplicate"] >= 38


def test_the_defaults_are_written_as_before(project: Project, raw: Dataset) -> None:
    project.filter(raw)
    assert set(project.journal.steps()[-1].arguments) == {
        "min_quality",
        "preset",
        "max_tokens",
        "exact_duplicates",
        "drop_flags",
    }


def test_all_mistakes_of_a_filter_at_once(project: Project, raw: Dataset) -> None:
    with pytest.raises(InputError) as caught:
        project.filter(raw, preset="mine", near_duplicates=2, rules=[{"kind": "regex", "pattern": "["}])
    for word in ("mine", "near_duplicates is 2", "rule 1 (regex)"):
        assert word in caught.value.found


def test_redact_is_a_step_that_can_be_left_out(project: Project, raw: Dataset) -> None:
    before = project.private_details(raw)
    masked = project.redact(project.filter(raw), how="mask")
    assert before["e-mail address"] >= 20 and set(project.private_details(masked).values()) == {0}
    assert project.private_details(raw) == before
    unmasked = project.redo(masked, [2])
    assert project.private_details(unmasked)["e-mail address"] >= 20
    dropped = project.redact(raw, kinds=("e-mail address",), how="drop")
    assert len(dropped) + len(dropped.dropped) == len(raw)
    with pytest.raises(InputError, match="shoe size"):
        project.redact(raw, kinds=("shoe size",))


def test_a_split_keeps_groups_together_and_nothing_leaks(project: Project, raw: Dataset) -> None:
    together = project.check_leakage(*project.split(raw, test=0.2))
    assert together.counts["test"]["near duplicate"] == together.counts["test"]["same"] == 0
    apart = project.check_leakage(*project.split(raw, test=0.2, keep_groups_together=False))
    assert apart.counts["test"]["near duplicate"] > 0
    assert "keep_groups_together=False" in project.journal.steps()[-1].code


def test_looks_are_no_steps(project: Project, raw: Dataset) -> None:
    count = len(project.journal.steps())
    groups = project.near_duplicate_groups(raw)
    scores = project.scores(raw)
    assert groups.groupby("group")["keep"].sum().min() >= 1 and len(scores) == len(raw)
    assert len(project.journal.steps()) == count


def test_what_was_measured_once_is_read_again(project: Project, raw: Dataset) -> None:
    first = project.preview_filter(raw, preset="studio", near_duplicates=0.75)
    kept = {path.name: path.stat().st_mtime_ns for path in (raw.folder / "measures").iterdir()}
    begun = time.perf_counter()
    assert project.preview_filter(raw, preset="studio", near_duplicates=0.75) == first
    assert time.perf_counter() - begun < 1
    assert {path.name: path.stat().st_mtime_ns for path in (raw.folder / "measures").iterdir()} == kept


def test_the_folder_holds_no_half_file(raw: Dataset) -> None:
    assert all(path.suffix == ".parquet" for path in Path(raw.folder / "measures").iterdir())


def test_leakage_is_measured_once_for_two_versions(
    project: Project, raw: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = project.split(raw, test=0.3, seed=0)
    first = project.check_leakage(train, test)
    monkeypatch.setattr(leakage, "of_part", lambda *_: pytest.fail("measured again"))
    again = Project.open(project.name, home=project.home)
    second = again.check_leakage(again.dataset(train.reference), again.dataset(test.reference))
    assert second.counts == first.counts and second.rows == first.rows and second.leaked == first.leaked


def test_preferences_of_one_prompt_stay_together(tmp_path: Path) -> None:
    answers = ["Blue, like the sea.", "Nobody has ever asked me that.", "A dog sat there.", "Seven of them, at noon."]
    asked = [f"Question number {number} about the {number * 7} things" for number in range(12)]
    rows = [
        {"prompt": one, "completion": answer, "label": at % 2 == 0}
        for one in asked
        for at, answer in enumerate(answers)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.open("together", home=tmp_path / "home")
    raw = project.load(path)
    train, test = project.split(raw, test=0.25, seed=1)
    prompts = [{row[1]["content"] for row in part.examples["messages"]} for part in (train, test)]
    assert len(test) == 12 and len(prompts[1]) == 3 and not prompts[0] & prompts[1]
    train, test = project.split(raw, test=0.25, seed=1, keep_groups_together=False)
    assert {row[1]["content"] for row in train.examples["messages"]} & {
        row[1]["content"] for row in test.examples["messages"]
    }
