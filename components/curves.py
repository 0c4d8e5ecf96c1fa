"""The curves of one run or of several as tables to draw: smoothed, thinned, on one axis, a colour a run."""

import re

import numpy as np
import pandas as pd

from components.theme import BASE, TUNED

PALETTE = ["#4f7be8", "#c9772b", "#2f9e6e", "#c2549d", "#8a63d2", "#1f9bb5", "#c7564b", "#7d8a2e"]
"""Told apart, and readable, on light and on dark; a run has its colour in every chart."""
FAINT = "66"  # 40 % opacity
ONE = {"training": BASE + FAINT, "smoothed": BASE, "evaluation": TUNED}
ACROSS = [("steps", "step"), ("tokens", "tokens"), ("hours", "hours")]
TITLES = {"step": "optimiser step", "tokens": "tokens seen", "hours": "hours"}
MOST_POINTS = 800
"""Of one curve: more are not to be told apart on the page."""


def colour_of(run_id: str) -> str:
    """Always the same for a run."""
    number = re.search(r"(\d+)$", run_id)
    return PALETTE[(int(number[1]) - 1 if number else len(run_id)) % len(PALETTE)]


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


def across(metrics: pd.DataFrame, axis: str) -> pd.Series:
    """Where each row of the metrics lies on the axis: step, tokens (in millions where many) or hours."""
    if axis == "hours":
        return metrics["seconds"].astype(float) / 3600
    steps = metrics["step"].astype(float)
    if axis == "step":
        return steps
    known = metrics[metrics["tokens"].notna()]
    if not len(known):
        return steps * 0
    at, seen = [0.0, *known["step"].astype(float)], [0.0, *known["tokens"].astype(float)]
    return pd.Series(np.interp(steps, at, seen), index=metrics.index)


def curve_of(metrics: pd.DataFrame, column: str, axis: str, name: str, weight: float = 0.0) -> pd.DataFrame:
    """One curve, long: at, value, curve. Only what is finite."""
    table = pd.DataFrame({"at": across(metrics, axis), "value": metrics[column].astype(float)})
    table = table[np.isfinite(table["value"])].sort_values("at", kind="stable")
    if weight:
        table["value"] = smoothed(table["value"], weight)
    return thinned(table, "value").assign(curve=name)


def losses(runs: dict[str, pd.DataFrame], axis: str, weight: float) -> tuple[pd.DataFrame, dict[str, str]]:
    """Training and evaluation loss as one long table (at, value, curve), and the colour of each curve.

    One run: its training loss faint, smoothed over it, and its evaluation. Several: smoothed and evaluation of each.
    Every name is there from the first point: the plot keeps the colours that it began with.
    """
    parts: list[pd.DataFrame] = []
    if len(runs) == 1:
        metrics = next(iter(runs.values()))
        colours = ONE if weight else {"training": BASE, "evaluation": TUNED}
        parts = [curve_of(metrics, "loss", axis, "training"), curve_of(metrics, "eval_loss", axis, "evaluation")]
        if weight:
            parts.append(curve_of(metrics, "loss", axis, "smoothed", weight))
    else:
        colours = {}
        for run_id, metrics in runs.items():
            names = f"{run_id} training", f"{run_id} evaluation"
            colours |= {names[0]: colour_of(run_id) + FAINT, names[1]: colour_of(run_id)}
            parts.append(curve_of(metrics, "loss", axis, names[0], weight))
            parts.append(curve_of(metrics, "eval_loss", axis, names[1]))
    return pd.concat([_named(colours), *parts], ignore_index=True), colours


def measured(
    runs: dict[str, pd.DataFrame], column: str, axis: str, unit: float = 1.0
) -> tuple[pd.DataFrame, dict[str, str]]:
    """One column of each run in units of `unit`, as one long table (at, value, curve), and the colour of each run."""
    colours = {run_id: colour_of(run_id) for run_id in runs}
    parts = [curve_of(metrics, column, axis, run_id) for run_id, metrics in runs.items()]
    table = pd.concat([_named(colours), *parts], ignore_index=True)
    return table.assign(value=table["value"] / unit), colours


def _named(colours: dict[str, str]) -> pd.DataFrame:
    names = list(colours)
    return pd.DataFrame({"at": [0.0] * len(names), "value": [float("nan")] * len(names), "curve": names})
