"""Each field of a recipe has its box, and what was changed is told from what was proposed, whatever comes first."""

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import pytest

from components import app, search_words
from components.cell import Page
from components.model_cell import ModelCell
from components.recipe_boxes import FIELDS, box_id
from components.recipe_cell import RecipeCell
from studio import InputError, Project, Recipe, RecipeError
from studio.examples import write_dataset

ELSEWHERE = {"model", "method", "objective", "reasons"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project.open("recipes", home=tmp_path)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    for name, rows in (("train", 100), ("test", 10)):
        table = pd.DataFrame({
            "id": [f"r{row}" for row in range(rows)], "messages": [messages] * rows, "source": "made", "tokens": 100, "quality": 1.0,
            "flags": [[] for _ in range(rows)],
        })  # fmt: skip
        write_dataset(project.folder, name, table)
    return project


class Browser:
    """What a page holds: it gives all boxes to a handler, and takes what comes back."""

    def __init__(self, project: Project) -> None:
        self.project = project
        with gr.Blocks():
            page = Page(project.home, project.name, demo=False, name=gr.Textbox(), made=gr.State(0))
            above = ModelCell(Shown(), *(gr.Dropdown() for _ in range(4)))  # type: ignore[arg-type]
            self.cell = RecipeCell(page, above)
        first = ["", "train@v1", "test@v1", "starter", "qlora", "recommended", "follows"]
        self.values: dict[Any, Any] = dict(zip(self.cell.inputs, first, strict=False))
        self.latest: dict[str, Any] = {}

    def call(self, handler: Any, *given: Any, at_once: bool = True) -> dict[Any, Any]:
        before = [self.values.get(part) for part in self.cell.inputs]
        updates: dict[Any, Any] = handler(self.project, *given, self.latest, *before)
        self.latest = updates.get(self.cell.latest, self.latest)
        return self.show(updates) if at_once else updates

    def show(self, updates: dict[Any, Any]) -> dict[Any, Any]:
        for part, update in updates.items():
            value = update.get("value", self.values.get(part)) if isinstance(update, dict) else update
            self.values[part] = value
        return updates

    def type(self, field: str, value: Any) -> dict[Any, Any]:
        self.values[self.cell.boxes.box[field]] = value
        return self.call(lambda *given: self.cell._typed(field, *given))

    @property
    def recipe(self) -> Recipe:
        return self.cell.recipe(self.project, *(self.values.get(part) for part in self.cell.inputs))


class Shown:
    """The cell above, of which this one only sets the title."""

    def __init__(self) -> None:
        self.box = gr.HTML()

    def says(self, words: str) -> dict[Any, Any]:
        return {self.box: words}


def test_every_field_has_a_box_with_its_meaning(tmp_path: Path) -> None:
    blocks = app.build(tmp_path, "recipes", demo=False)
    parts: dict[str, Any] = {getattr(block, "elem_id", None) or "": block for block in blocks.blocks.values()}
    fields = Recipe.model_fields
    assert set(FIELDS) == set(fields) - ELSEWHERE
    for field in FIELDS:
        assert parts[box_id(field)].info == fields[field].description


def test_what_was_typed_outlives_another_dataset_method_and_page(project: Project) -> None:
    page = Browser(project)
    page.call(page.cell._follow)
    proposed = page.recipe
    assert proposed == Recipe.recommended(project.dataset("train"))
    page.type("epochs", 60)
    assert page.recipe == Recipe(**{**proposed.model_dump(), "epochs": 60})
    assert page.recipe.reasons["epochs"] == "chosen by you" and page.recipe.reasons["r"] == proposed.reasons["r"]
    page.values[page.cell.chosen.method] = "lora"
    assert (page.recipe.epochs, page.recipe.method) == (60, "lora")  # also before the boxes have followed
    page.call(page.cell._follow)
    assert (page.recipe.epochs, page.recipe.method) == (60, "lora")
    again = Browser(project)
    again.call(again.cell._follow)
    assert again.recipe.epochs == 60
    again.call(again.cell._begin_anew)
    assert again.recipe == proposed and Browser(project).recipe == proposed


def test_a_box_that_calls_before_the_rest_is_there_changes_nothing(project: Project) -> None:
    page = Browser(project)
    page.call(page.cell._follow)
    page.type("epochs", 60)
    other = Recipe(method="lora", r=8, epochs=2)
    offered = page.cell.take(other.model_dump(), "from run-001")[page.cell.offered]
    page.call(lambda project, *given: page.cell._taking(project, offered, *given), at_once=False)
    page.values[page.cell.chosen.method] = "lora"
    assert page.call(page.cell._follow) == {}
    page.type("alpha", 16)  # nor is what is typed meanwhile lost
    assert page.recipe == Recipe(**{**other.model_dump(), "alpha": 16})


def test_boxes_that_method_and_objective_do_not_use_say_nothing(project: Project) -> None:
    page = Browser(project)
    page.call(page.cell._follow)
    page.type("use_dora", True)
    assert page.recipe.use_dora
    page.values[page.cell.chosen.method] = "full"
    updates = page.call(page.cell._follow)
    assert not page.recipe.use_dora and updates[page.cell.boxes.groups["Adapter"]]["visible"] is False
    page.values[page.cell.chosen.method] = "qlora"
    page.call(page.cell._follow)
    assert page.recipe.use_dora


def test_mistakes_are_shown_and_leave_no_recipe_to_others(project: Project) -> None:
    page = Browser(project)
    page.call(page.cell._follow)
    page.values[page.cell.chosen.evaluation] = ""
    updates = page.type("patience", 2)
    assert "without an evaluation" in updates[page.cell.cell.message]["value"] and updates[page.cell.whole]
    updates = page.type("epochs", -1)
    assert "epochs: " in updates[page.cell.cell.message]["value"] and updates[page.cell.whole] == ""
    page.values[page.cell.chosen.evaluation] = "train@v1"
    assert "is the dataset that it learns from" in page.type("epochs", 2)[page.cell.cell.message]["value"]


def test_a_box_that_was_emptied_and_half_a_batch_are_mistakes(project: Project) -> None:
    """And no value of the preset is trained in their place."""
    page = Browser(project)
    page.call(page.cell._follow)
    proposed = page.recipe
    page.type("batch_size", 2.5)
    updates = page.type("epochs", None)
    message = updates[page.cell.cell.message]["value"]
    assert (
        "2 mistakes" in message
        and "epochs: its box is empty" in message
        and "batch_size: " in message
        and "2.5" in message
    )
    assert updates[page.cell.whole] == "" and "empty (was" in updates[page.cell.reasons]
    for words in ("epochs: its box is empty", "found '2.5'"):
        with pytest.raises(RecipeError, match=words):
            _ = page.recipe
    again = Browser(project)  # nor after a reload
    updates = again.call(again.cell._follow)
    assert "epochs: its box is empty" in updates[again.cell.cell.message]["value"]
    assert again.values[again.cell.boxes.box["epochs"]] is None
    again.type("batch_size", proposed.batch_size)
    assert again.type("epochs", proposed.epochs)[again.cell.whole] and again.recipe == proposed
    assert all(box.precision is None for _, box in again.cell.boxes.by_field() if isinstance(box, gr.Number))


def test_boxes_that_are_still_to_be_filled_were_not_emptied(project: Project) -> None:
    page = Browser(project)
    updates = page.call(page.cell._follow, at_once=False)
    page.values[page.cell.shown] = updates[page.cell.shown]  # the first part that the page puts there
    assert page.call(page.cell._follow)[page.cell.whole] == updates[page.cell.whole]


def test_a_file_of_any_editor_is_opened_and_one_that_is_none_leaves_the_title(project: Project, tmp_path: Path) -> None:
    page = Browser(project)
    page.call(page.cell._follow)
    given = [page.values.get(part) for part in page.cell.inputs]
    written = Recipe(epochs=2, batch_size=4).to_json()
    others = page.cell.others
    for content in (b"\xef\xbb\xbf" + written.encode(), written.encode("utf-16"), written.encode("utf-16-le")):
        (tmp_path / "recipe.json").write_bytes(content)
        updates = others._open_file(project, str(tmp_path / "recipe.json"), *given)
        assert Recipe.from_json(updates[others.opened]) == Recipe(epochs=2, batch_size=4)
    assert others.opened in others._open_text(project, "\ufeff" + written, *given)
    (tmp_path / "recipe.json").write_bytes(b"\x89PNG\r\n\x1a\n")
    for updates in (
        others._open_file(project, str(tmp_path / "recipe.json"), *given), others._open_text(project, " ", *given),
        others._open_text(project, "[]", *given),
    ):  # fmt: skip
        assert (
            set(updates) == {page.cell.cell.message}
            and "Nothing was opened" in updates[page.cell.cell.message]["value"]
        )


def test_numbers_of_a_search_are_all_named_when_they_are_wrong() -> None:
    assert search_words.given(trials=3, hours=0.5, seed=0, startup=0) == {
        "trials": 3,
        "hours": 0.5,
        "seed": 0,
        "startup": 0,
    }
    with pytest.raises(InputError, match="“Trials” is 2.5, no whole number; “At most, in hours” is empty"):
        search_words.given(trials=2.5, hours=None, seed=0, startup=0)


def test_answers_that_a_length_cuts_off_are_said_beside_what_is_learned(project: Project) -> None:
    asked = [
        [{"role": "user", "content": words}, {"role": "assistant", "content": "b"}] for words in ("hello " * 400, "a")
    ]
    table = pd.DataFrame({
        "id": [f"r{row}" for row in range(8)], "messages": [asked[row % 2] for row in range(8)], "source": "made",
        "tokens": [850, 10] * 4, "quality": 1.0, "flags": [[] for _ in range(8)],
    })  # fmt: skip
    write_dataset(project.folder, "late", table)
    page = Browser(project)
    page.values[page.cell.chosen.dataset] = "late@v1"
    assert "cut off" not in page.call(page.cell._follow)[page.cell.says]
    said = page.type("max_length", 128)[page.cell.says]
    assert "Of 4 of the 8 examples the whole answer is cut off at 128 tokens" in said and page.recipe.max_length == 128
