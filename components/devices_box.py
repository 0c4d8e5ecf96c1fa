"""How many devices of this machine a training takes: a choice where there are several, else a line that says why not."""

from html import escape
from typing import Any

import gradio as gr

from studio import Project


def build_devices() -> list[Any]:
    """The parts that hold `processes` and `sharded`, for the handler that starts a training."""
    count, words = Project.devices()
    gr.HTML(f'<p class="why">{escape(words)}</p>', elem_id="train-devices")
    if count == 1:
        return [gr.State(1), gr.State(False)]
    numbers = [(f"{number} GPUs" if number > 1 else "1 GPU", number) for number in range(1, count + 1)]
    with gr.Row(elem_classes="row"):
        processes = gr.Dropdown(numbers, value=1, label="Train on", elem_id="train-processes", min_width=160)
        sharded = gr.Checkbox(
            False, label="Divide the weights among them too (FSDP)", elem_id="train-sharded", min_width=220,
            info="For a model that does not fit into one GPU. Slower, and not for an 8-bit base.",
        )  # fmt: skip
    return [processes, sharded]
