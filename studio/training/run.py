"""A run: the job that trains one recipe, its metrics and its adapter, read from its folder."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from studio import hardware, prices, store
from studio.errors import InputError, JobError, NotFoundError
from studio.examples import Dataset, open_dataset
from studio.jobs import endings, queue
from studio.jobs.job import ENDED, JobView
from studio.training import checks, health, launching, out_of_memory, unused_gpu
from studio.training.fit import Change
from studio.training.recipe import Recipe

METRICS = ["step", "epoch", "loss", "eval_loss", "learning_rate", "gradient_norm", "tokens_per_second", "seconds",
           "tokens", "memory", "gpu_use", "cpu_use", "of_steps"]  # fmt: skip
SAMPLES = ["step", "id", "prompt", "expected", "answer"]
PARAMETERS = "parameters.json"
"""How many parameters are trained, and of how many; written before the first step."""
LONGEST_NAME, LONGEST_NOTES = 80, 2000
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
        """Raises NotFoundError when the run is deleted, also when it is while this is read."""
        try:
            return Recipe.from_json((self.folder / "recipe.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.job.check_there()
            raise

    @property
    def adapter_folder(self) -> Path:
        """The adapter of the best checkpoint; for a full training the whole model."""
        return store.standing(self.folder / "adapter")

    @property
    def is_ready(self) -> bool:
        """Whether there is something to answer with: also true of a run that was stopped after a checkpoint."""
        return (self.folder / "result.json").exists() and self.adapter_folder.exists()

    @property
    def is_complete(self) -> bool:
        """Whether it has learned all that its recipe says, and there is nothing to go on with."""
        return self.is_ready and bool(self.result.get("complete"))

    @property
    def result(self) -> dict[str, Any]:
        """best_step, best_eval_loss, steps, seconds, tokens, tokens_per_second, truncated, peak_memory (bytes), cost."""
        path = self.folder / "result.json"
        return dict(store.read_json(path)) if path.exists() else {}

    @property
    def parameters(self) -> str:
        """How many parameters are trained, and their share of all; empty before the model is loaded, and of a run of an
        older studio."""
        path = self.folder / PARAMETERS
        said = store.read_json(path) if path.exists() else self.result  # which alone comes back from a rented machine
        if "all_parameters" not in said:
            return ""
        return said_parameters(said["trainable_parameters"], said["all_parameters"])

    @property
    def cost(self) -> prices.Spent:
        """At the price that held when it ran: no later one changes it. Nothing is known of a run without a result."""
        kept = self.result.get("cost")
        return prices.Spent.of(kept) if kept else prices.Spent(None, prices.OwnPrice(machine="this machine"))

    @property
    def train_dataset(self) -> str:
        return str(self.job.request["dataset"])

    @property
    def evaluation_dataset(self) -> str | None:
        found = self.job.request["evaluation"]
        return None if found is None else str(found)

    def metrics(self) -> pd.DataFrame:
        """One row a logged step or evaluation. Columns: step, epoch, loss and eval_loss (nats a token), learning_rate,
        gradient_norm, tokens_per_second, seconds and tokens (since the start, stops left out), memory (bytes), gpu_use
        (0 to 100; NaN without a GPU), cpu_use (0 to 100, of all cores), of_steps (of the whole run), is_evaluation, and
        those of REWARDS where there are any. A loss may be NaN or infinite. What a resumed run wrote again replaces what
        it wrote before."""
        rows = read_metrics(self.folder / "metrics.jsonl")
        rewards = [prefix + name for prefix in ("", "eval_") for name in REWARDS.values()]
        there = {name for row in rows for name in row}
        table = pd.DataFrame(rows, columns=[*METRICS, *(name for name in rewards if name in there)])
        return table.assign(is_evaluation=pd.Series(["eval_loss" in row for row in rows], dtype=bool))

    def samples(self) -> pd.DataFrame:
        """The same few questions answered at each evaluation: step, id (of the row), prompt, expected, answer."""
        latest: dict[tuple[int, str], dict[str, Any]] = {}
        for row in _continued(self.folder / "samples.jsonl"):
            latest[row["step"], row["id"]] = row
        rows = sorted(latest.values(), key=lambda row: int(row["step"]))
        return pd.DataFrame(rows, columns=SAMPLES)

    def health(self) -> list[health.Remark]:
        """What its curves say in words: spikes, overfitting, not learning, still falling; and first that it does not use
        the GPU, where it should."""
        watched = None
        if self.evaluation_dataset:
            with suppress(NotFoundError):  # it was taken out of the project since
                watched = len(open_dataset(Path(self.job.request["project_folder"]), self.evaluation_dataset))
        ended, recipe = self.state in ENDED, self.recipe
        return [*unused_gpu.remarks(self.folder), *health.judge(self.metrics(), ended, watched, recipe)]

    def what_fits(self) -> list[Change]:
        """Changes of its recipe that fit, the most harmless first, when there was not enough memory for it; empty after
        any other end."""
        if self.job.state.cause != endings.MEMORY:
            return []
        return self.changes_that_fit(hardware.machine().memory_free)

    def changes_that_fit(self, available: int) -> list[Change]:
        """The same for a run that did not fit into so many bytes."""
        request, dataset = self.job.request, None
        with suppress(NotFoundError):  # it was taken out of the project since
            dataset = open_dataset(Path(request.get("data_folder", request["project_folder"])), self.train_dataset)
        return out_of_memory.what_fits(self.recipe, dataset, self.job.home, available)

    @property
    def tracking(self) -> str:
        """Where Weights & Biases has it, or why not; empty when it was not asked for."""
        return str(self._tracked().get("words", ""))

    @property
    def sync_command(self) -> str:
        """What sends its curves to Weights & Biases, for a shell, when they were written offline; else empty."""
        return str(self._tracked().get("command", ""))

    def _tracked(self) -> dict[str, Any]:
        path = self.folder / "tracking.json"
        return dict(store.read_json(path)) if path.exists() else {}

    @property
    def name(self) -> str:
        """What a person called it; empty by default."""
        return str(self._remembered().get("name", ""))

    @property
    def notes(self) -> str:
        return str(self._remembered().get("notes", ""))

    def remember(self, name: str, notes: str = "") -> None:
        """Gives it a name and notes of the user's own; its id stays. Raises InputError when they are too long."""
        if len(name) > LONGEST_NAME or len(notes) > LONGEST_NOTES:
            raise InputError(
                "The name or the notes are too long", f"{len(name)} and {len(notes)} characters",
                f"Use at most {LONGEST_NAME} and {LONGEST_NOTES:,}",
            )  # fmt: skip
        store.write_json(self.folder / "notes.json", {"name": name.strip(), "notes": notes.strip()})

    def _remembered(self) -> dict[str, Any]:
        path = self.folder / "notes.json"
        return dict(store.read_json(path)) if path.exists() else {}

    def resume(self) -> "Run":
        """Goes on from the last whole checkpoint: optimiser, schedule, data order and random state continue.
        Raises JobError when it has finished, NotFoundError when it is deleted."""
        self.job.check_there()
        if self.state == "finished":
            raise JobError(f"{self.id} cannot be resumed", "it is finished", "Start a new run")
        queue.submit(self.job.home, self.folder, "train", self.job.request, again=True)
        return self


