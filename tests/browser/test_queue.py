"""What waits for the card, in the Start cell: moved up, moved down and taken out by its buttons."""

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from components import presses
from studio import Project, Recipe
from tests import card
from tests.browser.page import MINUTES, choose, fill, press, state_of, tab, visit


def test_what_waits_is_moved_and_taken_out(home: Path, address: str, browser: Browser) -> None:
    project = Project.open("queued", home=home)
    rows = project.load(pasted='{"prompt": "Hello?", "completion": "Hello."}', name="rows")
    with ExitStack() as until_the_end:
        until_the_end.enter_context(card.taken(home))
        runs = [project.train(rows, Recipe(epochs=100)) for _ in range(3)]
        page = until_the_end.enter_context(visit(browser, address, project.name))
        tab(page, "3 Train")
        waiting = page.locator("#train-queue tbody tr")

        def is_shown(*ids: str) -> None:
            expect(waiting).to_have_count(len(ids))
            expect(waiting).to_contain_text([*ids])
            assert [job.id for job in project.waiting()] == [*ids]

        expect(page.locator("#card")).to_contain_text("3 waiting")
        is_shown("run-001", "run-002", "run-003")
        choose(page, "train-queue-job", "run-003")
        press(page, "train-queue-earlier")
        is_shown("run-001", "run-003", "run-002")
        choose(page, "train-queue-job", "run-001")
        press(page, "train-queue-later")
        is_shown("run-003", "run-001", "run-002")
        press(page, "train-queue-remove")
        is_shown("run-003", "run-002")
        assert [run.state for run in runs] == ["stopped", "queued", "queued"]
        press(page, "train-queue-remove")
        is_shown("run-002")
        press(page, "train-queue-remove")
        expect(page.locator("#train-queue-job")).to_be_hidden()
    assert [run.state for run in runs] == ["stopped"] * 3


def test_a_double_click_starts_one_training_and_only_what_the_boxes_say(
    home: Path, address: str, browser: Browser
) -> None:
    """With More closed: the boxes in there are never shown, and still say what they were filled with."""
    project = Project.open("twice", home=home)
    lines = [f'{{"prompt": "What is {row}?", "completion": "Row {row}."}}' for row in range(20)]
    project.split(project.load(pasted="\n".join(lines), name="rows"), test=0.2)
    with ExitStack() as until_the_end:
        until_the_end.enter_context(card.taken(home))
        until_the_end.callback(lambda: [run.stop() for run in project.runs() if run.state == "queued"])
        page = until_the_end.enter_context(visit(browser, address, project.name))
        tab(page, "3 Train")
        state_of(page, "train-memory", r"—\s+fits", 3 * MINUTES)
        fill(page, "train-epochs", "")
        state_of(page, "train-recipe", "! The recipe has a mistake")
        press(page, "train-start")
        expect(page.locator("#train-begin-message")).to_contain_text("epochs: its box is empty")
        fill(page, "train-batch-size", 2.5)
        expect(page.locator("#train-recipe-message")).to_contain_text("2 mistakes")
        fill(page, "train-batch-size", 2)
        fill(page, "train-epochs", 3)
        state_of(page, "train-recipe", "recommended, .* 2 changed")
        start = page.locator("button#train-start, #train-start button").first
        start.dblclick()
        expect(page.locator("#train-queue tbody tr")).to_have_count(1)
        state_of(page, "train-begin", "✓ run-001")
        page.wait_for_timeout(1000 * presses.SECONDS)
        assert [(run.id, run.recipe.epochs, run.recipe.batch_size) for run in project.runs()] == [("run-001", 3, 2)]
        start.click()  # another press is another training
        expect(page.locator("#train-queue tbody tr")).to_have_count(2)
