"""The cell of a rented machine: files, command and download without a login; then submitted, followed and cancelled with
tools that only pretend; and the prices of machines, edited in their table."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project, Recipe
from tests.browser.page import choose, opened, press, state_of, studio, tab, unfold, visit
from tests.fake_clouds import FakeClouds
from tests.waiting import until


@pytest.fixture(scope="module")
def project(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.open("rents", home=own_home)
    rows = [{"prompt": f"Ticket {at}.", "completion": f"{at}."} for at in range(40)]
    path = tmp_path_factory.mktemp("files") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.split(project.load(path), test=0.2)
    return project


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clouds")


@pytest.fixture(scope="module")
def page(project: Project, browser: Browser, clouds: Path) -> Iterator[Page]:
    """Nobody is logged in anywhere, and no tool is there, until a test makes them."""
    path = os.pathsep.join([str(clouds / "tools"), os.environ["PATH"]])
    environment = {"PATH": path, "HOME": str(clouds / "person"), "AWS_PROFILE": ""}
    with (
        studio(project.home, project.name, **environment) as address,
        visit(browser, address, project.name) as page,
    ):
        tab(page, "Train")
        yield page


def test_without_a_login_there_are_files_a_command_and_a_download(page: Page, project: Project) -> None:
    opened(page, "train-cloud", "train-cloud-run")
    expect(page.locator("#train-cloud-price")).to_contain_text("g5.xlarge: $0.350 an hour (price of 2025-01)")
    choose(page, "train-cloud-machine", "aws g5.2xlarge (24 GB)")
    expect(page.locator("#train-cloud-price")).to_contain_text("$0.242 to $0.485 an hour")
    press(page, "train-cloud-run")
    state_of(page, "train-cloud", "✓ cloud-001")
    expect(page.locator("#train-cloud-command")).to_contain_text("sky jobs launch --name fine-tuning-")
    expect(page.locator("#train-cloud-about")).to_contain_text("g5.2xlarge spot")
    expect(page.locator("#train-cloud-missing")).to_contain_text("the tool sky")
    expect(page.locator("#train-cloud-missing")).to_contain_text("aws configure")
    expect(page.locator("#train-cloud-submit")).to_be_hidden()
    unfold(page, "train-cloud", "What the files say")
    expect(page.locator("#train-cloud-file-1")).to_contain_text("instance_type: g5.2xlarge")
    with page.expect_download() as download:
        press(page, "train-cloud-download")
    assert "cloud-001/package/recipe.json" in zipfile.ZipFile(download.value.path()).namelist()
    assert project.journal.steps()[-1].verb == "cloud_files" and project.cloud_jobs() == []


def test_results_that_were_fetched_by_hand_become_a_run(page: Page, project: Project, tmp_path: Path) -> None:
    unfold(page, "train-cloud", "Bring its results home")
    folder = page.locator("#train-cloud-results textarea, #train-cloud-results input").first
    expect(folder).to_have_value(str(project.folder / "exports" / "cloud-001" / "results"))
    press(page, "train-cloud-bring")
    expect(page.locator("#train-cloud-message")).to_contain_text("There is no such folder")
    fetched = FakeClouds(tmp_path)
    fetched.holds_results()
    folder.fill(str(tmp_path / "bucket"))
    press(page, "train-cloud-bring")
    expect(page.locator("#train-cloud-brought")).to_contain_text("It is run-001 now")
    state_of(page, "train-past", "1 run")
    assert project.runs()[0].is_ready and project.journal.steps()[-1].verb == "bring_run"


def test_with_a_login_it_is_submitted_followed_and_cancelled(page: Page, project: Project, clouds: Path) -> None:
    fake = FakeClouds(clouds)
    page.reload()
    tab(page, "Train")
    opened(page, "train-cloud", "train-cloud-submit")
    press(page, "train-cloud-submit")
    expect(page.locator("#train-cloud-state")).to_contain_text("runs · step 3 of 12")
    expect(page.locator("#train-cloud-log")).to_contain_text("(train, pid=1) step 3 of 12")
    page.reload()
    tab(page, "Train")
    state_of(page, "train-cloud", "rent-001 runs")
    opened(page, "train-cloud", "train-cloud-cancel")
    press(page, "train-cloud-cancel")
    state_of(page, "train-cloud", "rent-001 cancelled")
    assert project.cloud_jobs()[0].wait(30) == "stopped"
    assert [call[2] for call in fake.calls if call[1:3] in (["jobs", "launch"], ["jobs", "cancel"])] == ["launch", "cancel"]  # fmt: skip


def test_one_that_finishes_comes_home_by_itself(page: Page, project: Project, clouds: Path) -> None:
    fake = FakeClouds(clouds)
    fake.says("good", "RUNNING", "SUCCEEDED")
    fake.holds_results()
    press(page, "train-cloud-submit")
    expect(page.locator("#train-cloud-state")).to_contain_text("finished: it is run-002 here", timeout=60_000)
    state_of(page, "train-past", "2 runs")
    opened(page, "train-past", "train-past-table")
    expect(page.locator("#train-past-table")).to_contain_text("run-002")


def test_prices_are_edited_in_their_table(page: Page, project: Project) -> None:
    unfold(page, "train-cloud", "What machines cost")
    table = page.locator("#train-cloud-prices-table")
    expect(table).to_contain_text("runpod RTX_4090")
    write(page, 0, 1, "-1")
    write(page, 3, 3, "soon")
    press(page, "train-cloud-prices-keep")
    expect(page.locator("#train-cloud-message")).to_contain_text("aws g5.xlarge: dollars an hour -1")
    expect(page.locator("#train-cloud-message")).to_contain_text("gcp a2-highgpu-1g: date 'soon'")
    write(page, 0, 1, "2.5")
    write(page, 3, 3, "2026-11-24")
    press(page, "train-cloud-prices-keep")
    state_of(page, "train-cloud", "prices kept")
    until(lambda: project.prices()[0].dollars_an_hour == 2.5 and project.prices()[3].date == "2026-11-24")
    expect(page.locator("#train-cloud-prices-compared")).to_contain_text("$150.00")
    press(page, "train-cloud-prices-reset")
    expect(page.locator("#train-cloud-prices-compared")).to_contain_text("$60.36")
    page.set_viewport_size({"width": 390, "height": 844})
    until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 390, 60)


def test_a_training_that_does_not_fit_into_the_machine_is_said(page: Page, project: Project) -> None:
    large = Recipe(model="meta-llama/Llama-3.1-70B", method="full")
    project.cloud_files(project.dataset("train"), large, provider="runpod", machine="RTX_4090")
    page.reload()
    tab(page, "Train")
    opened(page, "train-cloud", "train-cloud-about")
    expect(page.locator("#train-cloud-about .note")).to_contain_text("RTX_4090 has 24 GB: it does not fit")
    expect(page.locator("#train-cloud-about")).to_contain_text("pace for a 7B model, scaled to its size")


def write(page: Page, row: int, column: int, text: str) -> None:
    """Types into a cell of the table of prices."""
    cell = page.locator(f"#train-cloud-prices-table [data-row='{row}'][data-col='{column}']").last
    cell.dblclick()
    editor = page.locator("#train-cloud-prices-table textarea:focus, #train-cloud-prices-table input:focus")
    editor.fill(text)
    editor.press("Enter")
    expect(cell).to_contain_text(text)