def place(
    project_folder: Path, home: Path, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, processes: int = 1, sharded: bool = False,
) -> queue.Placed:  # fmt: skip
    """A training that is not in the queue yet; on several devices at once with `processes`. Raises what `checks.check`
    finds against it."""
    checks.check(dataset, recipe, evaluation, processes, sharded)
    folder = store.new_numbered_folder(project_folder / "runs", "run")
    store.write_text(folder / "recipe.json", recipe.to_json())
    request = {
        "project_folder": str(project_folder),
        "dataset": dataset.reference,
        "evaluation": None if evaluation is None else evaluation.reference,
        **launching.choices(processes, sharded),
    }
    return queue.Placed(home, folder, "train", request)


def open_run(project_folder: Path, run_id: str) -> Run:
    folder = project_folder / "runs" / store.check_name(run_id)
    if not (folder / "job.json").exists():
        raise NotFoundError("There is no such run", run_id, "Train one first")
    return Run(folder)


def list_runs(project_folder: Path) -> list[Run]:
    return [Run(path.parent) for path in sorted((project_folder / "runs").glob("*/job.json"))]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl, one a step and kind of measurement, in the order of the steps; numbers as floats."""
    latest: dict[tuple[int, bool], dict[str, Any]] = {}
    for row in _continued(path):
        # "nan" and "inf" are texts in the file, for JSON has no such numbers
        numbers = {key: float(value) for key, value in row.items() if value is not None}
        latest[int(row["step"]), "eval_loss" in row] = numbers | {"step": int(row["step"])}
    return sorted(latest.values(), key=lambda row: (row["step"], "eval_loss" in row))


def said_parameters(trainable: int, every: int) -> str:
    """As in "41,943,040 of 7,283,675,136 (0.576 %)": the share of all parameters, the adapter's among them."""
    return f"{trainable:,} of {every:,} ({trainable / max(every, 1):.3%})".replace("%", " %")


def to_json_number(value: float) -> float | int | str:
    """JSON has no NaN and no infinity: they are written as the texts "nan", "inf" and "-inf"."""
    number = value if isinstance(value, int) else float(value)
    return number if math.isfinite(number) else str(number)


def _continued(path: Path) -> list[dict[str, Any]]:
    """The lines without those that a resume took back: it went on from a checkpoint that was older than they are."""
    kept: list[dict[str, Any]] = []
    for row in store.read_json_lines(path):
        if "resumed_at" in row:
            kept = [earlier for earlier in kept if earlier["step"] <= row["resumed_at"]]
        else:
            kept.append(row)
    return kept
