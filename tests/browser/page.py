"""A real studio behind its front door, and what a person does on its page."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, expect

import launch
from tests.waiting import until

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
MINUTES = 60_000


@contextmanager
def studio(home: Path, project: str, **environment: str) -> Iterator[str]:
    """The address of a studio that serves `home` for as long as the block runs; it writes to home/page.log."""
    port = launch.free_port("127.0.0.1", 8000 + os.getpid() % 20_000)  # two suites at once begin at unlike ports
    command = [
        sys.executable,
        "launch.py",
        "--no-browser",
        "--home",
        str(home),
        "--project",
        project,
        "--port",
        str(port),
    ]
    with open(home / "page.log", "a") as log:
        process = subprocess.Popen(command, cwd=launch.ROOT, env={**os.environ, **environment}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (home / "page.log").read_text()
        try:
            urllib.request.urlopen(address, timeout=5).read()
        except OSError:
            return False
        return True

    try:
        until(answers, 90)
        yield address
    finally:
        process.terminate()
        process.wait(20)
    assert "Traceback" not in (home / "page.log").read_text()


@contextmanager
def visit(browser: Browser, address: str, project: str, permissions: Sequence[str] = ()) -> Iterator[Page]:
    """The page of a project that is there, 1280 pixels wide, as somebody sees it who was never here before."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, permissions=[*permissions])
    page.set_default_timeout(MINUTES)
    page.goto(f"{address}?project={project}")
    try:
        yield page
    finally:
        page.close()  # an open one goes on asking the studio


def all_that_it_says(page: Page) -> str:
    """The text that is seen, for whoever must find out why a test failed."""
    try:
        return str(page.locator("body").inner_text(timeout=5_000))
    except Error as error:
        return f"It can no longer be read: {error}"


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).first.click()


def opened(page: Page, cell: str, inside: str) -> None:
    """Opens a cell and waits until what is inside it is seen."""
    unfold(page, cell)
    expect(page.locator(f"#{inside}")).to_be_visible()


def more(page: Page, cell: str) -> None:
    """Opens what a cell has under More."""
    unfold(page, cell, "More")


def unfold(page: Page, box: str, title: str = "") -> None:
    """Opens a fold, or the one of this title inside it; again when the page moved under the pointer while it was pressed."""
    head = page.locator(f"#{box} button.label-wrap", has_text=title).first

    def is_open() -> bool:
        if "open" in (head.get_attribute("class") or "").split():
            return True
        head.click()
        return False

    until(is_open, 60)


def state_of(page: Page, cell: str, words: str, timeout: float = 2 * MINUTES) -> None:
    """Waits until the title line of a cell says `words` (a pattern)."""
    expect(page.locator(f"#{cell} button.label-wrap").first).to_contain_text(re.compile(words), timeout=timeout)


def press(page: Page, button: str) -> None:
    """A button's id is on the button itself or on a box around it."""
    page.locator(f"button#{button}, #{button} button").first.click()


def choose(page: Page, box: str, choice: str) -> None:
    """Takes a choice of a dropdown by its words; again when the page was still being told of the step before."""
    field = page.locator(f"#{box} input").first

    def holds() -> bool:
        field.click()
        page.get_by_role("option", name=choice).first.click()
        page.wait_for_timeout(150)
        return field.input_value() == choice

    until(holds, 60)


def fill(page: Page, box: str, value: object) -> None:
    """Types into a box and leaves it, as a person does; again when the box was still being put on the page."""
    field = page.locator(f"#{box} input, #{box} textarea").first

    def holds() -> bool:
        field.fill(str(value))
        field.press("Tab")
        page.wait_for_timeout(150)
        return field.input_value() == str(value)

    until(holds, 60)
