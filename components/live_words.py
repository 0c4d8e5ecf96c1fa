"""What the Live cell says of a run: figures, findings with what to do, and sample answers step by step."""

from html import escape
from typing import Any

import pandas as pd

from components.cell import ENDED, duration, short, size

SIGNS = {"good": "✓", "look": "!", "bad": "!"}
MOST_STEPS = 8  # of the sample answers, the first and the last among them
SHOWN = {
    "loss": ("training loss", "{:.4f}"),
    "eval_loss": ("evaluation loss", "{:.4f}"),
    "learning_rate": ("learning rate", "{:.2e}"),
    "gradient_norm": ("gradient norm", "{:.2f}"),
    "tokens_per_second": ("tokens a second", "{:,.0f}"),
    "gpu_use": ("GPU use", "{:.0f} %"),
    "cpu_use": ("CPU use", "{:.0f} %"),
}


def names(runs: list[Any]) -> list[tuple[str, str]]:
    """The choices of a box of runs: the id with the name that it was given, and the id."""
    return [(f"{run.id} · {run.name}" if run.name else run.id, run.id) for run in runs]


def facts(run: Any, metrics: pd.DataFrame) -> dict[str, str]:
    """The newest value of each measurement, and the time that is left or was taken."""
    words = {}
    for column, (name, shape) in SHOWN.items():
        rows = metrics[metrics["is_evaluation"] == (column == "eval_loss")]
        if not len(rows) or (column in ("gpu_use", "cpu_use") and rows[column].isna().all()):
            continue
        words[name] = shape.format(float(rows[column].iloc[-1]))
    if len(memory := metrics["memory"].dropna()):
        words["memory"] = size(float(memory.iloc[-1]))
    progress, result = run.job.progress, run.result
    if run.state == "running" and progress.seconds_left is not None:
        words["time left"] = duration(progress.seconds_left)
    if "seconds" in result and run.state in ENDED:
        words["time taken"] = duration(result["seconds"])
    if result.get("best_step") is not None:
        words["kept: step"] = f"{result['best_step']:,}"
    return words


def small_print(run: Any, metrics: pd.DataFrame) -> str:
    """What is trained, what is not measured here, and where Weights & Biases has the curves."""
    lines = [f"Trainable parameters: {run.parameters}"] if run.parameters else []
    if metrics["memory"].notna().any() and metrics["gpu_use"].isna().all():
        lines.append("No GPU is used here: CPU use and memory are those of the training process.")
    if words := run.tracking:
        sending = ". What sends them stands at the end of this cell." if run.sync_command else ""
        lines.append(f"Weights & Biases: {words}{sending}")
    return "".join(f'<p class="why">{escape(line)}</p>' for line in lines)


def findings(remarks: list[Any]) -> str:
    """Each finding with what to do about it, the worst first."""
    return "".join(
        f'<div class="finding {remark.level}" data-kind="{escape(remark.kind)}"><b>{SIGNS[remark.level]} {escape(remark.text)}</b> '
        f"<span>{escape(remark.advice)}</span></div>"
        for remark in remarks
    )


def answers(samples: pd.DataFrame) -> str:
    """A small table for each question: what it answered at each evaluation, and what was expected."""
    parts = []
    for _, rows in samples.groupby("id", sort=False):
        first = rows.iloc[0]
        expected = str(first["expected"])
        body = "".join(
            f"<tr><td>{step:,}</td><td>{escape(short(answer, 400)) or '<i>nothing</i>'}{_mark(answer, expected)}</td></tr>"
            for step, answer in _some(list(zip(rows["step"], rows["answer"], strict=True)))
        )
        wanted = (
            f'<tr class="expected"><td>expected</td><td>{escape(short(expected, 400))}</td></tr>' if expected else ""
        )
        parts.append(
            f'<div class="group"><h4>{escape(short(first["prompt"], 300))}</h4><table class="plain samples"><thead><tr><th>step</th>'
            f"<th>its answer</th></tr></thead><tbody>{body}{wanted}</tbody></table></div>"
        )
    return "".join(parts)


def _mark(answer: str, expected: str) -> str:
    return ' <span class="good">✓ as expected</span>' if expected and answer.strip() == expected.strip() else ""


def _some(steps: list[tuple[int, str]]) -> list[tuple[int, str]]:
    if len(steps) <= MOST_STEPS:
        return steps
    return [steps[round(place * (len(steps) - 1) / (MOST_STEPS - 1))] for place in range(MOST_STEPS)]
