"""The whole path on the real starter model, by the verbs alone: sample to proven bundle and a notebook."""

import os

import nbformat
import pytest

from assets.make.measure import without_near_duplicates
from studio import Project, Recipe
from studio.evaluation.metrics import exact_match
from tests.jobs_here import work_here


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.open("path", home=tmp_path_factory.mktemp("home"))
    raw = project.load(Project.sample())
    clean = project.filter(raw)
    project.split(clean, test=0.06, seed=0)
    return project


def test_the_sample_is_cleaned_with_reasons(project: Project) -> None:
    raw, clean = project.dataset("tickets"), project.dataset("clean")
    assert 1000 < len(raw) < 1400
    assert len(clean) + len(clean.dropped) == len(raw)
    assert clean.dropped["reason"].str.len().min() > 0
    assert len(project.dataset("train")) + len(project.dataset("test")) == len(clean)


def test_before_and_after_on_the_sample(project: Project) -> None:
    """From prose to the house's JSON in some minutes, on held-out rows that are like no training row."""
    train, test = project.dataset("train"), project.dataset("test")
    run = project.train(train, Recipe.recommended(train, model="starter"), evaluation=test)
    assert run.state in ("queued", "running")
    assert run.wait(timeout=600) == "finished"
    metrics = run.metrics()
    assert metrics["eval_loss"].dropna().iloc[-1] < 0.5 * metrics["eval_loss"].dropna().iloc[0]
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)  # the very work, without one more start of torch
        measured = project.evaluate(run, test)
    table = measured.table.set_index("metric")
    assert table.loc["exact_match", "base"] <= 0.05
    assert table.loc["valid_json", "base"] <= 0.05
    assert table.loc["valid_json", "tuned"] >= 0.95
    kept = measured.answers.set_index("id").loc[without_near_duplicates(test.examples, train.examples)]
    assert len(kept) > 50
    right = [exact_match(*pair) for pair in zip(kept["expected"], kept["tuned"], strict=True)]
    assert sum(right) / len(right) >= 0.8
    assert (
        table.loc["exact_match", "tuned_low"]
        <= table.loc["exact_match", "tuned"]
        <= table.loc["exact_match", "tuned_high"]
    )
    answers = project.answer(run, str(measured.answers["prompt"].iloc[0]))
    assert answers["base"] and answers["tuned"] and answers["base"] != answers["tuned"]
    bundle = project.export(run, "merged")
    assert bundle.zip.exists() and bundle.parity is not None
    assert project.written_report(run) is None
    report = project.report(run)
    assert project.written_report(run) == report
    page = report.read_text(encoding="utf-8")
    os.utime(report, (0, 0))  # as if the run had been measured after it
    assert project.written_report(run) is None
    assert "http://" not in page.replace("http://www.w3.org", "") and run.id in page
    notebook = nbformat.read(project.export_notebook(), as_version=4)  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for verb in ("load", "filter", "split", "train", "evaluate", "export", "wait"):
        assert f".{verb}(" in code
