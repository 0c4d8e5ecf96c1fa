"""The process of a search, top to bottom: what a crash left, then trial after trial, each a run in a process of its own.

It holds the card, and its trials compute on it: one at a time. A trial that crashes is a failed trial.
"""

import math
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from studio import store
from studio.errors import JobError
from studio.examples import open_dataset
from studio.jobs import queue
from studio.jobs.job import ACTIVE, ENDED, Job, process_started
from studio.training.run import Run, read_metrics
from studio.training.search import Search
from studio.training.search_space import EVALUATIONS
from studio.training.study import open_study

LOOK = 0.1  # seconds between two looks at a trial
STOP_SECONDS, PRUNE_SECONDS = 3.0, 60.0  # that a trial has to end by itself; when pruned it saves what it learned
FAILURES = 3  # in a row and nothing else: then it is not the values


def work(job: Job) -> None:
    from optuna.samplers import TPESampler

    search, request = Search(job.folder), job.request
    study = open_study(search.study_file, request["startup"])
    settle(search, study)
    own = search.space.values_of(search.recipe)
    if own is not None and not study.get_trials(deepcopy=False):
        study.enqueue_trial(own, user_attrs={"note": "the recipe it began with"})
    limit, trials = request["hours"] * 3600, request["trials"]
    known, failures = len(counted(study)), 0
    while not job.stop_requested():
        done = len(counted(study))
        if done >= trials or spent(study) >= limit:
            break
        # a sampler a trial: the same draws, whether the search was stopped between or not
        study.sampler = TPESampler(seed=request["seed"] + done)
        outcome = run_trial(search, study, Watch(job, known, done, trials, spent(study), limit))
        failures = failures + 1 if outcome == "failed" else -trials
        if failures >= min(FAILURES, trials):
            raise JobError(
                "No trial could be trained", last_note(study), "Correct the recipe or the space, then resume"
            )
    done = len(counted(study))
    ending = (
        "stopped" if job.stop_requested() else ("all trials done" if done >= trials else "the time limit was reached")
    )
    job.report(1, 1, f"{ending}: {done:,} of {trials:,} trials")
    if search.best_trial is None and not job.stop_requested():
        raise JobError("No trial finished", last_note(study), "Give it more time, or correct the recipe or the space")


class Watch:
    """Tells how far the search is, now and then."""

    def __init__(self, job: Job, known: int, done: int, trials: int, spent: float, limit: float) -> None:
        self.job, self.known, self.done, self.trials, self.spent, self.limit = job, known, done, trials, spent, limit
        self.begun = self.told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def tell(self, step: int, of: int) -> None:
        """At most each second, and no more than some five hundred times a trial."""
        if time.monotonic() - self.told < max(1.0, self.seconds / 500):
            return
        self.told = time.monotonic()
        by_trials = self.done + min(0.99, step / of)
        known_pace = step > 0 or self.done > self.known
        by_time = self.trials * (self.spent + self.seconds) / self.limit if known_pace else 0.0
        note = f"trial {self.done + 1:,} of {self.trials:,}, step {step:,} of {of:,}"
        self.job.report(min(max(by_trials, by_time), self.trials - 0.01), self.trials, note, known=self.known)


def counted(study: Any) -> list[Any]:
    """The trials that are done: what was interrupted is repeated, and counts once."""
    return [
        trial for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and not trial.user_attrs.get("interrupted")
    ]  # fmt: skip


def spent(study: Any) -> float:
    """Seconds of all trials, also of those that were interrupted."""
    return sum(trial.user_attrs.get("seconds") or 0.0 for trial in study.get_trials(deepcopy=False))


def last_note(study: Any) -> str:
    notes = [trial.user_attrs.get("note", "") for trial in study.get_trials(deepcopy=False)]
    return next((note for note in reversed(notes) if note), "no trial")


def run_trial(search: Search, study: Any, watch: Watch) -> str:
    """Trains one trial and tells the study how it ended: finished, pruned, failed or interrupted."""
    trial = study.ask()
    request = search.job.request
    recipe = search.space.trial_recipe(search.recipe, search.space.suggest(trial))
    folder = store.new_numbered_folder(Path(request["project_folder"]) / "runs", "run")
    store.write_text(folder / "recipe.json", recipe.to_json())
    trial.set_user_attr("run", folder.name)
    child = {
        "project_folder": request["project_folder"], "dataset": request["dataset"], "evaluation": request["evaluation"],
        "data_folder": str(search.folder), "search": search.id, "trial": trial.number + 1,
        "parent": os.getpid(),
    }  # fmt: skip
    queue.begin(search.job.home, folder, "train", child)
    run = Run(folder)
    run.remember(f"{search.id}, trial {trial.number + 1}")
    pruned_at = follow(run, trial, recipe.steps_on(open_dataset(search.folder, request["dataset"])), watch)
    interrupted = watch.job.stop_requested() and run.state != "finished" and pruned_at is None
    return conclude(study, trial, run, watch.seconds, pruned_at, interrupted)


