"""The public verbs. Each is a few lines: it calls one room, and writes a step to the journal."""

import builtins
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from studio import sources, store
from studio.catalogue.verbs import ModelVerbs
from studio.chat import TokenCounter
from studio.data import loading, mixing, writers
from studio.data.cleaning_verbs import CleaningVerbs
from studio.data.columns import Choices
from studio.data.detection import Detection
from studio.data.document_verbs import DocumentVerbs
from studio.data.duplicate_verbs import DuplicateVerbs
from studio.data.step_verbs import StepVerbs
from studio.data.verbs import DataVerbs
from studio.decision import advice as decision
from studio.errors import ForbiddenError, InputError, NotFoundError
from studio.evaluation import evaluate as evaluations
from studio.evaluation.evaluate import Evaluation
from studio.examples import Dataset, Message, list_datasets, open_dataset, write_dataset
from studio.export import bundle as bundles
from studio.export import notebook, report
from studio.export.bundle import Bundle
from studio.inference import client
from studio.jobs import queue
from studio.jobs.job import ENDED, JOB_PLACES, Job
from studio.jobs.queue_verbs import QueueVerbs
from studio.journal import Journal
from studio.models import STARTER, check_before
from studio.training import run as runs
from studio.training.cloud_verbs import CloudVerbs
from studio.training.fit_verbs import FitVerbs
from studio.training.recipe import Recipe
from studio.training.recipe_verbs import RecipeVerbs
from studio.training.run import Run
from studio.training.search_verbs import SearchVerbs

FORMAT = 1


