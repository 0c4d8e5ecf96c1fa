"""A search: the guide's space, what a trial learns from, and a real study that prunes, is stopped, killed and goes on."""

import json
import math
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from studio import JobError, Project, Recipe, store
from studio.examples import Dataset
from studio.jobs import queue
from studio.jobs.job import ENDED, FORMAT, Job, process_started
from studio.training import search_worker
from studio.training.run import Run
from studio.training.search import Search
from studio.training.study import open_study
from tests.jobs_here import work_here
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = Recipe(method="lora", batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, r=8, alpha=16)
SPACE = {
    "learning_rate": [1e-3, 2e-3, 3e-3, 0.9],
    "warmup_share": {"low": 0.0, "high": 0.1},
    "dropout": 0.0,
    "logging_steps": 1,
}
"""With seed 3 the third trial has the rate 0.9, with which nothing is learned."""


def greetings(project: Project, rows: int = 48) -> tuple[Dataset, Dataset]:
    names = ["Ola", "Mia", "Tom", "Ada", "Max", "Lea", "Ben", "Zoe"]
    path = project.home / "greetings.jsonl"
    pairs = [(f"Greet {names[row % 8]} for the {row}. time.", f"Hello {names[row % 8]}.") for row in range(rows)]
    path.write_text("".join(json.dumps({"prompt": asked, "completion": said}) + "\n" for asked, said in pairs))
    return project.split(project.load(path), test=0.15, seed=0, keep_groups_together=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("searches", home=tmp_path)


def by_hand(project: Project, **changes: object) -> Search:
    """The folder of a search that waits, as `project.search` makes it."""
    folder = project.folder / "jobs" / "search-001"
    request = {"project_folder": str(project.folder), "dataset": "train@v1", "evaluation": "test@v1", "rows": 40, "seed": 0,
               "space": {"searched": {"learning_rate": [1e-3, 2e-3]}, "fixed": {"epochs": 1}, "global_batch": None},
               "trials": 3, "hours": 1.0, "startup": 5, "sample": "", **changes}  # fmt: skip
    store.write_json(
        folder / "job.json", {"format": FORMAT, "kind": "search", "home": str(project.home), "request": request}
    )
    store.write_text(folder / "recipe.json", RECIPE.to_json())
    return Search(folder)


def run_by_hand(project: Project, status: str, *evaluations: tuple[int, float]) -> Run:
    folder = store.new_numbered_folder(project.folder / "runs", "run")
    store.write_json(folder / "job.json", {"format": FORMAT, "kind": "train", "home": str(project.home), "request": {}})
    Job(folder).set_state(status=status, started=100.0, ended=130.0, error="too hot")
    for step, loss in evaluations:
        store.append_json_line(folder / "metrics.jsonl", {"step": step, "eval_loss": loss})
    return Run(folder)


def test_a_pair_is_two_examples_where_kto_learns_from_it(project: Project) -> None:
    path = project.folder / "pairs.jsonl"
    path.write_text("".join(f'{{"prompt": "q{at}", "chosen": "a{at}", "rejected": "no"}}\n' for at in range(40)))
    pairs, space = project.load(path, "pairs"), {"r": [4, 8]}
    steps = {}
    for objective in ("sft", "dpo", "kto"):
        recipe = Recipe(**{**RECIPE.model_dump(), "objective": objective, "epochs": 1})
        expected = project.expected_search(pairs, recipe, evaluation=pairs, space=space, share=1)
        steps[objective] = recipe.steps_on(pairs)
        assert expected["rows"] == 40 and f": {steps[objective]} optimiser steps a trial" in expected["sample"]
        often = recipe.model_copy(update={"evaluations": 1000})
        assert f" {steps[objective]} checkpoints" in project.cost(often, pairs)["text"]
    assert steps == {"sft": 10, "dpo": 10, "kto": 20}


def test_a_trial_is_followed_by_the_steps_that_it_says_it_has(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are others than was thought, as of passages that are cut into pieces."""
    run, told, said = run_by_hand(project, "finished"), {}, []
    for step in (0, 2, 5, 7, 10, 12):
        row = {"step": step, "of_steps": 12, "eval_loss": 1 / (1 + step)}
        store.append_json_line(run.folder / "metrics.jsonl", row)
    trial = SimpleNamespace(report=lambda loss, share: told.update({share: loss}), should_prune=lambda: False)
    watch = SimpleNamespace(job=run.job, tell=lambda step, of: said.append((step, of)))
    monkeypatch.setattr(Run, "state", property(lambda run: states.pop()))
    states = ["finished", "running"]
    run.job.report(5, 12, "step 5 of 12")
    assert search_worker.follow(run, trial, 6, watch) is None  # type: ignore[arg-type]
    assert told == {1: 1 / 3, 2: 1 / 6, 3: 1 / 8, 4: 1 / 11, 5: 1 / 13} and said == [(5, 12)]


def test_what_a_killed_search_left_is_settled_once(project: Project) -> None:
    """A trial that ended by itself counts; another begins again with its values, also when the settling is killed."""
    search = by_hand(project)
    study = open_study(search.study_file, 5)
    done, broken, early = (study.ask() for _ in range(3))
    for trial, run in ((done, run_by_hand(project, "finished", (0, 9.0), (2, 0.7), (4, 0.5))),
                       (broken, run_by_hand(project, "interrupted", (2, 0.7)))):  # fmt: skip
        search.space.suggest(trial)
        trial.set_user_attr("run", run.id)
    study.enqueue_trial(dict(broken.params), user_attrs={"repeats": broken.number})  # killed here, before it was told
    for _ in range(2):
        again = open_study(search.study_file, 5)
        search_worker.settle(search, again)
    assert search.trials["state"].tolist() == ["finished", "interrupted", "interrupted", "waiting"]
    assert search.trials["learning_rate"].iloc[3] == broken.params["learning_rate"] and early.params == {}
    assert search.best_trial.value == 0.5 and search.trials["step"].iloc[0] == 4
    assert [trial.number for trial in search_worker.counted(again)] == [0]
    assert search_worker.spent(again) >= 60


def test_a_crash_or_a_loss_that_is_no_number_is_one_trials_end(project: Project) -> None:
    search = by_hand(project)
    study = open_study(search.study_file, 5)
    ends = []
    for status, losses in (("failed", []), ("finished", [(2, math.nan)]), ("finished", [(2, 0.4)])):
        trial = study.ask()
        search.space.suggest(trial)
        run = run_by_hand(project, status, *losses)
        ends.append(search_worker.conclude(study, trial, run, 10.0, None, interrupted=False))
    assert ends == ["failed", "pruned", "finished"]
    assert search.trials["note"].iloc[0] == "too hot" and len(search_worker.counted(study)) == 3


def test_no_trial_begins_after_the_last_or_past_the_time(project: Project) -> None:
    """The time of all starts counts, and the number of trials holds over them."""
    for number, limits in enumerate(({"hours": 0.01}, {"trials": 1}), start=1):
        other = Project.open(f"limits-{number}", home=project.home)
        search = by_hand(other, **limits)
        study = open_study(search.study_file, 5)
        trial = study.ask()
        search.space.suggest(trial)
        search_worker.conclude(study, trial, run_by_hand(other, "finished", (2, 0.4)), 40.0, None, interrupted=False)
        search_worker.work(search.job)
        assert len(search.trials) == 1 and search.job.progress.note.endswith(
            f"1 of {search.job.request['trials']} trials"
        )


def test_a_line_cut_short_costs_that_line_alone(project: Project) -> None:
    search = by_hand(project)
    study = open_study(search.study_file, 5)
    study.ask()
    with open(search.study_file, "ab") as file:
        file.write(b'{"op_code": 4, "work')  # killed while it wrote
    study = open_study(search.study_file, 5)
    search.space.suggest(study.ask())
    assert len(search.trials) == 2 and len(open_study(search.study_file).trials) == 2


def test_a_search_prunes_is_stopped_killed_and_goes_on(project: Project) -> None:
    train, test = greetings(project)
    search = project.search(train, RECIPE, evaluation=test, space=SPACE, trials=4, seed=3, startup=2, share=1)
    until(lambda: len(search.trials) == 4 and bool(search.trials["run"].iloc[3]))
    first = search.trials.iloc[:3]
    assert first["state"].tolist() == ["finished", "finished", "pruned"]
    assert first["learning_rate"].tolist()[::2] == [1e-3, 0.9]
    finished, hopeless = project.run("run-001"), project.run("run-003")
    steps = finished.recipe.steps_for(len(train))
    assert finished.result["steps"] == steps and first["pruned_at"].iloc[2] < steps
    assert search_worker.losses(hopeless)[-1][0] < steps and not hopeless.is_ready
    assert len(search_worker.losses(finished)) >= 5 and finished.train_dataset == train.reference

    asked = time.monotonic()
    search.stop()
    assert search.wait(timeout=60) == "stopped" and time.monotonic() - asked < 15
    assert search.trials["state"].tolist()[3:] == ["interrupted", "waiting"]
    values = search.trials["learning_rate"].iloc[3]
    again = Project.open(project.name, home=project.home).open_search(search.id)  # as after a restart of the studio
    again.resume()
    until(
        lambda: (
            again.trials["state"].iloc[4] == "running"
            and again.trials["run"].iloc[4] in [run.id for run in again.runs()]
        )
    )
    run = project.run(again.trials["run"].iloc[4])
    until(lambda: run.job.state.pid is not None)
    child, pid = run.job.state.pid, again.job.state.pid
    assert child is not None and pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: process_started(child) is None, 30)  # whoever held the card for it has gone
    assert again.state == "interrupted" and queue.holder(project.home) is None
    with pytest.raises(JobError, match="interrupted"):
        again.wait()
    again.resume()
    assert again.wait(timeout=200) == "finished"

    table = again.trials
    assert table.iloc[:3].equals(first)
    assert table["state"].tolist()[3:5] == ["interrupted"] * 2 and table["state"].iloc[5] in ("finished", "pruned")
    assert table["learning_rate"].tolist()[3:] == [values] * 3
    assert len(search_worker.counted(again.study())) == 4
    assert len(again.runs()) == 6 and {run.state for run in again.runs()} <= {"finished", "stopped", "interrupted"}
    lowest = table.loc[table["loss"].idxmin()]
    assert again.best.learning_rate == lowest["learning_rate"] and again.best.epochs == RECIPE.epochs
    assert f"trial {lowest['trial']}" in again.best.reasons["learning_rate"]
    expected = project.expected_search(train, RECIPE, evaluation=test, space=SPACE)
    assert expected["seconds"] > 0 and expected["measured_by"] in [run.id for run in again.runs()]

    cells = nbformat.read(project.export_notebook("search"), as_version=4).cells  # type: ignore[no-untyped-call]
    assert cells[-1].source.startswith("search = project.search(train, Recipe(") and cells[-1].source.endswith(
        "search.wait()"
    )
    own = project.train(train, RECIPE)  # no trial: it stays
    own.stop()
    until(lambda: own.state in ENDED)
    on_disk = sum(path.stat().st_size for run in again.runs() for path in run.folder.rglob("*") if path.is_file())
    assert again.delete() > on_disk > 1e6
    assert project.searches() == [] and [run.id for run in project.runs()] == [own.id]
    assert store.new_numbered_folder(project.folder / "jobs", "search").name == "search-002"


def test_a_search_at_work_is_not_deleted(project: Project) -> None:
    search = by_hand(project)
    run = run_by_hand(project, "finished", (2, 0.4))
    job = store.read_json(run.folder / "job.json")
    store.write_json(run.folder / "job.json", {**job, "request": {"search": search.id}})
    search.job.set_state(status="queued")
    with pytest.raises(JobError, match="search-001 is queued"):
        search.delete()
    search.job.set_state(status="interrupted")
    run.job.set_state(status="queued")
    with pytest.raises(JobError, match="run-001 is queued"):
        search.delete()
    assert [one.id for one in search.runs()] == ["run-001"]


def test_a_notebook_repeats_a_search(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trials here, and again in a fresh kernel with its own processes: the same values and losses."""
    work_here(monkeypatch)
    monkeypatch.setattr(queue, "begin", queue.submit)
    train, test = greetings(project, 24)
    recipe = Recipe(**{**RECIPE.model_dump(), "dropout": 0.1})
    space = {"learning_rate": {"low": 5e-4, "high": 5e-3, "log": True}, "r": [4, 8], "logging_steps": 1}
    search = project.search(train, recipe, evaluation=test, space=space, trials=2, seed=1)
    notebook = nbformat.read(project.export_notebook("search"), as_version=4)  # type: ignore[no-untyped-call]
    environment = {**os.environ, "STUDIO_HOME": str(project.home), "PYTHONPATH": ""}
    NotebookClient(notebook, timeout=200, kernel_name="python3").execute(env=environment)
    (again,) = Project.open(f"{project.name}-again", home=project.home).searches()
    columns = ["trial", "state", "learning_rate", "r", "loss", "step"]
    assert again.trials["state"].tolist() == ["finished"] * 2 and again.trials["loss"].nunique() == 2
    assert again.trials[columns].equals(search.trials[columns])
    assert again.best == search.best and again.best.learning_rate != recipe.learning_rate
