"""The demo on a Space: each browser a project of its own that goes with it, and no training."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.page import more, press, state_of, studio, tab
from tests.waiting import until


@pytest.fixture(scope="module")
def demo(own_home: Path) -> Iterator[str]:
    with studio(own_home, "demo", SPACE_ID="somebody/studio") as address:
        yield address


def visit(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(30_000)
    page.goto(address)
    return page


def test_each_browser_has_a_project_of_its_own_and_none_trains(own_home: Path, demo: str, browser: Browser) -> None:
    one, other = visit(browser, demo), visit(browser, demo)
    press(one, "data-load-sample")
    state_of(one, "data-load", "✓ 1,236")
    press(other, "data-load-sample")
    state_of(other, "data-load", "✓ 1,236")

    def projects() -> list[Path]:
        return [folder for folder in (own_home / "projects").iterdir() if (folder / "datasets").exists()]

    assert len(projects()) == 2
    for page in (one, other):
        expect(page.locator("#project-name")).to_have_count(0)
        more(page, "data-load")
        expect(page.locator("#data-load-name")).to_be_visible()
        expect(page.locator("#data-load-path")).to_have_count(0)
    tab(one, "3 Train")
    expect(one.locator("button#train-start, #train-start button").first).to_be_disabled()
    expect(one.locator("#train-begin")).to_contain_text("Training is off in this demo")
    one.context.close()
    until(lambda: len(projects()) == 1)
    other.reload()
    state_of(other, "data-load", "not run yet")
    other.context.close()
