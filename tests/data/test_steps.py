"""Steps and looks of many rows in a process of their own: the same as in this one, told while it works, and stopped."""

import json
from pathlib import Path

import pytest

from studio import InputError, JobError, Project
from studio.data import step_verbs
from studio.examples import Dataset
from studio.jobs.job import Job
from tests.waiting import until

ROWS = 400


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("steps", home=tmp_path / "home")


@pytest.fixture
def rows(project: Project, tmp_path: Path) -> Dataset:
    return project.load(written(tmp_path, ROWS))


def written(folder: Path, count: int) -> Path:
    path = folder / "rows.jsonl"
    words = "amber birch cedar delta ember fjord grove heath inlet jetty knoll ledge".split()
    with open(path, "w") as file:
        for at in range(count):
            said = " ".join(words[(at * step + at // 7) % len(words)] for step in range(1, 30))
            asked = {"prompt": f"Question {at} of p{at}@example.com: {said}?", "completion": f"Answer {at}: {said}."}
            file.write(json.dumps(asked) + "\n")
    return path


def test_a_step_is_the_same_as_in_this_process(project: Project, rows: Dataset) -> None:
    job = project.start_step("redact", rows, kinds=["e-mail address"], how="mask")
    assert job.wait(120) == "finished"
    step = project.journal.steps()[-1]
    made = project.dataset(step.results[0])
    assert step.verb == "redact" and step.inputs == {"dataset": "raw"} and "kinds=('e-mail address',)" in step.code
    here = project.redact(rows, kinds=("e-mail address",))
    assert made.examples["messages"].tolist() == here.examples["messages"].tolist()
    assert project.journal.steps()[-1].code == step.code.replace("clean =", "clean_2 =")
    assert job.progress.done == job.progress.of == ROWS and "rows looked through" in job.progress.note


def test_what_a_look_found_is_known_afterwards(
    project: Project, rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_verbs, "LONG", 0.0)
    train, test = project.split(rows, test=0.2, keep_groups_together=False)
    looks = [
        ("check_leakage", (train, test), {}),
        ("private_details", (rows,), {"kinds": ["IBAN", "e-mail address"]}),
        ("near_duplicate_groups", (rows,), {"threshold": 0.7, "run": 3}),
    ]
    steps = len(project.journal.steps())
    for verb, datasets, said in looks:
        assert project.is_long(verb, *datasets, **said)
        project.start_step(verb, *datasets, **said).wait(120)
        assert not project.is_long(verb, *datasets, **said)
    assert project.private_details(rows, ["e-mail address", "IBAN"]) == {"e-mail address": ROWS, "IBAN": 0}
    assert project.is_long("private_details", rows, kinds=["IBAN"])
    assert len(project.journal.steps()) == steps and project.is_long("filter", rows)


def test_after_a_split_it_is_known_what_stands_in_both(project: Project, rows: Dataset) -> None:
    assert project.start_step("split", rows, test=0.2, seed=0).wait(120) == "finished"
    train, test = (project.dataset(name) for name in project.journal.steps()[-1].results)
    assert len(test) == ROWS / 5 and list((test.folder / "measures").glob("leakage-*"))
    assert len(train) + len(test) == ROWS


def test_a_stop_leaves_nothing(project: Project, tmp_path: Path) -> None:
    many = project.load(written(tmp_path, 100_000), name="many")
    before = sorted(path for path in project.folder.rglob("*") if "jobs" not in path.parts)
    job = project.start_step("redact", many, kinds=["e-mail address"], how="replace", seed=1)
    until(lambda: job.progress.done > 0)
    with pytest.raises(JobError, match="being done already"):
        project.start_step("redact", many, kinds=["e-mail address"], how="replace", seed=1)
    assert [one.id for one in project.step_jobs("redact", "split")] == [job.id]
    job.stop()
    assert job.wait(60) == "stopped" and job.progress.done < len(many)
    after = sorted(path for path in project.folder.rglob("*") if "jobs" not in path.parts)
    assert after == before and [step.verb for step in project.journal.steps()] == ["load"]


def test_a_step_that_cannot_be_says_why(project: Project, rows: Dataset) -> None:
    job: Job = project.start_step("redact", rows, kinds=["shoe size"])
    with pytest.raises(JobError, match="shoe size"):
        job.wait(120)
    assert project.journal.steps()[-1].state == "failed"
    with pytest.raises(InputError, match="there are|There are"):
        project.start_step("load", rows)
