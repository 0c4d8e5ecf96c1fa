"""A power cut between any two writes: whoever opens the folder afterwards finds the old or the new, never half of it."""

import os
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from studio import Project, Recipe, store
from studio.jobs import queue, worker
from studio.jobs.job import ENDED, Job
from studio.training import checkpoints
from studio.training import worker as training
from studio.training.run import Run
from tests.jobs.conftest import Sleepers
from tests.jobs.power import images_of

ROWS = "".join(f'{{"prompt": "Ticket {number}: help.", "completion": "{{{number}}}"}}\n' for number in range(16))
RECIPE = Recipe(epochs=2, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, dropout=0.05, r=2, logging_steps=1,
                evaluations=4, samples=1)  # fmt: skip


def test_the_queue_the_journal_and_the_datasets(
    tmp_path: Path, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    rows = tmp_path / "rows.jsonl"
    rows.write_text(ROWS)
    with images_of(home) as disk:
        project = Project.open("cut", home=home)
        data = project.load(rows)
        project.decide(examples=100)
        first, second, third = (project.train(data, RECIPE) for _ in range(3))
        queue.move(home, third.job, -1)
        second.stop()  # takes it out of the queue
        sleepers.end()
        worker.end_with(first.job, {"status": "finished"})  # the last act of a worker; it starts the third
        second.resume()
        with monkeypatch.context() as patch:
            patch.setattr(
                os, "getpid", lambda: sleepers.processes[-1].pid
            )  # the power cut ends the studio, not the test
            queue.begin(home, project.folder / "jobs" / "load-001", "load", {"source": "x"})
        first.remember("the first", "with notes")
        third.stop()
        sleepers.end()
        worker.end_with(third.job, {"status": "stopped"})
        first.delete()
    steps = project.journal.steps()
    assert len(steps) == 5 and [run.id for run in project.runs()] == [second.id, third.id]
    sleepers.end()
    cuts = disk.cuts()
    assert len(cuts) > 40
    for cut in cuts:
        disk.lay(cut)
        check_after_the_cut(home, steps, sleepers)


def check_after_the_cut(home: Path, steps: list[Any], sleepers: Sleepers) -> None:
    for path in home.rglob("*.json"):
        if not path.name.startswith("."):
            store.read_json(path)
    project = Project.open("cut", home=home)
    found = project.journal.steps()
    assert found == steps[: len(found)]
    said = {result for step in found for result in step.results}
    assert {run.id for run in project.runs()} <= said, "a run without its step"
    for dataset in project.datasets():
        assert len(dataset) == len(dataset.take(range(16))) == 16
    places = queue.waiting(home)
    runs = {run.id: run.state for run in project.runs()}  # whoever looks starts what waits
    runs_before = {job.id for job in places}
    sleepers.end()
    while (started := queue.start_next(home)) is not None:
        assert started.id in runs_before
        sleepers.end()
    assert queue.waiting(home) == [] and queue.holder(home) is None
    for job in [*project.jobs("train"), *project.jobs("load")]:
        assert job.state.status in ENDED, f"{job.id} waits for ever"
    for run in project.runs():
        assert run.id in runs and run.recipe == RECIPE and run.metrics().empty and not run.is_ready
        if run.state != "finished":
            assert run.resume().state == "running"
            sleepers.end()
            assert run.state == "interrupted"


@pytest.fixture
def trained_here(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    report = Job.report

    def stopping(job: Job, done: float, of: float, *more: Any, **others: Any) -> None:
        report(job, done, of, *more, **others)
        if done == 3 and (job.folder / "to-stop").exists():
            (job.folder / "stop").touch()

    monkeypatch.setattr(Job, "report", stopping)
    yield
    torch.set_num_threads(threads)


def prepared(home: Path, name: str) -> Run:
    """A run in a project of its own that nobody has started."""
    rows = home.parent / "rows.jsonl"
    rows.write_text(ROWS)
    project = Project.open(name, home=home)
    data = project.load(rows)
    run = Run(project.folder / "runs" / "run-001")
    request = {"project_folder": str(project.folder), "dataset": data.reference, "evaluation": data.reference}
    store.write_json(run.folder / "job.json", {"format": 1, "kind": "train", "home": str(home), "request": request})
    store.write_text(run.folder / "recipe.json", RECIPE.to_json())
    return run


def test_a_training_its_checkpoints_and_its_adapter(tmp_path: Path, trained_here: None) -> None:
    """A run that is stopped in the middle and goes on: its adapter is written twice."""
    home = tmp_path / "home"
    twin, run = prepared(home, "twin"), prepared(home, "cut")
    training.work(twin.job)
    expected = weights(twin)
    (run.folder / "to-stop").touch()
    with images_of(run.folder) as disk:
        training.work(run.job)
        halfway = weights(run)
        (run.folder / "to-stop").unlink()
        (run.folder / "stop").unlink()
        training.work(run.job)
    assert same(weights(run), expected) and not same(halfway, expected)
    whole = whole_files(disk)

    reached, had_adapter = 0, False
    torn = []
    for cut in disk.cuts():
        disk.lay(cut)
        metrics, _ = run.metrics(), run.samples()
        assert metrics["step"].is_monotonic_increasing and run.job.progress.done >= 0
        last = checkpoints.last_whole(run.folder / "checkpoints")
        step = int(last.name.split("-")[1]) if last else 0
        assert step >= reached or run.is_complete, f"{cut.words}: a whole checkpoint was lost"
        reached = max(reached, step)
        if last is not None:
            assert all((last / name).read_bytes() == content for name, content in whole[last.name].items()), cut.words
            if checkpoints.every(last.parent)[0] != last and not run.is_complete:
                torn.append(cut)
        if run.is_ready:
            assert same(weights(run), halfway) or same(weights(run), expected), cut.words
        assert run.is_ready or not had_adapter, f"{cut.words}: the adapter was lost"
        had_adapter = had_adapter or run.is_ready
    assert reached == 8 and had_adapter and torn

    disk.lay(torn[len(torn) // 2])
    (run.folder / "stop").unlink(missing_ok=True)
    training.work(run.job)
    assert same(weights(run), expected)


def weights(run: Run) -> dict[str, Any]:
    return load_file(run.adapter_folder / "adapter_model.safetensors")


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def whole_files(disk: Any) -> dict[str, dict[str, bytes]]:
    """What each checkpoint held when it was sealed."""
    found: dict[str, dict[str, bytes]] = {}
    for image in disk.images:
        for name in image.files:
            parts = Path(name).parts
            if (
                parts[0] == "checkpoints"
                and len(parts) > 2
                and f"checkpoints/{parts[1]}/{checkpoints.SEAL}" in image.files
            ):
                content, _ = image.files[name]
                found.setdefault(parts[1], {}).setdefault("/".join(parts[2:]), disk.contents[content])
    return found
