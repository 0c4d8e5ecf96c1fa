"""The Live cell of tab 3: follows a run that lives in a process of its own, also after a reload or a restart."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
import pandas as pd

from components import curves, live_words
from components.cell import ENDED, Cell, Page, Updates, empty, job_line, tiles
from studio import JobError, NotFoundError, Project

NONE = "No run yet. Press “Start training” in cell 4 and watch the loss fall here."
LOG_LINES = 200
SMALL = [
    ("rate", "learning_rate", "learning rate", "~g", 1),
    ("gradient", "gradient_norm", "gradient norm", ",.2~f", 1),
    ("speed", "tokens_per_second", "tokens a second", ",.0f", 1),
    ("memory", "memory", "memory (GB)", ",.3~g", 1e9),
    ("gpu", "gpu_use", "GPU use (%)", ",.0f", 1),
    ("cpu", "cpu_use", "CPU use (%)", ",.3~g", 1),
]
"""The small charts: id, column, axis title, the form of its numbers, unit. One without values takes no room."""
IN_A_ROW = 3


@dataclass(frozen=True)
class Live:
    function: Any
    outputs: list[Any]
    newest: Any  # function(project) -> updates of `chosen`: follows the run that was just started
    chosen: list[Any]
    status: Any  # changes when the followed run starts, stops, ends, or is another one
    run: Any  # the box that names the followed run
    picked: Any  # the run that somebody chose to look at


def build_live(page: Page) -> Live:
    why = "The loss on what it learns from, and on rows that it does not see. Both should fall."
    with Cell(page, "train-live", 5, "Live", why, opened=True) as cell:
        with gr.Row(elem_classes="row"):
            # any value may come: while another project is opened, a tick with the run of the one before is on its way
            run = gr.Dropdown([], label="Run", allow_custom_value=True, elem_id="train-run", min_width=160)
            others = gr.Dropdown(
                [], multiselect=True, label="Lay over it", visible=False, elem_id="train-live-others", min_width=160
            )
        state = gr.HTML(empty(NONE), elem_id="train-live-state")
        health = gr.HTML(elem_id="train-live-health")
        loss = _plot("train-live-loss", "loss (nats a token)", ",.4~f", 300, curves.LOSS_COLOURS)
        legend = gr.HTML(visible=False, elem_id="train-live-legend")
        with gr.Row(elem_classes="row", visible=False) as choices:
            axis = gr.Radio(curves.ACROSS, value="step", label="Across", elem_id="train-live-axis", min_width=220)
            weight = gr.Slider(
                0, 0.99, value=0.6, step=0.01, label="Smoothing of the training loss", elem_id="train-live-smoothing", min_width=220,
            )  # fmt: skip
        plots = {}
        for first in range(0, len(SMALL), IN_A_ROW):
            with gr.Row(elem_classes="row"):
                for key, _, title, shape, _ in SMALL[first : first + IN_A_ROW]:
                    plots[key] = _plot(f"train-live-{key}", title, shape, 190, curves.PALETTE)
        with gr.Row(elem_classes="row"):
            stop = gr.Button("Stop (saves first)", visible=False, elem_id="train-stop")
            resume = gr.Button("Resume", visible=False, variant="primary", elem_id="train-resume")
        with gr.Accordion(
            "Sample answers: the same questions at each evaluation", open=True, visible=False, elem_classes="more"
        ) as samples_box:
            samples = gr.HTML(elem_id="train-live-samples")
        with gr.Accordion(f"Log: the last {LOG_LINES} lines", open=False, elem_classes="more"):
            log = gr.Code(
                "", language=None, interactive=False, show_label=False, max_lines=20, buttons=["copy"], elem_id="train-live-log"
            )  # fmt: skip
        sync = gr.Code(
            "", language="shell", interactive=False, visible=False, label="Send its curves to Weights & Biases", wrap_lines=True, lines=1,
            buttons=["copy"], elem_id="train-live-sync",
        )  # fmt: skip
    timer = gr.Timer(1.5, active=False)
    seen, standing = gr.State({}), gr.State("")
    stale = gr.State(0)  # when the list of runs may have changed
    place, newest = gr.State(""), gr.State("")  # the project it is of, and the newest one in it
    picked = gr.State("")
    drawn = [loss, legend, *plots.values()]
    outputs = [state, health, *drawn, choices, stop, resume, samples_box, samples, log, sync, timer, seen, standing]

    def follow(
        project: Project, run_id: str | None, besides: list[str], smooth: float, before: dict[str, str]
    ) -> Updates:
        """Shows what has changed since `before`, and nothing else: a part that stays is not sent."""
        if not run_id:
            hidden = {
                part: gr.update(visible=False) for part in (*drawn, choices, samples_box, health, stop, resume, sync)
            }
            return {state: empty(NONE), timer: gr.update(active=False), seen: {}, **hidden, **cell.says("")}
        try:
            chosen = project.run(run_id)
            runs = [chosen, *(project.run(other) for other in besides if other != run_id)]
        except NotFoundError:
            return {}
        job, status = chosen.job, chosen.state
        prints = {
            "head": f"{run_id} {status} {job.progress.done} {_size(chosen, 'metrics.jsonl')} {chosen.tracking}",
            "curves": f"{smooth} {status in ENDED} " + " ".join(f"{one.id} {_size(one, 'metrics.jsonl')}" for one in runs),
            "samples": f"{run_id} {_size(chosen, 'samples.jsonl')}",
            "log": f"{run_id} {_size(chosen, 'log.txt')}",
        }  # fmt: skip
        news = {part for part in prints if prints[part] != (before or {}).get(part)}
        if not news:
            return {}
        updates: Updates = {seen: prints}
        if news & {"head", "curves"}:
            metrics = chosen.metrics()
            words, bar = job_line(job)
            updates |= {
                state: bar + tiles(live_words.facts(chosen, metrics)) + live_words.small_print(chosen, metrics),
                stop: gr.update(visible=status in ("running", "queued")),
                resume: gr.update(visible=status in ("stopped", "failed", "interrupted")),
                timer: gr.update(active=status not in ENDED),
                standing: f"{run_id} {status}",
                sync: gr.update(value=chosen.sync_command, visible=bool(chosen.sync_command)),
                **cell.says(f"{run_id} {words}"),
            }
        if "curves" in news:
            found = {one.id: metrics if one is chosen else one.metrics() for one in runs}
            updates |= {**draw(found, smooth), choices: gr.update(visible=len(metrics) > 0)}
            remarks = live_words.findings(chosen.health())
            updates[health] = gr.update(value=remarks, visible=bool(remarks))
        if "samples" in news:
            shown = live_words.answers(chosen.samples())
            updates |= {samples: shown, samples_box: gr.update(visible=bool(shown))}
        if "log" in news:
            updates[log] = job.log_tail(LOG_LINES)
        return updates

    def draw(found: dict[str, pd.DataFrame], smooth: float) -> Updates:
        table = curves.losses(found, smooth)
        updates: Updates = {loss: _drawn(table)}
        updates[legend] = gr.update(
            value=curves.legend(list(found), smooth), visible=bool(table["value"].notna().any())
        )
        for key, column, _, _, unit in SMALL:
            updates[plots[key]] = _drawn(curves.measured(found, column, unit))
        return updates

    def turn(project: Project, across: str) -> Updates:
        """Another axis: each point has its place on all of them, for a chart draws itself anew for a new axis and misses
        the values that come with it."""
        return {plot: gr.update(x=across, x_title=curves.TITLES[across]) for plot in (loss, *plots.values())}

    def press_stop(project: Project, run_id: str | None, *looks: Any) -> Updates:
        if not run_id:
            raise JobError("There is no run to stop")
        project.run(run_id).stop()
        return {**follow(project, run_id, *looks), stop: gr.update(visible=False)}

    def press_resume(project: Project, run_id: str | None, *looks: Any) -> Updates:
        if not run_id or page.demo:
            raise JobError(
                "This run cannot be resumed here",
                "training is off in the demo" if page.demo else "no run",
                "Start a new one",
            )
        try:
            project.run(run_id).resume()
        except JobError:
            if project.run(run_id).state in ENDED:
                raise
            # another page or a notebook was first: it goes on, as it was to
        return {**follow(project, run_id, *looks), timer: gr.update(active=True)}

    looks = [run, others, weight, seen]
    quietly = {"show_progress": "hidden", "trigger_mode": "always_last"}
    page.follow(timer.tick, follow, looks, outputs, cell)
    for changed in (run.change, others.change, weight.change):
        page.on(changed, follow, looks, outputs, cell, **quietly)
    page.on(axis.change, turn, [axis], [loss, *plots.values()], cell, **quietly)
    page.on(stop.click, press_stop, looks, outputs, cell)
    page.on(resume.click, press_resume, looks, outputs, cell)
    page.on(run.input, lambda project, run_id: {picked: run_id}, [run], [picked], show_progress="hidden")

    def listed(project: Project, keep: str | None = None, laid: list[str] | None = None) -> Updates:
        """The runs there are, the newest first. `keep` stays followed, and the newest where it is gone."""
        found = list(reversed(project.runs()))
        there = [one.id for one in found]
        kept = keep if keep in there else next(iter(there), None)
        return {
            run: gr.update(choices=live_words.names(found), value=kept),
            others: gr.update(
                choices=live_words.names(found), value=[one for one in laid or [] if one in there], visible=len(found) > 1
            ),
            timer: gr.update(active=bool(found)),
            seen: {},
            place: project.name,
            newest: next(iter(there), ""),
        }  # fmt: skip

    def notice(project: Project, of: str, last: str, chosen_one: str, run_id: str | None, *looks: Any) -> Updates:
        """Something started, resumed, ended or deleted a run. The followed one stays what is shown, but where it has
        ended and nobody chose it, a training that is new takes its place; a trial does not, for it belongs to its search."""
        found = list(reversed(project.runs()))
        there = {one.id: one for one in found}
        if of != project.name or (run_id not in there and (found or run_id)):
            return listed(project, None, looks[0])
        updates = {
            run: gr.update(choices=live_words.names(found)),
            others: gr.update(choices=live_words.names(found), visible=len(found) > 1),
            newest: next(iter(there), ""),
        }
        new = next((one for one in found if one.id > last and "search" not in one.job.request), None)
        if run_id and run_id != chosen_one and new is not None and there[run_id].state in ENDED:
            return {
                **updates,
                run: gr.update(choices=live_words.names(found), value=new.id),
                timer: gr.update(active=True),
            }
        return {**updates, **follow(project, run_id, *looks)}

    def look_again(project: Project) -> Updates:
        return {stale: time.time_ns()}

    def settle(project: Project, run_id: str | None, laid: list[str], of: str) -> Updates:
        """After any step the page goes on with the run that it follows; another project begins with its newest."""
        return listed(project, run_id, laid) if of == project.name else listed(project)

    chosen = [run, others, timer, seen, place, newest]
    page.refresh_with(look_again, [stale])
    page.on(stale.change, settle, [run, others, place], chosen, quiet=True, show_progress="hidden")
    page.follow(page.changed.change, notice, [place, newest, picked, *looks], [*chosen, *outputs], cell)
    return Live(look_again, [stale], listed, chosen, standing, run, picked)


def _plot(elem_id: str, title: str, shape: str, height: int, colours: dict[str, str]) -> Any:
    """LinePlot keeps its node while its values move, so that nothing flashes and hover stays."""
    return gr.LinePlot(
        curves.nothing(colours), x="step", y="value", color="curve", color_map=colours, colors_in_legend=[], y_title=title, x_title=curves.TITLES["step"],
        x_axis_format=",~f", y_axis_format=shape, height=height, show_label=False, visible=False, min_width=280, elem_id=elem_id,
    )  # fmt: skip


def _drawn(table: pd.DataFrame) -> Any:
    return gr.update(value=table, visible=bool(table["value"].notna().any()))


def _size(run: Any, name: str) -> int:
    """Bytes of one of its files: it only grows, so this says whether there is anything new to read."""
    path = run.folder / name
    return path.stat().st_size if path.exists() else 0
