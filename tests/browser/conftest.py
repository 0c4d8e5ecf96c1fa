"""One browser and one studio for all files here that can share them: each has a project of its own. They are closed after
the last, so that the browser's event loop is in no other test's way."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.page import FLAGS, MINUTES, all_that_it_says, studio

expect.set_options(timeout=MINUTES)  # a busy machine is slow to show what a quiet one shows at once


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails says what its page showed then: of what fails once in a hundred times nothing else is left."""
    report = yield
    page: Any = getattr(item, "funcargs", {}).get("page")
    if report.failed and page is not None:
        report.sections.append(("what the page shows", all_that_it_says(page)))
    return report


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the shared studio. A test must find its way beside what others left there: their projects, prices, measured runs."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="package")
def address(home: Path) -> Iterator[str]:
    """Of the shared studio. Its jobs compute in one thread, for page and browser have two cores as well."""
    with studio(home, "shared", OMP_NUM_THREADS="1") as address:
        yield address


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For a file that needs a studio of its own."""
    return tmp_path_factory.mktemp("own-home")


@pytest.fixture(scope="module", autouse=True)
def _whose_fault(home: Path) -> Iterator[None]:
    """What goes wrong in the shared studio fails the file that made it."""
    log = home / "page.log"
    before = log.stat().st_size if log.exists() else 0
    yield
    if log.exists():
        assert b"Traceback" not in log.read_bytes()[before:], log.read_text()
