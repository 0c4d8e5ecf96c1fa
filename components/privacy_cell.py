"""The Private details cell of tab 1: what is found of people and keys, and the dataset without it."""

from html import escape
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, table
from components.dataset_box import newest, opened
from components.load_cell import SAMPLE_FIRST
from components.step_box import StepBox
from studio import InputError, Project

NOT_COUNTED = "Press “Count them” to see what is private in the dataset that is chosen above."
WAYS = [
    ("mask: [EMAIL], [PHONE] …", "mask"),
    ("replace by made-up values, the same for the same", "replace"),
    ("drop the examples", "drop"),
]


def build_privacy(page: Page, number: int) -> None:
    def left(project: Project, step: Any) -> str:
        return f"{len(project.dataset(step.results[0])):,} examples in {step.results[0]}"

    why = "A model repeats what it has read: take names of accounts, numbers and keys out before it learns."
    with Cell(page, "data-privacy", number, "Private details", why, "redact", describe=left) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-privacy-dataset")
            how = gr.Dropdown(WAYS, value="mask", label="What to do with them", elem_id="data-privacy-how")
        more, about = Project.more_private_kinds()
        kinds = gr.CheckboxGroup(
            [*Project.private_kinds, *more],
            value=list(Project.private_kinds),
            label="Look for",
            elem_id="data-privacy-kinds",
        )
        gr.HTML(f'<p class="why">{escape(about)}</p>', elem_id="data-privacy-presidio")
        with gr.Row(elem_classes="row"):
            count = gr.Button("Count them", elem_id="data-privacy-count", min_width=140)
            run = gr.Button("Run", variant="primary", elem_id="data-privacy-run", min_width=140)
        steps = StepBox(page, cell, "private_details", "redact")
        result = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-privacy-result")

    def counted(project: Project, reference: str | None, wanted: list[str]) -> Updates:
        if not wanted:
            raise InputError("There is nothing to look for", "no kind is ticked", "Tick one")
        chosen = opened(project, reference)
        if project.is_long("private_details", chosen, kinds=wanted):
            return steps.begin(project, "private_details", chosen, kinds=wanted)
        return count_words(project, chosen, wanted)

    def count_words(project: Project, chosen: Any, wanted: list[str]) -> Updates:
        found = project.private_details(chosen, tuple(wanted))
        lines = [(kind, f"{times:,}") for kind, times in found.items()]
        return {result: table(["kind", f"found in {chosen.reference}"], lines)}

    def redact(project: Project, reference: str | None, wanted: list[str], way: str) -> Updates:
        if not wanted:
            raise InputError("There is nothing to look for", "no kind is ticked", "Tick one")
        before = opened(project, reference)
        updates = steps.run(project, "redact", before, kinds=wanted, how=way)
        return updates if steps.state in updates else {**updates, **before_and_after(project, before, wanted, way)}

    def before_and_after(project: Project, before: Any, wanted: list[str], way: str) -> Updates:
        after = project.dataset(cell.latest(project).results[0])
        first, then = project.private_details(before, tuple(wanted)), project.private_details(after, tuple(wanted))
        rows = [(kind, f"{first[kind]:,}", f"{then[kind]:,}") for kind in first]
        note = (
            '<p class="why">Made-up values look like real ones, so they are counted as found.</p>'
            if way == "replace"
            else ""
        )
        return {result: table(["kind", f"in {before.reference}", f"in {after.reference}"], rows) + note}

    def done(project: Project, job: Any) -> Updates:
        asked = job.request["arguments"]
        chosen = project.dataset(job.request["datasets"][0])
        if job.request["verb"] == "private_details":
            return count_words(project, chosen, asked["kinds"])
        return {**cell.made(), **before_and_after(project, chosen, asked["kinds"], asked["how"])}

    stands = gr.State("")  # the project, and whether it has anything: what was counted stays as long as both do

    def show(project: Project) -> Updates:
        offered = newest(project, "load", "mix", "drop_duplicates", "filter")
        return {dataset: offered, stands: f"{project.name} {bool(offered['value'])}"}

    def nothing_counted(project: Project) -> Updates:
        return {result: empty(NOT_COUNTED if project.datasets() else SAMPLE_FIRST)}

    page.follow(stands.change, nothing_counted, [], [result])
    page.on(count.click, counted, [dataset, kinds], [*steps.outputs, result], cell)
    page.on(run.click, redact, [dataset, kinds, how], [*steps.outputs, result], cell)
    steps.wire([result], done)
    page.refresh_with(show, [dataset, stands])
