"""The Duplicates cell of tab 1: what stands in the data more than once, side by side, and the best of each kept."""

import math
from typing import Any

import gradio as gr
import pandas as pd

from components.beside import beside, card, differences, said
from components.cell import ENDED, Cell, Page, Updates, empty, job_line, more, tiles
from components.dataset_box import left_out_words, newest, opened, references
from components.load_cell import SAMPLE_FIRST
from studio import JobError, Project

GROUPS = 10
MUCH = 0.3
"""share of the rows that would go, from which it is more often the threshold or the model than the data"""
ROWS = 6
"""of a group that are shown"""
BY = [("the same words", "words"), ("the same meaning", "meaning")]
USUAL = {"words": 0.8, "meaning": 0.95}
MODEL_NOTE = (
    "Meaning is compared by a model on this machine, in a job. The starter only shows how it works: a sentence encoder "
    "(a folder, or a Hub id such as sentence-transformers/all-MiniLM-L6-v2) is far better at it."
)
NOT_SHOWN = "Press “Show them” to see what stands here more than once."


def _kept(project: Project, step: Any) -> str:
    made = project.dataset(step.results[0])
    return f"{len(made.dropped):,} dropped, {len(made):,} kept"


def build_duplicates(page: Page, number: int) -> None:
    why = "What is said twice is learned twice: keep the best of each group, and see that it is one."
    with Cell(page, "data-duplicates", number, "Duplicates", why, "drop_duplicates", describe=_kept) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-duplicates-dataset")
            by = gr.Radio(BY, value="words", label="Alike are rows with", elem_id="data-duplicates-by")
            threshold = gr.Slider(
                0.5, 1, 0.8, step=0.01, label="Alike from this on (1 is the same)", elem_id="data-duplicates-threshold"
            )
        note = gr.HTML(f'<p class="note">{MODEL_NOTE}</p>', visible=False, elem_id="data-duplicates-note")
        with more(), gr.Row(elem_classes="row"):
            run_words = gr.Number(
                3, label="Words in a run that is compared", precision=0, minimum=1, maximum=50, elem_id="data-duplicates-words"
            )  # fmt: skip
            model = gr.Textbox(
                "starter", label="Model that compares meaning: starter, a folder, or a Hub id", visible=not page.demo,
                elem_id="data-duplicates-model",
            )  # fmt: skip
        with gr.Row(elem_classes="row"):
            show = gr.Button("Show them", elem_id="data-duplicates-show", min_width=140)
            run = gr.Button("Drop copies", variant="primary", elem_id="data-duplicates-run", min_width=180)
            stop = gr.Button("Stop", visible=False, elem_id="data-duplicates-stop", min_width=90)
        state = gr.HTML("", elem_id="data-duplicates-state")
        counts = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-duplicates-counts")
        groups = gr.HTML("", elem_id="data-duplicates-groups")
        with gr.Row(visible=False, elem_classes="row") as turning:
            at = gr.Number(1, label=f"Page of {GROUPS} groups", precision=0, minimum=1, elem_id="data-duplicates-page")
            previous = gr.Button("Previous", size="sm", elem_id="data-duplicates-previous", min_width=90)
            following = gr.Button("Next", size="sm", elem_id="data-duplicates-next", min_width=90)
    timer, awaited = gr.Timer(1.0, active=False), gr.State("")
    choices = [dataset, by, threshold, run_words, model]
    shown = [counts, groups, turning, at]
    watched = [state, stop, timer, awaited]

    def found_groups(
        project: Project, reference: str | None, kind: str, how_near: float, words: float | None, name: str | None
    ) -> Any:
        """The table of groups, None when many words or the meanings were not compared yet; see
        Project.near_duplicate_groups."""
        chosen, limit = opened(project, reference), round(float(how_near), 2)
        if kind == "meaning":
            return project.found_semantic_duplicates(chosen, model=_model(page, name), threshold=limit)
        said = {"threshold": limit, "run": int(words or 3)}
        if project.is_long("near_duplicate_groups", chosen, **said):
            return None
        return project.near_duplicate_groups(chosen, **said)

    def begun(
        project: Project, reference: str | None, kind: str, how_near: float, words: float | None, name: str | None
    ) -> Any:
        """The job that compares them."""
        chosen, limit = opened(project, reference), round(float(how_near), 2)
        if kind == "meaning":
            return project.start_semantic_search(chosen, model=_model(page, name), threshold=limit)
        return project.start_step("near_duplicate_groups", chosen, threshold=limit, run=int(words or 3))

    def look(project: Project, *given: Any) -> Updates:
        table = found_groups(project, *given)
        if table is None:
            job = begun(project, *given)
            return {**follow(project, job.id, *given), timer: gr.update(active=True), awaited: job.id}
        return draw(project, table, 1, *given)

    def draw(project: Project, table: pd.DataFrame, wanted: int, *given: Any) -> Updates:
        pages = max(1, math.ceil(table["group"].nunique() / GROUPS))
        number = min(max(1, wanted), pages)
        return {
            **cell.restore(project),
            counts: _counts(table, len(opened(project, given[0]))), groups: _page(opened(project, given[0]), table, number), at: gr.update(value=number, maximum=pages),
            turning: gr.update(visible=pages > 1), state: "", stop: gr.update(visible=False), timer: gr.update(active=False),
            cell.message: gr.update(visible=False),
        }  # fmt: skip

    def turn(project: Project, number: float | None, *given: Any, by: int = 0) -> Updates:
        table = found_groups(project, *given)
        return {} if table is None else draw(project, table, int(number or 1) + by, *given)

    def follow(project: Project, job_id: str, *given: Any) -> Updates:
        if not job_id:
            return {timer: gr.update(active=False)}
        job = project.job(job_id)
        words, bar = job_line(job)
        if job.state.status == "finished" and (table := found_groups(project, *given)) is not None:
            return draw(project, table, 1, *given)
        over = job.state.status in ENDED
        return {
            state: bar, stop: gr.update(visible=not over and job.state.status != "stopping"), timer: gr.update(active=not over),
            **cell.says(words),
        }  # fmt: skip

    def press_stop(project: Project, job_id: str) -> Updates:
        if not job_id:
            raise JobError("There is nothing to stop")
        project.job(job_id).stop()
        return {stop: gr.update(visible=False)}

    def drop(project: Project, *given: Any) -> Updates:
        reference, kind, how_near, words, name = given
        chosen, limit = opened(project, reference), round(float(how_near), 2)
        if found_groups(project, *given) is None:
            return look(project, *given)
        if kind == "meaning":
            project.drop_duplicates(chosen, by=kind, threshold=limit, model=_model(page, name))
        else:
            project.drop_duplicates(chosen, by=kind, threshold=limit, run=int(words or 3))
        return cell.made()

    def other_kind(project: Project, kind: str) -> Updates:
        return {threshold: USUAL[kind], note: gr.update(visible=kind == "meaning")}

    def restore(project: Project) -> Updates:
        nothing = empty(NOT_SHOWN if project.datasets() else SAMPLE_FIRST)
        words = left_out_words(project, cell.latest(project)) or nothing
        updates: Updates = {
            dataset: newest(project, "load", "mix", "filter", "redact"), counts: words, groups: "", turning: gr.update(visible=False), state: "",
            stop: gr.update(visible=False), timer: gr.update(active=False),
        }  # fmt: skip
        searches = [*project.jobs("semantic"), *reversed(project.step_jobs("near_duplicate_groups"))]
        working = [job for job in searches if job.state.status not in ENDED]
        if not working:
            return updates
        job = working[-1]  # it goes on whoever looks: a page that comes back follows it
        words, bar = job_line(job)
        return {
            **updates, **asked_for(project, job), state: bar, awaited: job.id,
            stop: gr.update(visible=True), timer: gr.update(active=True), **cell.says(words),
        }  # fmt: skip

    def asked_for(project: Project, job: Any) -> Updates:
        asked = job.request
        if job.kind == "semantic":
            chosen = {
                by: "meaning",
                threshold: asked["threshold"],
                model: asked["model"],
                note: gr.update(visible=True),
            }
            reference = asked["dataset"]
        else:
            said = asked["arguments"]
            chosen = {by: "words", threshold: said["threshold"], run_words: said["run"], note: gr.update(visible=False)}
            reference = asked["datasets"][0]
        return {**chosen, dataset: gr.update(choices=references(project), value=reference)}

    page.on(by.input, other_kind, [by], [threshold, note], show_progress="hidden")
    page.on(show.click, look, choices, [*shown, *watched], cell)
    page.on(run.click, drop, choices, [page.made, *shown, *watched], cell)
    page.on(at.submit, turn, [at, *choices], [*shown, *watched], cell)
    for button, step in ((previous, -1), (following, 1)):
        page.on(button.click, _turning(turn, step), [at, *choices], [*shown, *watched], cell)
    page.follow(timer.tick, follow, [awaited, *choices], [*shown, *watched], cell)
    page.on(stop.click, press_stop, [awaited], [stop], cell)
    page.refresh_with(restore, [*choices, note, *shown, *watched, *cell.outputs])


