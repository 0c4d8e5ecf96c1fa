"""Runs in processes of their own: stopped, killed and resumed, and trained by each method."""

import os
import signal

import pytest
from safetensors.numpy import load_file

from studio import JobError, Project, Recipe
from studio.examples import Dataset
from studio.jobs.job import process_started
from studio.training.checkpoints import last_whole
from studio.training.run import Run
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("one_thread")


def steps_seen(run: Run) -> int:
    metrics = run.metrics()
    return int(metrics["step"].max()) if len(metrics) else 0


def small_recipe(**changes: object) -> Recipe:
    """Some forty steps with dropout, evaluated ten times, so that there is a checkpoint every four or five."""
    values = {"batch_size": 4, "accumulation": 1, "epochs": 2, "learning_rate": 1e-3, "max_length": 256, "dropout": 0.05,
              "logging_steps": 1, "evaluations": 10, "method": "qlora"}  # fmt: skip
    return Recipe(**{**values, **changes})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("runs", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def parts(project: Project) -> tuple[Dataset, Dataset]:
    """Some eighty rows of the sample to learn from, and twenty to watch."""
    clean = project.filter(project.load(Project.sample()))
    _, few = project.split(clean, test=0.1, seed=0)
    return project.split(few, test=0.2, seed=0)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(project: Project, parts: tuple[Dataset, Dataset]) -> None:
    """To the last bit on the CPU: optimiser, schedule, data order, dropout and precision all continue."""
    train, test = parts
    whole, halved = (project.train(train, small_recipe(), evaluation=test) for _ in range(2))
    whole.wait(timeout=300)
    until(lambda: steps_seen(halved) >= 8)
    halved.stop()
    assert halved.wait(timeout=120) == "stopped"
    assert halved.is_ready
    stopped_at = steps_seen(halved)
    halved.resume()
    assert halved.wait(timeout=300) == "finished"
    assert halved.result["steps"] == whole.result["steps"] > stopped_at
    assert halved.result["best_step"] == whole.result["best_step"]
    for measured in ("loss", "eval_loss"):
        expected, found = (run.metrics().dropna(subset=measured).set_index("step")[measured] for run in (whole, halved))
        assert found.loc[expected.index].to_dict() == expected.to_dict()
    one, other = (load_file(run.adapter_folder / "adapter_model.safetensors") for run in (whole, halved))
    assert one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def test_a_killed_run_is_interrupted_and_resumes(project: Project, parts: tuple[Dataset, Dataset]) -> None:
    run = project.train(parts[0], small_recipe(), evaluation=parts[1])
    until(lambda: last_whole(run.folder / "checkpoints") is not None and steps_seen(run) >= 6)
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
def test_the_other_methods_train(
    project: Project, parts: tuple[Dataset, Dataset], method: str, jobs_here: None
) -> None:
    train, test = parts
    run = project.train(train, small_recipe(method=method, learning_rate=5e-4, evaluations=2), evaluation=test)
    assert run.state == "finished" and run.is_ready
    losses = run.metrics()["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    assert run.result["trainable_parameters"] > 100_000
