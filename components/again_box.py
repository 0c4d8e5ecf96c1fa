"""After a run that ran out of memory: one button for each change of its recipe that fits, which starts it so."""

from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates
from components.fit_cell import gigabytes
from components.live_cell import Live
from studio import Project, Recipe

MOST = 3


def build_again(page: Page, live: Live, cell: Cell) -> None:
    """Below the Live cell; nothing of it is seen after any other end. A press is a step of the Start cell."""
    with gr.Column(visible=False, elem_id="train-again") as box:
        gr.HTML('<p class="why">Not enough memory. Start it again with settings that fit:</p>')
        with gr.Row(elem_classes="row"):
            buttons = [gr.Button(visible=False, elem_id=f"train-again-{at + 1}", size="sm") for at in range(MOST)]
    offers = gr.State([])
    shown = [box, *buttons, offers]

    def show(project: Project, run_id: str | None) -> Updates:
        run = next((one for one in project.runs() if one.id == run_id), None)
        # a trial belongs to its search, which goes on without it
        changes = run.what_fits()[:MOST] if run is not None and "search" not in run.job.request else []
        labels = [
            f"{change.words[0].upper()}{change.words[1:]}: up to {gigabytes(change.estimate.high)}"
            for change in changes
        ]
        return {
            box: gr.update(visible=bool(changes)),
            offers: [change.recipe.to_json() for change in changes],
            **{
                button: gr.update(value=labels[at], visible=True) if at < len(labels) else gr.update(visible=False)
                for at, button in enumerate(buttons)
            },
        }

    def take(number: int) -> Any:
        def start(project: Project, run_id: str, offered: list[str]) -> Updates:
            run, recipe = project.run(run_id), Recipe.from_json(offered[number])
            watched, request = run.evaluation_dataset, run.job.request
            project.train(
                project.dataset(run.train_dataset), recipe, project.dataset(watched) if watched else None,
                request.get("processes", 1), request.get("sharded", False),
            )  # fmt: skip
            return {**cell.done(project), **live.newest(project), box: gr.update(visible=False)}

        return start

    for changed in (live.status.change, live.run.change):
        page.on(changed, show, [live.run], shown, quiet=True, show_progress="hidden")
    for number, button in enumerate(buttons):
        page.on(button.click, take(number), [live.run, offers], [*live.chosen, box], cell)
