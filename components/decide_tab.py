"""Tab 2: prompting, fine-tuning or both? A verdict with its reasons, and what it costs a month."""

from html import escape
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, table
from components.dataset_box import MAKERS, newest, references
from studio import InputError, Project

NONE = "Press “Decide” to get a verdict with its reasons. Without a dataset, type how many examples you could get."
WORDS = {"fine-tuning": "Fine-tune", "prompting": "Prompt", "hybrid": "Both: prompt now, fine-tune the stable part"}


def build(page: Page) -> None:
    why = "What you have, what you need, and how often it will be called."
    with Cell(
        page,
        "decide-case",
        1,
        "Your case and the verdict",
        why,
        "decide",
        opened=True,
        describe=lambda _, step: _words(step.results[0]),
    ) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="decide-dataset")
            examples = gr.Number(
                None, label="Or a number of examples", precision=0, minimum=0, elem_id="decide-examples"
            )
            calls = gr.Number(50_000, label="Calls a month", precision=0, minimum=0, elem_id="decide-calls")
            latency = gr.Number(500, label="Answer needed within, in ms", minimum=0, elem_id="decide-latency")
        with gr.Row(elem_classes="row"):
            consistency = gr.Slider(
                0, 1, 0.95, step=0.01, label="How alike must answers look?", elem_id="decide-consistency"
            )
            specificity = gr.Slider(
                0, 1, 0.8, step=0.01, label="How special is the domain?", elem_id="decide-specificity"
            )
        run = gr.Button("Decide", variant="primary", elem_id="decide-run")
        verdict = gr.HTML(empty(NONE), elem_id="decide-verdict")
    boxes = {
        "examples": examples, "monthly_calls": calls, "latency_ms": latency, "consistency": consistency, "specificity": specificity,
    }  # fmt: skip
    with Cell(
        page, "decide-cost", 2, "Cost", "Dollars a month against calls a month, with your volume marked.", opened=True
    ) as cost_cell:
        chart = gr.Plot(visible=False, show_label=False, elem_id="decide-cost-chart")
        costs = gr.HTML(empty("The verdict above fills this."), elem_id="decide-cost-table")

    def decide(
        project: Project,
        reference: str | None,
        count: float | None,
        number: float | None,
        wait: float | None,
        *needs: float,
    ) -> Updates:
        if number is None or wait is None:
            raise InputError("The case is not complete", "an empty number", "Fill in calls a month and milliseconds")
        given: dict[str, Any] = {
            "consistency": round(float(needs[0]), 2),
            "specificity": round(float(needs[1]), 2),
            "monthly_calls": int(number),
            "latency_ms": float(wait),
        }
        if count:
            given["examples"] = int(count)
        elif reference:
            given["dataset"] = project.dataset(reference)
        advice = project.decide(**given)
        return {**cell.done(project), **advised(advice, int(number))}

    def advised(advice: Any, number: int) -> Updates:
        from components.charts import cost_lines

        reasons = "".join(f"<li>{escape(str(reason))}</li>" for reason in advice.reasons)
        rows = [
            (_words(name), f"${dollars:,.2f}", f"${dollars / number:,.5f}" if number else "")
            for name, dollars in advice.monthly_cost.items()
        ]
        return {
            verdict: f'<div class="verdict">{escape(_words(advice.approach))}</div><ul>{reasons}</ul>{_weak(advice)}',
            chart: gr.update(value=cost_lines(_curves(advice), number, advice.break_even_calls), visible=True),
            costs: table(["way", "a month", "a call"], rows),
            **cost_cell.says(f"even at {advice.break_even_calls:,.0f} calls a month"),
        }

    def show(project: Project) -> Updates:
        step, advice = cell.latest(project), project.last_advice()
        updates: Updates = {dataset: newest(project, *MAKERS, "load")}
        decided = project.journal.result_of(step.inputs["dataset"]) if step is not None and step.inputs else None
        if decided in references(project) and not cell.is_out_of_date(project, step):
            updates[dataset]["value"] = decided  # the verdict that stands below is about it
        if advice is None:
            nothing = {
                verdict: empty(NONE),
                chart: gr.update(visible=False),
                costs: empty("The verdict above fills this."),
            }  # what is typed in the boxes stays
            return {**updates, **nothing, **cost_cell.says("")}
        asked = {part: step.arguments.get(name) for name, part in boxes.items()}
        return {**updates, **asked, **advised(advice, step.arguments["monthly_calls"])}

    shown = [verdict, chart, costs, *cost_cell.outputs]
    page.on(run.click, decide, [dataset, *boxes.values()], shown, cell)
    page.refresh_with(show, [dataset, *boxes.values(), *shown])


def _words(approach: str) -> str:
    return WORDS.get(approach, approach.replace("_", " ").capitalize())


def _weak(advice: Any) -> str:
    points = "".join(f"<li>{escape(str(point))}</li>" for point in advice.weaknesses)
    return (
        f'<details class="why"><summary>What this rule cannot see</summary><ul>{points}</ul></details>'
        if points
        else ""
    )


COLUMNS = {"prompting": "prompting", "fine-tuning": "fine_tuned"}


def _curves(advice: Any) -> dict[str, tuple[list[float], list[float]]]:
    """Dollars a month of each way, by calls a month."""
    calls = [row["calls"] for row in advice.curve]
    return {name: (calls, [row[column] for row in advice.curve]) for name, column in COLUMNS.items()}
