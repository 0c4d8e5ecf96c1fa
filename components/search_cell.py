"""The Search cell of tab 3: recipes tried by Optuna on a part of the data, followed live, and the best trained with."""

import json
from typing import Any

import gradio as gr

from components import charts
from components.cell import ENDED, Cell, Page, Updates, duration, empty, job_line, more, table
from components.dataset_box import opened
from studio import ForbiddenError, InputError, JobError, Project, Recipe

SPACES = [
    ("Guide: rate 1e-5 to 5e-4, batch, warm-up, decay, r, alpha; q and v only", "guide"),
    ("Studio: around what suits this model", "studio"),
    ("My own ranges (under More)", "own"),
]
NONE = "No search yet. Split a dataset in tab 1, then press “Search”: the trials appear here."
OWN = '{"learning_rate": {"low": 1e-4, "high": 3e-3, "log": true}, "r": [8, 16, 32]}'


def build_search(page: Page, number: int, dataset: Any, evaluation: Any, recipe: Any, live: Any) -> None:
    """Learns from `dataset`, watched on `evaluation`, around `recipe` (JSON), as the cells above have them."""
    why = "Tries recipes on a part of the data, cuts the poor ones short, and keeps the one with the lowest evaluation loss."
    with Cell(page, "train-search", number, "Search", why, "search") as cell:
        with gr.Row(elem_classes="row"):
            space = gr.Dropdown(SPACES, value="guide", label="What is tried", elem_id="train-search-space")
            trials = gr.Number(20, label="Trials", precision=0, minimum=1, elem_id="train-search-trials", min_width=120)
            hours = gr.Number(4, label="At most, in hours", minimum=0, elem_id="train-search-hours", min_width=120)
            share = gr.Slider(
                0.1, 0.2, 0.15, step=0.01, label="Share of the data a trial learns from", elem_id="train-search-share"
            )
        with more(), gr.Row(elem_classes="row"):
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="train-search-seed", min_width=120)
            startup = gr.Number(
                5, label="First trials that are never cut short", precision=0, minimum=0, elem_id="train-search-startup", min_width=120
            )  # fmt: skip
            ranges = gr.Textbox(OWN, label="My own ranges, as JSON", lines=2, elem_id="train-search-ranges")
        with gr.Row(elem_classes="row"):
            ask = gr.Button("How long?", elem_id="train-search-ask", min_width=120)
            run = gr.Button(
                "Search", variant="primary", interactive=not page.demo, elem_id="train-search-run", min_width=140
            )
            stop = gr.Button("Stop", visible=False, elem_id="train-search-stop", min_width=90)
            resume = gr.Button("Resume", visible=False, elem_id="train-search-resume", min_width=90)
        estimate = gr.HTML("", elem_id="train-search-estimate")
        state = gr.HTML("", elem_id="train-search-state")
        result = gr.HTML(empty(NONE), elem_id="train-search-table")
        best = gr.Button(
            "Train with the best", variant="primary", visible=False, elem_id="train-search-best", min_width=180
        )
        history = gr.Plot(visible=False, show_label=False, elem_id="train-search-history")
        parallel = gr.Plot(visible=False, show_label=False, elem_id="train-search-parallel")
        important = gr.Plot(visible=False, show_label=False, elem_id="train-search-importance")
    timer, seen = gr.Timer(2.0, active=False), gr.State("")
    given = [dataset, evaluation, recipe, space, ranges, share]
    shown = [state, result, best, history, parallel, important, stop, resume, timer, seen]

    def chosen(project: Project, *values: Any) -> dict[str, Any]:
        reference, watch, written, kind, own, part = values
        learn = opened(project, reference)
        if not watch or watch == reference:
            raise InputError(
                "There is nothing to compare recipes by", "no evaluation dataset", "Choose the test part in cell 1"
            )
        if not written:
            raise InputError(
                "There is no recipe to begin with", "cell 2 is empty", "Choose what it learns from in cell 1"
            )
        return {
            "dataset": learn, "recipe": Recipe.from_json(written), "evaluation": project.dataset(watch),
            "space": _own(own) if kind == "own" else kind, "share": float(part),
        }  # fmt: skip

    def estimated(project: Project, count: float, limit: float, *values: Any) -> Updates:
        found = project.expected_search(**chosen(project, *values))
        if found["seconds"] is None:
            words = f"How long is unknown until this model was trained here once; at most {limit:g} h and one trial."
        else:
            whole = min(found["seconds"] * count, limit * 3600)
            words = (
                f"At most {duration(whole)}: {count:.0f} trials of about {duration(found['seconds'])}, by the speed of "
                f"{found['measured_by']}; less where trials are cut short."
            )
        return {estimate: f'<p class="note">{words}<br>{found["sample"]}</p>', **cell.says("not run yet")}

    def begin(project: Project, count: float, limit: float, number_of: float, first: float, *values: Any) -> Updates:
        made = project.search(
            **chosen(project, *values),
            trials=int(count or 0),
            hours=float(limit or 0),
            seed=int(number_of or 0),
            startup=int(first or 0),
        )
        return {**cell.made(project), **follow(project), estimate: f'<p class="note">{made.job.request["sample"]}</p>'}

    def follow(project: Project, before: str = "") -> Updates:
        found = project.searches()
        if not found:
            hidden = {part: gr.update(visible=False) for part in (best, history, parallel, important, stop, resume)}
            return {state: "", result: empty(NONE), timer: gr.update(active=False), seen: "", **hidden}
        last = found[-1]
        job, rows = last.job, last.trials
        status, progress = job.state.status, job.progress
        ended = rows[rows["state"].isin(["finished", "pruned"])]
        drawn = f"{last.id} {ended['trial'].tolist()}"
        now = f"{drawn} {status} {progress.done:.3f} {rows['state'].tolist()}"
        if now == before:
            return {}
        words, bar = job_line(job)
        there = bool((rows["state"] == "finished").any())
        updates: Updates = {
            state: bar, result: _table(last, rows), seen: now, timer: gr.update(active=status not in ENDED),
            stop: gr.update(visible=status in ("running", "queued")),
            resume: gr.update(visible=status in ("stopped", "failed", "interrupted")),
            best: gr.update(visible=there and not page.demo), **cell.says(f"{last.id} {words}"),
        }  # fmt: skip
        # a drawn figure is replaced whole: only when a trial has ended
        if not before.startswith(drawn):
            updates |= _pictures(last, rows, history, parallel, important, there and len(ended) > 1)
        return updates

    def press_stop(project: Project) -> Updates:
        _last(project).stop()
        return {**follow(project), stop: gr.update(visible=False)}

    def press_resume(project: Project) -> Updates:
        if page.demo:
            raise ForbiddenError("Training is off in this demo", "a shared Space", "Run the studio on your own machine")
        _last(project).resume()
        return follow(project)

    def press_best(project: Project) -> Updates:
        found = _last(project)
        asked = found.job.request
        project.train(project.dataset(asked["dataset"]), found.best, evaluation=project.dataset(asked["evaluation"]))
        return {**live.newest(project), **cell.says("the best is being trained: see cell 5")}

    page.on(ask.click, estimated, [trials, hours, *given], [estimate], cell)
    page.on(run.click, begin, [trials, hours, seed, startup, *given], [page.made, estimate, *shown], cell)
    page.on(stop.click, press_stop, [], shown, cell)
    page.on(resume.click, press_resume, [], shown, cell)
    page.on(best.click, press_best, [], live.chosen, cell)
    page.on(timer.tick, follow, [seen], shown, cell, quiet=True, show_progress="hidden")
    page.refresh_with(follow, [*shown, *cell.outputs])


