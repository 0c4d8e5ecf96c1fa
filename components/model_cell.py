"""The first cell of tab 3: what learns, from which rows, and by which method."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates
from components.dataset_box import references
from studio import Project

METHODS = [
    ("QLoRA: 4-bit base, small adapter", "qlora"),
    ("LoRA: 16-bit base, small adapter", "lora"),
    ("Full: all weights", "full"),
]


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
                ["starter"], value="starter", label="Model" if page.demo else "Model: starter, a local folder, or a Hub id",
                allow_custom_value=not page.demo, elem_id="train-model-name",
            )  # fmt: skip
            method = gr.Dropdown(METHODS, value="qlora", label="Method", elem_id="train-method")

    def show(project: Project) -> Updates:
        tests = references(project, "split")
        learn = [one for one in tests if one.startswith("train@")]
        held_out = [one for one in tests if one.startswith("test@")]
        found = learn + [one for one in tests if one not in learn]
        watched = [("none", ""), *((one, one) for one in tests)]
        return {
            dataset: gr.update(choices=found, value=learn[0] if learn else None),
            evaluation: gr.update(choices=watched, value=held_out[0] if held_out else ""),
        }

    page.refresh_with(show, [dataset, evaluation])
    return ModelCell(cell, dataset, evaluation, model, method)
