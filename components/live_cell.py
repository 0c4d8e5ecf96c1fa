"""The Live cell of tab 3: follows a run that lives in a process of its own, also after a reload or a restart."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from components.cell import ENDED, Cell, Page, Updates, duration, empty, job_line, tiles
from components.theme import BASE, TUNED
from studio import JobError, Project

NONE = "No run yet. Press “Start training” in cell 4 and watch the loss fall here."


@dataclass(frozen=True)
class Live:
    function: Any
    outputs: list[Any]
    newest: Any  # function(project) -> updates of `chosen`: follows the run that was started last
    chosen: list[Any]
    status: Any  # changes when the followed run starts, stops, ends, or is another one


def build_live(page: Page) -> Live:
    why = "The loss on what it learns from, and on rows that it does not see. Both should fall."
    with Cell(page, "train-live", 5, "Live", why, opened=True) as cell:
        run = gr.Dropdown([], label="Run", elem_id="train-run")
        state = gr.HTML(empty(NONE), elem_id="train-live-state")
        loss = gr.LinePlot(
            _series(pd.DataFrame()), x="step", y="loss", color="measured on", color_map={"training": BASE, "evaluation": TUNED},
            x_title="optimiser step", y_title="loss (nats a token)", height=280, show_label=False, visible=False, elem_id="train-live-loss",
        )  # fmt: skip
        with gr.Row(elem_classes="row"):
            rate = gr.LinePlot(
                pd.DataFrame({"step": [], "learning_rate": []}), x="step", y="learning_rate", x_title="optimiser step", height=180,
                y_title="learning rate", show_label=False, visible=False, elem_id="train-live-rate",
            )  # fmt: skip
            speed = gr.LinePlot(
                pd.DataFrame({"step": [], "tokens_per_second": []}), x="step", y="tokens_per_second", x_title="optimiser step", height=180,
                y_title="tokens a second", show_label=False, visible=False, elem_id="train-live-speed",
            )  # fmt: skip
        with gr.Row(elem_classes="row"):
            stop = gr.Button("Stop (saves first)", visible=False, elem_id="train-stop")
            resume = gr.Button("Resume", visible=False, variant="primary", elem_id="train-resume")
        with gr.Accordion("Log", open=False, elem_classes="more"):
            log = gr.Code(
                "", language=None, interactive=False, show_label=False, max_lines=20, elem_id="train-live-log"
            )
    timer = gr.Timer(1.5, active=False)
    seen, standing = gr.State(""), gr.State("")
    outputs = [state, loss, rate, speed, stop, resume, log, timer, seen, standing]

    def follow(project: Project, run_id: str | None, before: str = "") -> Updates:
        if not run_id:
            hidden = {part: gr.update(visible=False) for part in (loss, rate, speed, stop, resume)}
            return {state: empty(NONE), timer: gr.update(active=False), **hidden, **cell.says("")}
        chosen = project.run(run_id)
        job, metrics = chosen.job, chosen.metrics()
        now = f"{run_id} {chosen.state} {len(metrics)} {job.progress.done}"
        if now == before:
            return {}
        status = chosen.state
        over = status in ENDED
        words, bar = job_line(job)
        return {
            state: bar + tiles(_facts(chosen, metrics)),
            loss: gr.update(value=_series(metrics), visible=len(metrics) > 0),
            rate: gr.update(value=metrics[["step", "learning_rate"]].dropna(), visible=len(metrics) > 0),
            speed: gr.update(value=metrics[["step", "tokens_per_second"]].dropna(), visible=len(metrics) > 0),
            stop: gr.update(visible=status in ("running", "queued")),
            resume: gr.update(visible=status in ("stopped", "failed", "interrupted")),
            log: job.log_tail(40),
            timer: gr.update(active=not over),
            seen: now,
            standing: f"{run_id} {status}",
            **cell.says(f"{run_id} {words}"),
        }

    def press_stop(project: Project, run_id: str | None) -> Updates:
        if not run_id:
            raise JobError("There is no run to stop")
        project.run(run_id).stop()
        return {**follow(project, run_id), stop: gr.update(visible=False)}

    def press_resume(project: Project, run_id: str | None) -> Updates:
        if not run_id or page.demo:
            raise JobError(
                "This run cannot be resumed here",
                "training is off in the demo" if page.demo else "no run",
                "Start a new one",
            )
        project.run(run_id).resume()
        return {**follow(project, run_id), timer: gr.update(active=True)}

    page.on(timer.tick, follow, [run, seen], outputs, cell, quiet=True, show_progress="hidden")
    page.on(run.change, follow, [run], outputs, cell, show_progress="hidden")
    page.on(stop.click, press_stop, [run], outputs, cell)
    page.on(resume.click, press_resume, [run], outputs, cell)

    def newest(project: Project) -> Updates:
        found = [one.id for one in reversed(project.runs())]
        return {
            run: gr.update(choices=found, value=found[0] if found else None),
            timer: gr.update(active=bool(found)),
            seen: "",
        }

    chosen = [run, timer, seen]
    page.refresh_with(newest, chosen)
    return Live(
        lambda project: {timer: gr.update(active=bool(project.runs())), seen: ""},
        [timer, seen],
        newest,
        chosen,
        standing,
    )


def _series(metrics: pd.DataFrame) -> pd.DataFrame:
    """Training and evaluation loss as one long table: step, loss, measured on.

    Both names are there from the first point: the plot keeps the colours that it began with.
    """
    parts = [pd.DataFrame({"step": [0, 0], "loss": [float("nan")] * 2, "measured on": ["training", "evaluation"]})]
    for column, name in (("loss", "training"), ("eval_loss", "evaluation")):
        if column in metrics and len(part := metrics[metrics[column].notna()]):
            values = part[column].astype(float)
            parts.append(pd.DataFrame({"step": part["step"].astype(int), "loss": values, "measured on": name}))
    return pd.concat(parts, ignore_index=True)


def _facts(run: Any, metrics: pd.DataFrame) -> dict[str, str]:
    def last(column: str) -> float | None:
        values = metrics[column].dropna()
        return float(values.iloc[-1]) if len(values) else None

    progress, result = run.job.progress, run.result
    facts = {
        "training loss": last("loss"),
        "evaluation loss": last("eval_loss"),
        "learning rate": last("learning_rate"),
        "tokens a second": last("tokens_per_second"),
    }
    shapes = {
        "training loss": "{:.4f}",
        "evaluation loss": "{:.4f}",
        "learning rate": "{:.2e}",
        "tokens a second": "{:,.0f}",
    }
    words = {name: shapes[name].format(value) for name, value in facts.items() if value is not None}
    if run.state == "running" and progress.seconds_left is not None:
        words["time left"] = duration(progress.seconds_left)
    if "seconds" in result and run.state in ENDED:
        words["time taken"] = duration(result["seconds"])
    if result.get("best_step") is not None:
        words["kept: step"] = f"{result['best_step']:,}"
    return words
