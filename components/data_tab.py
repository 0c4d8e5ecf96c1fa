"""Tab 1: from a raw file to train and test."""

import gradio as gr

from components.cell import Cell, Page, Updates
from components.dataset_box import made_last, opened, references
from components.documents_cell import build_documents
from components.duplicates_cell import build_duplicates
from components.filter_cell import build_filter
from components.handout import handout
from components.leaks_cell import build_leaks
from components.load_cell import build_load
from components.look_cell import build_look
from components.mix_cell import build_mix
from components.privacy_cell import build_privacy
from components.review_cell import build_review
from components.split_cell import build_split
from components.step_box import StepBox
from components.steps_cell import build_steps
from studio import Project
from studio.data.companions import path_of
from studio.data.data_card import HOLDS

FORMS = [
    ("OpenAI chat (JSONL)", "openai"),
    ("Alpaca: instruction, input, output", "alpaca"),
    ("ShareGPT: from, value", "sharegpt"),
    ("Prompt and completion", "prompt-completion"),
    ("Parquet, with all columns", "parquet"),
]


def build(page: Page) -> None:
    build_load(page)
    build_documents(page, 2)
    build_look(page, 3)
    build_duplicates(page, 4)
    threshold = build_filter(page, 5)
    build_privacy(page, 6)
    build_review(page, 7, threshold)
    build_steps(page, 8)
    build_mix(page, 9)
    build_split(page, 10)
    build_leaks(page, 11)
    _copy(page)


def _copy(page: Page) -> None:
    why = "Take the examples elsewhere, in the form that the other tool reads; a data card lies beside it, and where the form has no place for ids and sources a file of these: load both, and nothing is lost."
    with Cell(page, "data-copy", 12, "Save a copy", why, "save_copy") as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", scale=2, elem_id="data-copy-dataset")
            form = gr.Dropdown(
                FORMS, value="openai", label="Form", info=_holds("openai"), scale=2, elem_id="data-copy-form"
            )
            run = gr.Button("Save", variant="primary", elem_id="data-copy-run", min_width=120)
        with gr.Row(elem_classes="row"):
            parts = [
                gr.DownloadButton("Download", visible=False, elem_id=f"data-copy-{part}", min_width=120)
                for part in ("file", "ids", "card")
            ]
        steps = StepBox(page, cell, "save_copy")

    def save(project: Project, reference: str | None, wanted: str) -> Updates:
        chosen = opened(project, reference)
        if project.is_long("save_copy", chosen):
            return steps.begin(project, "save_copy", chosen, form=wanted)
        return saved(project, project.save_copy(chosen, form=wanted).name)

    def saved(project: Project, name: str) -> Updates:
        path = project.folder / "exports" / name
        updates: Updates = cell.done(project)
        for part, there in zip(parts, (path, path_of(path), path.with_suffix(".md")), strict=True):
            updates[part] = (
                gr.update(value=handout(there), label=f"Download {there.name}", visible=True)
                if there.exists()
                else gr.update(visible=False)
            )
        return updates

    page.on(form.change, lambda project, wanted: {form: gr.update(info=_holds(wanted))}, [form], [form])
    page.on(run.click, save, [dataset, form], [*parts, *steps.outputs], cell)
    steps.wire(parts, lambda project, _: saved(project, cell.latest(project).results[0]))
    page.refresh_with(
        lambda project: {dataset: gr.update(choices=references(project), value=made_last(project))}, [dataset]
    )


def _holds(form: str) -> str:
    return f"The file holds {HOLDS[form]}."
