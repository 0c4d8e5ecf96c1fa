"""The whole path on the real starter model, by the verbs alone: sample to proven bundle and a notebook."""

import os
import signal
import time
from collections.abc import Callable

import nbformat
import pytest

from assets.make.measure import without_near_duplicates
from studio import JobError, Project, Recipe
from studio.evaluation.metrics import exact_match
from studio.jobs.job import process_started
from studio.training.run import Run


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def steps_seen(run: Run) -> int:
    metrics = run.metrics()
    return int(metrics["step"].max()) if len(metrics) else 0


def small_recipe(**changes: object) -> Recipe:
    """Some forty steps, evaluated ten times, so that there is a checkpoint every four."""
    values = {"batch_size": 4, "accumulation": 1, "epochs": 1, "learning_rate": 1e-3, "max_length": 256, "dropout": 0.05,
              "logging_steps": 1, "evaluations": 10, "method": "qlora"}  # fmt: skip
    return Recipe(**{**values, **changes})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.open("path", home=tmp_path_factory.mktemp("home"))
    raw = project.load(Project.sample())
    clean = project.filter(raw)
    project.split(clean, test=0.1, seed=0)
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
    measured = project.evaluate(run, test)
    table = measured.table.set_index("metric")
    assert table.loc["exact_match", "base"] <= 0.05
    assert table.loc["valid_json", "base"] <= 0.05
    assert table.loc["valid_json", "tuned"] >= 0.95
    kept = measured.answers.set_index("id").loc[without_near_duplicates(test.examples, train.examples)]
    assert len(kept) > 90
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
    page = project.report(run).read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "") and run.id in page
    notebook = nbformat.read(project.export_notebook(), as_version=4)  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for verb in ("load", "filter", "split", "train", "evaluate", "export", "wait"):
        assert f".{verb}(" in code


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(project: Project) -> None:
    train = project.dataset("test")
    whole = project.train(train, small_recipe(), evaluation=train)
    whole.wait(timeout=300)
    halved = project.train(train, small_recipe(), evaluation=train)
    until(lambda: steps_seen(halved) >= 8)
    halved.stop()
    assert halved.wait(timeout=120) == "stopped"
    assert halved.is_ready
    stopped_at = steps_seen(halved)
    halved.resume()
    assert halved.wait(timeout=300) == "finished"
    assert halved.result["steps"] == whole.result["steps"] > stopped_at
    expected = whole.metrics()["eval_loss"].dropna().iloc[-1]
    assert halved.metrics()["eval_loss"].dropna().iloc[-1] == pytest.approx(expected, rel=0.01)


def test_a_killed_run_is_interrupted_and_resumes(project: Project) -> None:
    train = project.dataset("test")
    run = project.train(train, small_recipe(), evaluation=train)
    until(lambda: len(list((run.folder / "checkpoints").glob("checkpoint-*/rng_state.pth"))) >= 2)
    pid = run.job.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: process_started(pid) is None)
    assert run.state == "interrupted"
    with pytest.raises(JobError, match="interrupted"):
        run.wait()
    again = Project.open(project.name, home=project.home).run(run.id)  # as after a restart of the studio
    again.resume()
    assert again.wait(timeout=300) == "finished"
    text = (run.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    assert "Traceback" not in text


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_other_methods_train(project: Project, method: str) -> None:
    train = project.dataset("test")
    run = project.train(train, small_recipe(method=method, learning_rate=5e-4, evaluations=2), evaluation=train)
    assert run.wait(timeout=300) == "finished"
    losses = run.metrics()["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    assert run.result["trainable_parameters"] > 100_000