class Project(
    DataVerbs,
    CleaningVerbs,
    DuplicateVerbs,
    DocumentVerbs,
    StepVerbs,
    SearchVerbs,
    FitVerbs,
    ModelVerbs,
    CloudVerbs,
    RecipeVerbs,
    QueueVerbs,
):
    """One folder with everything about one task. Make one with `Project.open`."""

    def __init__(self, folder: Path, home: Path, demo: bool = False) -> None:
        self.folder, self.home, self.demo = folder, home, demo
        self.journal = Journal(folder)

    def __repr__(self) -> str:
        return f"<Project {self.name}>"

    @property
    def name(self) -> str:
        return self.folder.name

    @classmethod
    def open(cls, name: str, home: str | Path | None = None, demo: bool = False) -> "Project":
        """The project of that name, made when absent. `demo` refuses what a visitor of a Space may not do."""
        place = store.studio_home(home)
        folder = place / "projects" / store.check_name(name)
        if not (folder / "project.json").exists():
            store.write_json(folder / "project.json", {"format": FORMAT, "name": name})
        return cls(folder, place, demo)

    @staticmethod
    def list(home: str | Path | None = None) -> list[str]:
        """Names of the projects, in the order of the alphabet."""
        return sorted(path.parent.name for path in (store.studio_home(home) / "projects").glob("*/project.json"))

    @staticmethod
    def sample() -> Path:
        """The sample dataset: support tickets to triage, with planted flaws."""
        return sources.ASSETS / "samples" / "tickets.jsonl"

    # ---- data

    def load(
        self, source: loading.Source | None = None, name: str | None = None, shape: str | None = None,
        columns: dict[str, str] | None = None, system: str | None = None, pasted: str | None = None, array: str | None = None,
        **hub: Any,
    ) -> Dataset:  # fmt: skip
        """Reads a file (rows or a document, also .gz and .zst), several, a folder (of a dataset its `split`, or that for
        training), pasted rows or "hub:owner/name" (with config, split, rows). `columns` maps fields to the file's, as in
        {"prompt": "question"}; `system` stands before rows without a system prompt ("" for none); `array` names the list of
        a JSON file that holds several, as in "train" or "data.train". Rows that cannot be used are in `.problems` with line
        and reason. Raises InputError when nothing can be read."""
        return loading.load(
            self.folder, self.journal, self._counter(), self.demo, loading.Watch(), source, name, shape, columns, system, pasted, array, **hub
        )  # fmt: skip

    def start_load(self, source: loading.Source, **given: Any) -> Job:
        """The same as a job that needs no card, at once, for what takes more than some seconds (`takes_long`)."""
        return loading.start(self.folder, self.home, self.demo, source=source, **given)

    @staticmethod
    def takes_long(source: loading.Source | None) -> bool:
        """Whether a load of this is better a job: many bytes, or something from the Hub. No step."""
        return loading.takes_long(source)

    def preview_load(
        self, source: loading.Source | None = None, shape: str | None = None, columns: dict[str, str] | None = None,
        system: str | None = None, pasted: str | None = None, array: str | None = None, **hub: Any,
    ) -> Detection:  # fmt: skip
        """What `load` would make of the first rows: shape, confidence, columns, three examples; where a JSON file holds
        several lists and none is named, which there are. No step."""
        return loading.preview(source, pasted, Choices.of(shape, columns, system, array), self.demo, **hub)

    def mix(
        self, *datasets: Dataset, shares: builtins.list[float] | None = None, rows: int | None = None,
        balance: str | None = None, weights: dict[str, float] | None = None, seed: int = 0,
    ) -> Dataset:  # fmt: skip
        """One dataset from several by their shares (general data against forgetting), or with sources or labels in
        `balance` ("source", "label", "label:FIELD") by `weights`; nothing twice. Raises InputError for too few rows."""
        said = {"shares": shares, "rows": rows, "balance": balance, "weights": weights, "seed": seed}
        choices = {key: value for key, value in said.items() if value is not None}

        def make() -> Dataset:
            mixed, origin = mixing.mix_datasets(datasets, **choices)
            return write_dataset(self.folder, "mixed", mixed, made_by=origin)

        inputs = {f"dataset_{place}": dataset.reference for place, dataset in enumerate(datasets, start=1)}
        return self.journal.step("mix", inputs, choices, ["mixed"], make, lambda made: [made.reference])

    def preview_mix(self, *datasets: Dataset, **choices: Any) -> pd.DataFrame:
        """What `mix` would make with these choices: group, there, rows, share, tokens. No step."""
        return mixing.preview(datasets, **{key: value for key, value in choices.items() if value is not None})

    def problems_file(self, dataset: Dataset) -> Path:
        """The rows that could not be loaded, as CSV (line, reason, raw), in the project's exports. No step."""
        path = self.folder / "exports" / f"{dataset.name}-v{dataset.version}-problems.csv"
        store.write_text(path, dataset.problems.to_csv(index=False))
        return path

    def save_copy(self, dataset: Dataset, form: str = "openai") -> Path:
        """Writes the dataset into the project's exports as "openai", "alpaca", "sharegpt", "prompt-completion" or
        "parquet", and a data card beside it. Raises InputError when the form cannot hold an example."""

        def make() -> Path:
            made = self.journal.name_of(dataset.reference)
            steps = notebook.ancestry(self.journal.steps(), made) if made else []
            code = [step.code for step in steps]
            return writers.save_copy(dataset, form, self.folder / "exports", self.history(dataset), code)

        inputs = {"dataset": dataset.reference}
        return self.journal.step("save_copy", inputs, {"form": form}, ["copy"], make, lambda made: [made.name])

    # ---- decide

    def decide(
        self,
        dataset: Dataset | None = None,
        examples: int | None = None,
        consistency: float = 0.95,
        specificity: float = 0.8,
        monthly_calls: int = 50_000,
        latency_ms: float = 500,
    ) -> decision.Advice:
        """Prompting, fine-tuning or a hybrid, by the guide's rule. Give a dataset or a number of examples."""
        count = len(dataset) if dataset is not None else examples
        if count is None:
            raise InputError("Nothing to decide on", "no dataset and no number of examples", "Give one of the two")
        given = {
            "consistency": consistency,
            "specificity": specificity,
            "monthly_calls": monthly_calls,
            "latency_ms": latency_ms,
        }
        inputs = {"dataset": dataset.reference} if dataset is not None else {}
        arguments = given if dataset is not None else {"examples": examples, **given}
        return self.journal.step(
            "decide", inputs, arguments, ["advice"], lambda: decision.decide(count, **given), lambda made: [made.approach]  # type: ignore[arg-type]
        )  # fmt: skip

    def last_advice(self) -> decision.Advice | None:
        """The newest verdict of the journal, found again from what was asked. No step."""
        asked = [step for step in self.journal.steps() if step.verb == "decide" and step.state == "done"]
        if not asked:
            return None
        given = dict(asked[-1].arguments)
        reference = self.journal.result_of(asked[-1].inputs["dataset"]) if asked[-1].inputs else None
        count = len(self.dataset(reference)) if reference else int(given.pop("examples"))
        return decision.decide(count, **given)

    # ---- train

    def train(
        self, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, processes: int = 1, sharded: bool = False
    ) -> Run:  # fmt: skip
        """Puts the training in the queue and returns at once; `run.wait()` waits for it. With `processes` it runs on as
        many devices, the examples of a step divided among them; `sharded` divides the weights too (FSDP)."""

        def make() -> queue.Placed:
            if self.demo:
                raise ForbiddenError(
                    "Training is off in this demo", "a shared Space", "Run the studio on your own machine"
                )
            check_before(recipe.model, self.home)
            return runs.place(self.folder, self.home, dataset, recipe, evaluation, processes, sharded)

        inputs = {"dataset": dataset.reference} | (
            {"evaluation": evaluation.reference} if evaluation is not None else {}
        )
        several = {"processes": processes, "sharded": sharded} if processes != 1 or sharded else {}
        said = {"recipe": recipe, **several}
        job = self.journal.step("train", inputs, said, ["run"], make, lambda made: [made.id], queue.Placed.submit)
        return self.run(job.id)

    # ---- compare

    def answer(self, run: Run, prompt: str, max_new_tokens: int = 256) -> dict[str, str]:
        """The whole answers of {"base", "tuned"} to one prompt, from one copy of the weights. No step."""
        last = {"base": "", "tuned": ""}
        for part in self.answer_stream(run, prompt, max_new_tokens):
            last = {"base": part["base"], "tuned": part["tuned"]}
        return last

    def answer_stream(
        self, run: Run, prompt: str | Sequence[Message], max_new_tokens: int = 256, tools: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The same as it grows: {"base", "tuned", "done"}. A conversation is asked as it stands, with `tools` (JSON text) on
        offer; a text as the run was taught, with its system prompt and tools. Raises BusyError when a job has the card."""
        system = None
        if isinstance(prompt, str):
            if not prompt.strip():
                raise InputError("There is nothing to answer", "an empty prompt", "Write one, or take one of the test rows")  # fmt: skip
            system, tools = self._as_taught(run)
        yield from client.ask(self.home, self.folder, run, prompt, max_new_tokens, system, tools)

    def start_evaluation(self, run: Run, dataset: Dataset) -> Job:
        """Begins to measure base, base with three examples in the prompt, and tuned; returns its job at once."""

        def make() -> queue.Placed:
            self._ready(run)
            folder = store.new_numbered_folder(self.folder / "evaluations", "evaluation")
            request = {
                "project_folder": str(self.folder), "run_id": run.id, "dataset": dataset.reference, "train_dataset": run.train_dataset,
                "max_new_tokens": 512,
            }  # fmt: skip
            return queue.Placed(self.home, folder, "evaluate", request)

        inputs = {"run": run.id, "dataset": dataset.reference}
        return self.journal.step("evaluate", inputs, {}, ["report"], make, lambda made: [made.id], queue.Placed.submit)

    def evaluate(self, run: Run, dataset: Dataset) -> Evaluation:
        """Measures and waits: `.table` with 95 % intervals, `.answers`."""
        job = self.start_evaluation(run, dataset)
        job.wait()
        return evaluations.open_evaluation(self.folder, job.id)

    # ---- export

    def start_export(self, run: Run, kind: str) -> Job:
        """Begins a bundle of `kind` (adapter or merged); returns its job at once."""

        def make() -> queue.Placed:
            self._ready(run)
            if kind not in bundles.KINDS:
                raise InputError("There is no such kind of bundle", repr(kind), f"Choose {' or '.join(bundles.KINDS)}")
            folder = store.new_numbered_folder(self.folder / "jobs", "export")
            request = {"project_folder": str(self.folder), "run_id": run.id, "kind": kind}
            return queue.Placed(self.home, folder, "export", request)

        inputs = {"run": run.id}
        return self.journal.step(
            "export", inputs, {"kind": kind}, ["bundle"], make, lambda made: [made.id], queue.Placed.submit
        )

    def export(self, run: Run, kind: str = "merged") -> Bundle:
        """Makes a bundle and waits: `.folder` and `.zip`, ready to use elsewhere."""
        job = self.start_export(run, kind)
        job.wait()
        return next(made for made in bundles.list_bundles(self.folder) if made.id == job.id)

    def report(self, run: Run) -> Path:
        """One self-contained HTML page: before and after, the measures, the recipe, data, hours and cost. No step."""
        self._ready(run)
        measured = [made for made in self.evaluations() if made.run_id == run.id and made.is_ready]
        dataset = self.dataset(run.train_dataset)
        return report.write_report(
            self.folder, run, measured[-1] if measured else None, dataset, self._left_out(dataset)
        )

    def written_report(self, run: Run) -> Path | None:
        """The page that `report` wrote of a run; None when it wrote none, or the run was measured again since."""
        path = report.path_of(self.folder, run)
        if not path.exists():
            return None
        measured = [made for made in self.evaluations() if made.run_id == run.id and made.is_ready]
        return path if all(made.measured_at <= path.stat().st_mtime for made in measured) else None

    def export_notebook(self, result: str | None = None) -> Path:
        """The steps that led to `result` (a name of the journal; by default all that were done) as an .ipynb. No step."""
        path = self._notebook_path
        path.parent.mkdir(exist_ok=True)
        steps = notebook.ancestry(self.journal.steps(), result, self._lost_jobs())
        return Path(notebook.write_notebook(steps, path, f"{self.name}-again", self.home))

    def written_notebook(self) -> Path | None:
        """The .ipynb of all steps, where it was written and is as it would be written now. No step."""
        path = self._notebook_path
        if not path.is_file():
            return None
        steps = notebook.ancestry(self.journal.steps(), None, self._lost_jobs())
        now = notebook.text_of(steps, f"{self.name}-again", self.home) if steps else ""
        return path if path.read_text(encoding="utf-8") == now else None

    @property
    def _notebook_path(self) -> Path:
        return self.folder / "exports" / f"{self.name}.ipynb"

    # ---- looks

    def datasets(self) -> builtins.list[Dataset]:
        return list_datasets(self.folder)

    def dataset(self, name: str, version: int | None = None) -> Dataset:
        return open_dataset(self.folder, name, version)

    def runs(self) -> builtins.list[Run]:
        queue.start_next(self.home)
        return runs.list_runs(self.folder)

    def run(self, run_id: str) -> Run:
        return runs.open_run(self.folder, run_id)

    def job(self, job_id: str) -> Job:
        """A job of this project, whatever has become of it. Raises NotFoundError."""
        store.check_name(job_id)
        for place in JOB_PLACES:
            if (self.folder / place / job_id / "job.json").exists():
                return Job(self.folder / place / job_id)
        raise NotFoundError("There is no such job", job_id, "Start one first")

    def jobs(self, kind: str) -> builtins.list[Job]:
        """The jobs of one kind (train, evaluate, export), the oldest first."""
        found = [Job(path.parent) for place in JOB_PLACES for path in (self.folder / place).glob("*/job.json")]
        return sorted((job for job in found if job.kind == kind), key=lambda job: job.id)

    def evaluations(self) -> builtins.list[Evaluation]:
        return evaluations.list_evaluations(self.folder)

    def bundles(self) -> builtins.list[Bundle]:
        return bundles.list_bundles(self.folder)

    def _counter(self) -> TokenCounter:
        return TokenCounter(STARTER)

    def _as_taught(self, run: Run) -> tuple[str | None, str | None]:
        """The system prompt and the tools that stood before the questions that the run learned from."""
        row = self.dataset(run.train_dataset).take([0]).iloc[0]
        first = row["messages"][0]
        return (str(first["content"]) if first["role"] == "system" else None), row["tools"]

    def _left_out(self, dataset: Dataset) -> builtins.list[tuple[str, int]]:
        """The kinds of reasons, with counts, for which a filter left rows out on the way to this dataset."""
        counts: Counter[str] = Counter()
        for change in self.history(dataset):
            counts.update(change.reasons if change.verb not in ("load", "split", "mix") else {})
        return counts.most_common()

    def _lost_jobs(self) -> builtins.list[str]:
        """The ids of those that ended without a result, or that nobody began."""
        with_result = {run.id for run in self.runs() if run.is_ready} | {made.id for made in self.bundles()}
        with_result |= {made.id for made in self.evaluations() if made.is_ready}
        with_result |= {made.id for made in self.searches() if made.best_trial is not None}
        jobs = [job for kind in ("train", "evaluate", "export", "search") for job in self.jobs(kind)]
        ended = [job.id for job in jobs if job.state.status in ENDED and job.id not in with_result]
        folders = (path for place in JOB_PLACES for path in (self.folder / place).glob("*-*"))
        # the folder of one that was deleted is empty, and its step can be repeated
        return ended + [one.name for one in folders if not (one / "job.json").exists() and any(one.iterdir())]

    def _ready(self, run: Run) -> None:
        if not run.is_ready:
            raise InputError(f"{run.id} has no adapter yet", run.state, "Wait until it has finished, or resume it")
