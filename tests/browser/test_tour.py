"""The whole path as a new user takes it, on the real page in a real browser: sample to notebook, with one reload."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import MINUTES, fill, opened, press, state_of, tab, visit
from tests.waiting import until


@pytest.fixture(scope="module")
def page(home: Path, address: str, browser: Browser) -> Iterator[Page]:
    Project.open("tour", home=home)
    with visit(browser, address, "tour") as page:
        yield page


def test_the_tour(page: Page, home: Path) -> None:
    press(page, "data-load-sample")
    state_of(page, "data-load", "1,236")
    opened(page, "data-filter", "data-filter-run")
    expect(page.locator("#data-filter-kept")).to_contain_text("1,120")
    press(page, "data-filter-run")
    state_of(page, "data-filter", "1,120")
    opened(page, "data-split", "data-split-run")
    press(page, "data-split-run")
    state_of(page, "data-split", "1,009")

    tab(page, "2 Decide")
    press(page, "decide-run")
    expect(page.locator("#decide-verdict")).to_contain_text(re.compile("fine-tuning", re.IGNORECASE))

    tab(page, "3 Train")
    expect(page.locator("#train-memory-text, #train-memory")).not_to_have_count(0)
    state_of(page, "train-recipe", "recommended")
    fill(page, "train-epochs", 1)  # a third of what is recommended: tests/end_to_end/test_path.py trains that
    state_of(page, "train-recipe", "1 changed")
    press(page, "train-start")
    project = Project.open("tour", home=home)
    until(lambda: bool(project.runs()))
    run = project.runs()[-1]

    def has_learned_a_little() -> bool:
        assert run.state in ("queued", "running"), run.job.log_tail()
        return len(run.metrics()) >= 3

    until(has_learned_a_little, 120)
    page.reload()
    tab(page, "3 Train")
    expect(page.locator("#train-live-state")).to_contain_text(
        re.compile("step|loss|running", re.IGNORECASE), timeout=60_000
    )
    assert run.wait(timeout=900) == "finished"

    tab(page, "4 Compare")
    page.locator("#compare-prompt textarea").fill(
        "Handle this ticket as our house does.\n\nInput: Hello, I am Mira Taldo. The lamp gives off smoke. The order is AB-12345. Please act right now!"
    )
    press(page, "compare-ask")
    expect(page.locator("#compare-tuned")).to_contain_text("AB-12345", timeout=3 * MINUTES)
    expect(page.locator("#compare-base")).not_to_contain_text('"team"')

    tab(page, "5 Export")
    press(page, "export-make")
    until(lambda: bool(project.bundles()), 240)
    opened(page, "export-notebook", "export-notebook-make")
    press(page, "export-notebook-make")
    until(lambda: bool(list((project.folder / "exports").glob("*.ipynb"))))
    assert [step.state for step in project.journal.steps()] == ["done"] * len(project.journal.steps())
