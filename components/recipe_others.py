"""In the recipe cell: another recipe (a preset, a past run's, a file's) beside this one, used in its place; and this one as a file."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from components.cell import Page, Updates, empty
from components.recipe_boxes import label
from components.recipe_proposal import PRESETS, shown_value
from studio import InputError, Project, Recipe, StudioError

if TYPE_CHECKING:
    from components.recipe_cell import RecipeCell

OPENED = "the opened file"
NONE = "Choose one, or open a file below: what differs stands here, with both values and why."
LARGEST = 200_000
"""Bytes of a recipe's file; one of the studio has about 3,000."""
SAVE = """(text) => { const link = document.createElement('a'); link.download = 'recipe.json';
link.href = URL.createObjectURL(new Blob([text], {type: 'application/json'})); link.click(); URL.revokeObjectURL(link.href); }"""


class OtherRecipes:
    """Its parts stand in the recipe cell; `wire` when that is built."""

    def __init__(self, page: Page) -> None:
        self.page = page
        with gr.Accordion("Another recipe: compare, use, open, save", open=False, elem_classes="more"):
            with gr.Row(elem_classes="row"):
                self.other = gr.Dropdown([], value=None, label="Compare with", elem_id="train-other", min_width=220)
                self.use = gr.Button("Use this recipe", interactive=False, elem_id="train-other-use", min_width=160)
            self.table = gr.HTML(empty(NONE), elem_id="train-other-table")
            self.pasted = gr.Textbox(
                "", label="A recipe as JSON", lines=2, max_lines=8, placeholder='{"format": 3, "epochs": 3, …}', elem_id="train-other-pasted"
            )  # fmt: skip
            with gr.Row(elem_classes="row"):
                self.read = gr.Button("Open what is pasted", elem_id="train-other-read", min_width=160)
                self.file = gr.UploadButton(
                    "Open a file", file_types=[".json"], elem_id="train-other-file", min_width=140
                )
                self.save = gr.Button("Save this recipe as a file", elem_id="train-recipe-save", min_width=180)
        self.opened = gr.State("")

    def wire(self, cell: "RecipeCell") -> None:
        self.cell = cell
        outputs = [self.other, self.use, self.table, self.opened, cell.stale]
        page, given = self.page, [self.other, self.opened, *cell.inputs]
        page.on(self.other.input, self._compare, given, outputs, cell.cell, show_progress="hidden")
        page.on(self.read.click, self._open_text, [self.pasted, *cell.inputs], outputs, cell.cell)
        page.on(self.file.upload, self._open_file, [self.file, *cell.inputs], outputs, cell.cell)
        page.on(self.use.click, self._use, [self.other, self.opened, *cell.inputs], [cell.offered], cell.cell)
        page.on(cell.whole.change, self._compare, given, outputs, quiet=True, show_progress="hidden")
        self.save.click(None, cell.text, None, js=SAVE)

    @staticmethod
    def choices(project: Project) -> list[tuple[str, str]]:
        runs = [(f"{run.id} · {run.name}" if run.name else run.id, run.id) for run in reversed(project.runs())]
        return [*((name, name) for name in PRESETS), *runs, (OPENED, OPENED)]

    def _recipe(self, project: Project, name: str, text: str, *values: Any) -> Recipe:
        if name == OPENED and not text:
            raise InputError("No file was opened", "", "Open or paste one below")
        if name == OPENED:
            return Recipe.from_json(text)
        return self.cell.preset_recipe(project, name, *values) if name in PRESETS else project.run(name).recipe

    def _compare(self, project: Project, name: str | None, text: str, *values: Any) -> Updates:
        if not name or not values[1]:
            return {self.table: empty(NONE), self.use: gr.update(interactive=False)}
        other = self._recipe(project, name, text, *values)
        found = self.cell.recipe(project, *values).compared_with(other)
        differing = found.to_dict("records")
        shown = _table(name, differing) if differing else empty(f"No difference: this recipe is that of {name}.")
        return {self.table: shown, self.use: gr.update(interactive=bool(differing))}

    def _open_text(self, project: Project, text: str, *values: Any) -> Updates:
        text = (text or "").removeprefix("\ufeff")  # as some editors begin a file with
        try:
            if not text.strip():
                raise InputError("There is no recipe to open", "an empty box", "Paste one as JSON, or open a file")
            Recipe.from_json(text)
        except StudioError as error:
            return self._not_opened(error)
        chosen = {self.other: gr.update(choices=self.choices(project), value=OPENED), self.opened: text}
        return {**self.cell.look_again(project), **chosen, **self._compare(project, OPENED, text, *values)}

    def _open_file(self, project: Project, path: str, *values: Any) -> Updates:
        try:
            if (found := Path(path).stat().st_size) > LARGEST:
                raise InputError("This file is no recipe", f"{found:,} bytes", f"A recipe has at most {LARGEST:,}")
            text = project.read_recipe(path).to_json()
        except StudioError as error:
            return self._not_opened(error)
        return self._open_text(project, text, *values)

    def _not_opened(self, error: StudioError) -> Updates:
        """Below the cell, and not in its title: the recipe in its boxes is as it was."""
        message = f'<div class="message" role="alert">Nothing was opened. {escape(str(error))}</div>'
        return {self.cell.cell.message: gr.update(value=message, visible=True)}

    def _use(self, project: Project, name: str | None, text: str, *values: Any) -> Updates:
        if not name:
            raise InputError("No other recipe is chosen", "", "Choose one to compare with first")
        if name in PRESETS:
            return self.cell.take({}, preset=name)
        recipe = self._recipe(project, name, text, *values)
        values_of_it = recipe.model_dump()
        why = dict.fromkeys(values_of_it, f"from {name}") | {
            field: f"{words} ({name})" for field, words in recipe.reasons.items()
        }
        return self.cell.take(values_of_it, why)


def _table(name: str, differing: list[dict[str, Any]]) -> str:
    """What differs, with the meaning under its name; why, where anything is known of it."""
    given = [("why this", "first_reason"), (f"why {name}", "second_reason")]
    why = [(head, key) for head, key in given if any(row[key] for row in differing)]
    heads = ["choice", "this recipe", name, *(head for head, _ in why)]
    body = "".join(
        f'<tr><td>{escape(label(row["field"]))}<br><span class="why">{escape(row["meaning"])}</span></td>'
        + "".join(f"<td>{escape(shown_value(row[key]))}</td>" for key in ("first", "second"))
        + "".join(f"<td>{escape(row[key])}</td>" for _, key in why)
        + "</tr>"
        for row in differing
    )
    head = "".join(f"<th>{escape(words)}</th>" for words in heads)
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
