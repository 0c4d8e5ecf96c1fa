"""Tokens a second are those of the steps: what is done between them costs the user time, and the figure nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_callback import CallbackHandler

from studio import Recipe, store
from studio.jobs.job import Job
from studio.training import progress
from studio.training.run import read_metrics


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Answers(TrainerCallback):  # type: ignore[misc]
    """As long as sample answers may take, at the moments at which they are asked for."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_evaluate(self, *_: Any, **__: Any) -> None:
        self.clock.now += 30

    on_train_begin = on_save = on_evaluate

    def on_step_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 1:  # what the base answers
            self.clock.now += 50


def test_evaluations_answers_and_checkpoints_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    store.write_json(tmp_path / "job.json", {"format": 1, "kind": "train", "home": str(tmp_path), "request": {}})
    job = Job(tmp_path)
    monkeypatch.setattr(job, "report", lambda *_, **__: None)
    metrics = tmp_path / "metrics.jsonl"
    # in the order in which the worker gives them to the trainer
    followed = progress.ProgressCallback(job, metrics, Recipe())
    model = SimpleNamespace()
    told = CallbackHandler([Answers(clock), followed], model, None, None, None)
    arguments, state, control = SimpleNamespace(), TrainerState(max_steps=4), TrainerControl()
    told.on_train_begin(arguments, state, control)
    clock.now += 500  # the first evaluation itself
    told.on_evaluate(arguments, state, control, {})
    for step in (1, 2, 3, 4):
        told.on_step_begin(arguments, state, control)
        clock.now += 2
        state.global_step = step
        told.on_step_end(arguments, state, control)
        told.on_log(arguments, state, control, {"loss": 1.0, "num_tokens": 300.0 * step})
        if step == 2:
            clock.now += 100
            told.on_evaluate(arguments, state, control, {})
            clock.now += 40
            told.on_save(arguments, state, control)
    speeds = [row["tokens_per_second"] for row in read_metrics(metrics)]
    assert speeds == pytest.approx([150.0] * 4)
    assert followed.training_seconds == pytest.approx(8)
    assert read_metrics(metrics)[-1]["seconds"] == pytest.approx(8 + 500 + 30 + 50 + 100 + 30 + 40 + 30)
