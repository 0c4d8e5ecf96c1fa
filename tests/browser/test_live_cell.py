"""The Live cell and the past runs: curves are drawn, also after another run was chosen; a run is named and deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project, store
from tests.browser.page import fill, opened, press, state_of, tab, visit
from tests.training.test_live import made_run
from tests.waiting import until


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    """Two runs of forty steps, as files; the second one ran away."""
    project = Project.open("live", home=home)
    for rise in (0.0, 0.1):
        lines: list[dict[str, object]] = [
            {"step": step, "of_steps": 40, "seconds": step, "tokens": 12_345 * step, "loss": 2 / step + rise * step, "learning_rate": 0.001,
             "gradient_norm": 1.5, "tokens_per_second": 12_345 + step, "memory": 2e9} for step in range(1, 41)
        ]  # fmt: skip
        run = made_run(project.folder, lines)
        for step in (0, 20):
            store.append_json_line(
                run.folder / "samples.jsonl",
                {
                    "step": step,
                    "id": "r1",
                    "prompt": "Greet <b>Ada</b>.",
                    "expected": "Hello.",
                    "answer": "Hello." if step else "Bye",
                },
            )
        (run.folder / "log.txt").write_text("".join(f"line {number} <script>\n" for number in range(300)))
    return project


@pytest.fixture(scope="module")
def page(project: Project, home: Path, browser: Browser) -> Iterator[Page]:
    with visit(browser, home, project.name) as page:
        tab(page, "3 Train")
        yield page


def lines_of(page: Page, chart: str) -> int:
    """How many lines of a chart have more than one point."""
    marks = page.locator(f"#{chart} svg .mark-line path").all()
    return sum("L" in (mark.get_attribute("d") or "") for mark in marks)


def test_curves_findings_and_samples_are_shown(page: Page) -> None:
    state_of(page, "train-live", "run-002")
    until(lambda: lines_of(page, "train-live-loss") == 2, 20)
    expect(page.locator("#train-live-health .finding.bad")).to_contain_text("gone up")
    expect(page.locator("#train-live-samples")).to_contain_text("Greet <b>Ada</b>.")
    expect(page.locator("#train-live-samples .good")).to_have_count(1)
    expect(page.locator("#train-live-state")).to_contain_text("No GPU use is measured")


def test_another_run_is_chosen_and_laid_over(page: Page) -> None:
    opened(page, "train-past", "train-past-table")
    page.locator("#train-past-table").get_by_text("run-001").last.click()
    state_of(page, "train-live", "run-001")
    expect(page.locator("#train-past-chosen input, #train-past-chosen textarea").first).to_have_value("run-001")
    for chart in ("rate", "gradient", "speed", "memory"):
        until(lambda chart=chart: lines_of(page, f"train-live-{chart}") == 1, 20)
    page.locator("#train-live-others input").first.click()
    page.get_by_role("option", name="run-002").first.click()
    page.keyboard.press("Escape")
    until(lambda: lines_of(page, "train-live-loss") == 2 and lines_of(page, "train-live-rate") == 2, 20)
    expect(page.locator("#train-live-legend")).to_contain_text("run-002 (orange)")
    page.locator("#train-live-axis label", has_text="hours").click()
    expect(page.locator("#train-live-loss svg")).to_contain_text("hours")
    until(lambda: lines_of(page, "train-live-loss") == 2, 20)


def test_labels_of_the_small_charts_are_not_cut(page: Page) -> None:
    for chart in ("train-live-rate", "train-live-speed"):
        box = page.locator(f"#{chart} svg").bounding_box()
        assert box
        for label in page.locator(f"#{chart} svg .role-axis-label text, #{chart} svg .role-axis-title text").all():
            place = label.bounding_box()
            assert place and place["x"] >= box["x"] - 1


def test_a_run_is_named_and_deleted_after_a_question(page: Page, project: Project) -> None:
    fill(page, "train-past-name", "calm")
    press(page, "train-past-save")
    until(lambda: project.run("run-001").name == "calm")
    expect(page.locator("#train-past-table")).to_contain_text("calm")
    press(page, "train-past-delete")
    expect(page.locator("#train-past-question")).to_contain_text("cannot be undone")
    press(page, "train-past-sure")
    until(lambda: [run.id for run in project.runs()] == ["run-002"])
    expect(page.locator("#train-past-table")).not_to_contain_text("calm")
    expect(page.locator("#train-past-table")).to_contain_text("finished")
