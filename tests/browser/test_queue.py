"""What waits for the card, in the Start cell: moved up, moved down and taken out by its buttons."""

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, expect

from studio import Project, Recipe
from tests import card
from tests.browser.page import choose, press, tab, visit


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
