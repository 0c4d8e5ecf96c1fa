"""The Hub's token: typed here it is in the memory of this process, and nowhere else."""

from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates
from studio import InputError, Project

SOURCES = {
    "typed": "A token that you typed is in use until the studio ends.",
    "environment": "HF_TOKEN is set where the studio was started: it is in use.",
    "login": "You are logged in by huggingface_hub on this machine: that token is in use.",
    "": "No token: public models only. Gated and private ones need one of your account (huggingface.co/settings/tokens).",
}


def build_token() -> list[Any]:
    state = gr.HTML("", elem_id="train-model-token-state")
    with gr.Row(elem_classes="row"):
        token = gr.Textbox(label="Hub token: held in memory, written nowhere", type="password", elem_id="train-model-token", min_width=220)  # fmt: skip
        use = gr.Button("Use this token", elem_id="train-model-token-use", min_width=120)
        forget = gr.Button("Forget it", visible=False, elem_id="train-model-token-forget", min_width=120)
    return [state, token, use, forget]


def wire_token(page: Page, cell: Cell, parts: list[Any]) -> Any:
    """Returns the event after which the chosen model is looked at again."""
    state, token, use, forget = parts

    def show(project: Project) -> Updates:
        source = project.token_source()
        return {state: f'<p class="why">{SOURCES[source]}</p>', forget: gr.update(visible=source == "typed")}

    def take(project: Project, typed: str) -> Updates:
        if not (typed or "").strip():
            raise InputError("There is no token", "an empty box", "Paste one from huggingface.co/settings/tokens")
        project.use_token(typed)
        return {**show(project), token: "", cell.message: gr.update(visible=False)}

    def drop(project: Project) -> Updates:
        project.use_token(None)
        return show(project)

    page.refresh_with(show, [state, forget])
    taken = page.on(use.click, take, [token], [state, forget, token], cell)
    page.on(forget.click, drop, [], [state, forget], cell)
    return taken
