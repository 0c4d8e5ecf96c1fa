"""The Filter cell of tab 1: score, flags, duplicates and the user's own rules, with what stays counted as one moves."""

from typing import Any, NamedTuple

import gradio as gr
import pandas as pd

from components.cell import Cell, Page, Updates, empty, more, table, tiles
from components.dataset_box import left_out_words, newest, opened
from components.load_cell import SAMPLE_FIRST
from components.step_box import StepBox
from studio import Project

FLAGS = ("broken JSON", "TODO", "truncated")
SCORERS = [
    ("guide: the guide's four scores", "guide"),
    ("studio: fair to short answers, checks code and JSON", "studio"),
    ("datatrove: the studio's, repetition by datatrove's thresholds", "datatrove"),
    ("data-juicer: the studio's, repetition by Data-Juicer's threshold", "data-juicer"),
]


class Threshold(NamedTuple):
    """The boxes of the dataset, of the least score that is kept, and of the scorer that it is of."""

    dataset: gr.Dropdown
    quality: gr.Slider
    preset: gr.Dropdown


def _kept(project: Project, step: Any) -> str:
    made = project.dataset(step.results[0])
    return f"{len(made):,} of {len(made) + len(made.dropped):,} kept"


def build_filter(page: Page, number: int) -> Threshold:
    with Cell(
        page,
        "data-filter",
        number,
        "Filter",
        "Drop what would teach the model something wrong.",
        "filter",
        describe=_kept,
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
                near = gr.Checkbox(False, label="Drop near duplicates, keep the best", elem_id="data-filter-near")
        with more():
            with gr.Row(elem_classes="row"):
                preset = gr.Dropdown(SCORERS, value="guide", label="Scorer", elem_id="data-filter-preset")
                likeness = gr.Slider(
                    0.5,
                    1,
                    0.8,
                    step=0.01,
                    label="Near from this likeness on (1 is the same)",
                    elem_id="data-filter-likeness",
                )
                tokens = gr.Number(
                    4096, label="Longest example, in tokens", precision=0, minimum=1, elem_id="data-filter-max-tokens"
                )
            with gr.Row(elem_classes="row"):
                pattern = gr.Textbox(
                    label="The answer must match (regular expression)",
                    placeholder=r"^\{.*\}$",
                    elem_id="data-filter-pattern",
                )
                longest = gr.Number(
                    0, label="Longest answer, in characters (0: any)", precision=0, elem_id="data-filter-longest"
                )
            schema = gr.Textbox(
                label="The answer must be JSON that fits this schema", placeholder='{"type": "object", "required": ["team"]}', lines=2,
                elem_id="data-filter-schema",
            )  # fmt: skip
        run = gr.Button("Run filter", variant="primary", elem_id="data-filter-run")
        steps = StepBox(page, cell, "filter")
        result = gr.HTML(visible=False, elem_id="data-filter-result")
    moving = [quality, flags, duplicates, near, preset, likeness, tokens, pattern, longest, schema]
    choices = [dataset, *moving]

    def arguments(*values: Any) -> dict[str, Any]:
        score, chosen_flags, same, alike, scorer, how_near, most_tokens, expression, most, form = values
        given: dict[str, Any] = {
            "min_quality": round(float(score), 2), "preset": scorer, "max_tokens": int(most_tokens or 4096), "exact_duplicates": bool(same),
            "drop_flags": tuple(chosen_flags),
        }  # fmt: skip
        rules: list[dict[str, Any]] = []
        if (expression or "").strip():
            rules.append({"kind": "regex", "pattern": expression.strip()})
        if (form or "").strip():
            rules.append({"kind": "json_schema", "schema": form.strip()})
        if most:
            rules.append({"kind": "length", "maximum": int(most)})
        return (
            given
            | ({"near_duplicates": round(float(how_near), 2)} if alike else {})
            | ({"rules": tuple(rules)} if rules else {})
        )

    def preview(project: Project, reference: str | None, *values: Any) -> Updates:
        from components.charts import threshold_histogram

        if not reference:
            return {chart: empty(SAMPLE_FIRST), kept: ""}
        chosen = project.dataset(reference)
        given = arguments(*values)
        found = project.preview_filter(chosen, **given)
        left_out = [(reason, f"{count:,}") for reason, count in found["reasons"].items()]
        words = tiles({"kept": f"{found['kept']:,} of {found['total']:,}"}) + (
            table(["left out because", "examples"], left_out) if left_out else '<p class="why">Nothing is left out.</p>'
        )
        scores = pd.Series(project.score_values(chosen, given["preset"]))
        return {
            chart: threshold_histogram(scores, given["min_quality"]),
            kept: words,
            cell.message: gr.update(visible=False),
        }

    def run_filter(project: Project, reference: str | None, *values: Any) -> Updates:
        return steps.run(project, "filter", opened(project, reference), **arguments(*values))

    def show(project: Project) -> Updates:
        step = cell.latest(project)
        updates: Updates = {dataset: newest(project, "load", "mix", "redact", "drop_duplicates")}
        if step is None:
            return {**updates, result: gr.update(visible=False)}
        return {**updates, result: gr.update(value=left_out_words(project, step), visible=True)}

    typed = (pattern, schema)
    changed = [dataset.change, *(part.change for part in moving if part not in typed), *(part.blur for part in typed)]
    for moved in changed:
        page.on(moved, preview, choices, [chart, kept], cell, show_progress="hidden", trigger_mode="always_last")
    page.on(run.click, run_filter, choices, steps.outputs, cell)
    steps.wire()
    page.refresh_with(show, [dataset, result])
    return Threshold(dataset, quality, preset)
