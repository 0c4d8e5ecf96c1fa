"""Fetching a model of the Hub from the page: its size first, then bytes, time left, Stop and Resume."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, job_line, size
from studio import JobError, Project

SAID_SECONDS = 60.0  # so long it is said that a download has finished


@dataclass(frozen=True)
class DownloadBox:
    """Its parts; `outputs` are what `offer` sets."""

    start: Any
    outputs: list[Any]

    def offer(self, found: Any) -> Updates:
        """The button says how much comes, where something can come."""
        can = found.where == "hub" and not found.problem and not found.why_not
        return {self.start: gr.update(visible=can, value=f"Download {size(found.missing)}" if can else "Download")}

    def nothing(self) -> Updates:
        """There is no model that could be fetched."""
        return {self.start: gr.update(visible=False)}


def build_download() -> tuple[DownloadBox, list[Any]]:
    with gr.Row(elem_classes="row"):
        start = gr.Button("Download", visible=False, variant="primary", elem_id="train-model-download", min_width=160)
        stop = gr.Button("Stop (keeps what came)", visible=False, elem_id="train-model-stop", min_width=160)
        resume = gr.Button("Resume the download", visible=False, elem_id="train-model-resume", min_width=160)
    state = gr.HTML("", elem_id="train-model-download-state")
    return DownloadBox(start, [start]), [start, stop, resume, state]


def wire_download(page: Page, cell: Cell, model: Any, parts: list[Any]) -> None:
    """Follows the newest download of the project, also one that was begun before a reload."""
    start, stop, resume, state = parts
    timer, followed = gr.Timer(1.0, active=False), gr.State("")
    following = [state, stop, resume, timer, followed]

    def follow(project: Project, before: str = "") -> Updates:
        hidden = gr.update(visible=False)
        jobs = [] if project.demo else project.downloads()
        job = jobs[-1] if jobs else None
        if job is None or (job.state.status == "finished" and time.time() - (job.state.ended or 0) > SAID_SECONDS):
            return {state: "", stop: hidden, resume: hidden, timer: gr.update(active=False), followed: ""}
        status, progress = job.state.status, job.progress
        now = f"{job.id} {status} {progress.done} {progress.note}"
        if now == before:
            return {}
        over, name = status in ENDED, str(job.request["model"])
        updates: Updates = {
            state: f'<p class="why">{name}</p>{job_line(job)[1]}' if status != "finished" else f'<p class="good">✓ {name} is on this machine</p>',
            stop: gr.update(visible=not over), resume: gr.update(visible=over and status != "finished"), timer: gr.update(active=not over),
            followed: "" if over else now,
        }  # fmt: skip
        return {**updates, page.made: time.time_ns()} if over and before else updates

    def begin(project: Project, name: str) -> Updates:
        project.start_download(name)
        return {**follow(project), start: gr.update(visible=False), cell.message: gr.update(visible=False)}

    def press_stop(project: Project) -> Updates:
        _newest(project).stop()
        return {**follow(project), stop: gr.update(visible=False)}

    def press_resume(project: Project) -> Updates:
        project.resume_download(_newest(project))
        return {**follow(project), cell.message: gr.update(visible=False)}

    page.on(start.click, begin, [model], [*following, start], cell)
    page.on(stop.click, press_stop, [], following, cell)
    page.on(resume.click, press_resume, [], following, cell)
    page.follow(timer.tick, follow, [followed], [*following, page.made], cell)
    page.refresh_with(follow, following)


def _newest(project: Project) -> Any:
    if not (jobs := project.downloads()):
        raise JobError("There is no download", "none was begun", "Choose a model of the Hub and press “Download”")
    return jobs[-1]
