"""The Past runs cell of tab 3: what was tried; a press shows its curves, gives it a name, or deletes it."""

import time
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Refresher, Updates, duration, empty
from components.live_cell import Live
from studio import InputError, Project

NONE = "No run yet: start one above."
COLUMNS = {
    "run": "85px", "loss": "85px", "time": "105px", "cost": "100px", "state": "110px", "name": "209px", "learnt from": "160px",
    "method": "200px", "steps": "80px",
}  # fmt: skip


def build_past_runs(page: Page, live: Live) -> Refresher:
    """The table is made anew when a run starts, stops or ends, whoever did it, and when the page opens."""
    why = "What was tried, with its best evaluation loss. Press a row to see its curves in cell 5."
    with Cell(page, "train-past", 6, "Past runs", why) as cell:
        nothing = gr.HTML(empty(NONE), elem_id="train-past-none")
        table = gr.Dataframe(
            headers=list(COLUMNS), datatype="str", value=[], interactive=False, visible=False, max_height=420, show_label=False,
            column_widths=list(COLUMNS.values()), pinned_columns=1, buttons=[], elem_id="train-past-table",
        )  # fmt: skip
        with gr.Column(visible=False) as details:
            chosen = gr.Textbox("", label="Run", interactive=False, elem_id="train-past-chosen")
            trained = gr.HTML(elem_id="train-past-parameters")
            with gr.Row(elem_classes="row"):
                name = gr.Textbox("", label="Name", max_length=80, elem_id="train-past-name", min_width=200)
                notes = gr.Textbox(
                    "", label="Notes", max_length=2000, lines=1, elem_id="train-past-notes", min_width=260
                )
            with gr.Row(elem_classes="row"):
                save = gr.Button("Save name and notes", elem_id="train-past-save", min_width=160)
                delete = gr.Button("Delete run", elem_id="train-past-delete", min_width=120)
            with gr.Column(visible=False) as asking:
                question = gr.HTML(elem_id="train-past-question")
                with gr.Row(elem_classes="row"):
                    sure = gr.Button("Yes, delete it", variant="stop", elem_id="train-past-sure", min_width=140)
                    keep = gr.Button("Keep it", elem_id="train-past-keep", min_width=120)

    place = gr.State("")  # the project whose runs they are

    def show(project: Project) -> Updates:
        runs = list(reversed(project.runs()))
        return {
            table: gr.update(value=[row(run) for run in runs], visible=bool(runs)),
            nothing: gr.update(visible=not runs),
            **cell.says(f"{len(runs):,} run{'s' if len(runs) > 1 else ''}" if runs else ""),
        }

    def look(project: Project, run_id: str | None) -> Updates:
        """What is being typed about the chosen run stays, for as long as there is one."""
        updates = show(project)
        run = next((one for one in project.runs() if one.id == run_id), None)
        if run is not None:
            return {**updates, delete: gr.update(interactive=run.state in ENDED)}
        return {**updates, details: gr.update(visible=False)} if run_id else updates

    def choose(project: Project, run_id: str) -> Updates:
        run = project.run(run_id)
        return {
            live.run: run.id,
            live.picked: run.id,
            chosen: run.id,
            trained: parameters(run),
            name: run.name,
            notes: run.notes,
            details: gr.update(visible=True),
            delete: gr.update(interactive=run.state in ENDED),
            asking: gr.update(visible=False),
        }

    def remember(project: Project, run_id: str, called: str, noted: str) -> Updates:
        project.run(run_id).remember(called or "", noted or "")
        return {**show(project), **live.newest(project), live.run: shown_as(project, run_id)}

    def ask(project: Project, run_id: str) -> Updates:
        run = project.run(run_id)
        made = [bundle.id for bundle in project.bundles() if bundle.run_id == run.id]
        stays = f" Its bundles ({', '.join(made)}) stay." if made else ""
        words = f"Delete {run.id} with its curves, checkpoints and adapter? This cannot be undone.{stays}"
        return {asking: gr.update(visible=True), question: f'<div class="note">{words}</div>'}

    def remove(project: Project, run_id: str) -> Updates:
        if page.demo:
            raise InputError("Runs are not deleted in this demo", "a shared Space", "Your project goes when you leave")
        project.run(run_id).delete()
        return {details: gr.update(visible=False), page.made: time.time_ns()}

    def shown_as(project: Project, run_id: str) -> Any:
        choices = live.newest(project)[live.run]["choices"]
        return gr.update(choices=choices, value=run_id)

    outputs = [table, nothing, *cell.outputs]
    # a name that is being typed stays while other cells work; it goes with its project
    page.refresh_with(lambda project: {**show(project), place: project.name}, [*outputs, place])
    page.on(place.change, lambda project: {details: gr.update(visible=False)}, [], [details], show_progress="hidden")
    page.on(live.status.change, show, [], outputs, show_progress="hidden")
    page.follow(page.changed.change, look, [chosen], [*outputs, details, delete])
    page.on(
        table.select, choose, [], [live.run, live.picked, chosen, trained, name, notes, details, delete, asking], cell, row=True, show_progress="hidden"
    )  # fmt: skip
    page.on(save.click, remember, [chosen, name, notes], [*outputs, *live.chosen], cell)
    page.on(delete.click, ask, [chosen], [asking, question], cell)
    page.on(keep.click, lambda project: {asking: gr.update(visible=False)}, [], [asking])
    page.on(sure.click, remove, [chosen], [details, page.made], cell)
    return Refresher(show, outputs)


def row(run: Any) -> list[str]:
    """One run as the texts of a row of the table; what is asked most stands first, where a phone shows it."""
    recipe, result = run.recipe, run.result
    best = result.get("best_eval_loss")
    steps, loss = result.get("steps"), "" if best is None else f"{best:.4f}"
    return [
        run.id, loss, duration(result.get("seconds")), spent(run), run.state, run.name, run.train_dataset,
        f"{recipe.method}, {short_model(recipe.model)}", "" if steps is None else f"{steps:,}",
    ]  # fmt: skip


def parameters(run: Any) -> str:
    return f'<p class="why">Trainable parameters: {run.parameters}</p>' if run.parameters else ""


def spent(run: Any) -> str:
    """What it cost at the price of its time."""
    if not run.result:
        return ""
    dollars = run.cost.dollars
    return "no price" if dollars is None else f"${dollars:,.2f}"


def short_model(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]
