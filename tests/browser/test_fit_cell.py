"""The fit cell: parts, interval and cost; a recipe too large is made to fit by one click; the owner's price."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import fill, more, opened, press, state_of, tab, visit


@pytest.fixture(scope="module")
def page(home: Path, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    project = Project.open("fits", home=home)
    rows = [{"prompt": f"What is {at} and {at}? " + "Say why. " * 400, "completion": str(2 * at)} for at in range(60)]
    path = tmp_path_factory.mktemp("files") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.split(project.load(path), test=0.2)
    with visit(browser, home, project.name) as page:
        tab(page, "Train")
        yield page


def test_the_parts_and_the_interval(page: Page) -> None:
    opened(page, "train-memory", "train-memory-text")
    state_of(page, "train-memory", "fits")
    text = page.locator("#train-memory-text")
    for part in ("weights", "adapter", "gradients", "optimiser", "activations", "head", "overhead", "free:"):
        expect(text).to_contain_text(part)
    expect(text).to_contain_text("GB free: fits")
    expect(page.locator("#train-memory-cost")).to_contain_text("nothing was measured here yet")
    expect(page.locator("button#train-memory-change-1")).to_be_hidden()


def test_one_click_makes_it_fit(page: Page) -> None:
    more(page, "train-recipe")
    fill(page, "train-batch-size", 1024)
    state_of(page, "train-memory", "! does not fit")
    offer = page.locator("button#train-memory-change-1")
    expect(offer).to_be_visible()
    press(page, "train-memory-change-1")
    state_of(page, "train-memory", "fits$|fits ")
    expect(page.locator("#train-memory-text")).to_contain_text("GB free: fits")
    expect(offer).to_be_hidden()


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
