"""The Search cell: estimated, started, followed over a reload, stopped, gone on, what it found used, and deleted."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial
from playwright.sync_api import Browser, Page, expect

from studio import Project, Recipe, store
from studio.jobs.job import Job
from studio.training.search_space import Space
from studio.training.study import open_study
from tests.browser.page import MINUTES, fill, more, opened, press, state_of, tab, unfold, visit
from tests.waiting import until

RANGES = '{"learning_rate": {"low": 1e-3, "high": 5e-3, "log": true}, "r": [8, 16], "logging_steps": 2}'


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    (home / "measured.jsonl").unlink(missing_ok=True)  # nothing was trained here yet, whatever the other files did
    project = Project.open("searching", home=home)
    path = home / "greetings.jsonl"
    rows = [{"prompt": f"Greet guest {row}.", "completion": f"Hello {row}."} for row in range(48)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.split(project.load(path), test=0.15, keep_groups_together=False)
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        tab(page, "3 Train")
        yield page


def picture(page: Page, name: str) -> None:
    """Where SCREENSHOTS names a folder, what is seen goes there."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_timeout(1500)
        page.locator("#train-search").screenshot(path=f"{folder}/{name}.png")


def value(page: Page, box: str) -> str:
    return page.locator(f"#{box} input, #{box} textarea").first.input_value()


def test_a_search_is_followed_over_a_reload_stopped_and_resumed(page: Page) -> None:
    opened(page, "train-search", "train-search-run")
    expect(page.locator("#train-search-table")).to_contain_text("No search yet")
    state_of(page, "train-memory", r"—\s+fits", 3 * MINUTES)  # the recipe is made by now
    fill(page, "train-search-hours", "")
    press(page, "train-search-ask")
    expect(page.locator("#train-search-message")).to_contain_text("“At most, in hours” is empty")
    fill(page, "train-search-hours", 4)
    press(page, "train-search-ask")
    expect(page.locator("#train-search-estimate")).to_contain_text("How long is unknown")
    more(page, "train-search")
    page.locator("#train-search-space input").first.click()
    page.get_by_role("option", name="My own ranges").click()
    fill(page, "train-search-ranges", '{"learning_rate": {"low": 2, "high": 1}}')
    press(page, "train-search-run")
    expect(page.locator("#train-search-message")).to_contain_text("low must lie below high")
    fill(page, "train-search-ranges", RANGES)
    fill(page, "train-search-trials", 2)
    press(page, "train-search-run")
    state_of(page, "train-search", r"search-001 running")
    page.reload()
    tab(page, "3 Train")
    opened(page, "train-search", "train-search-stop")
    press(page, "train-search-stop")
    state_of(page, "train-search", "search-001 stopped")
    assert "My own ranges" in value(page, "train-search-space") and value(page, "train-search-trials") == "2"
    press(page, "train-search-resume")
    state_of(page, "train-search", "search-001 ✓ finished", 3 * MINUTES)


def test_what_it_found_is_shown_and_taken_over(page: Page, project: Project) -> None:
    expect(page.locator("#train-search-table")).to_contain_text("✓ best")
    expect(page.locator("#train-search-state")).to_contain_text("lowest evaluation loss so far")
    expect(page.locator("#train-search-history .js-plotly-plot")).to_be_visible()
    expect(page.locator("#train-search-parallel")).to_contain_text("loss (nats a token)")
    expect(page.locator("#train-search-weights")).to_contain_text("there are 2")
    unfold(page, "train-search", "Code")
    expect(page.locator("#train-search-code")).to_contain_text("search = project.search(train, Recipe(")
    picture(page, "search-1280-light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.body.classList.add('dark')")
    picture(page, "search-390-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = project.searches()[-1].best
    press(page, "train-search-use")
    until(lambda: float(value(page, "train-learning-rate")) == found.learning_rate)
    assert float(value(page, "train-r")) == found.r
    trials = len(project.runs())
    press(page, "train-search-best")
    until(lambda: len(project.runs()) > trials)
    made = project.runs()[-1]
    assert made.recipe == found and made.train_dataset == "train@v1"
    made.stop()


def test_a_search_is_deleted_with_the_runs_of_its_trials(page: Page, project: Project) -> None:
    press(page, "train-search-delete")
    asked = page.locator("#train-search-question")
    expect(asked).to_contain_text("runs of its trials (run-001 to run-003)")
    press(page, "train-search-keep")
    expect(asked).to_be_hidden()
    press(page, "train-search-delete")
    press(page, "train-search-sure")
    expect(page.locator("#train-search-estimate")).to_contain_text("MB freed")
    state_of(page, "train-search", "deleted")
    assert project.searches() == [] and [run.id for run in project.runs()] == ["run-004"]
    until(lambda: project.run("run-004").state in ("stopped", "finished"))


def searched(project: Project) -> None:
    """A search that is over, as its files: four trials have finished, one was cut short, one failed."""
    train, test = project.dataset("train"), project.dataset("test")
    recipe, folder = Recipe(method="lora"), project.folder / "jobs" / "search-002"
    request = {
        "project_folder": str(project.folder), "dataset": train.reference, "evaluation": test.reference, "trials": 6, "hours": 1, "seed": 0,
        "space": Space.of(json.loads(RANGES), recipe, train).plain(), "startup": 2, "rows": 41, "sample": "41 of 41 examples",
    }  # fmt: skip
    store.write_text(folder / "recipe.json", recipe.to_json())
    store.write_json(
        folder / "job.json", {"format": 1, "kind": "search", "home": str(project.home), "request": request}
    )
    study = open_study(folder / "study.jsonl", startup=2)
    ranges = {"learning_rate": FloatDistribution(1e-3, 5e-3, log=True), "r": CategoricalDistribution([8, 16])}
    for at, rate in enumerate((1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 5e-3)):
        state = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)[max(0, at - 3)]
        loss = {"loss": 1 / (1 + 1000 * rate), "step": 10} if state != TrialState.FAIL else {"note": "Out of memory"}
        facts = {**loss, "seconds": 9.0, "run": f"run-10{at}"} | (
            {"pruned_at": 7} if state == TrialState.PRUNED else {}
        )
        finished = loss.get("loss") if state == TrialState.COMPLETE else None
        study.add_trial(
            create_trial(state=state, value=finished, params={"learning_rate": rate, "r": (8, 16)[at % 2]}, distributions=ranges, user_attrs=facts)
        )  # fmt: skip
    Job(folder).set_state(status="finished")


def test_trials_cut_short_and_failed_are_told_and_what_mattered_is_drawn(page: Page, project: Project) -> None:
    searched(project)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.reload()
    tab(page, "3 Train")
    opened(page, "train-search", "train-search-importance")
    shown = page.locator("#train-search-table tbody tr")
    for at, words in ((3, "✓ best"), (4, "pruned at step 7"), (5, "failed: Out of memory")):
        expect(shown.nth(at)).to_contain_text(words)
    for words in (
        "1cut short (pruned)",
        "1failed",
        "6 of 6trials done",
        "0.2000lowest evaluation loss so far: trial 4",
    ):
        expect(page.locator("#train-search-state")).to_contain_text(words)
    for picture_of in ("history", "parallel", "importance"):
        expect(page.locator(f"#train-search-{picture_of} .js-plotly-plot")).to_be_visible()
    expect(page.locator("#train-search-importance")).to_contain_text("learning rate")
    expect(page.locator("#train-search-weights")).to_contain_text("by 4 finished trials (few: take it as a hint)")
    expect(page.locator("#train-search-weights tbody tr").first).to_contain_text("learning rate")
