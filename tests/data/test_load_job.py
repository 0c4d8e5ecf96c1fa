"""A large source is loaded by a job of its own: no card, progress, a stop that leaves nothing, a step like any other."""

import time
from pathlib import Path

import pytest

from studio import InputError, Project
from studio.jobs import queue
from tests.benchmarks.data import write_rows


def test_a_load_is_a_job_that_waits_for_no_card(tmp_path: Path) -> None:
    project = Project.open("large", home=tmp_path / "home")
    path = tmp_path / "rows.jsonl"
    write_rows(path, 3000)
    with queue.card_lock(project.home):  # as if a training had it
        job = project.start_load(path, name="many")
        assert job.wait(120) == "finished"
    made = project.dataset("many")
    assert len(made) == 3000 and job.progress.note.startswith("3,000") and not job.needs_card
    step = project.journal.steps()[-1]
    assert (step.verb, step.state, step.results) == ("load", "done", ["many@v1"])
    path.unlink()
    names: dict[str, object] = {"project": Project.open("again", home=tmp_path / "home")}
    exec(step.code, names)
    assert names["raw"].examples.equals(made.examples)  # type: ignore[attr-defined]


def test_a_stop_leaves_nothing(tmp_path: Path) -> None:
    project = Project.open("large", home=tmp_path / "home")
    path = tmp_path / "rows.jsonl"
    write_rows(path, 100_000)  # 73 MB: read in slices
    job = project.start_load(path)
    while not job.progress.done and job.state.status == "running":
        time.sleep(0.05)
    assert project.takes_long(path) and 0 < job.progress.done < job.progress.of
    job.stop()
    assert job.wait(60) == "stopped"
    assert project.datasets() == [] and project.journal.steps() == []
    assert not list((project.folder / "sources").rglob("*.jsonl")) and not list(
        (project.folder / "datasets").rglob("*.parquet")
    )


def test_what_cannot_be_read_is_said_before_a_process_starts(tmp_path: Path) -> None:
    project = Project.open("large", home=tmp_path / "home")
    with pytest.raises(InputError, match="no such file"):
        project.start_load(tmp_path / "absent.jsonl")
    (tmp_path / "rows.xyz").write_text("x")
    with pytest.raises(InputError, match="kind of file"):
        project.start_load(tmp_path / "rows.xyz")
    assert project.jobs("load") == []
