"""The Live cell and the past runs: curves are drawn, also after another run was chosen; a run is named and deleted."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project, Recipe, store
from studio.jobs import queue
from tests import card
from tests.browser.page import MINUTES, fill, opened, press, state_of, studio, tab, unfold, visit
from tests.training.test_live import made_run
from tests.waiting import until

SYNC = "wandb sync '/a place/wandb'/offline-run-*"


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    """Two runs of forty steps, as files; the second one ran away."""
    project = Project.open("live", home=home)
    for rise in (0.0, 0.1):
        lines: list[dict[str, object]] = [
            {"step": step, "of_steps": 40, "seconds": step, "tokens": 12_345 * step, "loss": 2 / step + rise * step, "learning_rate": 0.001 * (1 - step / 40),
             "gradient_norm": 1.5, "tokens_per_second": 12_345 + step, "memory": 2e9, "cpu_use": 50 + step % 3} for step in range(1, 41)
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
        store.write_json(run.folder / "parameters.json", {"trainable_parameters": 1250, "all_parameters": 100_000})
        (run.folder / "log.txt").write_text("".join(f"line {number} <script>\n" for number in range(300)))
    store.write_json(run.folder / "tracking.json", {"words": "written offline", "command": SYNC})
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name, permissions=["clipboard-read", "clipboard-write"]) as page:
        tab(page, "3 Train")
        yield page


def lines_of(page: Page, chart: str) -> int:
    """How many lines of a chart have more than one point; counted at once, for a chart that moves is drawn anew."""
    lines = "marks => marks.filter(mark => (mark.getAttribute('d') || '').includes('L')).length"
    return int(page.locator(f"#{chart} svg .mark-line path").evaluate_all(lines))


def ticks(page: Page, chart: str, which: int = 0) -> list[str]:
    """The numbers of an axis: that across is the first, that up the second."""
    return page.locator(f"#{chart} svg .role-axis-label").nth(which).locator("text").all_text_contents()


def copied(page: Page, box: str) -> str:
    """What the copy button of a box of code puts into the clipboard."""
    page.locator(f"#{box} button").first.click()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_curves_findings_samples_and_log_are_shown(page: Page) -> None:
    state_of(page, "train-live", "run-002")
    until(lambda: lines_of(page, "train-live-loss") == 2)
    expect(page.locator("#train-live-health .finding.bad")).to_contain_text("gone up")
    expect(page.locator("#train-live-samples")).to_contain_text("Greet <b>Ada</b>.")
    expect(page.locator("#train-live-samples .good")).to_have_count(1)
    expect(page.locator("#train-live-state")).to_contain_text("Trainable parameters: 1,250 of 100,000 (1.250 %)")
    expect(page.locator("#train-live-state")).to_contain_text("No GPU is used here")
    expect(page.locator("#train-live-gpu")).to_be_hidden()
    assert lines_of(page, "train-live-cpu") == 1
    assert copied(page, "train-live-sync") == SYNC
    unfold(page, "train-live", "Log")
    log = copied(page, "train-live-log").splitlines()
    assert (len(log), log[0], log[-1]) == (200, "line 100 <script>", "line 299 <script>")


def test_a_run_is_followed_until_another_is_chosen(page: Page, project: Project) -> None:
    opened(page, "train-past", "train-past-table")
    page.locator("#train-past-table").get_by_text("run-001").last.click()
    state_of(page, "train-live", "run-001")
    expect(page.locator("#train-past-chosen input, #train-past-chosen textarea").first).to_have_value("run-001")
    expect(page.locator("#train-past-parameters")).to_contain_text("1,250 of 100,000 (1.250 %)")
    expect(page.locator("#train-live-sync")).to_be_hidden()
    page.locator("#train-live-others input").first.click()
    page.get_by_role("option", name="run-002").first.click()
    page.keyboard.press("Escape")
    charts = [f"train-live-{name}" for name in ("loss", "rate", "gradient", "speed", "memory", "cpu")]
    until(lambda: all(lines_of(page, chart) == 2 for chart in charts))
    expect(page.locator("#train-live-legend")).to_contain_text("run-002 (orange)")
    made_run(project.folder)
    tab(page, "1 Data")
    tab(page, "3 Train")  # the page looks anew
    page.locator("#train-run input").click()
    expect(page.get_by_role("option", name="run-003")).to_be_visible()
    page.keyboard.press("Escape")
    state_of(page, "train-live", "run-001")
    expect(page.locator("#train-run input")).to_have_value("run-001")
    expect(page.locator("#train-live-others")).to_contain_text("run-002")
    project.run("run-003").delete()


def test_each_axis_has_its_own_numbers(page: Page) -> None:
    assert ticks(page, "train-live-loss")[-1] == "40"
    rates = ticks(page, "train-live-rate", which=1)
    assert {"0", "0.001"} <= {*rates} and not [rate for rate in rates if "e" in rate]
    for axis, title, last in (("tokens", "tokens seen (thousands)", 40 * 12.345), ("hours", "hours", 40 / 3600)):
        page.locator("#train-live-axis label", has_text=axis).click()
        expect(page.locator("#train-live-loss svg")).to_contain_text(title)
        until(lambda last=last: float(ticks(page, "train-live-loss")[-1]) == pytest.approx(last, rel=0.1))
        assert lines_of(page, "train-live-loss") == 2


CUT = """() => [...document.querySelectorAll('#train-live svg')].flatMap(chart => {
  const box = chart.getBoundingClientRect();
  const texts = [...chart.querySelectorAll('.role-axis-label text, .role-axis-title text')];
  return texts.filter(text => { const place = text.getBoundingClientRect();
    return place.left < box.left - 1 || place.right > box.right + 1 || text.textContent.includes('…'); });
}).map(text => text.textContent)"""


def test_no_label_of_a_chart_is_cut(page: Page) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        until(lambda width=width: page.locator("#train-live-loss svg").bounding_box()["width"] <= width, 60)  # type: ignore[index]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []


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


def test_a_run_is_found_and_followed_after_a_reload_and_a_killed_studio(
    home: Path, address: str, browser: Browser, one_thread: None, request: pytest.FixtureRequest
) -> None:
    """Stop and Resume from the page, too, and the settings that fit after a run for which there was not enough memory."""
    project = Project.open("followed", home=home)
    rows = "\n".join(f'{{"prompt": "Ticket {number}: help.", "completion": "{number}"}}' for number in range(256))
    recipe = Recipe(epochs=100, batch_size=2, accumulation=1, max_length=64, logging_steps=50, evaluations=5, samples=0)
    run = project.train(project.load(pasted=rows, name="rows"), recipe)
    request.addfinalizer(lambda: [one.stop() for one in project.runs() if one.state in ("queued", "running")])
    until(lambda: run.state == "running")  # another file's job may still have been on its way out
    psutil.Process(run.job.state.pid).nice(19)  # the page and the browser have two cores as well
    with studio(home, project.name) as doomed, visit(browser, doomed, project.name) as page:
        tab(page, "3 Train")
        state_of(page, "train-live", r"run-001 running \d+ ?%", 3 * MINUTES)
        page.reload()
        tab(page, "3 Train")
        state_of(page, "train-live", r"run-001 running \d+ ?%", 3 * MINUTES)
        until(lambda: lines_of(page, "train-live-loss") > 0)
        studio_of(home, project.name).kill()
    assert run.state == "running"
    with visit(browser, address, project.name) as page:  # of the next studio
        page.set_default_timeout(2 * MINUTES)
        tab(page, "3 Train")
        state_of(page, "train-live", r"run-001 running \d+ ?%", 3 * MINUTES)
        seen = len(run.metrics())
        until(lambda: len(run.metrics()) > seen)
        for word in ("stopped", "running"):
            press(page, "train-stop" if word == "stopped" else "train-resume")
            state_of(page, "train-live", f"run-001 {word}", 3 * MINUTES)
        run.stop()
        assert run.wait(timeout=120) == "stopped"
        run.job.set_state(status="failed", cause="memory", error="Out of memory", fix="Start again with less")
        page.reload()
        tab(page, "3 Train")
        expect(page.locator("#train-again")).to_contain_text("Batch 1 and accumulation 2")
        page.locator("#train-again button", has_text="Batch 1").click()
        until(lambda: len(project.runs()) == 2)
        again = project.runs()[-1]
        assert again.recipe.batch_size == 1 and again.recipe.accumulation == 2
        expect(page.locator("#train-again")).to_be_hidden()


def test_an_open_page_follows_what_something_else_starts_and_resumes(
    home: Path, address: str, browser: Browser
) -> None:
    """And what waits, and what can be compared; no step is made on the page, and it is not loaded again."""
    project = Project.open("beside", home=home)
    with visit(browser, address, project.name) as page, visit(browser, address, project.name) as comparing:
        tab(page, "3 Train")
        opened(page, "train-past", "train-past-none")
        tab(comparing, "4 Compare")
        expect(comparing.locator("#compare-notice")).to_be_visible()
        expect(page.locator("#train-live-state")).to_contain_text("No run yet")
        run = made_run(project.folder)
        run.job.report(1, 1, "saving")
        own = {"pid": psutil.Process().pid, "process_started": psutil.Process().create_time()}
        run.job.set_state(status="stopped")
        state_of(page, "train-live", "run-001 stopped")
        expect(page.locator("#train-resume")).to_be_visible()
        run.job.set_state(status="running", **own)
        state_of(page, "train-live", "run-001 running")
        expect(page.locator("#train-resume")).to_be_hidden()
        expect(page.locator("#train-stop")).to_be_visible()
        expect(page.locator("#train-past-table")).to_contain_text("running")
        (run.folder / "adapter").mkdir()
        store.write_json(run.folder / "result.json", {"steps": 40})
        run.job.set_state(status="finished")
        state_of(page, "train-live", "run-001 ✓ finished")
        expect(comparing.locator("#compare-run input")).to_have_value("run-001")
        with card.taken(home):
            waiting = made_run(project.folder)
            queue.submit(home, waiting.folder, "train", waiting.job.request)
            expect(page.locator("#train-queue tbody tr")).to_have_count(1)
            state_of(page, "train-live", "run-002 waits for its turn")  # nobody chose the one before
            waiting.stop()
            expect(page.locator("#train-queue tbody tr")).to_have_count(0)


def studio_of(home: Path, project: str) -> psutil.Process:
    """The process of the studio that was opened with this project."""
    named = [str(home), project]
    return next(one for one in psutil.Process().children() if all(word in one.cmdline() for word in named))
