"""The verbs and the journal, without training."""

import json
from pathlib import Path

import pytest

from studio import ForbiddenError, InputError, JobError, NotFoundError, Project, Recipe
from studio.jobs import queue


def rows(folder: Path, count: int = 30) -> Path:
    path = folder / "rows.jsonl"
    answer = "This is an answer with enough words in it to be judged as whole by the guide, number {}."
    lines = [
        json.dumps({"instruction": f"Question {row}?", "input": "", "output": answer.format(row)})
        for row in range(count)
    ]
    path.write_text("\n".join([*lines, "{broken"]) + "\n")
    return path


def test_every_step_is_the_python_that_ran(tmp_path: Path) -> None:
    project = Project.open("verbs", home=tmp_path)
    raw = project.load(rows(tmp_path))
    assert len(raw) == 30 and list(raw.problems["line"]) == [31]
    clean = project.filter(raw, min_quality=0.5)
    train, test = project.split(clean, test=0.2, seed=3)
    advice = project.decide(clean, monthly_calls=1000)
    assert len(train) + len(test) == len(clean) and advice.approach
    codes = [step.code for step in project.journal.steps()]
    assert codes[1].startswith("clean = project.filter(raw, min_quality=0.5")
    assert codes[2] == "train, test = project.split(clean, test=0.2, seed=3)"
    assert codes[3].startswith("advice = project.decide(clean, consistency=0.95")
    again = Project.open("again", home=tmp_path)
    names: dict[str, object] = {"project": again, "Recipe": Recipe}
    exec("\n".join(codes), names)  # the journal is Python; running it repeats the steps
    assert list(names["train"].examples["id"]) == list(train.examples["id"])  # type: ignore[attr-defined]


def test_the_source_is_kept_when_the_upload_is_gone(tmp_path: Path) -> None:
    project = Project.open("kept", home=tmp_path)
    path = rows(tmp_path)
    project.load(path)
    path.unlink()
    exec(project.journal.steps()[0].code, {"project": Project.open("other", home=tmp_path)})


def test_a_failed_step_is_kept_and_named(tmp_path: Path) -> None:
    project = Project.open("failed", home=tmp_path)
    with pytest.raises(InputError):
        project.load(tmp_path / "nothing.jsonl")
    step = project.journal.steps()[0]
    assert step.state == "failed" and "nothing.jsonl" in step.error and step.outputs == []


def test_a_training_that_was_asked_for_and_never_began_is_in_no_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A studio that is killed between the two leaves the step and no run."""
    project = Project.open("asked", home=tmp_path)
    train, _ = project.split(project.load(rows(tmp_path)), test=0.2, seed=0)

    def killed(*_: object) -> None:
        raise JobError("The studio was killed")

    monkeypatch.setattr(queue, "submit", killed)
    with pytest.raises(JobError):
        project.train(train, Recipe(epochs=1))
    assert project.runs() == [] and project.waiting() == []
    assert project.journal.steps()[-1].results == ["run-001"]
    assert "project.train" not in project.export_notebook().read_text()
    with pytest.raises(JobError):
        project.train(train, Recipe(epochs=1))
    assert project.journal.steps()[-1].results == ["run-002"]  # its step speaks of the other one


def test_versions_and_names_never_collide(tmp_path: Path) -> None:
    project = Project.open("versions", home=tmp_path)
    path = rows(tmp_path)
    first, second = project.load(path), project.load(path)
    assert (first.version, second.version) == (1, 2)
    assert [step.outputs for step in project.journal.steps()] == [["raw"], ["raw_2"]]
    project.filter(second, min_quality=0.1)
    assert project.journal.steps()[-1].code.startswith("clean = project.filter(raw_2, ")


def test_unknown_things_are_named(tmp_path: Path) -> None:
    project = Project.open("unknown", home=tmp_path)
    with pytest.raises(NotFoundError, match="run-009"):
        project.run("run-009")
    with pytest.raises(NotFoundError, match="nothing"):
        project.dataset("nothing")
    raw = project.load(rows(tmp_path))
    with pytest.raises(NotFoundError, match="no such model"):
        project.train(raw, Recipe(model="no-such-model"))
    assert project.runs() == []
    with pytest.raises(InputError, match="keeps no row"):
        project.filter(raw, max_tokens=1)


def test_what_a_visitor_of_the_demo_may_not_do(tmp_path: Path) -> None:
    project = Project.open("visitor", home=tmp_path / "home", demo=True)
    raw = project.load(Project.sample())
    with pytest.raises(ForbiddenError, match="Training is off"):
        project.train(raw, Recipe())
    with pytest.raises(ForbiddenError):
        project.load("/etc/passwd")


def test_projects_are_listed(tmp_path: Path) -> None:
    Project.open("two", home=tmp_path)
    Project.open("one", home=tmp_path)
    assert Project.list(home=tmp_path) == ["one", "two"]
    with pytest.raises(InputError):
        Project.open("../three", home=tmp_path)
