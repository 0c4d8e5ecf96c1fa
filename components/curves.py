"""The curves of one run or of several as tables to draw: smoothed, thinned, on one axis, a colour a run."""

import re
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import pandas as pd

from components.theme import BASE, TUNED

PALETTE = {
    "blue": "#4f7be8", "orange": "#c9772b", "green": "#2f9e6e", "pink": "#c2549d", "violet": "#8a63d2", "cyan": "#1f9bb5",
    "red": "#c7564b", "olive": "#7d8a2e",
}  # fmt: skip
"""Told apart, and readable, on light and on dark; a run has its colour in every chart."""
FAINT = "66"  # 40 % opacity
LOSS_COLOURS = {"training": BASE + FAINT, "smoothed": BASE, "evaluation": TUNED} | {
    f"{name} {kind}": colour + FAINT * (kind == "training")
    for name, colour in PALETTE.items()
    for kind in ("training", "evaluation")
}
"""Every name that a curve of the loss chart can have: the plot keeps the names and colours that it began with, so that a
run that comes or goes only changes its values. `legend` says which run is which."""
ACROSS = [("steps", "step"), ("tokens", "tokens"), ("hours", "hours")]
TITLES = {"step": "optimiser step", "tokens": "tokens seen (thousands)", "hours": "hours"}
MOST_POINTS = 800
"""Of one curve: more are not to be told apart on the page."""


def colours_of(run_ids: Sequence[str]) -> dict[str, str]:
    """The name of each run's colour: by its number, and the next that is free where two would have the same."""
    names, found = list(PALETTE), {}
    for run_id in run_ids[: len(names)]:
        number = re.search(r"(\d+)$", run_id)
        wanted = int(number[1]) - 1 if number else len(run_id)
        free = [names[(wanted + place) % len(names)] for place in range(len(names))]
        found[run_id] = next(name for name in free if name not in found.values())
    return found


def legend(run_ids: Sequence[str], weight: float) -> str:
    """Which line of the loss chart is what, as HTML."""
    if len(run_ids) == 1:
        lines = {"training loss": LOSS_COLOURS["training"], "evaluation loss": LOSS_COLOURS["evaluation"]}
        lines |= {"training loss, smoothed": LOSS_COLOURS["smoothed"]} if weight else {}
        note = ""
    else:
        lines = {f"{run_id} ({name})": PALETTE[name] for run_id, name in colours_of(run_ids).items()}
        note = "<span>strong: evaluation loss, faint: training loss</span>"
    swatches = "".join(
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in lines.items()
    )
    return f'<div class="legend">{swatches}{note}</div>'


def smoothed(values: pd.Series, weight: float) -> pd.Series:
    """Exponential moving average that keeps `weight` (0 to below 1) of what was before, without the pull to zero of its
    start (Adam, section 3: divide by 1 - weight^t). What is not finite is passed over and stays a gap."""
    finite = values.where(np.isfinite(values))
    return finite.ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean().where(finite.notna())


def thinned(curve: pd.DataFrame, column: str) -> pd.DataFrame:
    """At most about MOST_POINTS rows: of each stretch the lowest and the highest, so that no spike is lost, and the last."""
    if len(curve) <= MOST_POINTS:
        return curve
    values = curve[column].to_numpy(float)
    parts = np.array_split(np.arange(len(curve)), MOST_POINTS // 2)
    kept = {int(part[pick(values[part])]) for part in parts for pick in (np.argmin, np.argmax)} | {len(curve) - 1}
    return curve.iloc[sorted(kept)]


def places(metrics: pd.DataFrame) -> pd.DataFrame:
    """Where each row of the metrics lies on each axis: step, tokens (thousands; an evaluation between its neighbours), hours."""
    steps = metrics["step"].astype(float)
    known = metrics[metrics["tokens"].notna()]
    at, seen = [0.0, *known["step"].astype(float)], [0.0, *known["tokens"].astype(float)]
    tokens = np.interp(steps, at, seen) if len(known) else steps * 0
    return pd.DataFrame({"step": steps, "tokens": tokens / 1000, "hours": metrics["seconds"].astype(float) / 3600})


def curve_of(metrics: pd.DataFrame, column: str, name: str, weight: float = 0.0) -> pd.DataFrame:
    """One curve, long: step, tokens, hours, value, curve. Only what is finite."""
    table = places(metrics).assign(value=metrics[column].astype(float))
    table = table[np.isfinite(table["value"])].sort_values("step", kind="stable")
    if weight:
        table["value"] = smoothed(table["value"], weight)
    return thinned(table, "value").assign(curve=name)


def losses(runs: dict[str, pd.DataFrame], weight: float) -> pd.DataFrame:
    """Training and evaluation loss as one long table: step, tokens, hours, value, curve (a name of LOSS_COLOURS).

    One run: its training loss faint, smoothed over it, and its evaluation. Several: smoothed and evaluation of each.
    """
    parts = [nothing(LOSS_COLOURS)]
    if len(runs) == 1:
        metrics = next(iter(runs.values()))
        parts += [curve_of(metrics, "loss", "training"), curve_of(metrics, "eval_loss", "evaluation")]
        if weight:
            parts.append(curve_of(metrics, "loss", "smoothed", weight))
    else:
        for run_id, name in colours_of(list(runs)).items():
            parts.append(curve_of(runs[run_id], "loss", f"{name} training", weight))
            parts.append(curve_of(runs[run_id], "eval_loss", f"{name} evaluation"))
    return pd.concat(parts, ignore_index=True)


def measured(runs: dict[str, pd.DataFrame], column: str, unit: float = 1.0) -> pd.DataFrame:
    """One column of each run in units of `unit`, as one long table: step, tokens, hours, value, curve (a name of PALETTE)."""
    parts = [curve_of(runs[run_id], column, name) for run_id, name in colours_of(list(runs)).items()]
    table = pd.concat([nothing(PALETTE), *parts], ignore_index=True)
    return table.assign(value=table["value"] / unit)


def nothing(names: Iterable[str]) -> pd.DataFrame:
    """A table in which each curve has a name and no value."""
    return pd.DataFrame(
        [{"step": 0.0, "tokens": 0.0, "hours": 0.0, "value": float("nan"), "curve": name} for name in names]
    )
