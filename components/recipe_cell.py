"""The second cell of tab 3: every choice of the training, each with its reason."""

from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, more, table
from components.dataset_box import opened
from components.model_cell import ModelCell
from studio import Project, Recipe

RECOMMENDED = "recommended"
PRESETS = [RECOMMENDED, "guide-lora", "guide-qlora", "guide-7B", "guide-13B", "guide-70B"]
FIELDS = ("epochs", "batch_size", "accumulation", "learning_rate", "r", "alpha", "max_length")
WHOLE = ("batch_size", "accumulation", "r", "alpha", "max_length")
FIRST = "Split a dataset in tab 1 first; then the recipe is made for it."


class RecipeCell:
    """The cell, its boxes, and the recipe that they say.

    `at` holds the boxes that choose what to start from (dataset, model, method, preset), `fields` those of single
    values, and `beyond` what another cell set: {"at": values of `at`, "values": fields of a recipe}.
    """

    def __init__(self, page: Page, chosen: ModelCell) -> None:
        self.page, self.chosen = page, chosen
        why = "Every choice of the training, each with its reason."
        with Cell(page, "train-recipe", 2, "Recipe", why, opened=True) as self.cell:
            self.preset = gr.Dropdown(PRESETS, value=RECOMMENDED, label="Start from", elem_id="train-preset")
            self.reasons = gr.HTML(empty(FIRST), elem_id="train-reasons")
            with more():
                with gr.Row(elem_classes="row"):
                    epochs = gr.Number(label="Epochs", elem_id="train-epochs", min_width=120)
                    batch = gr.Number(label="Batch size", precision=0, elem_id="train-batch-size", min_width=120)
                    accumulation = gr.Number(label="Accumulation", precision=0, elem_id="train-accumulation", min_width=120)  # fmt: skip
                    rate = gr.Number(label="Learning rate", elem_id="train-learning-rate", min_width=120)
                with gr.Row(elem_classes="row"):
                    rank = gr.Number(label="Adapter rank r", precision=0, elem_id="train-r", min_width=120)
                    alpha = gr.Number(label="Adapter alpha", precision=0, elem_id="train-alpha", min_width=120)
                    length = gr.Number(label="Longest example, in tokens", precision=0, elem_id="train-max-length", min_width=120)  # fmt: skip
                self.whole = gr.Code("", language="json", interactive=False, label="The whole recipe", elem_id="train-recipe-json")  # fmt: skip
        self.beyond = gr.State({})
        self.at = [chosen.dataset, chosen.model, chosen.method, self.preset]
        self.fields = [epochs, batch, accumulation, rate, rank, alpha, length]

    @property
    def inputs(self) -> list[Any]:
        """What `recipe` wants after the project."""
        return [self.beyond, *self.at, *self.fields]

    def wire(self) -> None:
        """Another dataset, model, method or preset proposes anew."""
        outputs = [self.reasons, *self.fields, *self.chosen.cell.outputs]
        for part in self.at:
            self.page.on(part.change, self.propose, [self.beyond, *self.at], outputs, self.cell, show_progress="hidden")

    def recipe(self, project: Project, changed: dict[str, Any], *values: Any) -> Recipe:
        """What the boxes say. Raises RecipeError with every mistake."""
        at, typed = values[: len(self.at)], values[len(self.at) :]
        given = {
            key: int(value) if key in WHOLE else value
            for key, value in zip(FIELDS, typed, strict=True)
            if value is not None
        }
        return Recipe(**{**self._base(project, *at).model_dump(), **_still(changed, at), **given})

    def take(self, values: dict[str, Any], old: dict[str, Any], at: tuple[Any, ...]) -> Updates:
        """Puts these fields into the boxes, and those without a box beside them."""
        new = (*at[:2], values.get("method", at[2]), at[3])
        boxes = {part: values[name] for part, name in zip(self.fields, FIELDS, strict=True) if name in values}
        return {
            self.beyond: {"at": new, "values": {**_still(old, at), **values}},
            self.chosen.method: new[2],
            **boxes,
        }

    def propose(self, project: Project, changed: dict[str, Any], *at: Any) -> Updates:
        if not at[0]:
            return {self.reasons: empty(FIRST)}
        recipe = self._base(project, *at)
        recipe = Recipe(**{**recipe.model_dump(), **_still(changed, at), "reasons": recipe.reasons})
        values = recipe.model_dump()
        why = [(name.replace("_", " "), str(values.get(name, "")), reason) for name, reason in recipe.reasons.items()]
        if at[3] != RECOMMENDED:
            why += [(name.replace("_", " "), str(value), "") for name, value in values.items() if name not in ("model", "method")]  # fmt: skip
        steps = recipe.steps_for(len(project.dataset(at[0])))
        return {
            **self.cell.says(f"{at[3]}, {steps:,} steps"),
            **self.chosen.cell.says(f"{recipe.model}, {recipe.method}"),
            self.reasons: table(["choice", "value", "why"], why),
            **{part: values[name] for part, name in zip(self.fields, FIELDS, strict=True)},
        }

    @staticmethod
    def _base(project: Project, reference: str | None, wanted: str, how: str, name: str) -> Recipe:
        if name == RECOMMENDED:
            return Recipe.recommended(opened(project, reference), model=wanted, method=how)  # type: ignore[arg-type]
        made = Recipe.preset(name)
        return Recipe(**{**made.model_dump(), "model": wanted, "method": how, "reasons": made.reasons})


def _still(changed: dict[str, Any], at: tuple[Any, ...]) -> dict[str, Any]:
    """What another cell set, as long as dataset, model, method and preset are those it was set for."""
    return changed["values"] if changed and tuple(changed["at"]) == tuple(at) else {}
