"""The first cell of tab 3: what learns, from which rows, and by which method."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, more
from components.code_box import build_code, build_consents, wire_code
from components.dataset_box import references, to_learn_from
from components.download_box import build_download, wire_download
from components.model_words import METHOD, choice, found_choice, machine_table, machine_words, report_words
from components.token_box import build_token, wire_token
from studio import NotFoundError, Project, StudioError

METHODS = [
    ("QLoRA: 4-bit base, small adapter", "qlora"),
    ("LoRA: 16-bit base, small adapter", "lora"),
    ("Full: all weights", "full"),
]
SHORTEST = 3
QUIET_SECONDS = 30
"""A Hub that did not answer is not asked again for so long."""
TYPED = """async (...given) => {
    const mine = window.studioTyped = (window.studioTyped || 0) + 1;
    await new Promise((done) => setTimeout(done, 300));
    const text = document.querySelector('#train-model-name input').value;
    return [given[0], mine === window.studioTyped ? text : null, given[2]];
}"""
"""What stands in the box when nothing was typed for 0.3 s; an earlier key gives nothing to look for."""


@dataclass(frozen=True)
class ModelCell:
    """The cell and its boxes, which the cells below read."""

    cell: Cell
    dataset: Any
    evaluation: Any
    model: Any
    method: Any


def build_model(page: Page) -> ModelCell:
    why = "What learns, from which rows, and by which method."
    with Cell(page, "train-model", 1, "Model", why, opened=True) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Learn from", elem_id="train-dataset")
            evaluation = gr.Dropdown([], label="Watch the loss on (evaluation)", elem_id="train-evaluation")
        with gr.Row(elem_classes="row"):
            model = gr.Dropdown(
                ["starter"], value="starter", label="Model" if page.demo else "Model: choose, type to search the Hub, or a folder's path",
                allow_custom_value=not page.demo, elem_id="train-model-name",
            )  # fmt: skip
            method = gr.Dropdown(METHODS, value="qlora", label="Method", elem_id="train-method")
        hub = gr.HTML("", elem_id="train-model-hub")
        report = gr.HTML("", elem_id="train-model-report")
        download, parts = build_download()
        code = build_code()
        words = gr.HTML("", elem_id="train-model-machine")
        with more():
            facts = gr.HTML("", elem_id="train-model-facts")
            with gr.Column(visible=not page.demo):
                token = build_token()
                consents = build_consents()
    typed, silent, looks = gr.Textbox("", visible=False), gr.State(0.0), gr.State(0)

    def show(project: Project) -> Updates:
        tests = references(project, "split")
        held_out = [one for one in tests if one.startswith("test@")]
        found = [one for one in tests if one not in held_out] + held_out
        watched = [("none", ""), *((one, one) for one in tests)]
        return {
            dataset: gr.update(choices=found, value=to_learn_from(project)),
            evaluation: gr.update(choices=watched, value=held_out[0] if held_out else ""),
            model: gr.update(choices=[choice(one) for one in project.models()]),
            looks: time.time_ns(),
        }

    def search(project: Project, text: str | None, quiet_since: float) -> Updates:
        """The list while one types: what is here by that name, what the Hub has, then the others that are here."""
        text = (text or "").strip()
        here = [choice(one) for one in project.models()]
        if len(text) < SHORTEST or text in dict(here) or text.startswith(("/", "~", ".")):
            return {}
        if time.time() - quiet_since < QUIET_SECONDS:
            return {}
        try:
            found = project.search_models(text)
        except NotFoundError as error:
            return {hub: f'<p class="look">! {error.what}. {error.fix}.</p>', silent: time.time()}
        names = {name for _, name in here}
        offered = [found_choice(one) for one in found if one.model not in names]
        here.sort(key=lambda one: text.lower() not in one[0].lower())  # stable: those of that name come first
        fitting = sum(text.lower() in words.lower() for words, _ in here)
        return {model: gr.update(choices=[*here[:fitting], *offered, *here[fitting:]]), hub: "", silent: 0.0}

    def look(project: Project, name: str | None) -> Updates:
        """What the chosen model is; a name that is nothing is said in the cell."""
        if not name:
            return {}
        known: Updates = {report: "", facts: "", **download.nothing(), **code.nothing()}
        try:
            found = project.look_at_model(name)
            known |= {report: report_words(found), **download.offer(found), **code.offer(project, found)}
            return {**known, facts: machine_table(project, name)}
        except StudioError as error:  # what is said of the model before is not true of this one
            return {**known, **cell.failed(str(error))}

    def look_anew(project: Project, name: str | None) -> Updates:
        """The same for a name that was just chosen: what was wrong with the one before is past."""
        return {cell.message: gr.update(visible=False), **look(project, name)}

    def look_at_time(project: Project, name: str | None, way: str, reference: str | None) -> Updates:
        return {words: machine_words(project, name, way, reference)} if name and way in METHOD else {}

    quietly = {"show_progress": "hidden", "trigger_mode": "always_last"}
    shown = [report, facts, *download.outputs, *code.outputs]
    if not page.demo:
        page.on(model.key_up, search, [typed, silent], [model, hub, silent], quiet=True, js=TYPED, **quietly)
    others = [wire_token(page, cell, token), *wire_code(page, cell, code, model, consents)]
    wire_download(page, cell, model, parts)
    page.on(model.change, look_anew, [model], shown, cell, **quietly)
    for trigger in (looks.change, *(event.then for event in others)):
        page.on(trigger, look, [model], shown, cell, **quietly)
    for box in (model, method, dataset, looks):
        page.on(box.change, look_at_time, [model, method, dataset], [words], quiet=True, **quietly)
    page.refresh_with(show, [dataset, evaluation, model, looks])
    return ModelCell(cell, dataset, evaluation, model, method)
