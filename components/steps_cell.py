"""The Steps cell of tab 1: what each step took away, any of them off and on again, and two versions compared."""

import time
from html import escape
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, short, table
from components.dataset_box import MAKERS, made_last, opened, references
from studio import InputError, Project

FIRST = "No dataset yet: use the sample in cell 1."
NONE = "<p class='why'>None of these can be switched off: only a filter, a redaction and a drop of duplicates or of leaked rows can, and none before what a generator wrote.</p>"
ROWS = 100
HEADERS = ("step", "made", "verb", "rows before", "rows after", "why rows went")


def build_steps(page: Page, number: int) -> None:
    why = "Nothing is ever deleted: switch a step off and the dataset is made again without it."
    with Cell(page, "data-steps", number, "Steps and undo", why) as cell:
        dataset = gr.Dropdown([], label="Dataset", elem_id="data-steps-dataset")
        listed = gr.HTML(empty(FIRST), elem_id="data-steps-list")
        with gr.Row(elem_classes="row"):
            kept = gr.CheckboxGroup([], label="Steps that stay on", elem_id="data-steps-kept", visible=False)
            run = gr.Button("Make it again", variant="primary", elem_id="data-steps-run", visible=False)
        result = gr.HTML("", elem_id="data-steps-result")
        with gr.Row(elem_classes="row"):
            other = gr.Dropdown([], label="Compare with", elem_id="data-steps-other")
            compare = gr.Button("Show what differs", elem_id="data-steps-compare", min_width=160)
        differs = gr.HTML("", elem_id="data-steps-difference")
    outputs = [listed, kept, run, result, differs]

    def look(project: Project, reference: str | None, said: str | None) -> Updates:
        if not reference:
            hidden = gr.update(visible=False)
            return {listed: empty(FIRST), kept: hidden, run: hidden, result: "", differs: "", **cell.says("")}
        history = project.history(project.dataset(reference))
        rows = [
            (str(one.position or ""), one.reference, one.verb, f"{one.before:,}", f"{one.after:,}", _why(one.reasons))
            for one in history
        ]
        positions = [(_switch(one), one.position) for one in history if one.position]
        return {
            listed: f'<div class="reasons">{table(HEADERS, rows)}</div>' + ("" if positions else NONE),
            kept: gr.update(choices=positions, value=[position for _, position in positions], visible=bool(positions)),
            run: gr.update(visible=bool(positions)),
            **({} if _made(reference) in (said or "") else {result: ""}),  # the press that made it has just said so
            differs: "",
            **cell.says(f"{len(history):,} step{'s' if len(history) != 1 else ''} to {reference}"),
        }

    def again(project: Project, reference: str | None, stay: list[int] | None) -> Updates:
        chosen = opened(project, reference)
        positions = [one.position for one in project.history(chosen) if one.position]
        off = [position for position in positions if position not in set(map(int, stay or []))]
        if not off:
            raise InputError("Every step is on", f"{len(positions)} steps", "Switch one off first")
        made = project.redo(chosen, leave_out=off)
        is_new = made.reference not in [one.reference for one in project.history(chosen)]
        words = f"{_made(made.reference)} holds {len(made):,} examples." if is_new else f"No dataset was made: {_made(made.reference)} is what is left."  # fmt: skip
        if made.parts:
            words += f" The other part is {', '.join(map(_made, made.parts))}: one of before may hold rows of this one."
        words += f" Passed over: {escape('; '.join(made.passed_over))}." if made.passed_over else ""
        shown = {result: f"<p class='why'>{words}</p>", cell.message: gr.update(visible=False)}
        return {**shown, page.made: time.time_ns()} if is_new else shown

    def show_difference(project: Project, reference: str | None, second: str | None) -> Updates:
        if not second or second == reference:
            raise InputError(
                "There is nothing to compare", second or "no second dataset", "Choose two different versions"
            )
        found = project.difference(opened(project, reference), opened(project, second))
        counts = ", ".join(f"{count:,} {change}" for change, count in found["change"].value_counts().items())
        words = f"<p class='why'>First: {escape(reference or '')}, second: {escape(second)}. {escape(counts or 'They are the same')}.</p>"
        rows = [[short(value) for value in row] for row in found.head(ROWS).itertuples(index=False)]
        note = f"<p class='why'>The first {ROWS:,} of {len(found):,}.</p>" if len(found) > ROWS else ""
        return {differs: words + note + (table(["id", "change", "reason", "first", "second"], rows) if rows else "")}

    page.on(dataset.change, look, [dataset, result], outputs, cell, show_progress="hidden")
    page.on(run.click, again, [dataset, kept], [result, page.made], cell)
    page.on(compare.click, show_difference, [dataset, other], [differs], cell)

    def offer(project: Project) -> Updates:
        return {
            dataset: gr.update(
                choices=references(project), value=made_last(project, *MAKERS, "split") or made_last(project)
            ),
            other: gr.update(choices=references(project), value=next(iter(references(project, "load")), None)),
        }

    page.refresh_with(offer, [dataset, other])


def _switch(step: Any) -> str:
    gone = step.before - step.after
    return f"{step.position} {step.verb.replace('_', ' ')} ({gone:,} row{'s' if gone != 1 else ''})"


def _made(reference: str) -> str:
    return f"<b class='good'>{reference}</b>"


def _why(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} ({count:,})" for reason, count in reasons.items())
