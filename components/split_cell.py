"""The Split cell of tab 1: some rows held back, and in words what of them stands in the training rows after all."""

import gradio as gr

from components.cell import Cell, Page, Updates, more, tiles
from components.dataset_box import newest, opened
from components.load_cell import rows_made
from components.step_box import StepBox
from studio import Project

HOW = {
    "same": "the same as a training row",
    "same question": "with the same question",
    "near duplicate": "nearly the same",
    "13 words in a row": "with 13 words in a row that only a few rows have",
}
CLEANED = ("filter", "redact", "drop_duplicates", "drop_leaked", "mix", "load")


def in_words(counts: dict[str, int], rows: int, part: str) -> str:
    """What of a part stands in the training rows, as HTML; `counts` are those of one part of a Leakage."""
    found = [f"{count:,} {HOW[kind]}" for kind, count in counts.items() if count]
    if not found:
        return f'<p class="good">✓ None of the {rows:,} {part} stands in the training rows.</p>'
    leaked = sum(counts.values())
    return f'<p class="look">! {leaked:,} of {rows:,} {part} stand in the training rows: {", ".join(found)}.</p>'


def build_split(page: Page, number: int) -> None:
    why = "Hold some rows back: a model is judged on what it has never seen."
    with Cell(page, "data-split", number, "Split", why, "split", describe=rows_made) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-split-dataset")
            share = gr.Slider(0.01, 0.5, 0.1, step=0.01, label="Share for the test", elem_id="data-split-share")
        with more():
            seed = gr.Number(
                0, label="Seed: the same gives the same rows", precision=0, minimum=0, elem_id="data-split-seed"
            )
            together = gr.Checkbox(True, label="Keep near duplicates in one part", elem_id="data-split-together")
        run = gr.Button("Run split", variant="primary", elem_id="data-split-run")
        steps = StepBox(page, cell, "split")
        result = gr.HTML(visible=False, elem_id="data-split-result")

    def split(project: Project, reference: str | None, part: float, number: float | None, alike: bool) -> Updates:
        choices = {"test": round(float(part), 2), "seed": int(number or 0), "keep_groups_together": alike}
        return steps.run(project, "split", opened(project, reference), **choices)

    def show(project: Project) -> Updates:
        updates: Updates = {dataset: newest(project, *CLEANED)}
        step = cell.latest(project)
        if step is None:
            return {**updates, result: gr.update(visible=False)}
        facts = {
            f"in {name}, to {aim}": f"{len(project.dataset(name)):,}"
            for name, aim in zip(step.results, ("learn", "judge"), strict=True)
        }
        parts = [project.dataset(name) for name in step.results]
        if project.is_long("check_leakage", *parts):
            words = (
                '<p class="why">What of the test stands in the training rows is found by Check, in the next cell.</p>'
            )
            return {**updates, result: gr.update(value=tiles(facts) + words, visible=True)}
        leak = project.check_leakage(*parts)
        words = in_words(leak.counts["test"], leak.rows["test"], "test rows")
        if sum(leak.counts["test"].values()):
            words += '<p class="why">Look at the pairs, and drop them, in the next cell.</p>'
        return {**updates, result: gr.update(value=tiles(facts) + words, visible=True)}

    page.on(run.click, split, [dataset, share, seed, together], steps.outputs, cell)
    steps.wire()
    page.refresh_with(show, [dataset, result])