def _own(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "")
    except ValueError as error:
        raise InputError("My own ranges are not JSON", str(error), f"Write them like {OWN}") from None
    if not isinstance(found, dict):
        raise InputError("My own ranges are no JSON object", type(found).__name__, f"Write them like {OWN}")
    return found


def _last(project: Project) -> Any:
    found = project.searches()
    if not found:
        raise JobError("There is no search yet", "", "Start one first")
    return found[-1]


def _table(search: Any, rows: Any) -> str:
    if rows.empty:
        return empty("The first trial is being prepared.")
    names = list(search.space.searched)
    heads = ["trial", "state", *(name.replace("_", " ") for name in names), "loss", "time", "run"]
    lowest = rows.loc[rows["state"] == "finished", "loss"].min()
    lines = []
    for row in rows.to_dict("records"):
        pruned = row["pruned_at"] is not None and row["pruned_at"] == row["pruned_at"]
        words = f"pruned at step {int(row['pruned_at'])}" if pruned else row["state"]
        is_best = row["state"] == "finished" and row["loss"] == lowest
        note = f": {row['note']}" if row["state"] == "failed" and row["note"] else ""
        loss = "" if row["loss"] is None or row["loss"] != row["loss"] else f"{row['loss']:.4f}"
        values = [_number(row[name]) for name in names]
        seconds = "" if row["seconds"] is None or row["seconds"] != row["seconds"] else duration(row["seconds"])
        lines.append(
            [str(row["trial"]), ("✓ best" if is_best else words) + note, *values, loss, seconds, row["run"] or ""]
        )
    return f'<p class="why">{search.job.request["sample"]}</p>' + table(heads, lines)


def _number(value: Any) -> str:
    return "" if value is None or value != value else (f"{value:.3g}" if isinstance(value, float) else str(value))


def _pictures(search: Any, rows: Any, history: Any, parallel: Any, important: Any, worth: bool) -> Updates:
    if not worth:
        return {part: gr.update(visible=False) for part in (history, parallel, important)}
    searched = search.space.searched
    names = [name for name in searched if all(isinstance(value, int | float) for value in rows[name].dropna())]
    shares = search.importance()
    logarithmic = {name for name, value in searched.items() if isinstance(value, dict) and value.get("log")}
    return {
        history: gr.update(value=charts.trial_history(rows), visible=True),
        parallel: gr.update(value=charts.parallel_trials(rows, names, logarithmic), visible=True),
        important: gr.update(value=charts.importance_bars(shares) if shares else None, visible=bool(shares)),
    }
