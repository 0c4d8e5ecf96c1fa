"""The exported notebook, executed in a fresh kernel, gives what the steps on the page gave."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from studio import Project, Recipe
from tests import card
from tests.jobs_here import work_here

pytestmark = pytest.mark.usefixtures("one_thread")
TOPICS = ["login", "parcel", "invoice", "refund"]


def tickets(path: Path) -> Path:
    """Forty rows, of which one is there twice and one is broken, so that loading and filtering have work to do."""
    rows = [
        {"prompt": f"Ticket {number}: please look at my {TOPICS[number % 4]}.",
         "completion": json.dumps({"ticket": number, "topic": TOPICS[number % 4], "team": "first line support"})}
        for number in range(38)
    ]  # fmt: skip
    path.write_text("\n".join([*map(json.dumps, [*rows, rows[0]]), "{broken"]) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Project:
    """What a user does on the page; a training taken out of the queue and a load that failed are no part of it."""
    home = tmp_path_factory.mktemp("home")
    project = Project.open("steps", home=home)
    upload = tickets(home / "upload.jsonl")
    with pytest.raises(Exception, match="no such file"):
        project.load(home / "nothing.jsonl")
    raw = project.load(upload)
    upload.unlink()  # as the page's uploads go
    train, test = project.split(project.filter(raw, min_quality=0.5), test=0.25, seed=7)
    project.decide(train, monthly_calls=1000)
    recipe = Recipe(epochs=2, batch_size=4, accumulation=1, learning_rate=3e-3, max_length=192, logging_steps=2,
                    evaluations=2, dropout=0.1, seed=3)  # fmt: skip
    with card.taken(home):
        waiting = project.train(train, recipe)
        waiting.stop()
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        run = project.train(train, recipe, evaluation=test)
        project.evaluate(run, test)
    return project


@pytest.fixture(scope="module")
def again(made: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project that the notebook made, run by this Python in a folder that has nothing to do with the studio."""
    notebook = nbformat.read(made.export_notebook(), as_version=4)  # type: ignore[no-untyped-call]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(elsewhere)}}
    ).execute(env={**os.environ, "STUDIO_HOME": str(elsewhere), "PYTHONPATH": ""})
    return Project.open("steps-again", home=made.home)


def test_the_same_rows(made: Project, again: Project) -> None:
    for name in ("upload", "clean", "train", "test"):
        first, second = made.dataset(name), again.dataset(name)
        assert first.examples.to_dict("records") == second.examples.to_dict("records"), name
        assert first.problems.equals(second.problems) and first.dropped.equals(second.dropped)
    assert len(made.dataset("upload").problems) == 1 and len(made.dataset("clean").dropped) == 1


def test_the_same_losses_and_answers(made: Project, again: Project) -> None:
    assert [run.state for run in made.runs()] == ["stopped", "finished"]
    (second,) = again.runs()
    first = made.runs()[1]
    assert first.recipe == second.recipe
    columns = ["step", "loss", "eval_loss", "learning_rate", "gradient_norm"]
    assert len(first.metrics()) > 5
    assert first.metrics()[columns].equals(second.metrics()[columns])
    assert first.result["best_eval_loss"] == second.result["best_eval_loss"]
    (one,), (two,) = made.evaluations(), again.evaluations()
    assert one.answers.equals(two.answers) and one.table.equals(two.table)
    assert one.answers["tuned"].nunique() > 1


def test_the_notebook_has_a_step_for_each_result_and_no_other(made: Project, again: Project) -> None:
    verbs = [step.verb for step in again.journal.steps()]
    assert verbs == ["load", "filter", "split", "decide", "train", "evaluate"]
    assert [step.verb for step in made.journal.steps() if step.state == "failed"] == ["load"]
