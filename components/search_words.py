"""What the Search cell says of a search: how far it is, its trials, and its pictures, each with a table."""

import inspect
import json
from typing import Any

import gradio as gr
import pandas as pd

from components import charts
from components.cell import Updates, duration, empty, size, table, tiles
from studio import InputError, Project

OWN = '{"learning_rate": {"low": 1e-4, "high": 3e-3, "log": true}, "r": [8, 16, 32]}'
DEFAULTS = {name: given.default for name, given in inspect.signature(Project.search).parameters.items()}
LABELS = {
    "trials": "Trials", "hours": "At most, in hours", "seed": "Seed", "startup": "First trials that are never cut short",
}  # fmt: skip
"""Of the boxes with a number."""
ROUGH = 10  # finished trials, below which an importance says little


def given(**boxes: float | None) -> dict[str, Any]:
    """What the boxes say, whole numbers as such. Raises InputError with every box that is empty, or has no whole number
    where only one makes sense."""
    wrong = []
    for name, value in boxes.items():
        if value is None:
            wrong.append(f"“{LABELS[name]}” is empty")
        elif name != "hours" and value != int(value):
            wrong.append(f"“{LABELS[name]}” is {value:g}, no whole number")
    if wrong:
        raise InputError("A box of the search has to be corrected", "; ".join(wrong), "Write a number there")
    return {name: float(value or 0) if name == "hours" else int(value or 0) for name, value in boxes.items()}


def own_space(text: str | None) -> dict[str, Any]:
    """The ranges that were typed. Raises InputError when they are no JSON object."""
    try:
        found = json.loads(text or "")
    except ValueError as error:
        raise InputError("My own ranges are not JSON", str(error), f"Write them like {OWN}") from None
    if not isinstance(found, dict):
        raise InputError("My own ranges are no JSON object", type(found).__name__, f"Write them like {OWN}")
    return found


def asked(step: Any) -> dict[str, Any]:
    """What the boxes show: what the last search of the journal was asked for, or the defaults of the verb."""
    given = {**DEFAULTS, **(step.arguments if step is not None else {})}
    space = given["space"]
    boxes = {name: given[name] for name in ("trials", "hours", "share", "seed", "startup")}
    if isinstance(space, dict):
        return {**boxes, "space": "own", "ranges": json.dumps(space)}
    return {**boxes, "space": space, "ranges": OWN}


def figures(search: Any, rows: pd.DataFrame) -> str:
    """The lowest loss so far, and how the trials ended."""
    counts = rows["state"].value_counts()
    done = int(counts.get("finished", 0) + counts.get("pruned", 0) + counts.get("failed", 0))
    facts = {"trials done": f"{done:,} of {search.job.request['trials']:,}"}
    best = search.best_trial
    if best is not None:
        facts = {f"lowest evaluation loss so far: trial {best.number + 1}": f"{best.value:.4f}", **facts}
    words = {"pruned": "cut short (pruned)", "failed": "failed", "interrupted": "interrupted"}
    facts |= {words[state]: f"{int(counts[state]):,}" for state in words if state in counts}
    progress = search.job.progress
    if search.state == "running" and progress.seconds_left is not None:
        facts["time left"] = duration(progress.seconds_left)
    return tiles(facts)


def trials_table(search: Any, rows: pd.DataFrame) -> str:
    if rows.empty:
        return empty("The first trial is being prepared.")
    names = list(search.space.searched)
    heads = ["trial", "state", "loss", "best so far", *(name.replace("_", " ") for name in names), "time", "run"]
    lowest = rows.loc[rows["state"] == "finished", "loss"].min()
    best = rows["loss"].where(rows["state"] == "finished").astype(float).cummin().ffill()
    lines = []
    for row, so_far in zip(rows.to_dict("records"), best, strict=True):
        values = [_number(row[name]) for name in names]
        seconds = "" if pd.isna(row["seconds"]) else duration(row["seconds"])
        is_best = row["state"] == "finished" and row["loss"] == lowest
        lines.append(
            [
                str(row["trial"]), "✓ best" if is_best else _state(row), _loss(row["loss"]), _loss(so_far), *values, seconds, row["run"] or "",
            ]
        )  # fmt: skip
    return f'<p class="why">{search.job.request["sample"]}</p>' + table(heads, lines)


def _state(row: dict[str, Any]) -> str:
    if not pd.isna(row["pruned_at"]):
        return f"pruned at step {int(row['pruned_at'])}"
    return f"failed: {row['note']}" if row["state"] == "failed" and row["note"] else str(row["state"])


def _loss(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:.4f}"


def _number(value: Any) -> str:
    return "" if pd.isna(value) else (f"{value:.3g}" if isinstance(value, float) else str(value))


def question(search: Any) -> str:
    """What goes with the search when it is deleted."""
    runs = [run.id for run in search.runs()]
    which = f"{runs[0]} to {runs[-1]}" if len(runs) > 1 else "".join(runs)
    of_trials = f" and the {len(runs):,} runs of its trials ({which}), with their curves and adapters" if runs else ""
    return (
        f'<div class="note">Delete {search.id}{of_trials}? {size(search.bytes_on_disk)} of the disk are freed. This cannot be undone. '
        "Bundles and trainings that were made with what it found stay.</div>"
    )


def importance_table(shares: dict[str, float], finished: int, fewest: int) -> str:
    """How much each value moved the loss, or why that cannot be said yet."""
    if not shares:
        few = f"it takes {fewest} that have finished with different losses, and there are {finished}"
        return f'<p class="why">Which value matters most cannot be told from so few trials: {few}.</p>'
    rough = " (few: take it as a hint)" if finished < ROUGH else ""
    words = f'<p class="why">How much each value moved the loss, by {finished} finished trials{rough}.</p>'
    return words + table(
        ["value", "share"], [[name.replace("_", " "), f"{share:.0%}"] for name, share in shares.items()]
    )


def pictures(search: Any, rows: pd.DataFrame, history: Any, parallel: Any, important: Any, weights: Any) -> Updates:
    """A drawn figure is replaced whole, so they are made anew only when a trial has ended."""
    ended = rows[rows["state"].isin(["finished", "pruned"])]
    if len(ended) < 2 or not (ended["state"] == "finished").any():
        return {part: gr.update(visible=False) for part in (history, parallel, important, weights)}
    searched = search.space.searched
    names = [name for name in searched if all(isinstance(value, int | float) for value in rows[name].dropna())]
    logarithmic = {name for name, value in searched.items() if isinstance(value, dict) and value.get("log")}
    shares, finished = search.importance(), int((ended["state"] == "finished").sum())
    return {
        history: gr.update(value=charts.trial_history(rows), visible=True),
        parallel: gr.update(value=charts.parallel_trials(rows, names, logarithmic), visible=True),
        important: gr.update(value=charts.importance_bars(shares) if shares else None, visible=bool(shares)),
        weights: gr.update(value=importance_table(shares, finished, search.FEWEST_FOR_IMPORTANCE), visible=True),
    }
