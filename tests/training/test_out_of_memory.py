"""Memory that runs out: explained in the state, with the setting that fits, which then trains."""

from pathlib import Path
from typing import Any

import pytest
import torch

from studio import Project, Recipe, store
from studio.hardware import GIB
from studio.jobs import worker
from studio.jobs.endings import is_out_of_memory
from studio.training import out_of_memory, trainer
from studio.training.run import Run
from tests.jobs_here import work_here

RECIPE = Recipe(
    epochs=2, batch_size=4, accumulation=2, learning_rate=1e-3, max_length=64, samples=0, gradient_checkpointing=True
)
CARD = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.68 GiB of which 1.01 GiB is free."
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("memory", home=tmp_path)


def run_of(project: Project, recipe: Recipe) -> Run:
    """A run that nobody has started, in a folder as a start makes it."""
    rows = "\n".join(f'{{"prompt": "Ticket {number}: help.", "completion": "{number}"}}' for number in range(16))
    data = project.load(pasted=rows, name="rows")
    folder = project.folder / "runs" / "run-001"
    store.write_text(folder / "recipe.json", recipe.to_json())
    request = {"project_folder": str(project.folder), "dataset": data.reference, "evaluation": None}
    described = {"format": 1, "kind": "train", "home": str(project.home), "request": request}
    store.write_json(folder / "job.json", described)
    return Run(folder)


def card_is_full(*_: Any) -> None:
    raise torch.OutOfMemoryError(CARD)


def computer_is_full(*_: Any) -> None:
    torch.empty(1 << 50)


@pytest.mark.parametrize(
    ("fails", "said"), [(card_is_full, "Tried to allocate 2.00 GiB"), (computer_is_full, "allocate memory")]
)
def test_a_step_that_does_not_fit(
    project: Project, monkeypatch: pytest.MonkeyPatch, fails: Any, said: str
) -> None:  # fmt: skip
    run = run_of(project, RECIPE)
    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "training_step", fails)
        run.job.set_state(**worker._work(run.job))
    state = run.job.state
    assert state.status == "failed" and state.cause == "memory"
    assert state.error.startswith("Out of memory") and said in state.error
    assert "Start again with batch 2 and accumulation 4 (the same step, a little slower)" in state.fix
    assert "Traceback" in run.job.log_tail() or not run.job.log_tail()
    change = next(change for change in run.what_fits() if "batch_size" in change.values)
    assert change.values == {"batch_size": 2, "accumulation": 4}

    if fails is card_is_full:
        work_here(monkeypatch)
        again = project.train(
            project.dataset(run.train_dataset), Recipe(**{**run.recipe.model_dump(), **change.values})
        )
        assert again.state == "finished" and again.what_fits() == []


def test_what_fits_is_the_estimate_raised_to_what_was_there(project: Project) -> None:
    run = run_of(project, RECIPE)
    dataset = project.dataset(run.train_dataset)
    tight, roomy = (out_of_memory.what_fits(RECIPE, dataset, project.home, size) for size in (GIB, 64 * GIB))
    assert roomy and all(change.estimate.high <= 64 * GIB for change in roomy)
    assert all(change.estimate.high <= GIB for change in tight)
    small = Recipe(**{**RECIPE.model_dump(), "batch_size": 1, "max_length": 16, "optimizer": "paged_adamw_8bit"})
    assert (
        out_of_memory.sentence(out_of_memory.what_fits(small, dataset, project.home, 1024)) == out_of_memory.NONE_FITS
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_other_words_for_the_same(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("the memory of an elephant"))
