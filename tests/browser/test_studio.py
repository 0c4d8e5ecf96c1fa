"""What one does with a small run on the real page: bad rows, a wrong recipe, measure, export, report.

The run is trained once, by the verbs, while the studio starts.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from studio import JobError, Project, Recipe
from tests.browser.page import MINUTES, choose, fill, more, opened, press, state_of, tab, visit

ROOMS = "kitchen garden office cellar attic hall studio library".split()
THINGS = "lamp door printer window heater".split()


def rows() -> list[str]:
    """Forty small tasks, one a line."""
    return [
        json.dumps({
            "instruction": "Name the room and the thing as JSON.",
            "input": f"The {thing} in the {room} is broken, please send somebody.",
            "output": json.dumps({"room": room, "thing": thing, "action": "send somebody"}),
        })
        for room in ROOMS
        for thing in THINGS
    ]  # fmt: skip


@pytest.fixture(scope="module")
def project(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a run in training."""
    source = tmp_path_factory.mktemp("upload") / "rooms.jsonl"
    source.write_text("\n".join(rows()), encoding="utf-8")
    project = Project.open("small", home=home)
    train, test = project.split(project.load(source), test=0.2, seed=0)
    recipe = Recipe(
        epochs=4, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=192, logging_steps=1, evaluations=2
    )
    project.train(train, recipe, evaluation=test)
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


@pytest.fixture
def trained(project: Project, page: Page) -> Project:
    """The project when its first run has finished, on the page as it is then."""
    assert project.runs()[0].wait(timeout=180) == "finished"
    page.reload()
    return project


def test_rows_that_cannot_be_read_are_counted_shown_and_downloaded(page: Page, tmp_path: Path) -> None:
    lines = rows()[:20]
    lines[6] = '{"instruction": "cut off in the'
    lines[11] = json.dumps({"instruction": "Say yes."})
    source = tmp_path / "broken.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    page.locator("#data-load-file input[type=file]").set_input_files(source)
    expect(page.locator("#data-load-file")).to_contain_text("broken.jsonl")
    press(page, "data-load-run")
    state_of(page, "data-load", "18 rows in broken@v1")
    expect(page.locator("#data-load-result")).to_contain_text("2rows set aside")
    opened(page, "data-look", "data-look-summary")
    fold = page.get_by_role("button", name="2 rows set aside while loading")
    fold.click()
    table = page.locator("#data-look-problems")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table).to_contain_text("output is missing")
    with page.expect_download() as download:
        press(page, "data-look-problems-file")
    problems = pd.read_csv(download.value.path())
    assert problems["line"].tolist() == [7, 12]
    assert problems["raw"].str.contains("cut off in the").any()


def test_the_verdict_is_there_again_after_a_reload(page: Page) -> None:
    tab(page, "2 Decide")
    fill(page, "decide-examples", 620)
    fill(page, "decide-calls", 70_000)
    press(page, "decide-run")
    state_of(page, "decide-case", "✓ Fine-tune")
    verdict = page.locator("#decide-verdict .prose")
    expect(verdict).to_contain_text("620")
    words = verdict.inner_text()
    assert "620" in words and "70,000" in words
    page.reload()
    tab(page, "2 Decide")
    expect(verdict).to_contain_text("620")
    assert verdict.inner_text() == words
    expect(page.locator("#decide-calls input")).to_have_value("70000")
    expect(page.locator("#decide-cost-table tbody tr")).to_have_count(2)
    expect(page.locator("#decide-cost-chart .js-plotly-plot")).to_be_visible()


def test_a_recipe_with_two_mistakes_names_both(page: Page, project: Project) -> None:
    tab(page, "3 Train")
    runs = len(project.runs())
    expect(page.locator("#train-reasons tbody tr")).not_to_have_count(0)
    more(page, "train-recipe")
    fill(page, "train-epochs", -1)
    fill(page, "train-learning-rate", 7)
    press(page, "train-start")
    message = page.locator("#train-begin-message")
    for words in ("2 mistakes", "epochs", "learning_rate", "found '-1'", "found '7'"):
        expect(message).to_contain_text(words)
    state_of(page, "train-begin", "! The recipe has 2 mistakes")
    assert len(project.runs()) == runs


def test_another_project_and_back(page: Page, project: Project) -> None:
    tab(page, "1 Data")
    name = page.locator("#project-name input")
    name.fill("second")
    name.press("Enter")
    state_of(page, "data-load", "not run yet")
    expect(page.locator("#data-load-result")).to_contain_text("Nothing is loaded yet")
    page.wait_for_url("**project=second**")
    page.reload()
    expect(name).to_have_value("second")
    state_of(page, "data-load", "not run yet")
    tab(page, "4 Compare")
    press(page, "compare-row")
    expect(page.locator("#compare-both-message")).to_be_visible()  # there is no row to take
    choose(page, "project-name", project.name)
    tab(page, "1 Data")
    state_of(page, "data-load", "✓ 18 rows in broken@v1")
    expect(page.locator("#compare-both-message")).to_be_hidden()
    assert Project.open("second", home=project.home).datasets() == []


