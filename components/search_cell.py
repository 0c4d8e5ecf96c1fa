"""The Search cell of tab 3: recipes tried by Optuna on a part of the data, followed live, and the best trained with."""

import time
from typing import Any

import gradio as gr

from components import presses, search_words
from components.cell import ENDED, Cell, Page, Updates, duration, empty, job_line, more, size
from components.dataset_box import opened, to_learn_from
from components.search_words import LABELS
from studio import ForbiddenError, InputError, Project, Recipe

SPACES = [
    ("Guide: rate 1e-5 to 5e-4, batch, warm-up, decay, r, alpha; q and v only", "guide"),
    ("Studio: around what suits this model", "studio"),
    ("My own ranges (under More)", "own"),
]
NONE = "No search yet. Press “Search”: the trials appear here."
SPLIT_FIRST = "No search yet. Split a dataset in tab 1, then press “Search”: the trials appear here."


def build_search(page: Page, number: int, dataset: Any, evaluation: Any, recipe_cell: Any, live: Any) -> None:
    """Learns from `dataset`, watched on `evaluation`, around the recipe of `recipe_cell`, as the cells above have them."""
    why = "Tries recipes on a part of the data, cuts the poor ones short, and keeps the one with the lowest evaluation loss."
    with Cell(page, "train-search", number, "Search", why, "search") as cell:
        with gr.Row(elem_classes="row"):
            space = gr.Dropdown(SPACES, value="guide", label="What is tried", elem_id="train-search-space")
            trials = gr.Number(20, label=LABELS["trials"], minimum=1, elem_id="train-search-trials", min_width=120)
            hours = gr.Number(4, label=LABELS["hours"], minimum=0, elem_id="train-search-hours", min_width=120)
            share = gr.Slider(
                0.1, 1, 0.15, step=0.01, label="Share of the data a trial learns from", info="A tenth to a fifth, or more where the data is small",
                elem_id="train-search-share",
            )  # fmt: skip
        with more(), gr.Row(elem_classes="row"):
            seed = gr.Number(0, label=LABELS["seed"], minimum=0, elem_id="train-search-seed", min_width=120)
            startup = gr.Number(
                5, label=LABELS["startup"], minimum=0, elem_id="train-search-startup", min_width=120
            )  # fmt: skip
            ranges = gr.Textbox(
                search_words.OWN, label="My own ranges, as JSON", lines=2, elem_id="train-search-ranges"
            )
        with gr.Row(elem_classes="row"):
            ask = gr.Button("How long?", elem_id="train-search-ask", min_width=120)
            run = gr.Button(
                "Search", variant="primary", interactive=not page.demo, elem_id="train-search-run", min_width=140
            )
            stop = gr.Button("Stop", visible=False, elem_id="train-search-stop", min_width=90)
            resume = gr.Button("Resume", visible=False, elem_id="train-search-resume", min_width=90)
        estimate = gr.HTML("", elem_id="train-search-estimate")
        which = gr.Dropdown([], label="Search to look at", visible=False, elem_id="train-search-which", min_width=160)
        state = gr.HTML("", elem_id="train-search-state")
        result = gr.HTML(empty(SPLIT_FIRST), elem_id="train-search-table")
        with gr.Row(elem_classes="row"):
            use = gr.Button("Use these values", visible=False, elem_id="train-search-use", min_width=150)
            best = gr.Button(
                "Train with the best", variant="primary", visible=False, elem_id="train-search-best", min_width=180
            )
            delete = gr.Button("Delete this search", visible=False, elem_id="train-search-delete", min_width=150)
        with gr.Column(visible=False) as asking:
            question = gr.HTML(elem_id="train-search-question")
            with gr.Row(elem_classes="row"):
                sure = gr.Button("Yes, delete it", variant="stop", elem_id="train-search-sure", min_width=140)
                keep = gr.Button("Keep it", elem_id="train-search-keep", min_width=120)
        history = gr.Plot(visible=False, show_label=False, elem_id="train-search-history")
        parallel = gr.Plot(visible=False, show_label=False, elem_id="train-search-parallel")
        important = gr.Plot(visible=False, show_label=False, elem_id="train-search-importance")
        weights = gr.HTML(visible=False, elem_id="train-search-weights")
    timer, seen = gr.Timer(2.0, active=False), gr.State("")
    stale, place = gr.State(0), gr.State("")  # when there may be other searches, and the project whose they are
    boxes = {"space": space, "ranges": ranges, "trials": trials, "hours": hours, "share": share, "seed": seed, "startup": startup}  # fmt: skip
    given = [dataset, evaluation, recipe_cell.whole, space, ranges, share]
    drawn = [history, parallel, important, weights]
    shown = [which, state, result, use, best, delete, asking, *drawn, stop, resume, timer, seen]

    def chosen(project: Project, *values: Any) -> dict[str, Any]:
        reference, watch, written, kind, own, part = values
        learn = opened(project, reference)
        if not watch or watch == reference:
            raise InputError(
                "There is nothing to compare recipes by", "no evaluation dataset", "Choose the test part in cell 1"
            )
        if not written:
            raise InputError(
                "There is no recipe to begin with", "cell 2 has none, or mistakes in it", "See to cells 1 and 2 first"
            )
        return {
            "dataset": learn, "recipe": Recipe.from_json(written), "evaluation": project.dataset(watch),
            "space": search_words.own_space(own) if kind == "own" else kind, "share": float(part),
        }  # fmt: skip

    def estimated(project: Project, count: float | None, limit: float | None, *values: Any) -> Updates:
        count, limit = search_words.given(trials=count, hours=limit).values()
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

    def begin(
        project: Project, count: float | None, limit: float | None, number: float | None, first: float | None, *values: Any
    ) -> Updates:  # fmt: skip
        asked = search_words.given(trials=count, hours=limit, seed=number, startup=first)
        made, is_new = presses.once(
            project, ("search", *map(str, values), *asked.values()), lambda: project.search(**chosen(project, *values), **asked)
        )  # fmt: skip
        said = f'<p class="note">{made.job.request["sample"]}</p>' if is_new else presses.note(made)
        return {**cell.made(), **listed(project), **follow(project, made.id), estimate: said}

    def listed(project: Project, kept: str | None = None) -> Updates:
        """The searches there are, the newest first; `kept` stays the one that is shown, or else the newest."""
        found = [one.id for one in reversed(project.searches())]
        value = kept if kept in found else next(iter(found), None)
        return {which: gr.update(choices=found, value=value, visible=len(found) > 1)}

    def follow(project: Project, search_id: str | None, before: str = "") -> Updates:
        if not search_id:
            gone = "not run yet" if cell.latest(project) is None else "deleted"
            hidden = {part: gr.update(visible=False) for part in (use, best, delete, asking, *drawn, stop, resume)}
            return {
                state: "",
                result: empty(NONE if to_learn_from(project) else SPLIT_FIRST),
                timer: gr.update(active=False),
                seen: "",
                **hidden,
                **cell.says(gone),
            }
        search = project.open_search(search_id)
        job, rows = search.job, search.trials
        status, progress = job.state.status, job.progress
        ended = rows[rows["state"].isin(["finished", "pruned"])]
        pictured = f"{search.id} {ended['trial'].tolist()} "
        now = f"{pictured}{status} {progress.done:.3f} {rows['state'].tolist()}"
        if now == before:
            return {}
        words, bar = job_line(job)
        there = gr.update(visible=bool((rows["state"] == "finished").any()) and not page.demo)
        updates: Updates = {
            state: bar + search_words.figures(search, rows), result: search_words.trials_table(search, rows), seen: now,
            timer: gr.update(active=status not in ENDED), stop: gr.update(visible=status in ("running", "queued")),
            resume: gr.update(visible=status in ("stopped", "failed", "interrupted")), use: there, best: there,
            delete: gr.update(visible=status in ENDED and not page.demo), asking: gr.update(visible=False),
            **cell.says(f"{search.id} {words}"),
        }  # fmt: skip
        if not before.startswith(pictured):
            updates |= search_words.pictures(search, rows, *drawn)
        return updates

    def press_stop(project: Project, search_id: str) -> Updates:
        project.open_search(search_id).stop()
        return {**follow(project, search_id), stop: gr.update(visible=False)}

    def press_resume(project: Project, search_id: str) -> Updates:
        _refuse(page.demo)
        project.open_search(search_id).resume()
        return follow(project, search_id)

    def press_best(project: Project, search_id: str) -> Updates:
        search = project.open_search(search_id)
        given = search.job.request
        learn, watch = project.dataset(given["dataset"]), project.dataset(given["evaluation"])
        run, is_new = presses.once(
            project, ("best", search_id, search.best), lambda: project.train(learn, search.best, evaluation=watch)
        )
        twice = {} if is_new else {cell.message: gr.update(value=presses.note(run), visible=True)}
        return {**live.newest(project), **cell.says("the best is being trained: see cell 5"), **twice}

    def press_use(project: Project, search_id: str) -> Updates:
        """What was found goes into cell 2, with the model and the method that it was found for."""
        found = project.open_search(search_id).best
        names = ["model", "method", *found.reasons]
        values = {name: value for name, value in found.model_dump().items() if name in names}
        return {
            **recipe_cell.take(values, found.reasons),
            **cell.says(f"the best values of {search_id} are in cell 2: change them there, and start"),
        }

    def press_delete(project: Project, search_id: str) -> Updates:
        words = search_words.question(project.open_search(search_id))
        return {asking: gr.update(visible=True), question: words}

    def press_sure(project: Project, search_id: str) -> Updates:
        _refuse(page.demo)
        freed = project.open_search(search_id).delete()
        said = f'<p class="note">{search_id} and the runs of its trials are deleted: {size(freed)} freed.</p>'
        return {estimate: said, asking: gr.update(visible=False), page.made: time.time_ns()}

    def settle(project: Project, search_id: str | None, of: str) -> Updates:
        """After any step the page goes on with what it shows; opened, or in another project, with the newest search and
        what that was asked for."""
        updates = listed(project, search_id if of == project.name else None)
        updates |= {place: project.name, **follow(project, updates[which]["value"])}
        if of != project.name:
            values = search_words.asked(cell.latest(project))
            updates |= {box: values[name] for name, box in boxes.items()}
        return updates

    page.on(ask.click, estimated, [trials, hours, *given], [estimate], cell)
    page.on(run.click, begin, [trials, hours, seed, startup, *given], [page.made, estimate, *shown], cell)
    for button, press in ((stop, press_stop), (resume, press_resume)):
        page.on(button.click, press, [which], shown, cell)
    page.on(which.input, follow, [which], shown, cell, show_progress="hidden")
    page.on(best.click, press_best, [which], live.chosen, cell)
    page.on(use.click, press_use, [which], [recipe_cell.offered], cell)
    page.on(delete.click, press_delete, [which], [asking, question], cell)
    page.on(keep.click, lambda project: {asking: gr.update(visible=False)}, [], [asking])
    page.on(sure.click, press_sure, [which], [estimate, asking, page.made], cell)
    page.follow(timer.tick, follow, [which, seen], shown, cell)
    page.on(stale.change, settle, [which, place], [place, *boxes.values(), *shown], cell, show_progress="hidden")
    page.refresh_with(lambda project: {stale: time.time_ns()}, [stale])


def _refuse(demo: bool) -> None:
    if demo:
        raise ForbiddenError("Training is off in this demo", "a shared Space", "Run the studio on your own machine")
