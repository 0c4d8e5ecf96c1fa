"""A box for each field of a recipe, made from the field's own type and meaning, in groups."""

from typing import Any, Literal, get_args, get_origin

import gradio as gr

from components.cell import Updates
from studio import Recipe

MAIN = ("epochs", "learning_rate", "batch_size", "r", "alpha", "max_length")
GROUPS: dict[str, tuple[str, ...]] = {
    "Optimiser steps": ("accumulation", "warmup_share", "schedule", "weight_decay", "max_gradient_norm", "optimizer"),
    "Adapter": ("targets", "dropout", "use_dora", "use_rslora", "base_bits"),
    "Preferences": ("beta",),
    "Memory and speed": ("gradient_checkpointing", "packing"),
    "Watching and ending": ("logging_steps", "evaluations", "patience", "samples", "wandb"),
    "Chance": ("seed",),
}
FIELDS = (*MAIN, *(field for fields in GROUPS.values() for field in fields))
LABELS = {
    "max_length": "Longest example, in tokens", "r": "Adapter rank r", "alpha": "Adapter alpha", "warmup_share": "Warm-up share",
    "max_gradient_norm": "Largest gradient norm", "optimizer": "Optimiser", "targets": "Adapters on", "use_dora": "DoRA", "use_rslora": "rsLoRA",
    "base_bits": "Bits of the base", "gradient_checkpointing": "Gradient checkpointing", "logging_steps": "Steps between points",
    "samples": "Sample answers", "wandb": "Weights & Biases",
}  # fmt: skip
"""Where the field's own name does not read well."""
ALL, SEVEN, CHOSEN = "all-linear", "guide", "chosen"
PLACES = [("every linear layer", ALL), ("the guide's seven", SEVEN), ("modules that I choose", CHOSEN)]


def label(field: str) -> str:
    return LABELS.get(field, field.replace("_", " ").capitalize())


def box_id(field: str) -> str:
    return "train-" + field.replace("_", "-")


def meaning(field: str) -> str:
    return str(Recipe.model_fields[field].description)


class RecipeBoxes:
    """`all` is what handlers get, in the order of FIELDS, with the chosen modules last."""

    def __init__(self) -> None:
        self.box: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}

    def build_main(self) -> None:
        with gr.Row(elem_classes="row boxes"):
            for field in MAIN:
                self.box[field] = _box(field)

    def build_groups(self) -> None:
        for title, fields in GROUPS.items():
            with gr.Column(visible=title != "Preferences") as self.groups[title]:
                gr.HTML(f"<h4>{title}</h4>")
                with gr.Row(elem_classes="row boxes"):
                    for field in fields:
                        self.box[field] = _box(field)
                        if field == "targets":
                            self.modules = gr.Dropdown(
                                [], multiselect=True, visible=False, label="Modules", min_width=200, elem_id="train-modules"
                            )  # fmt: skip

    @property
    def all(self) -> list[Any]:
        return [*(self.box[field] for field in FIELDS), self.modules]

    def by_field(self) -> list[tuple[str, Any]]:
        """Each box with the field that it says; the targets have two."""
        return [*self.box.items(), ("targets", self.modules)]

    @staticmethod
    def read(values: tuple[Any, ...]) -> dict[str, Any]:
        """What each field's box says; None for one that is empty."""
        *simple, modules = values
        found = dict(zip(FIELDS, simple, strict=True))
        if found["targets"] is not None:
            found["targets"] = {ALL: ALL, SEVEN: _seven()}.get(found["targets"], list(modules or []))
        return found

    def write(
        self, values: dict[str, Any], modules: list[str], changed: set[str], before: dict[str, Any] | None, marked: set[str]
    ) -> Updates:  # fmt: skip
        """Fills the boxes, which can be typed into from now on, and shows those that method and objective use; `modules` are
        those that the model has. `before` are the values for which the boxes were shown last, `marked` those shown as changed:
        a box that is shown or hidden costs the page a walk over all that is on it, so only what differs is sent."""
        method, objective, targets = values["method"], values["objective"], values["targets"]
        place = targets if targets == ALL else (SEVEN if targets == _seven() else CHOSEN)
        named = modules if targets == ALL else list(targets)
        said = {**values, "targets": place}
        shown: Updates = {}
        for field, box in self.box.items():
            update: dict[str, Any] = {"value": said[field]}
            if before is None:
                update["interactive"] = True
            if (field in changed) != (field in marked):
                update["label"] = _marked(field, field in changed)
            is_used = used(field, method, objective)
            if is_used != (before is None or used(field, before["method"], before["objective"])):
                update["visible"] = is_used
            shown[box] = gr.update(**update)
        choices = list(dict.fromkeys([*modules, *named]))
        shown[self.modules] = gr.update(choices=choices, value=named, visible=place == CHOSEN)
        if (method != "full") != (before is None or before["method"] != "full"):
            shown[self.groups["Adapter"]] = gr.update(visible=method != "full")
        if (objective != "sft") != (before is not None and before["objective"] != "sft"):
            shown[self.groups["Preferences"]] = gr.update(visible=objective != "sft")
        return shown

    def show_modules(self, project: Any, place: str) -> Updates:
        return {self.modules: gr.update(visible=place == CHOSEN)}

    def mark(self, changed: set[str], before: set[str]) -> Updates:
        """The label of a box says whether its value was changed."""
        return {self.box[field]: gr.update(label=_marked(field, field in changed)) for field in changed ^ before}


def used(field: str, method: str, objective: str) -> bool:
    """Whether the recipe's method and objective look at this field at all."""
    if field in (*GROUPS["Adapter"], "r", "alpha"):
        return method != "full" and (field != "base_bits" or method == "qlora")
    return field != "beta" or objective != "sft"


def _marked(field: str, is_changed: bool) -> str:
    return f"{label(field)} (changed)" if is_changed else label(field)


def _seven() -> list[str]:
    return list(Recipe.preset("guide-lora").targets)


def _box(field: str) -> Any:
    kind = Recipe.model_fields[field].annotation
    given: dict[str, Any] = {
        "label": label(field),
        "info": meaning(field),
        "interactive": False,
        "elem_id": box_id(field),
    }
    if field == "targets":
        return gr.Dropdown(PLACES, value=ALL, min_width=200, **given)
    if get_origin(kind) is Literal:
        return gr.Dropdown(list(get_args(kind)), value=Recipe.model_fields[field].default, min_width=200, **given)
    if kind is bool:
        return gr.Checkbox(False, min_width=200, **given)
    # a whole number that is none is a mistake to tell: with a precision it would be another number than is seen
    return gr.Number(min_width=150, **given)