def test_held_out_rows_are_taken_one_after_the_other(page: Page, project: Project) -> None:
    tab(page, "4 Compare")
    for row in project.dataset("test").take([0, 1])["messages"]:
        asked, answer = row[-2], row[-1]
        press(page, "compare-row")
        expect(page.locator("#compare-expected")).to_contain_text(answer["content"])
        expect(page.locator("#compare-prompt textarea")).to_have_value(asked["content"])


def test_measured_on_held_out_rows(page: Page, trained: Project) -> None:
    tab(page, "4 Compare")
    opened(page, "compare-measure", "compare-measure-run")
    expect(page.locator("#compare-run input")).to_have_value("run-001")
    choose(page, "compare-dataset", "test@v1")
    press(page, "compare-row")
    expected = page.locator("#compare-expected")
    expect(expected).to_contain_text("Expected for this row")
    press(page, "compare-measure-run")
    state_of(page, "compare-measure", "✓ exact match", timeout=3 * MINUTES)
    table = page.locator("#compare-measure-table")
    expect(table.locator("tbody tr")).to_have_count(4)
    for words in ("exact match", "valid JSON", "ROUGE-L", "perplexity", "held-out rows"):
        expect(table).to_contain_text(words)
    measured = trained.evaluations()[-1].table.set_index("metric")
    expect(table).to_contain_text(f"{measured.loc['valid_json', 'tuned']:.1%}")
    expect(page.locator("#compare-measure-answers")).to_contain_text("send somebody")
    expect(expected).to_contain_text("Expected for this row")  # nobody took away what is read there


def test_a_merged_bundle_with_its_parity_and_its_zip(page: Page, trained: Project, tmp_path: Path) -> None:
    tab(page, "5 Export")
    expect(page.locator("#export-run input")).to_have_value("run-001")
    choose(page, "export-kind", "Merged: a whole model")
    press(page, "export-make")
    state_of(page, "export-bundle", "export-001 ✓ finished", timeout=3 * MINUTES)
    bundle = trained.bundles()[-1]
    assert bundle.parity is not None
    row = page.locator("#export-bundle-table tbody tr").first
    expect(row).to_contain_text(bundle.id)
    expect(row).to_contain_text(f"largest logit gap {bundle.parity['largest_logit_gap']:g}")
    expect(page.locator("#export-bundle-file")).to_contain_text(f"{bundle.id}.zip")
    with page.expect_download() as download:
        press(page, "export-bundle-file")
    download.value.save_as(tmp_path / "bundle.zip")
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        assert archive.testzip() is None
        names = {Path(name).name for name in archive.namelist()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md"} <= names


def test_a_report_is_made_and_shown(page: Page, trained: Project) -> None:
    tab(page, "5 Export")
    opened(page, "export-report", "export-report-make")
    expect(page.locator("#export-report-run input")).to_have_value("run-001")
    press(page, "export-report-make")
    shown = page.frame_locator("#export-report-view iframe")
    expect(shown.locator("body")).to_contain_text(trained.runs()[0].id)
    with page.expect_download() as download:
        press(page, "export-report-file")
    assert download.value.path().read_text(encoding="utf-8").lstrip().startswith("<!")
    page.reload()
    tab(page, "5 Export")
    state_of(page, "export-report", "✓ report-run-001.html")
    opened(page, "export-report", "export-report-make")
    expect(shown.locator("body")).to_contain_text("before and after")
    expect(page.locator("#export-report-file")).to_be_visible()


def test_an_export_that_failed_says_so_after_a_reload_too(page: Page, trained: Project) -> None:
    """Last here: it leaves a run behind whose weights are gone."""
    run = trained.runs()[0]
    damaged = shutil.copytree(run.folder, run.folder.with_name("run-999"))
    for weights in damaged.glob("adapter/*.safetensors"):
        weights.unlink()
    job = trained.start_export(trained.run("run-999"), "merged")
    with pytest.raises(JobError):
        job.wait(timeout=60)
    page.reload()
    tab(page, "5 Export")
    state_of(page, "export-bundle", f"{job.id} ! failed")
    expect(page.locator("#export-state .message")).to_contain_text(job.state.error)
    expect(page.locator("#export-bundle-table")).not_to_contain_text(job.id)