def _turning(turn: Any, step: int) -> Any:
    return lambda project, *given: turn(project, *given, by=step)


def _model(page: Page, name: str | None) -> str:
    return "starter" if page.demo else (name or "").strip() or "starter"


def _counts(table: pd.DataFrame, rows: int) -> str:
    goes = table[~table["keep"]]
    exact = int((goes["kind"] == "exact").sum())
    if goes.empty:
        return empty("No row is like another from this likeness on.")
    facts = tiles({
        "groups": f"{table['group'].nunique():,}", "exact copies": f"{exact:,}", "near copies": f"{len(goes) - exact:,}",
        "rows that would go": f"{len(goes):,}",
    })  # fmt: skip
    if len(goes) <= MUCH * rows:
        return facts
    return (
        facts
        + f'<p class="look">! {len(goes) / rows:.0%} of all rows would go: look whether they are copies, or raise the bar.</p>'
    )


def _page(dataset: Any, table: pd.DataFrame, number: int) -> str:
    """One page of groups as HTML; only its rows are read."""
    first = (number - 1) * GROUPS + 1
    part = table[table["group"].between(first, first + GROUPS - 1)]
    rows = part.groupby("group").head(ROWS)
    kept = part[part["id"].isin(rows["instead"])]
    wanted = pd.concat([rows, kept]).drop_duplicates("id")
    texts = dict(zip(wanted["id"], map(said, dataset.take(wanted["position"].tolist())["messages"]), strict=True))
    return "".join(
        _group(group, part[part["group"] == group], of_group, texts) for group, of_group in rows.groupby("group")
    )


