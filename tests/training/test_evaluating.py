"""How often a training evaluates: so often as its recipe says, at the same steps after every stop and kill, and patience counts
each of them once."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl

from studio import Recipe, store
from studio.jobs.job import Job, Progress
from studio.training import checkpoints
from studio.training import worker as training
from studio.training.run import Run
from studio.training.trainer import Patience
from tests.training.test_stopping import RECIPE, STEPS, Killed, Watch, evaluated, prepared, stop_at, watch

__all__ = ["watch"]


def test_so_many_steps_are_evaluated_as_asked_for_evenly_and_the_last_one() -> None:
    for steps in range(1, 150):
        for evaluations in range(1, 150):
            found = Recipe(evaluations=evaluations).evaluation_steps(steps)
            gaps = [after - before for before, after in zip([0, *found], found, strict=False)]
            assert len(found) == min(evaluations, steps) and found[-1] == steps
            assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1
    assert Recipe(evaluations=10).evaluation_steps(11) == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]


def recipe_of(run: Run, **changes: Any) -> Run:
    store.write_text(run.folder / "recipe.json", Recipe(**RECIPE.model_dump() | changes).to_json())
    return run


def killed_at(words: str) -> Watch:
    def look(job: Job, told: Progress) -> None:
        if told.note == words:
            raise Killed

    return look


def test_a_run_that_was_killed_and_stopped_evaluates_what_one_left_alone_does_and_ends_where_it_ends(
    tmp_path: Path, watch: list[Watch]
) -> None:
    """Of six steps five are evaluated, each better than the one before: patience has nothing to end."""
    twin, run = (recipe_of(prepared(tmp_path, name), evaluations=5, patience=1) for name in ("run-001", "run-002"))
    training.work(twin.job)
    losses = evaluated(twin)
    assert sorted(losses) == [0, 1, 2, 4, 5, 6] and list(losses.values()) == sorted(losses.values(), reverse=True)
    assert twin.is_complete and twin.result["evaluations"] == 6 and not twin.result["ended_early"]

    watch.append(killed_at("step 3 of 6"))  # what is resumed was judged before
    with pytest.raises(Killed):
        training.work(run.job)
    assert checkpoints.last_whole(run.folder / "checkpoints") == run.folder / "checkpoints" / "checkpoint-2"
    for at in (stop_at("step 3 of 6"), killed_at("step 4 of 6")):  # between two evaluations, and after that again
        watch[:] = [at]
        try:
            training.work(run.job)
        except Killed:
            continue
        (run.folder / "stop").unlink()
        assert run.result["steps"] == 3 and not run.is_complete
    watch.clear()
    training.work(run.job)
    kept = ("steps", "best_step", "best_eval_loss", "ended_early", "complete")
    assert {name: run.result[name] for name in kept} == {name: twin.result[name] for name in kept}
    assert {step: loss for step, loss in evaluated(run).items() if step != 3} == losses


def test_a_run_that_ended_by_its_patience_learns_nothing_more_when_its_end_is_cut_short(
    tmp_path: Path, watch: list[Watch]
) -> None:
    run = recipe_of(prepared(tmp_path), evaluations=STEPS, patience=1, learning_rate=0.9, schedule="constant")

    def kill(job: Job, told: Progress) -> None:
        if told.note == "saving":
            raise Killed

    watch.append(kill)
    with pytest.raises(Killed):
        training.work(run.job)
    ended = int(run.metrics()["step"].max())
    watch.clear()
    training.work(run.job)
    assert run.is_complete and run.result["ended_early"] and run.result["steps"] == ended < STEPS


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ([(0, 3.0), (2, 2.0), (4, 1.0)], False),
        ([(0, 3.0), (2, 2.0), (4, 2.0)], True),
        ([(0, 3.0), (2, 2.0), (2, 2.0), (2, 2.0)], False),  # resumed twice
        ([(0, 3.0), (2, 2.0), (3, 2.5), (3, 2.5)], False),  # stopped between
        ([(0, 3.0), (2, 2.0), (3, 1.0), (4, 1.5)], False),  # better than the last that was due
        ([(0, 3.0), (2, 2.0), (2, 2.0), (4, 2.5)], True),
    ],
)
def test_patience_counts_each_evaluation_that_was_due_once(said: list[tuple[int, float]], ends: bool) -> None:
    state = SimpleNamespace(max_steps=8, log_history=[{"loss": 1.0, "step": 1}])
    patience, control = Patience(Recipe(evaluations=4, patience=1)), TrainerControl()
    for step, loss in said:
        state.log_history.append({"step": step, "eval_loss": loss})
        patience.on_evaluate(None, state, control)
    assert patience.ended == control.should_training_stop == ends