def follow(run: Run, trial: Any, steps: int, watch: Watch) -> int | None:
    """Reports each evaluation while the trial learns; returns the step at which it was pruned, None when it was not. So
    many `steps` it is thought to have until it says how many."""
    reported, shares = 0, set[int]()
    while True:
        ended = run.state in ENDED  # asked first, so that what was written before the end is read
        rows = losses(run)
        metrics = read_metrics(run.folder / "metrics.jsonl")
        steps = int(metrics[-1].get("of_steps", steps)) if metrics else steps
        for step, loss in rows[reported:]:
            # trials of unlike lengths are compared at the same share of their steps
            share = max(1, round(EVALUATIONS * min(step, steps) / steps))
            if share in shares:
                continue
            shares.add(share)
            trial.report(loss, share)
            if trial.should_prune():
                end(run, PRUNE_SECONDS)
                return step
        reported = len(rows)
        if ended:
            return None
        if watch.job.stop_requested():
            end(run, STOP_SECONDS)
            return None
        progress = run.job.progress
        watch.tell(int(progress.done) if progress.of > 1 else 0, max(steps, 1))
        time.sleep(LOOK)


def losses(run: Run) -> list[tuple[int, float]]:
    """Step and evaluation loss of each evaluation after the start."""
    rows = store.read_json_lines(run.folder / "metrics.jsonl")
    found = {int(row["step"]): float(row["eval_loss"]) for row in rows if row.get("eval_loss") is not None}
    return sorted((step, loss) for step, loss in found.items() if step > 0)


def end(run: Run, seconds: float) -> None:
    """Asks a trial's process to save and end, and kills it when it has not after so many seconds."""
    state = run.job.state
    if state.status not in ACTIVE or state.pid is None:
        return
    (run.folder / "stop").touch()
    deadline = time.monotonic() + seconds
    while run.state in ACTIVE and time.monotonic() < deadline:
        time.sleep(LOOK)
    if run.state in ACTIVE:
        os.kill(state.pid, signal.SIGKILL)
        while process_started(state.pid) is not None:
            time.sleep(LOOK)


def conclude(study: Any, trial: Any, run: Run, seconds: float, pruned_at: int | None, interrupted: bool) -> str:
    """Writes how a trial ended, what comes of it last: whatever is killed between is done again."""
    from optuna.trial import TrialState

    shutil.rmtree(run.folder / "checkpoints", ignore_errors=True)
    trial.set_user_attr("seconds", round(seconds, 1))
    found = losses(run)
    whole = [(loss, step) for step, loss in found if math.isfinite(loss)]
    if whole:
        trial.set_user_attr("loss", min(whole)[0])
        trial.set_user_attr("step", min(whole)[1])
    if interrupted:
        begin_again(study, trial)
        run.job.set_state(status="stopped", message="its search was stopped")
        return "interrupted"
    state = run.job.state
    if pruned_at is None and state.status != "finished":
        trial.set_user_attr("note", state.error or state.message or state.status)
        study.tell(trial.number, state=TrialState.FAIL)
        return "failed"
    if pruned_at is None and not whole:
        pruned_at = found[-1][0] if found else 0  # its loss is no number: as bad as can be
    if pruned_at is not None:
        shutil.rmtree(run.adapter_folder, ignore_errors=True)  # nobody wants half of what was the worse half
        trial.set_user_attr("pruned_at", pruned_at)
        study.tell(trial.number, state=TrialState.PRUNED)
        run.job.set_state(message=f"pruned at step {pruned_at:,}: worse than the median")
        return "pruned"
    study.tell(trial.number, min(whole)[0])
    return "finished"


def begin_again(study: Any, trial: Any) -> None:
    """The same values wait for another trial; this one failed. Done twice, it is done once."""
    from optuna.trial import TrialState

    trial.set_user_attr("interrupted", True)
    every = study.get_trials(deepcopy=False)
    again = any(other.user_attrs.get("repeats") == trial.number for other in every)
    values = trial.params or every[trial.number].system_attrs.get("fixed_params")
    if values and not again:
        study.enqueue_trial(
            dict(values), user_attrs={"repeats": trial.number, "note": f"repeats trial {trial.number + 1}"}
        )
    study.tell(trial.number, state=TrialState.FAIL)


def settle(search: Search, study: Any) -> None:
    """What a killed search left: a trial that finished by itself is taken as it is, another begins again."""
    from optuna.trial import Trial, TrialState

    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        trial = Trial(study, left._trial_id)
        name = left.user_attrs.get("run")
        run = Run(search.folder.parents[1] / "runs" / name) if name else None
        if run is None or not (run.folder / "job.json").exists():
            begin_again(study, trial)
            continue
        end(run, 0.0)
        state = run.job.state
        seconds = (state.ended or 0.0) - (state.started or 0.0)
        if state.heartbeat and state.started and state.status == "interrupted":
            seconds = state.heartbeat - state.started
        conclude(study, trial, run, max(0.0, seconds), None, interrupted=state.status != "finished")
