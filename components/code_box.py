"""A model's own code: read on the page, and allowed or not by the owner of the machine."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates
from components.model_words import code_words, consents_table
from studio import InputError, Project


@dataclass(frozen=True)
class CodeBox:
    """`outputs` are what `offer` sets: the box, its text, what was read, and the two buttons."""

    outputs: list[Any]

    def offer(self, project: Project, found: Any) -> Updates:
        """The code of the model that is chosen, where it needs any and is on this machine."""
        box, text, read, allow, withdraw = self.outputs
        if not found.consent:
            return self.nothing()
        if found.folder is None:
            words = f'<div class="note">{found.model} needs code of its own to run: {", ".join(found.code)}. Download it, then read it here.</div>'
            return {box: gr.update(visible=True), text: words, read: {}, allow: gr.update(visible=False), withdraw: gr.update(visible=False)}  # fmt: skip
        code, allowed = project.model_code(found.model), found.consent == "allowed"
        return {
            box: gr.update(visible=True), text: code_words(found.model, code, found.consent), read: code,
            allow: gr.update(visible=not allowed), withdraw: gr.update(visible=allowed),
        }  # fmt: skip

    def nothing(self) -> Updates:
        """There is no code to speak of."""
        box, text, read, *_ = self.outputs
        return {box: gr.update(visible=False), text: "", read: {}}


def build_code() -> CodeBox:
    with gr.Column(visible=False) as box:
        text = gr.HTML("", elem_id="train-model-code")
        with gr.Row(elem_classes="row"):
            allow = gr.Button("Allow this code", variant="stop", elem_id="train-model-allow", min_width=200)  # fmt: skip
            withdraw = gr.Button("Take the consent back", elem_id="train-model-withdraw", min_width=160)
    return CodeBox([box, text, gr.State({}), allow, withdraw])


def build_consents() -> list[Any]:
    shown = gr.HTML("", elem_id="train-model-consents")
    with gr.Row(visible=False, elem_classes="row") as row:
        which = gr.Dropdown([], label="Take a consent back", elem_id="train-model-consent", min_width=220)
        take = gr.Button("Take it back", elem_id="train-model-consent-take", min_width=120)
    return [shown, row, which, take]


def wire_code(page: Page, cell: Cell, box: CodeBox, model: Any, parts: list[Any]) -> list[Any]:
    """Allows and takes back what is shown, and lists every consent of this machine. Returns the events after which the model
    is looked at again."""
    shown, row, which, take = parts
    outputs = [shown, row, which]
    _, _, read, allow, withdraw = box.outputs

    def show(project: Project) -> Updates:
        given = [] if project.demo else project.allowed_code()
        names = [one.model for one in given]
        return {
            shown: consents_table(given), row: gr.update(visible=bool(names)),
            which: gr.update(choices=names, value=names[0] if names else None),
        }  # fmt: skip

    def take_back(project: Project, name: str | None) -> Updates:
        if not name:
            raise InputError("There is no consent to take back", "none is chosen", "Choose one")
        project.withdraw_code(name)
        return show(project)

    def press_allow(project: Project, name: str, code: dict[str, str]) -> Updates:
        project.allow_code(name, code)
        return {**show(project), cell.message: gr.update(visible=False)}

    def press_withdraw(project: Project, name: str) -> Updates:
        project.withdraw_code(name)
        return show(project)

    page.refresh_with(show, outputs)
    return [
        page.on(take.click, take_back, [which], outputs, cell),
        page.on(allow.click, press_allow, [model, read], outputs, cell),
        page.on(withdraw.click, press_withdraw, [model], outputs, cell),
    ]
