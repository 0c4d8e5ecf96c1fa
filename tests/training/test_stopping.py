"""A stop, a kill and a resume in the middle of an evaluation; and what a run has cost that was killed."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components import live_words
from studio import Project, Recipe, prices, store
from studio.jobs.job import Job, Progress
from studio.training import checkpoints, progress, spending
from studio.training import worker as training
from studio.training.run import PARAMETERS, Run
from tests.jobs_here import work_here

RECIPE = Recipe(epochs=2, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, dropout=0.0, r=2, logging_steps=1,
                evaluations=2, samples=0)  # fmt: skip
STEPS = 6


class Killed(BaseException):
    """What ends a process without a word."""


Watch = Callable[[Job, Progress], None]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> list[Watch]:
    """What is in the list is asked at each report."""
    work_here(monkeypatch)
    found: list[Watch] = []
    report = Job.report

    def watched(
        job: Job, done: float, of: float, note: str = "", known: float = 0.0, left: float | None = None
    ) -> None:
        report(job, done, of, note, known, left)
        for look in found:
            look(job, Progress(done, of, note, left))

    monkeypatch.setattr(Job, "report", watched)
    return found


def prepared(home: Path, name: str = "run-001") -> Run:
    """A run that nobody has started: twelve rows to learn from and to look at."""
    project = Project.open("stops", home=home)
    rows = [{"prompt": f"Ticket {number}: help.", "completion": f'{{"ticket": {number}}}'} for number in range(12)]
    data = project.load(pasted="\n".join(map(json.dumps, rows)), name="rows")
    run = Run(project.folder / "runs" / name)
    request = {"project_folder": str(project.folder), "dataset": data.reference, "evaluation": data.reference}
    store.write_json(run.folder / "job.json", {"format": 1, "kind": "train", "home": str(home), "request": request})
    store.write_text(run.folder / "recipe.json", RECIPE.to_json())
    return run


def stop_at(words: str) -> Watch:
    def look(job: Job, told: Progress) -> None:
        if words in told.note:
            (job.folder / "stop").touch()

    return look


def evaluated(run: Run) -> dict[int, float]:
    metrics = run.metrics().dropna(subset="eval_loss")
    return {int(step): float(loss) for step, loss in zip(metrics["step"], metrics["eval_loss"], strict=True)}


def test_a_stop_ends_an_evaluation_saves_and_what_was_not_judged_is_judged_on_resuming(
    tmp_path: Path, watch: list[Watch]
) -> None:
    told: list[Progress] = []
    watch.append(lambda job, said: told.append(said))
    twin = prepared(tmp_path, "run-001")
    training.work(twin.job)
    assert sorted(evaluated(twin)) == [0, 3, 6] and twin.is_complete
    assert told[1] == Progress(0, STEPS, "evaluation before the first step: 1 of 3 batches", None)
    within = [said for said in told if said.note.startswith("step 3 of 6, evaluation: ")]
    assert [said.note[-14:] for said in within] == [f"{at} of 3 batches" for at in (1, 2, 3)]
    assert all(said.seconds_left is not None and said.seconds_left > 0 for said in within)

    run = prepared(tmp_path, "run-002")
    watch.append(stop_at("before the first step: 1 of"))
    training.work(run.job)  # nothing is learned and nothing kept: it begins anew
    assert not run.is_ready and run.result == {} and not checkpoints.every(run.folder / "checkpoints")
    (run.folder / "stop").unlink()
    watch.pop()
    for words, steps in (
        ("step 3 of 6, evaluation: 2 of", 3),
        ("step 6 of 6, evaluation: 1 of", 6),
    ):
        watch.append(stop_at(words))
        training.work(run.job)
        assert run.result["steps"] == steps and run.is_ready and not run.is_complete
        last = checkpoints.last_whole(run.folder / "checkpoints")
        assert last is not None and last.name == f"checkpoint-{steps}"
        assert steps not in evaluated(run)
        (run.folder / "stop").unlink()
        watch.pop()
    training.work(run.job)
    assert run.is_complete and (run.result["best_step"], run.result["steps"]) == (twin.result["best_step"], STEPS)
    assert run.result["best_eval_loss"] == twin.result["best_eval_loss"]
    assert evaluated(run) == evaluated(twin)  # with what the base says


def test_the_end_is_on_the_curve_however_seldom_points_are_asked_for_and_the_log_says_what_is_trained(
    tmp_path: Path, watch: list[Watch], capsys: pytest.CaptureFixture[str]
) -> None:
    run = prepared(tmp_path)
    store.write_text(run.folder / "recipe.json", Recipe(**RECIPE.model_dump() | {"logging_steps": 50}).to_json())
    training.work(run.job)
    points = run.metrics().dropna(subset="loss")
    assert points["step"].tolist() == [STEPS] and points["loss"].between(0.01, 10).all()
    run.job.set_state(status="finished")
    assert "few-points" in [remark.kind for remark in run.health()]
    assert run.parameters.endswith(" %)") and f"Trainable parameters: {run.parameters}\n" in capsys.readouterr().out
    assert f"Trainable parameters: {run.parameters}</p>" in live_words.small_print(run, run.metrics())
    said = run.parameters
    (run.folder / PARAMETERS).unlink()
    assert run.parameters == said


def test_a_killed_run_costs_all_that_its_processes_took(
    tmp_path: Path, watch: list[Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "OFTEN", 0.0)
    prices.keep_own_price(tmp_path, prices.OwnPrice(rent=3600.0, date="2026-11-26"))  # a dollar a second

    def kill(job: Job, told: Progress) -> None:
        if told.note == "step 5 of 6":
            raise Killed

    run = prepared(tmp_path)
    watch.append(kill)
    begun = time.monotonic()
    with pytest.raises(Killed):
        training.work(run.job)
    assert run.result == {} and spending.known(run.folder).seconds > 0.05
    first = spending.known(run.folder)
    assert first.seconds < time.monotonic() - begun
    watch.clear()
    training.work(run.job)  # from the checkpoint at step 3
    metrics, result = run.metrics(), run.result
    assert result["tokens"] == pytest.approx(metrics["tokens"].max()) and result["seconds"] >= metrics["seconds"].max()
    assert first.seconds < metrics["seconds"].max() and metrics["seconds"].is_monotonic_increasing
    assert run.cost.dollars == pytest.approx(result["seconds"]) and run.cost.price.rent == 3600.0
    assert spending.known(run.folder).seconds == result["seconds"]


def test_a_price_that_changed_between_counts_for_its_own_part(tmp_path: Path) -> None:
    store.append_json_line(
        tmp_path / spending.FILE,
        {"seconds": 100.0, "cost": {"dollars": 2.0, "price": {"rent": 72.0, "date": "2026-11-01"}}},
    )
    with open(tmp_path / spending.FILE, "ab") as file:
        file.write(b'{"seconds": 101')  # cut short by the kill
    meter = spending.Meter(tmp_path, prices.OwnPrice(rent=3600.0, date="2026-11-26"), "CPU")
    meter.begun -= 5
    assert meter.so_far.seconds == pytest.approx(105, abs=0.5) and meter.so_far.cost is not None
    assert meter.so_far.cost.dollars == pytest.approx(7, abs=0.5)
    unpriced = spending.Meter(tmp_path, prices.OwnPrice(), "CPU").so_far.cost
    assert unpriced is not None and unpriced.dollars is None


def test_what_is_left_counts_the_evaluations_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    pace, state = progress.Pace(Recipe(evaluations=2)), SimpleNamespace(max_steps=50, global_step=0)

    def at(step: int, now: float) -> float:
        state.global_step, clock.now = step, now
        return pace.seconds_left(state, a_step=2.0)

    for _ in range(4):
        pace.evaluated(4)
    pace.goes_on(100.0)
    pace.step_ended(102.0)
    assert at(1, 102.0) == 49 * 2 + 2 * 100
    pace.step_ended(150.0)
    assert at(25, 150.0) == 25 * 2 + 2 * 100  # that of this step is still to come
    pace.evaluated(4)
    assert at(25, 170.0) == 25 * 2 + 60 + 100
    pace.goes_on(270.0)
    pace.step_ended(320.0)
    assert at(50, 320.0) == 120
    state.max_steps = 51  # the last is still to come
    assert at(50, 320.0) == 2 + 120


def test_results_without_a_cost_are_of_an_older_studio(tmp_path: Path) -> None:
    store.write_json(tmp_path / "result.json", {"seconds": 9.0})
    found: Any = spending.known(tmp_path)
    assert found.seconds == 9.0 and found.cost.dollars is None
