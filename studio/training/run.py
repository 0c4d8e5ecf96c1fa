"""A run: the job that trains one recipe, its metrics and its adapter, read from its folder."""

from pathlib import Path
from typing import Any

import pandas as pd

from studio import store
from studio.errors import JobError, NotFoundError
from studio.examples import Dataset
from studio.jobs import queue
from studio.jobs.job import JobView
from studio.training.recipe import Recipe

METRICS = ["step", "epoch", "loss", "eval_loss", "learning_rate", "gradient_norm", "tokens_per_second", "seconds"]
REWARDS = {
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "rewards/margins": "reward_margin",
    "rewards/accuracies": "reward_accuracy",
}
"""What learning from preferences measures beside the loss: the trainer's names and ours (of an evaluation: eval_...). A
reward is beta times how much likelier (in nats) an answer has become than it was for the model as it began."""


class Run(JobView):
    """The job that trains one recipe; stopping it saves a checkpoint, from which `resume` goes on."""

    @property
    def recipe(self) -> Recipe:
        return Recipe.from_json((self.folder / "recipe.json").read_text(encoding="utf-8"))

    @property
    def adapter_folder(self) -> Path:
        """The adapter of the best checkpoint; for a full training the whole model."""
        return self.folder / "adapter"

    @property
    def is_ready(self) -> bool:
        """Whether there is something to answer with: also true of a run that was stopped after a checkpoint."""
        return (self.folder / "result.json").exists() and self.adapter_folder.exists()

    @property
    def result(self) -> dict[str, Any]:
        """best_step, best_eval_loss, steps, seconds, tokens, tokens_per_second, truncated, peak_memory (bytes)."""
        path = self.folder / "result.json"
        return dict(store.read_json(path)) if path.exists() else {}

    @property
    def train_dataset(self) -> str:
        return str(self.job.request["dataset"])

    @property
    def evaluation_dataset(self) -> str | None:
        found = self.job.request["evaluation"]
        return None if found is None else str(found)

    def metrics(self) -> pd.DataFrame:
        """One row a logged step or evaluation. Columns: step, epoch, loss, eval_loss, learning_rate, gradient_norm,
        tokens_per_second, seconds, and those of REWARDS where there are any. What a resumed run wrote again replaces
        what it wrote before."""
        latest: dict[tuple[int, bool], dict[str, Any]] = {}
        for row in store.read_json_lines(self.folder / "metrics.jsonl"):
            latest[int(row["step"]), "eval_loss" in row] = row
        rows = sorted(latest.values(), key=lambda row: (row["step"], "eval_loss" in row))
        rewards = [prefix + name for prefix in ("", "eval_") for name in REWARDS.values()]
        there = {name for row in rows for name in row}
        return pd.DataFrame(rows, columns=[*METRICS, *(name for name in rewards if name in there)])

    def resume(self) -> "Run":
        """Goes on from the last whole checkpoint: optimiser, schedule, data order and random state continue."""
        if self.state == "finished":
            raise JobError(f"{self.id} cannot be resumed", "it is finished", "Start a new run")
        queue.submit(self.job.home, self.folder, "train", self.job.request)
        return self


def start(
    project_folder: Path, home: Path, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None
) -> Run:  # fmt: skip
    """Puts the training in the queue and returns at once."""
    folder = store.new_numbered_folder(project_folder / "runs", "run")
    store.write_text(folder / "recipe.json", recipe.to_json())
    request = {
        "project_folder": str(project_folder),
        "dataset": dataset.reference,
        "evaluation": None if evaluation is None else evaluation.reference,
    }
    queue.submit(home, folder, "train", request)
    return Run(folder)


def open_run(project_folder: Path, run_id: str) -> Run:
    folder = project_folder / "runs" / store.check_name(run_id)
    if not (folder / "job.json").exists():
        raise NotFoundError("There is no such run", run_id, "Train one first")
    return Run(folder)


def list_runs(project_folder: Path) -> list[Run]:
    return [Run(path.parent) for path in sorted((project_folder / "runs").glob("*/job.json"))]
