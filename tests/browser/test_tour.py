"""The whole path as a new user takes it, on the real page in a real browser: sample to notebook, with one reload."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

import launch
from studio import Project

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
MINUTES = 60_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    port = launch.free_port("127.0.0.1", 7980)
    command = [
        sys.executable,
        "launch.py",
        "--no-browser",
        "--home",
        str(home),
        "--project",
        "tour",
        "--port",
        str(port),
    ]
    log = open(home / "page.log", "w")  # noqa: SIM115  closed below
    process = subprocess.Popen(command, cwd=launch.ROOT, env={**os.environ}, stdout=log, stderr=log)
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
            break
        except OSError:
            assert time.monotonic() < deadline and process.poll() is None, (home / "page.log").read_text()
            time.sleep(0.3)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture(scope="module")
def page(address: str, chromium: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30_000)
        page.goto(address)
        yield page
        browser.close()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).first.click()


def opened(page: Page, cell: str, inside: str) -> None:
    """Opens the fold of a cell when what is inside it cannot be seen."""
    page.wait_for_selector(f"#{cell}")
    if not page.locator(f"#{inside}").is_visible():
        page.locator(f"#{cell} button.label-wrap").first.click()
    expect(page.locator(f"#{inside}")).to_be_visible()


def state_of(page: Page, cell: str, words: str, timeout: float = 60_000) -> None:
    expect(page.locator(f"#{cell} button.label-wrap").first).to_contain_text(re.compile(words), timeout=timeout)


def press(page: Page, button: str) -> None:
    """A button's id is on the button itself or on a box around it."""
    page.locator(f"button#{button}, #{button} button").first.click()


def test_the_tour(page: Page, home: Path) -> None:
    press(page, "data-load-sample")
    state_of(page, "data-load", "1,236")
    opened(page, "data-filter", "data-filter-run")
    expect(page.locator("#data-filter-kept")).to_contain_text("1,120")
    press(page, "data-filter-run")
    state_of(page, "data-filter", "1,120")
    opened(page, "data-split", "data-split-run")
    press(page, "data-split-run")
    state_of(page, "data-split", "1,008")

    tab(page, "2 Decide")
    press(page, "decide-run")
    expect(page.locator("#decide-verdict")).to_contain_text(re.compile("fine-tuning", re.IGNORECASE))

    tab(page, "3 Train")
    expect(page.locator("#train-memory-text, #train-memory")).not_to_have_count(0)
    press(page, "train-start")
    project = Project.open("tour", home=home)
    deadline = time.monotonic() + 60
    while not project.runs():
        assert time.monotonic() < deadline
        time.sleep(0.3)
    run = project.runs()[-1]
    while len(run.metrics()) < 3:
        assert time.monotonic() < deadline + 60 and run.state in ("queued", "running"), run.job.log_tail()
        time.sleep(0.3)
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
    deadline = time.monotonic() + 240
    while not project.bundles():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    opened(page, "export-notebook", "export-notebook-make")
    press(page, "export-notebook-make")
    deadline = time.monotonic() + 60
    while not list((project.folder / "exports").glob("*.ipynb")):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert [step.state for step in project.journal.steps()] == ["done"] * len(project.journal.steps())
    assert "Traceback" not in (home / "page.log").read_text()
