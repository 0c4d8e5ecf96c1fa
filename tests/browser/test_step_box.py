"""Steps and looks of many rows on the page: followed, stopped, found again after a reload, and shown when they are done."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import choose, opened, press, state_of, visit

ROWS = 60_000


@pytest.fixture(scope="module")
def project(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.open("many", home=home)
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with open(path, "w") as file:
        for at in range(ROWS):
            file.write(
                json.dumps({"prompt": f"Who wrote letter {at}?", "completion": f"p{at}@example.com wrote it."}) + "\n"
            )
    project.split(project.load(path), test=0.2, keep_groups_together=False)
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


def test_a_long_step_is_followed_and_its_result_shown(page: Page, project: Project) -> None:
    opened(page, "data-privacy", "data-privacy-run")
    choose(page, "data-privacy-dataset", "rows@v1")
    press(page, "data-privacy-run")
    expect(page.locator("#data-privacy-state .bar")).to_be_visible()
    state_of(page, "data-privacy", "✓ 60,000 examples in clean@v1")
    expect(page.locator("#data-privacy-result tr", has_text="e-mail address")).to_contain_text("60,000")
    expect(page.locator("#data-privacy-result tr", has_text="e-mail address").locator("td").last).to_have_text("0")
    expect(page.locator("#data-privacy-stop")).to_be_hidden()
    assert project.step_jobs("redact")[0].state.status == "finished"


def test_a_long_look_is_stopped_and_begun_again_and_outlives_the_page(page: Page, project: Project) -> None:
    opened(page, "data-leaks", "data-leaks-check")
    choose(page, "data-leaks-dataset", "train@v1")
    choose(page, "data-leaks-benchmark", "test@v1")
    press(page, "data-leaks-check")
    press(page, "data-leaks-stop")
    state_of(page, "data-leaks", "stopped")
    press(page, "data-leaks-check")
    state_of(page, "data-leaks", "running")
    page.reload()
    opened(page, "data-leaks", "data-leaks-check")
    expect(page.locator("#data-leaks-found")).to_contain_text("12,000 rows of test@v1")
    expect(page.locator("#data-leaks-state .bar")).to_have_count(0)
    looked = project.step_jobs("check_leakage")
    assert [job.state.status for job in looked] == ["finished", "stopped"]
    assert [step.verb for step in project.journal.steps()] == ["load", "split", "redact"]


def test_what_is_known_by_then_is_said_at_once(page: Page) -> None:
    page.reload()
    opened(page, "data-split", "data-split-run")
    expect(page.locator("#data-split-result")).to_contain_text("of the 12,000 test rows stands in the training rows")
