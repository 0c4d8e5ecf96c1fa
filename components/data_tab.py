"""Tab 1: from a raw file to train and test."""

from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, handout, more, table, tiles
from components.dataset_box import choose, opened
from components.load_cell import SAMPLE_FIRST, build_load, rows_made
from components.look_cell import build_look
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
FLAGS = ("broken JSON", "TODO", "truncated")


def build(page: Page) -> None:
    build_load(page)
    build_look(page)
    _filter(page)
    build_review(page, 4)
    build_steps(page, 5)
    _split(page)
    _copy(page)


def _kept(project: Project, step: Any) -> str:
    made = project.dataset(step.results[0])
    return f"{len(made):,} of {len(made) + len(made.dropped):,} kept"


def _filter(page: Page) -> None:
    with Cell(
        page, "data-filter", 3, "Filter", "Drop what would teach the model something wrong.", "filter", describe=_kept
    ) as cell:
        dataset = gr.Dropdown([], label="Dataset", elem_id="data-filter-dataset")
        with gr.Row(elem_classes="row"):
            with gr.Column(scale=3, min_width=280):
                chart = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-filter-chart")
                quality = gr.Slider(
                    0, 1, 0.7, step=0.01, label="Keep examples that score at least", elem_id="data-filter-quality"
                )
            with gr.Column(scale=2, min_width=260):
                kept = gr.HTML("", elem_id="data-filter-kept")
                flags = gr.CheckboxGroup(
                    list(FLAGS), value=list(FLAGS), label="Also drop answers with", elem_id="data-filter-flags"
                )
                duplicates = gr.Checkbox(True, label="Drop exact duplicates", elem_id="data-filter-duplicates")
        with more(), gr.Row(elem_classes="row"):
            preset = gr.Dropdown(["guide"], value="guide", label="Scorer", elem_id="data-filter-preset")
            tokens = gr.Number(
                4096, label="Longest example, in tokens", precision=0, minimum=1, elem_id="data-filter-max-tokens"
            )
        run = gr.Button("Run filter", variant="primary", elem_id="data-filter-run")
        result = gr.HTML(visible=False, elem_id="data-filter-result")
    choices = [dataset, quality, flags, duplicates, preset, tokens]

    def arguments(
        quality: float, flags: list[str], duplicates: bool, preset: str, tokens: float | None
    ) -> dict[str, Any]:
        return {
            "min_quality": round(float(quality), 2),
            "preset": preset,
            "max_tokens": int(tokens or 4096),
            "exact_duplicates": bool(duplicates),
            "drop_flags": tuple(flags),
        }

    def preview(project: Project, reference: str | None, *values: Any) -> Updates:
        from components.charts import threshold_histogram

        if not reference:
            return {chart: empty(SAMPLE_FIRST), kept: ""}
        chosen = project.dataset(reference)
        found = project.preview_filter(chosen, **arguments(*values))
        left_out = {reason: f"{count:,}" for reason, count in found["reasons"].items()}
        words = tiles({"kept": f"{found['kept']:,} of {found['total']:,}"}) + (
            table(["left out because", "examples"], list(left_out.items()))
            if left_out
            else '<p class="why">Nothing is left out.</p>'
        )
        return {chart: threshold_histogram(chosen.examples["quality"], float(values[0])), kept: words}

    def run_filter(project: Project, reference: str | None, *values: Any) -> Updates:
        project.filter(opened(project, reference), **arguments(*values))
        return cell.made(project)

    def show(project: Project) -> Updates:
        step = cell.latest(project)
        updates: Updates = {dataset: choose(project, "load")}
        if step is None:
            return {**updates, result: gr.update(visible=False)}
        made = project.dataset(step.results[0])
        words = (
            f'<p class="why"><b class="good">{made.reference}</b> holds {len(made):,} examples. The {len(made.dropped):,} '
            "that were left out stand in cell 2, each with its reason.</p>"
        )
        return {**updates, result: gr.update(value=words, visible=True)}

    for moved in (quality.change, dataset.change, flags.change, duplicates.change, preset.change, tokens.change):
        page.on(moved, preview, choices, [chart, kept], quiet=True, show_progress="hidden", trigger_mode="always_last")
    page.on(run.click, run_filter, choices, [page.made], cell)
    page.refresh_with(show, [dataset, result])


def _split(page: Page) -> None:
    why = "Hold some rows back: a model is judged on what it has never seen."
    with Cell(page, "data-split", 6, "Split", why, "split", describe=rows_made) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-split-dataset")
            share = gr.Slider(0.01, 0.5, 0.1, step=0.01, label="Share for the test", elem_id="data-split-share")
        with more():
            seed = gr.Number(
                0, label="Seed: the same gives the same rows", precision=0, minimum=0, elem_id="data-split-seed"
            )
        run = gr.Button("Run split", variant="primary", elem_id="data-split-run")
        result = gr.HTML(visible=False, elem_id="data-split-result")

    def split(project: Project, reference: str | None, part: float, number: float | None) -> Updates:
        project.split(opened(project, reference), test=round(float(part), 2), seed=int(number or 0))
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
        return {**updates, result: gr.update(value=tiles(facts), visible=True)}

    page.on(run.click, split, [dataset, share, seed], [page.made], cell)
    page.refresh_with(show, [dataset, result])


def _copy(page: Page) -> None:
    why = "Take the examples elsewhere, in the form that the other tool reads; a data card lies beside it."
    with Cell(page, "data-copy", 7, "Save a copy", why, "save_copy") as cell, gr.Row(elem_classes="row"):
        dataset = gr.Dropdown([], label="Dataset", scale=2, elem_id="data-copy-dataset")
        form = gr.Dropdown(FORMS, value="openai", label="Form", scale=2, elem_id="data-copy-form")
        run = gr.Button("Save", variant="primary", elem_id="data-copy-run", min_width=120)
        file = gr.DownloadButton("Download", visible=False, elem_id="data-copy-file", min_width=120)

    def save(project: Project, reference: str | None, wanted: str) -> Updates:
        path = project.save_copy(opened(project, reference), form=wanted)
        return {**cell.done(project), file: gr.update(value=handout(path), label=f"Download {path.name}", visible=True)}

    page.on(run.click, save, [dataset, form], [file], cell)
    page.refresh_with(lambda project: {dataset: choose(project, "split", "filter", "load")}, [dataset])