def _group(number: Any, whole: pd.DataFrame, rows: pd.DataFrame, texts: dict[str, str]) -> str:
    cards = [_row(row, whole, texts) for row in rows.itertuples()]
    goes = int((~whole["keep"]).sum())
    title = f"Group {number} · {len(whole):,} rows, {goes:,} would go"
    left = len(whole) - len(rows)
    return beside(title, cards, f"and {left:,} more" if left else "")


def _row(row: Any, whole: pd.DataFrame, texts: dict[str, str]) -> str:
    score = "no score" if pd.isna(row.quality) else f"score {row.quality:.2f}"
    if row.keep:
        return card(
            f"✓ Kept: {row.id}", f"{score}: {_why_kept(row, whole)}", differences(texts[row.id], texts[row.id]), True
        )
    how = "to the letter the same as" if row.kind == "exact" else f"{row.similarity:.0%} like"
    return card(
        f"✕ Would go: {row.id}", f"{score}; {how} {row.instead}", differences(texts[row.instead], texts[row.id])
    )


def _why_kept(row: Any, whole: pd.DataFrame) -> str:
    others = whole[(whole["instead"] == row.id) & (whole["id"] != row.id)]["quality"].fillna(0)
    if others.empty:
        return "not like enough to any that is kept"
    own = 0 if pd.isna(row.quality) else row.quality
    return "the best of those like it" if (others < own).all() else "as good as any like it, and the first"
