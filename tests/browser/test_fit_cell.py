"""The recipe and fit cells: boxes that keep what is typed, mistakes at once, recipes compared, opened and saved; parts,
interval and cost; a recipe too large is made to fit by one click; the owner's price."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project, Recipe, store
from tests.browser.page import choose, fill, more, opened, press, state_of, tab, unfold, visit

PAST = Recipe(
    method="lora", r=8, epochs=2, learning_rate=5e-4, targets=["q_proj", "v_proj"], reasons={"r": "small data"}
)


@pytest.fixture(scope="module")
def project(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    (home / "measured.jsonl").unlink(missing_ok=True)  # nothing was trained here yet, whatever the other files did
    project = Project.open("fits", home=home)
    files = tmp_path_factory.mktemp("files")
    rows = [{"prompt": f"What is {at} and {at}? " + "Say why. " * 180, "completion": str(2 * at)} for at in range(60)]
    pairs = [{"prompt": f"Greet {at}", "chosen": f"Good day, {at}.", "rejected": f"What, {at}?"} for at in range(24)]
    for name, given in (("rows", rows), ("pairs", pairs)):
        (files / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
    project.load(files / "pairs.jsonl")
    project.split(project.load(files / "rows.jsonl"), test=0.2)
    run = project.folder / "runs" / "run-001"
    store.write_text(run / "recipe.json", PAST.to_json())
    request = {"dataset": "train@v1", "evaluation": None, "project_folder": str(project.folder)}
    store.write_json(run / "job.json", {"format": 1, "kind": "train", "home": str(home), "request": request})
    store.write_json(run / "state.json", {"status": "finished"})
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        tab(page, "Train")
        yield page


def value_of(page: Page, box: str, value: object) -> None:
    expect(page.locator(f"#{box} input").first).to_have_value(str(value), timeout=60_000)


def test_the_parts_and_the_interval(page: Page) -> None:
    opened(page, "train-memory", "train-memory-text")
    state_of(page, "train-memory", "fits")
    text = page.locator("#train-memory-text")
    for part in ("weights", "adapter", "gradients", "optimiser", "activations", "head", "overhead", "free:"):
        expect(text).to_contain_text(part)
    expect(text).to_contain_text("GB free: fits")
    expect(page.locator("#train-memory-cost")).to_contain_text("nothing was measured here yet")
    expect(page.locator("button#train-memory-change-1")).to_be_hidden()


def test_what_is_typed_is_marked_and_kept_and_the_preset_comes_back(page: Page, project: Project) -> None:
    state_of(page, "train-recipe", "recommended, ")
    before = page.locator("#train-epochs input").input_value()
    fill(page, "train-epochs", 60)
    state_of(page, "train-recipe", "1 changed")
    expect(page.locator("#train-epochs")).to_contain_text("Epochs (changed)")
    expect(page.locator("#train-reasons")).to_contain_text(f"60 (was {before})chosen by you")
    page.reload()
    tab(page, "Train")
    value_of(page, "train-epochs", 60)
    state_of(page, "train-recipe", "1 changed")
    choose(page, "train-preset", "guide-7B")  # another start is another recipe
    state_of(page, "train-recipe", r"guide-7B, \d+ steps$|guide-7B, \d+ steps\s")
    expect(page.locator("#train-reasons")).to_contain_text("the guide's start for 7B")
    fill(page, "train-learning-rate", 0.0007)
    state_of(page, "train-recipe", "1 changed")
    choose(
        page, "train-method", "LoRA: 16-bit base, small adapter"
    )  # another method proposes anew, and keeps what was typed
    expect(page.locator("#train-model")).to_contain_text("starter, lora")
    value_of(page, "train-learning-rate", 0.0007)
    press(page, "train-recipe-reset")
    value_of(page, "train-learning-rate", 0.0002)
    assert project.recipe_draft()["values"] == {}


def test_mistakes_are_named_in_the_cell_at_once(page: Page) -> None:
    more(page, "train-recipe")
    fill(page, "train-patience", 3)
    fill(page, "train-epochs", -1)
    message = page.locator("#train-recipe-message")
    for words in ("2 mistakes", "epochs: ", "patience: 3 evaluations"):
        expect(message).to_contain_text(words)
    opened(page, "train-memory", "train-memory-text")
    expect(page.locator("#train-memory-text")).to_contain_text("The recipe in cell 2 has mistakes")
    press(page, "train-start")
    refused = page.locator("#train-begin-message")
    expect(refused).to_contain_text("2 mistakes")
    choose(page, "train-preset", "recommended")
    expect(message).to_be_hidden()
    expect(refused).to_be_hidden()
    choose(page, "train-evaluation", "none")
    fill(page, "train-patience", 2)
    expect(message).to_contain_text("without an evaluation nobody sees")
    choose(page, "train-evaluation", "test@v1")
    state_of(page, "train-recipe", "recommended, .*1 changed")


def test_no_recipe_stands_under_a_model_that_it_is_not_for(page: Page, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    name, reasons = page.locator("#train-model-name input").first, page.locator("#train-reasons")
    expect(reasons).to_contain_text("Epochs")
    name.fill(str(tmp_path))
    name.press("Tab")
    expect(page.locator("#train-recipe-message")).to_contain_text("config.json")
    expect(reasons).to_have_text("")
    name.fill("starter")
    name.press("Tab")
    expect(reasons).to_contain_text("Epochs")
    value_of(page, "train-patience", 2)
    state_of(page, "train-recipe", "recommended, .*1 changed")


def test_another_recipe_is_opened_compared_and_used(page: Page, project: Project) -> None:
    unfold(page, "train-recipe", "Another recipe")
    fill(page, "train-other-pasted", '{"format": 1, "epochs": 0, "method": "full", "patience": 9, "colour": 3}')
    press(page, "train-other-read")
    message = page.locator("#train-recipe-message")
    for words in ("3 mistakes", "epochs: ", "colour is no field", "patience: 9 evaluations"):
        expect(message).to_contain_text(words)
    value_of(page, "train-patience", 2)  # a file that cannot be read changes nothing
    fill(page, "train-other-pasted", '{"format": 1, "epochs": 4, "r": 32}')
    press(page, "train-other-read")
    shown = page.locator("#train-other-table")
    expect(shown).to_contain_text("times that every example is seen")
    choose(page, "train-other", "run-001")
    expect(shown).to_contain_text("small data")
    press(page, "train-other-use")
    value_of(page, "train-r", 8)
    value_of(page, "train-method", "LoRA: 16-bit base, small adapter")
    expect(page.locator("#train-reasons")).to_contain_text("small data (run-001)")
    expect(shown).to_contain_text("No difference: this recipe is that of run-001")
    with page.expect_download() as download:
        press(page, "train-recipe-save")
    saved = Recipe.from_json(download.value.path().read_text())
    assert saved == PAST and saved.reasons["r"] == "small data (run-001)"
    value_of(page, "train-epochs", 2)
    assert project.recipe_draft()["values"]["targets"] == ["q_proj", "v_proj"]


def test_a_recipe_is_opened_from_a_file(page: Page, project: Project, tmp_path: Path) -> None:
    for name, text in (("mine.json", PAST.model_copy(update={"r": 4}).to_json()), ("other.json", '["no recipe"]')):
        (tmp_path / name).write_text(text)

    def open_file(name: str) -> None:
        with page.expect_file_chooser() as chooser:
            press(page, "train-other-file")
        chooser.value.set_files(tmp_path / name)

    open_file("mine.json")
    expect(page.locator("#train-other input")).to_have_value("the opened file")
    press(page, "train-other-use")
    value_of(page, "train-r", 4)
    value_of(page, "train-epochs", 2)
    open_file("other.json")
    expect(page.locator("#train-recipe-message")).to_contain_text("recipe")
    value_of(page, "train-r", 4)
    assert project.recipe_draft()["values"]["r"] == 4


def test_preferences_choose_the_objective(page: Page) -> None:
    choose(page, "train-evaluation", "none")
    choose(page, "train-dataset", "pairs@v1")
    choose(page, "train-preset", "guide-qlora")
    says = page.locator("#train-recipe-says")
    expect(says).to_contain_text("Learns from 24 pairs of a better and a worse answer. Objective dpo")
    expect(says).to_contain_text("The guide knows no preferences")
    expect(page.locator("#train-beta")).to_be_visible()
    choose(page, "train-objective", "write the answers (sft)")
    expect(says).to_contain_text("Of preferences the better answer is imitated.")
    expect(page.locator("#train-beta")).to_be_hidden()
    choose(page, "train-dataset", "train@v1")
    expect(says).to_contain_text("dpo and kto learn from preferences")
    choose(page, "train-evaluation", "test@v1")
    choose(page, "train-preset", "recommended")


def test_one_click_makes_it_fit(page: Page) -> None:
    fill(page, "train-batch-size", 1024)
    state_of(page, "train-memory", "! does not fit")
    offer = page.locator("button#train-memory-change-1")
    expect(offer).to_be_visible()
    press(page, "train-memory-change-1")
    state_of(page, "train-memory", "fits$|fits ")
    expect(page.locator("#train-memory-text")).to_contain_text("GB free: fits")
    expect(offer).to_be_hidden()
    expect(page.locator("#train-reasons")).to_contain_text("so that it fits")


def test_the_guides_savings_are_taken_by_one_click(page: Page) -> None:
    unfold(page, "train-memory-savings")
    said = page.locator("#train-memory-savings-text")
    expect(said).to_contain_text("three quarters of the optimiser's memory")
    expect(said).to_contain_text("With them: up to")
    press(page, "train-memory-savings-take")
    expect(said).to_contain_text("Nothing is left to take")
    expect(page.locator("button#train-memory-savings-take")).to_be_hidden()
    expect(page.locator("#train-reasons")).to_contain_text("the guide's cost-saving setting")


def test_the_owners_price(page: Page, home: Path) -> None:
    more(page, "train-memory")
    fill(page, "train-memory-rent", 0.5)
    fill(page, "train-memory-date", "soon")
    press(page, "train-memory-keep")
    expect(page.locator("#train-memory-message")).to_contain_text("date: 'soon'")
    fill(page, "train-memory-date", "2026-11-24")
    press(page, "train-memory-keep")
    state_of(page, "train-memory", "price kept")
    assert Project.open("fits", home=home).price().dollars_an_hour == 0.5
    expect(page.locator("#train-memory-cost")).to_contain_text("$0.500 an hour, price of 2026-11-24; $0.0")
    expect(page.locator("#train-memory-cost")).to_contain_text(
        re.compile(r"In it: to start \d+ s, learning .*evaluations ")
    )
