"""Tab 1: from a raw file to train and test."""

import gradio as gr

from components.cell import Cell, Page, Updates, handout, more, tiles
from components.dataset_box import choose, opened
from components.duplicates_cell import build_duplicates
from components.filter_cell import build_filter
from components.load_cell import build_load, rows_made
from components.look_cell import build_look
from components.privacy_cell import build_privacy
from components.review_cell import build_review
from components.steps_cell import build_steps
from studio import Project

FORMS = [
    ("OpenAI chat (JSONL)", "openai"),
    ("Alpaca: instruction, input, output", "alpaca"),
    ("ShareGPT: from, value", "sharegpt"),
    ("Prompt and completion", "prompt-completion"),
    ("Parquet, with all columns", "parquet"),
]


def build(page: Page) -> None:
    build_load(page)
    build_look(page, 3)
    build_duplicates(page, 4)
    build_filter(page, 5)
    build_privacy(page, 6)
    build_review(page, 7)
    build_steps(page, 8)
    _split(page)
    _copy(page)


def _split(page: Page) -> None:
    why = "Hold some rows back: a model is judged on what it has never seen."
    with Cell(page, "data-split", 10, "Split", why, "split", describe=rows_made) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-split-dataset")
            share = gr.Slider(0.01, 0.5, 0.1, step=0.01, label="Share for the test", elem_id="data-split-share")
        with more():
            seed = gr.Number(
                0, label="Seed: the same gives the same rows", precision=0, minimum=0, elem_id="data-split-seed"
            )
            together = gr.Checkbox(True, label="Keep near duplicates in one part", elem_id="data-split-together")
        run = gr.Button("Run split", variant="primary", elem_id="data-split-run")
        result = gr.HTML(visible=False, elem_id="data-split-result")

    def split(project: Project, reference: str | None, part: float, number: float | None, alike: bool) -> Updates:
        project.split(
            opened(project, reference), test=round(float(part), 2), seed=int(number or 0), keep_groups_together=alike
        )
        return cell.made(project)

    def show(project: Project) -> Updates:
        updates: Updates = {dataset: choose(project, "filter", "load")}
        step = cell.latest(project)
        if step is None:
            return {**updates, result: gr.update(visible=False)}
        facts = {
            f"in {name}, to {aim}": f"{len(project.dataset(name)):,}"
            for name, aim in zip(step.results, ("learn", "judge"), strict=True)
        }
        leak = project.check_leakage(*(project.dataset(name) for name in step.results))
        leaked = sum(map(len, leak.leaked.values()))
        words = (
            f'<p class="look">! {leaked:,} test rows stand, nearly or in a run of 13 words, in the training rows too.</p>'
            if leaked
            else '<p class="good">✓ No test row stands in the training rows, nearly or in a run of 13 words.</p>'
        )
        return {**updates, result: gr.update(value=tiles(facts) + words, visible=True)}

    page.on(run.click, split, [dataset, share, seed, together], [page.made], cell)
    page.refresh_with(show, [dataset, result])


def _copy(page: Page) -> None:
    why = "Take the examples elsewhere, in the form that the other tool reads; a data card lies beside it."
    with Cell(page, "data-copy", 11, "Save a copy", why, "save_copy") as cell, gr.Row(elem_classes="row"):
        dataset = gr.Dropdown([], label="Dataset", scale=2, elem_id="data-copy-dataset")
        form = gr.Dropdown(FORMS, value="openai", label="Form", scale=2, elem_id="data-copy-form")
        run = gr.Button("Save", variant="primary", elem_id="data-copy-run", min_width=120)
        file = gr.DownloadButton("Download", visible=False, elem_id="data-copy-file", min_width=120)

    def save(project: Project, reference: str | None, wanted: str) -> Updates:
        path = project.save_copy(opened(project, reference), form=wanted)
        return {**cell.done(project), file: gr.update(value=handout(path), label=f"Download {path.name}", visible=True)}

    page.on(run.click, save, [dataset, form], [file], cell)
    page.refresh_with(lambda project: {dataset: choose(project, "split", "filter", "load")}, [dataset])
