"""What waits for the card, in its order, with the buttons that change the order or take something out."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from components.cell import Page, Updates, table
from studio import Project


@dataclass(frozen=True)
class QueueBox:
    """`look_again(project)` gives the updates of `looks` after which it shows what waits now."""

    look_again: Any
    looks: list[Any]


def build_queue(page: Page) -> QueueBox:
    """Inside the Start cell; nothing of it is seen while nothing waits."""
    stale = gr.State(0)
    line = gr.HTML(elem_id="train-queue")
    with gr.Row(elem_classes="row", visible=False) as controls:
        # any value may come: a look with the job that was just taken out is on its way when the list has it no more
        chosen = gr.Dropdown([], label="Waiting", allow_custom_value=True, elem_id="train-queue-job", min_width=180)
        earlier = gr.Button("Earlier", elem_id="train-queue-earlier", min_width=90, visible=not page.demo)
        later = gr.Button("Later", elem_id="train-queue-later", min_width=90, visible=not page.demo)
        remove = gr.Button("Take out of the queue", elem_id="train-queue-remove", min_width=160)
    outputs = [line, controls, chosen]

    def look_again(project: Project) -> Updates:
        return {stale: time.time_ns()}

    def show(project: Project, keep: str | None) -> Updates:
        waiting = project.waiting()
        own = [job.id for job in waiting if job.folder.is_relative_to(project.folder)]
        rows = [
            [str(place), job.id, job.kind, project_of(job.folder)]
            for place, job in enumerate(waiting, start=1)
            if job.id in own or not page.demo
        ]
        return {
            line: table(["place", "waits for its turn", "kind", "project"], rows) if rows else "",
            controls: gr.update(visible=bool(own)),
            chosen: gr.update(choices=own, **({} if keep in own else {"value": own[0] if own else None})),
        }

    def moved(places: int) -> Any:
        def move(project: Project, job_id: str | None) -> Updates:
            if job_id:
                project.move_waiting(project.job(job_id), places)
            return show(project, job_id)

        return move

    def take_out(project: Project, job_id: str | None) -> Updates:
        if job_id:
            project.job(job_id).stop()
        return show(project, None)

    for button, press in ((earlier, moved(-1)), (later, moved(1)), (remove, take_out)):
        page.on(button.click, press, [chosen], outputs)
    page.on(stale.change, show, [chosen], outputs, quiet=True, show_progress="hidden")
    page.follow(page.changed.change, show, [chosen], outputs)
    page.refresh_with(look_again, [stale])
    return QueueBox(look_again, [stale])


def project_of(folder: Path) -> str:
    """The name of the project that a job's folder is in."""
    return folder.parts[-3] if len(folder.parts) > 3 else ""
