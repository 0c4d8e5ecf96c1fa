"""The header, always in sight: the project, the machine, what computes on it, and the notebook."""

import time
from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Page, Updates, duration
from components.handout import handout
from components.queue_box import project_of
from studio import JobError, Project, machine

MACHINE_SECONDS = 5.0
TICK_SECONDS = 4.0


class _Machine:
    """What the machine has, asked at most every few seconds however many pages look."""

    def __init__(self) -> None:
        self.asked, self.words = 0.0, ""

    def html(self) -> str:
        if time.monotonic() - self.asked > MACHINE_SECONDS or not self.words:
            found = machine()
            problem = f'<br><span class="problem">{escape(found.gpu_problem)}</span>' if found.gpu_problem else ""
            slow = (
                ""
                if found.device == "cuda"
                else '<br><span title="The starter model is small enough">training large models is slow here</span>'
            )
            self.words = f"<b>{escape(found.sentence())}</b>{problem or slow}"
            self.asked = time.monotonic()
        return f'<div class="facts">{self.words}</div>'


def build(page: Page) -> dict[str, Any]:
    """Returns the parts that app.py wires: timer, card, machine."""
    seen = _Machine()
    with gr.Row(elem_id="header", elem_classes="row"):
        gr.HTML('<div class="title">Fine-Tuning Studio</div>', min_width=150, scale=0)
        page.name = gr.Dropdown(
            [page.default], value=None, label="Project, or a new name", allow_custom_value=True, filterable=True,
            elem_id="project-name", visible=not page.demo, min_width=180, scale=1,
        )  # fmt: skip
        if page.demo:
            gr.HTML('<div class="facts"><b>Demo</b><br>your project goes when you leave</div>', min_width=150)
        machine_box = gr.HTML(seen.html(), elem_id="machine", scale=0)
        card = gr.HTML(_card(None), elem_id="card", min_width=200, scale=2)
        stop = gr.Button("Stop job", size="sm", visible=False, elem_id="card-stop", min_width=90, scale=0)
        export = gr.Button("Export notebook", size="sm", elem_id="notebook-export", min_width=130, scale=0)
        file = gr.DownloadButton(
            "Download notebook", size="sm", visible=False, elem_id="notebook-file", min_width=130, scale=0
        )
    timer = gr.Timer(TICK_SECONDS)
    last, known = gr.State(""), gr.State(0)  # what is shown here, and the sign of the runs that the page shows

    def tick(project: Project, before: str, seen_runs: int) -> Updates:
        holder, waiting = project.card_holder(), project.waiting()
        mine = holder is not None and holder.folder.is_relative_to(project.folder)
        words = _card(holder, waiting=len(waiting), private=page.demo and not mine)
        now, runs = seen.html() + words + str(mine), project.runs_stand()
        updates: Updates = {} if runs == seen_runs else {known: runs, page.changed: time.time_ns()}
        if now == before:
            return updates
        return {
            **updates,
            machine_box: seen.html(),
            card: words,
            stop: gr.update(visible=mine and holder is not None and holder.state.status == "running"),
            last: now,
        }

    def stop_job(project: Project) -> Updates:
        holder = project.card_holder()
        if holder is None or not holder.folder.is_relative_to(project.folder):
            raise JobError("Nothing of this project is computing")
        holder.stop()
        return {stop: gr.update(visible=False)}

    def notebook(project: Project) -> Updates:
        return {file: gr.update(value=handout(project.export_notebook()), visible=True)}

    page.follow(timer.tick, tick, [last, known], [machine_box, card, stop, last, known, page.changed])
    page.on(stop.click, stop_job, [], [stop])
    page.on(export.click, notebook, [], [file])
    page.refresh_with(lambda project: {file: gr.update(visible=False), known: project.runs_stand()}, [file, known])
    return {"timer": timer, "card": card}


def _card(job: Any, waiting: int = 0, private: bool = False) -> str:
    queue = f" · {waiting} waiting" if waiting else ""
    if job is None or job.state.status in ENDED:
        return f'<div class="facts">Nothing is computing{queue}</div>'
    if private:
        return f'<div class="facts">Another visitor is computing{queue}</div>'
    words = {
        "train": "Training",
        "evaluate": "Measuring",
        "export": "Exporting",
        "serve": "Answering",
        "generate": "Making examples",
    }.get(job.kind, job.kind)
    project = project_of(job.folder)
    if job.kind == "serve":
        since = f", idle ones leave after 10 min{queue}"
        return f'<div class="facts"><b>{words}</b><br>{escape(project)}{since}</div>'
    progress = job.progress
    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left else ""
    share = f"{progress.done / progress.of:.0%}" if progress.of else "starting"
    return f'<div class="facts"><b>{words} {escape(job.id)}</b> {share}{left}<br>{escape(project)}{queue}</div>'
