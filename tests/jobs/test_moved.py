"""A project is one folder with everything: its jobs go on where it was moved to, with the home or to another."""

import shutil
from pathlib import Path

import pytest

from studio import Project, Recipe, store
from studio.jobs import queue
from studio.jobs.job import Job
from studio.training import worker as training
from tests.jobs.conftest import Sleepers
from tests.training.test_stopping import RECIPE, Watch, prepared, stop_at, watch

__all__ = ["watch"]
ROWS = '{"prompt": "Which room?", "completion": "21."}\n{"prompt": "Which floor?", "completion": "2."}\n'


def test_what_waits_in_a_moved_home_waits_there(tmp_path: Path, sleepers: Sleepers) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    project = Project.open("moved", home=before)
    data = project.load(pasted=ROWS, name="rows")
    for _ in range(3):
        project.train(data, Recipe())
    shutil.copytree(before, now)
    sleepers.end()
    there = Project.open("moved", home=now)
    second, third = (there.run(name).job for name in ("run-002", "run-003"))
    assert [job.folder for job in queue.waiting(now)] == [second.folder, third.folder]
    assert (second.home, second.request["project_folder"]) == (now, str(there.folder))
    queue.move(now, third, -1)
    third.stop()
    assert third.state.status == "stopped"
    started = queue.start_next(now)
    assert started is not None and started.folder == second.folder
    assert there.card_holder().folder == second.folder  # type: ignore[union-attr]
    assert {project.run(name).job.written_state.status for name in ("run-002", "run-003")} == {"queued"}


def test_the_paths_of_a_request_are_those_of_the_project_as_it_is(tmp_path: Path) -> None:
    old = tmp_path / "old" / "projects" / "one"
    request = {
        "project_folder": str(old), "data_folder": str(old / "jobs" / "search-001"), "elsewhere": f"{old}-two/file", "rows": 7, "evaluation": None,
    }  # fmt: skip
    project = Project.open("two", home=tmp_path / "new")
    described = {"format": 1, "kind": "train", "home": str(tmp_path / "old"), "request": request}
    for place in (project.folder / "runs" / "run-001", tmp_path / "loose" / "run-001"):
        store.write_json(place / "job.json", described)
    job = Job(project.folder / "runs" / "run-001")
    assert job.home == tmp_path / "new"
    assert job.request == {
        **request, "project_folder": str(project.folder), "data_folder": str(project.folder / "jobs" / "search-001")
    }  # fmt: skip
    loose = Job(tmp_path / "loose" / "run-001")  # in no project: as it is written
    assert (loose.home, loose.request) == (tmp_path / "old", request)


def test_a_run_goes_on_in_a_moved_home(
    tmp_path: Path,
    watch: list[Watch],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before, now = tmp_path / "before", tmp_path / "now"
    run = prepared(before)
    still = Recipe(**{**RECIPE.model_dump(), "learning_rate": 1e-12})  # so that the first that is judged stays the best
    store.write_text(run.folder / "recipe.json", still.to_json())
    watch.append(stop_at("step 4 of 6"))
    training.work(run.job)
    run.job.set_state(status="stopped")
    assert run.result["best_step"] == 3
    before.rename(now)
    (now / "projects" / "stops" / "runs" / "run-001" / "stop").unlink()
    watch.clear()
    moved = Project.open("stops", home=now).run("run-001").resume()
    assert moved.is_complete and moved.result["best_step"] == 3 and not before.exists()
    assert "Could not locate the best model" not in caplog.text
