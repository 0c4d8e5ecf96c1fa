"""What a cell shows of a step or look that takes long: where it is, with Stop. A short one is done in the press."""

import datetime
from collections.abc import Callable
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, job_line
from studio import JobError, Project

Shows = Callable[[Project, Any], Updates]
"""The updates of a look that has finished, from its job."""


class StepBox:
    """Make it inside the cell, whose `verbs` it runs; `wire` it with what its looks show."""

    def __init__(self, page: Page, cell: Cell, *verbs: str) -> None:
        self.page, self.cell, self.verbs = page, cell, verbs
        self.state = gr.HTML(elem_id=f"{cell.key}-state")
        self.stop = gr.Button("Stop", size="sm", visible=False, elem_id=f"{cell.key}-stop", min_width=90)
        self.timer, self.seen = gr.Timer(1.0, active=False), gr.State("")
        self.outputs = [self.state, self.stop, self.timer, self.seen, page.made]

    def wire(self, outputs: Any = (), shows: Shows | None = None) -> None:
        """`shows` gives the updates of `outputs` for a look that has finished; what made something refreshes the page."""
        self.shows = shows
        targets = [*self.outputs, *outputs]
        self.page.follow(self.timer.tick, self.follow, [self.seen], targets, self.cell)
        self.page.on(self.stop.click, self.press_stop, [], [self.stop], self.cell)
        self.page.refresh_with(self.restore, [part for part in self.outputs if part is not self.page.made])

    def run(self, project: Project, verb: str, *datasets: Any, **arguments: Any) -> Updates:
        """Does what makes something: at once, or in a process that is followed from then on."""
        if project.is_long(verb, *datasets, **arguments):
            return self.begin(project, verb, *datasets, **arguments)
        getattr(project, verb)(*datasets, **arguments)
        return self.cell.made()

    def begin(self, project: Project, verb: str, *datasets: Any, **arguments: Any) -> Updates:
        return self._of(project.start_step(verb, *datasets, **arguments))

    def restore(self, project: Project) -> Updates:
        """It goes on whoever looks: a page that comes back follows it, or sees why it came to nothing."""
        jobs, done = project.step_jobs(*self.verbs), self.cell.latest(project)
        if jobs and (jobs[0].state.status not in ENDED or _failed_since(jobs[0], done)):
            return self._of(jobs[0])
        return self._nothing()

    def follow(self, project: Project, seen: str) -> Updates:
        if not seen:
            return {self.timer: gr.update(active=False)}
        job = project.job(seen.split()[0])
        if job.state.status != "finished":
            updates = self._of(job)
            return {} if updates[self.seen] == seen else updates
        if self.shows is not None and (found := self.shows(project, job)):
            return {**self.cell.restore(project), **self._nothing(), **found}
        return {**self._nothing(), **self.cell.made()}

    def press_stop(self, project: Project) -> Updates:
        jobs = project.step_jobs(*self.verbs)
        if not jobs:
            raise JobError("There is nothing to stop")
        jobs[0].stop()
        return {self.stop: gr.update(visible=False)}

    def _nothing(self) -> Updates:
        return {
            self.state: "", self.stop: gr.update(visible=False), self.timer: gr.update(active=False), self.seen: "",
        }  # fmt: skip

    def _of(self, job: Any) -> Updates:
        status = job.state.status
        words, bar = job_line(job)
        over = status in ENDED
        return {
            self.state: bar, self.stop: gr.update(visible=not over and status != "stopping"), self.timer: gr.update(active=not over),
            self.seen: f"{job.id} {status} {job.progress.done}", **self.cell.says(words),
        }  # fmt: skip


def _failed_since(job: Any, done: Any) -> bool:
    """Whether it failed, and no step of the cell was done after it."""
    if job.state.status not in ("failed", "interrupted"):
        return False
    return done is None or datetime.datetime.fromisoformat(done.made).timestamp() < (job.state.ended or 0)
