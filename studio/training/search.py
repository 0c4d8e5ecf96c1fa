"""A search for a better recipe: a study in a folder of the project, whose trials are runs; read from its folder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from studio import store
from studio.errors import InputError, JobError, NotFoundError, StudioError
from studio.examples import Dataset, write_dataset
from studio.jobs import queue
from studio.jobs.job import ACTIVE, ENDED, JobView
from studio.training import calibration, checks
from studio.training.objectives import count_rows
from studio.training.recipe import Recipe
from studio.training.run import Run, list_runs
from studio.training.search_space import EVALUATIONS, Space, is_number
from studio.training.workload import tokens_an_epoch

KIND = "search"
TRIALS, HOURS, STARTUP_TRIALS = 20, 4.0, 5
FEWEST_STEPS = 30  # of a trial: fewer say little about a recipe
LARGEST_SHARE = 0.2  # of the data, taken unasked: the guide searches on 10 to 20 % (G8)
EVALUATION_ROWS = 200  # at most: each trial is evaluated five times, and once before it learns
COLUMNS = ["trial", "state", "loss", "step", "pruned_at", "seconds", "run", "note"]
FORWARD_SHARE = 1 / 3  # of the work of a training step: the backward pass is twice the forward one (Kaplan 2020, 2.1)


class Search(JobView):
    """`trials` and `best` grow while it goes on; stopped or killed, `resume` continues the study."""

    FEWEST_FOR_IMPORTANCE = 4  # trials that have finished

    @property
    def recipe(self) -> Recipe:
        """Where it began."""
        return Recipe.from_json((self.folder / "recipe.json").read_text(encoding="utf-8"))

    @property
    def space(self) -> Space:
        return Space.from_plain(self.job.request["space"])

    @property
    def study_file(self) -> Path:
        return self.folder / "study.jsonl"

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial: trial, state (waiting, running, finished, pruned, failed, interrupted), the searched values,
        loss (the best evaluation loss, nats a token), step (that it came at), pruned_at (step), seconds, run, note."""
        searched = list(self.space.searched)
        columns = [*COLUMNS[:2], *searched, *COLUMNS[2:]]
        if not self.study_file.exists():
            return pd.DataFrame(columns=columns)
        alive = self.state in ACTIVE
        rows = [_row(trial, alive) for trial in self.study().get_trials(deepcopy=False)]
        return pd.DataFrame(rows, columns=columns)

    @property
    def best(self) -> Recipe:
        """The recipe with the best values found so far, to train on all data with. Raises JobError when there is none."""
        best = self.best_trial
        if best is None:
            raise JobError(f"{self.id} has no best recipe yet", self.state, "Wait until a trial has finished")
        values = best.params
        reason = f"{self.id}, trial {best.number + 1}: evaluation loss {best.value:.4f}"
        return self.space.best_recipe(self.recipe, values, reason)

    @property
    def best_trial(self) -> Any:
        """Optuna's trial with the lowest loss of those that finished; None before there is one."""
        if not self.study_file.exists():
            return None
        from optuna.trial import TrialState

        found = self.study().get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min(found, key=lambda trial: trial.value, default=None)

    def study(self) -> Any:
        """Optuna's study. Only the search's own process writes to it."""
        from studio.training.study import open_study

        return open_study(self.study_file)

    def importance(self) -> dict[str, float]:
        """How much each searched value moved the loss (shares that add up to 1; fANOVA, Hutter 2014), the greatest first.
        Empty while fewer than FEWEST_FOR_IMPORTANCE trials have finished or none differs."""
        import optuna

        if not self.study_file.exists():
            return {}
        study = self.study()
        done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if len(done) < self.FEWEST_FOR_IMPORTANCE or len({trial.value for trial in done}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def resume(self) -> "Search":
        """Goes on where it was: what finished is neither lost nor repeated, what ran when it ended begins again."""
        if self.state == "finished":
            raise JobError(f"{self.id} cannot be resumed", "it is finished", "Start a new search")
        queue.submit(self.job.home, self.folder, KIND, self.job.request, again=True)
        return self

    def runs(self) -> list[Run]:
        return [run for run in list_runs(self.folder.parents[1]) if run.job.request.get("search") == self.id]

    @property
    def bytes_on_disk(self) -> int:
        """Of the search and of the runs of its trials."""
        return super().bytes_on_disk + sum(run.bytes_on_disk for run in self.runs())

    def delete(self) -> int:
        """Removes the search and the runs of its trials for good, and returns how many bytes they had; bundles made from
        them stay. Raises JobError while it or one of its runs waits or works."""
        runs = self.runs()
        for one in (self, *runs):
            if one.state not in ENDED:
                raise JobError(f"{self.id} cannot be deleted", f"{one.id} is {one.state}", "Stop it first")
        return sum(run.delete() for run in runs) + super().delete()


def _row(trial: Any, alive: bool) -> dict[str, Any]:
    facts = trial.user_attrs
    state = {"WAITING": "waiting", "RUNNING": "running", "COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    words = state[trial.state.name]
    if facts.get("interrupted") or (words == "running" and not alive):
        words = "interrupted"
    values = trial.params or trial.system_attrs.get("fixed_params", {})
    plain = {name: facts.get(name) for name in ("loss", "step", "pruned_at", "seconds")} | {"run": facts.get("run", "")}
    return {"trial": trial.number + 1, "state": words, **values, **plain, "note": facts.get("note", "")}


def sample_rows(rows: int, share: float, largest_step: float) -> tuple[int, str]:
    """How many of `rows` examples a trial learns from, and why: the share; up to a fifth where that is under FEWEST_STEPS
    steps; and never fewer, while there are any, than can be evaluated EVALUATIONS times. `largest_step` is how many rows
    one step takes at most."""
    wanted = max(1, round(rows * share))
    enough = min(math.ceil(FEWEST_STEPS * largest_step), round(rows * LARGEST_SHARE))
    taken = max(wanted, enough, min(rows, math.ceil(EVALUATIONS * largest_step)))
    steps = math.ceil(taken / largest_step)
    words = f"{taken:,} of {rows:,} examples ({taken / rows:.0%}): {steps:,} optimiser steps a trial"
    if taken > wanted:
        words += (
            f". It is more than the {share:.0%} asked for, which would be {math.ceil(wanted / largest_step):,} steps"
        )
    if steps < FEWEST_STEPS:
        words += ". That is few to judge by" + (": choose a larger share" if taken < rows else "")
    return taken, words


def _sample_of(dataset: Dataset, share: float, space: Space, recipe: Recipe) -> tuple[int, str]:
    """The same of a dataset, of whose rows the objective may make two examples or none."""
    shown = max(1, count_rows(dataset).shown(recipe.objective))
    return sample_rows(len(dataset), share, space.largest_step(recipe) * len(dataset) / shown)


def place(
    project_folder: Path, home: Path, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None, space: str | dict[str, Any],
    trials: int, hours: float, share: float, seed: int, startup: int,
) -> queue.Placed:  # fmt: skip
    """A search that is not in the queue yet. Raises what a training of its trials would, and InputError with every mistake
    where there are several."""
    chosen = _checked(dataset, recipe, evaluation, space, _check(evaluation, trials, hours, share, seed, startup))
    assert evaluation is not None
    rows, why = _sample_of(dataset, share, chosen, recipe)
    chosen.trial_recipe(recipe, chosen.values_of(recipe) or {})  # a recipe that cannot be trained so raises here
    folder = store.new_numbered_folder(project_folder / "jobs", KIND)
    store.write_text(folder / "recipe.json", recipe.to_json())
    _write_sample(folder, dataset, rows, seed)
    if evaluation.reference != dataset.reference:
        _write_sample(folder, evaluation, min(len(evaluation), EVALUATION_ROWS), seed)
    request = {
        "project_folder": str(project_folder), "dataset": dataset.reference, "evaluation": evaluation.reference,
        "space": chosen.plain(), "trials": trials, "hours": hours, "seed": seed, "startup": startup, "rows": rows, "sample": why,
    }  # fmt: skip
    return queue.Placed(home, folder, KIND, request)


def _checked(
    dataset: Dataset, recipe: Recipe, evaluation: Dataset | None, space: str | dict[str, Any], wrong: list[str]
) -> Space:  # fmt: skip
    """The space, where nothing is against the search: `wrong` is what is known already."""
    errors: list[StudioError] = []
    chosen, trial = None, recipe.model_copy(update={"patience": 0})
    try:
        chosen = Space.of(space, recipe, dataset)
        targets = chosen.fixed.get("targets", recipe.targets)
        trial = trial.model_copy(update={"max_length": chosen.most("max_length", recipe), "targets": targets})
    except StudioError as error:
        errors.append(error)
    try:
        checks.check(dataset, trial, evaluation)
    except StudioError as error:
        errors.append(error)
    if chosen is not None and not errors and not wrong:
        return chosen
    if len(errors) == 1 and not wrong:
        raise errors[0]
    found = dict.fromkeys([*checks.words_of(errors), *wrong])
    raise InputError("The search cannot be started", "; ".join(found), "Correct it and search again")


def _check(
    evaluation: Dataset | None, trials: int, hours: float, share: float, seed: int, startup: int
) -> list[str]:  # fmt: skip
    wrong = []
    if evaluation is None:
        wrong.append("there is no evaluation dataset, and its loss is what a search makes small: split one off first")
    limits: list[tuple[str, Any, Callable[[Any], bool], str]] = [
        ("trials", trials, lambda value: value >= 1 and value == int(value), "a whole number from 1"),
        ("hours", hours, lambda value: value > 0, "over 0"),
        ("share", share, lambda value: 0 < value <= 1, "over 0 and up to 1"),
        ("seed", seed, lambda value: 0 <= value < 2**31 and value == int(value), "a whole number from 0"),
        ("startup", startup, lambda value: value >= 0 and value == int(value), "a whole number from 0"),
    ]
    for name, value, fits, words in limits:
        if not is_number(value) or not fits(value):
            wrong.append(f"{name} is {value!r}, not {words}")
    return wrong


def _write_sample(folder: Path, dataset: Dataset, rows: int, seed: int) -> None:
    """A seeded sample, in the order of the data, under the dataset's own name and version: the trials' runs say what
    they learned from, and find it here."""
    positions = np.sort(np.random.default_rng(seed).choice(len(dataset), rows, replace=False))
    made = write_dataset(folder, dataset.name, dataset.take(positions), made_by={"sample_of": dataset.reference})
    if made.version != dataset.version:
        made.folder.rename(made.folder.with_name(f"v{dataset.version}"))


def open_search(project_folder: Path, search_id: str) -> Search:
    folder = project_folder / "jobs" / store.check_name(search_id)
    if not (folder / "job.json").exists() or not search_id.startswith(f"{KIND}-"):
        raise NotFoundError("There is no such search", search_id, "Start one first")
    return Search(folder)


def list_searches(project_folder: Path) -> list[Search]:
    """The oldest first."""
    return [Search(path.parent) for path in sorted((project_folder / "jobs").glob(f"{KIND}-*/job.json"))]


def expected(
    project_folder: Path, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None, space: str | dict[str, Any],
    share: float,
) -> dict[str, Any]:  # fmt: skip
    """Before a start: rows and `sample` (words) of a trial, and `seconds` of one trial by the speed of the newest run of
    the same model, method and objective (`measured_by`); None where none was measured. Nothing is pruned in this: it is the most."""
    chosen = Space.of(space, recipe, dataset)
    rows, why = _sample_of(dataset, share, chosen, recipe)
    seconds, measured_by = None, ""
    for run in reversed(list_runs(project_folder)):
        speed = run.result.get("tokens_per_second")
        if speed and calibration.key_of(run.recipe.model_dump()) == calibration.key_of(recipe.model_dump()):
            learn = _mean_tokens(dataset, recipe) * rows * float(chosen.most("epochs", recipe))
            watched = 0 if evaluation is None else min(len(evaluation), EVALUATION_ROWS)
            looks = EVALUATIONS + 1
            watch = 0.0 if evaluation is None else _mean_tokens(evaluation, recipe) * watched * looks * FORWARD_SHARE
            state = run.job.state
            counted = run.result.get("seconds", 0.0) - run.result.get("parts", {}).get("starting", 0.0)
            around = (state.ended or 0) - (state.started or 0) - counted
            seconds, measured_by = (learn + watch) / speed + max(0.0, around), run.id
            break
    return {"rows": rows, "sample": why, "seconds": seconds, "measured_by": measured_by}


def _mean_tokens(dataset: Dataset, recipe: Recipe) -> float:
    """Of all that a row shows, as a trial sees it: unpacked."""
    return tokens_an_epoch(dataset, recipe.model_copy(update={"packing": False})) / max(1, len(dataset))
