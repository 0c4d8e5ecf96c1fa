"""Between its evaluations a training saves by the clock: a power cut costs minutes, and a checkpoint changes nothing."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio import Project, Recipe
from studio.training import checkpoints, saving
from studio.training.saving import SavesByTime
from tests.jobs_here import work_here


def test_one_is_due_when_the_last_is_old_and_one_that_takes_long_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(saving.time, "monotonic", lambda: now)
    found, state = SavesByTime(), SimpleNamespace(is_world_process_zero=True)

    def is_due(at: float, state: Any = state) -> bool:
        nonlocal now
        now, control = at, SimpleNamespace(should_save=False)
        found.on_step_end(None, state, control)
        return control.should_save

    now = 300.0  # the model was loading
    found.on_train_begin(None, state, None)
    assert [is_due(at) for at in (301, 899, 900)] == [False, False, True]
    now = 903.0
    found.saved(begun=900.0)
    assert [is_due(at) for at in (904, 1502, 1503)] == [False, False, True]
    now = 1543.0
    found.saved(begun=1503.0)  # 40 seconds are a fiftieth of 2,000
    assert [is_due(at) for at in (2143, 3542, 3543)] == [False, False, True]
    assert not is_due(9000, SimpleNamespace(is_world_process_zero=False))


def test_a_run_learns_the_same_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_here(monkeypatch)
    project = Project.open("saves", home=tmp_path)
    rows = [{"prompt": f"Ticket {at}: help.", "completion": f"ticket {at}"} for at in range(12)]
    data = project.load(pasted="\n".join(map(json.dumps, rows)), name="rows")
    recipe = Recipe(epochs=1, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, logging_steps=1, evaluations=1, samples=0)  # fmt: skip
    seal, saved = checkpoints.seal, []

    def sealed(folder: Path) -> None:
        saved.append(int(folder.name.split("-")[1]))
        seal(folder)

    monkeypatch.setattr(checkpoints, "seal", sealed)
    seldom = project.train(data, recipe)
    assert saved == [3]
    monkeypatch.setattr(saving, "MOST_LOST", 0.0)
    monkeypatch.setattr(saving, "SHARE", float("inf"))
    often = project.train(data, recipe)
    assert saved[1:] == [1, 2, 3]
    assert often.metrics()["loss"].tolist() == seldom.metrics()["loss"].tolist()
