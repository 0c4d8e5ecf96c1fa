"""The guide's cost-saving settings beside the cost: what each saves, what they mean for this recipe, and one press takes
them."""

from html import escape
from typing import Any

import gradio as gr

from components.cell import Updates, duration, size, table
from studio import Project, Recipe

ALL_TAKEN = "Nothing is left to take: the recipe has all of them that it can have."
WHY = "The guide's settings that save memory, time or money. Less memory is less money where a smaller card then does."


class SavingsBox:
    """Built inside a cell; `take` is the button, `offer` a state with the values and the reason for each."""

    def __init__(self) -> None:
        with gr.Accordion("Cost-saving settings", open=False, elem_classes="more", elem_id="train-memory-savings"):
            self.text = gr.HTML(elem_id="train-memory-savings-text")
            with gr.Row(elem_classes="row"):
                self.take = gr.Button("Take these settings", visible=False, elem_id="train-memory-savings-take")
        self.offer = gr.State([])

    @property
    def outputs(self) -> list[Any]:
        return [self.text, self.take, self.offer]

    def shown(self, project: Project, recipe: Recipe, dataset: Any, evaluation: Any) -> Updates:
        found = project.savings(recipe, dataset, evaluation=evaluation)
        rows = [[one["name"], one["saves"], one["here"]] for one in found["settings"]]
        words = then_words(found) if found["values"] else ALL_TAKEN
        return {
            self.text: f'<p class="why">{WHY}</p>{table(["setting", "saves", "in this recipe"], rows)}<p>{escape(words)}</p>',
            self.take: gr.update(visible=bool(found["values"])),
            self.offer: [found["values"], found["reasons"]],
        }

    def nothing(self) -> Updates:
        return {self.text: "", self.take: gr.update(visible=False), self.offer: []}


def then_words(found: dict[str, Any]) -> str:
    now, then = found["now"], found["then"]
    words = f"With them: up to {size(then['needed_high'])} of memory in place of {size(now['needed_high'])}"
    before, after = duration(now["seconds"]), duration(then["seconds"])
    if after != before:
        slower = "; it takes longer: " if then["seconds"] > now["seconds"] else ", and "
        words += f"{slower}about {after} in place of {before}"
    if now["dollars"]:
        words += f" (${then['dollars']:,.2f} in place of ${now['dollars']:,.2f})"
    early = ", or less where early stopping ends it" if "patience" in found["values"] else ""
    return f"{words}{early}."
