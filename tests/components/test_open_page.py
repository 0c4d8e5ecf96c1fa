"""An open page notices the runs that something else starts, resumes, ends or deletes, and keeps what was chosen on it."""

import os
import time
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from components import app
from components.compare_tab import chosen_run
from studio import Project, StudioError, store
from studio.jobs import queue
from studio.jobs.job import Job, Progress, process_started
from studio.training.run import Run
from tests.card import taken
from tests.training.test_live import made_run


class OpenPage:
    """What a browser holds of the page, by elem_id: `notice` is a tick of the header, and what follows from it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.blocks = app.build(project.home, project.name, demo=False)
        self.request = gr.Request(session_hash="here")
        self.values: dict[int, Any] = {}
        for block in self.blocks.blocks.values():
            self.values[block._id] = getattr(block, "value", None)
        self.updates: dict[int, dict[str, Any]] = {}
        self.calls = 0

    def part(self, elem_id: str) -> int:
        return next(one._id for one in self.blocks.blocks.values() if getattr(one, "elem_id", None) == elem_id)

    def value(self, elem_id: str) -> Any:
        return self.values[self.part(elem_id)]

    def shown(self, elem_id: str, what: str) -> Any:
        return self.updates.get(self.part(elem_id), {}).get(what)

    def call(self, event: Any) -> set[int]:
        """Runs one handler; returns the parts whose value is another one now."""
        self.calls += 1
        values = [self.values[block._id] for block in event.inputs]
        values[0] = self.project.name
        made = event.fn(self.request, *values)
        made = made if isinstance(made, list) else [made]
        changed = set()
        for block, update in zip(event.outputs, made, strict=True):
            if not isinstance(update, dict):
                update = {"value": update}
            given = {key: value for key, value in update.items() if key != "__type__"}
            self.updates.setdefault(block._id, {}).update(given)
            if "value" in given and str(given["value"]) != str(self.values[block._id]):
                self.values[block._id] = given["value"]
                changed.add(block._id)
        return changed

    def happens(self, part: int, name: str) -> None:
        """An event of a part, and the changes that come of it."""
        for event in list(self.blocks.fns.values()):
            if (part, name) in event.targets and event.fn is not None:
                for changed in self.call(event):
                    self.happens(changed, "change")

    def notice(self) -> None:
        timer = next(one for one in self.blocks.blocks.values() if isinstance(one, gr.Timer) and one.active)
        self.happens(timer._id, "tick")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("watched", home=tmp_path)


@pytest.fixture
def page(project: Project) -> OpenPage:
    return OpenPage(project)


def at_work(run: Run) -> Run:
    """As if it were computing, in this process."""
    pid = os.getpid()
    run.job.set_state(status="running", pid=pid, process_started=process_started(pid), ended=None)
    return run


def can_answer(run: Run) -> None:
    run.adapter_folder.mkdir()
    store.write_json(run.folder / "result.json", {"complete": True})


def test_the_sign_changes_with_the_runs_and_with_nothing_else(project: Project) -> None:
    signs = [project.runs_stand()]

    def other() -> bool:
        signs.append(project.runs_stand())
        return signs[-1] != signs[-2]

    run = made_run(project.folder)
    assert other() and not other()
    run.remember("a name")
    assert not other()
    at_work(run)
    assert other() and not other()
    run.job.report(1, 2, "step 1")
    assert not other()
    run.job.set_state(process_started=1.0)
    assert other() and not other() and run.job.written_state.status == "interrupted"
    run.delete()
    assert other() and not other()
    waits = queue.Placed(project.home, project.folder / "jobs" / "export-001", "export", {})
    with taken(project.home):
        waits.submit()
        assert other() and not other()
    waits_no_more = Job(waits.folder)
    waits_no_more.stop()
    assert other() and not other()


def test_the_sign_of_fifty_runs_takes_some_milliseconds(project: Project) -> None:
    for _ in range(50):
        made_run(project.folder)
    project.runs_stand()
    took = []
    for _ in range(20):
        began = time.perf_counter()
        project.runs_stand()
        took.append(time.perf_counter() - began)
    assert sorted(took)[5] < 0.02


def test_a_run_that_something_else_starts_resumes_and_ends_is_followed(page: OpenPage, project: Project) -> None:
    page.notice()
    assert page.value("train-run") is None
    run = at_work(made_run(project.folder))
    page.notice()
    assert page.value("train-run") == "run-001" and "run-001 running" in page.shown("train-live", "label")
    assert page.shown("train-stop", "visible") is True
    calls = page.calls
    page.notice()
    assert page.calls == calls + 1  # nothing is new, so nothing else looks
    run.job.set_state(status="stopped", ended=1.0)
    page.notice()
    assert "stopped" in page.shown("train-live", "label") and page.shown("train-resume", "visible") is True
    at_work(run)
    page.notice()
    assert "running" in page.shown("train-live", "label") and page.shown("train-resume", "visible") is False
    assert page.value("train-past-table")[0][4] == "running"


def test_the_next_run_is_followed_unless_another_was_chosen(page: OpenPage, project: Project) -> None:
    first = made_run(project.folder)
    page.notice()
    second = at_work(made_run(project.folder))
    page.notice()
    assert page.value("train-run") == second.id
    third = at_work(made_run(project.folder))
    page.notice()
    assert page.value("train-run") == second.id  # for that one is still at work
    assert third.id in dict(page.shown("train-run", "choices"))
    page.values[page.part("train-run")] = first.id
    page.happens(page.part("train-run"), "input")
    for run in (second, third):
        run.job.set_state(status="finished")
    at_work(made_run(project.folder))
    page.notice()
    assert page.value("train-run") == first.id
    first.delete()
    page.notice()
    assert page.value("train-run") == "run-004"


def test_compare_offers_a_run_that_has_finished_since_and_keeps_the_chosen_one(
    page: OpenPage, project: Project
) -> None:
    for number in (1, 2):
        run = made_run(project.folder)
        (run.folder / "adapter").mkdir()
        (run.folder / "result.json").write_text("{}")
        page.notice()
        assert page.shown("compare-run", "choices") == [f"run-00{at}" for at in range(number, 0, -1)]
        assert page.value("compare-run") == "run-001"


def test_a_resume_that_was_pressed_elsewhere_is_no_mistake(page: OpenPage, project: Project) -> None:
    run = made_run(project.folder)
    run.job.set_state(status="stopped")
    page.notice()
    at_work(run)
    page.happens(page.part("train-resume"), "click")
    assert page.shown("train-live", "label").endswith("run-001 running, loading")
    assert page.shown("train-live-message", "visible") is False


def test_a_resumed_run_begins_without_the_progress_of_before(page: OpenPage, project: Project) -> None:
    run = made_run(project.folder)
    run.job.report(1, 1, "saving")
    run.job.set_state(status="stopped")
    with taken(project.home):
        queue.submit(project.home, run.folder, "train", run.job.request)
        assert run.state == "queued" and run.job.progress == Progress()
        page.notice()
        assert "waits for its turn" in page.shown("train-live", "label")
        assert 'aria-valuenow="0"' in page.value("train-live-state") and "saving" not in page.value("train-live-state")
        run.stop()


def test_a_run_that_has_finished_can_be_taken_at_once_and_a_choice_stays(page: OpenPage, project: Project) -> None:
    boxes = ["compare-run", "export-run", "export-report-run"]

    def show() -> list[Any]:
        return [page.value(box) for box in boxes]

    with pytest.raises(StudioError, match="No run is chosen"):
        chosen_run(project, None)
    run = at_work(made_run(project.folder))
    page.notice()
    assert show() == [None, None, None]
    can_answer(run)
    run.job.set_state(status="finished", ended=1.0)
    assert chosen_run(project, None).id == "run-001"  # before the page has noticed
    page.notice()
    assert show() == ["run-001"] * 3
    can_answer(made_run(project.folder))
    page.notice()
    assert show() == ["run-001"] * 3 and "run-002" in page.shown("export-run", "choices")
    for name in ("tab-compare", "tab-export"):
        page.happens(page.part(name), "select")
    assert show() == ["run-001"] * 3
    run.delete()
    page.notice()
    assert show() == ["run-002"] * 3
