"""A large file is loaded by a job: followed over a reload, stopped, and there in the end."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from studio import Project
from tests.benchmarks.data import write_rows
from tests.browser.page import MINUTES, press, visit


def test_a_large_load_is_followed_and_can_be_stopped(
    home: Path, address: str, browser: Browser, tmp_path: Path
) -> None:
    project = Project.open("large", home=home)
    path = tmp_path / "rows.jsonl"
    write_rows(path, 25_000)  # 18 MB
    with visit(browser, address, project.name) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        page.set_default_timeout(60_000)
        page.set_input_files("#data-load-file input[type=file]", str(path))
        expect(page.locator("#data-load-preview")).to_contain_text("alpaca")
        press(page, "data-load-run")
        expect(page.locator("#data-load-state")).to_contain_text("running")
        press(page, "data-load-stop")
        expect(page.locator("#data-load-state")).to_contain_text("stopped")
        assert project.datasets() == [] and project.journal.steps() == []
        press(page, "data-load-run")
        expect(page.locator("#data-load-stop")).to_be_visible()
        page.reload()
        expect(page.locator("#data-load")).to_contain_text("25,000 rows in rows@v1", timeout=MINUTES)
        expect(page.locator("#data-load-stop")).to_be_hidden()
        expect(page.locator("#data-load-result")).to_contain_text("estimated for")
        assert [step.state for step in project.journal.steps()] == ["done"]
