"""The Mix cell of tab 1: datasets in shares, or sources and labels in balance, with what would come out before it is made."""

import math
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, more, table, tiles
from components.dataset_box import opened, references
from components.load_cell import rows_made
from components.step_box import StepBox
from studio import InputError, Project

MOST = 6
OWN, OTHERS = 90, 10
"""percent of the first dataset, and of all others together, to begin with"""
HOW = [("datasets in shares", "shares"), ("sources alike", "source"), ("answers (labels) alike", "label")]
FIRST = "Load a second dataset to mix in, or balance the sources or labels of one."


def build_mix(page: Page, number: int) -> None:
    why = "A little general data (10 %) keeps a model from forgetting; labels in balance keep it from guessing the commonest."
    with Cell(page, "data-mix", number, "Mix", why, "mix", describe=rows_made) as cell:
        with gr.Row(elem_classes="row"):
            datasets = gr.Dropdown(
                [], multiselect=True, max_choices=MOST, label=f"Datasets (up to {MOST})", scale=2, elem_id="data-mix-datasets"
            )  # fmt: skip
            how = gr.Radio(HOW, value="shares", label="Put together", elem_id="data-mix-how")
        with gr.Row(elem_classes="row"):
            shares = [
                gr.Number(0, label=f"Share {place + 1}, %", minimum=0, visible=False, min_width=150, elem_id=f"data-mix-share-{place + 1}")
                for place in range(MOST)
            ]  # fmt: skip
        with gr.Row(visible=False, elem_classes="row") as balancing:
            field = gr.Textbox(
                label="Field of the answer's JSON (empty: the whole answer)", placeholder="team", elem_id="data-mix-field"
            )  # fmt: skip
            weights = gr.Textbox(
                label="Weights (empty: all alike; what is not named is left out)", placeholder="billing=2, repair=1", elem_id="data-mix-weights",
            )  # fmt: skip
        with more(), gr.Row(elem_classes="row"):
            rows = gr.Number(
                0, label="Rows (0: as many as there can be)", precision=0, minimum=0, elem_id="data-mix-rows"
            )
            seed = gr.Number(
                0, label="Seed: the same gives the same rows", precision=0, minimum=0, elem_id="data-mix-seed"
            )
        with gr.Row(elem_classes="row"):
            look = gr.Button("Preview", elem_id="data-mix-preview", min_width=140)
            run = gr.Button("Run mix", variant="primary", elem_id="data-mix-run", min_width=140)
        steps = StepBox(page, cell, "mix")
        result = gr.HTML(empty(FIRST), elem_id="data-mix-result")
    given = [datasets, how, *shares, field, weights, rows, seed]

    def choices(chosen: list[str] | None, kind: str, *values: Any) -> tuple[list[str], dict[str, Any]]:
        """The references, and what is said to the verb."""
        percents, (name, weighed, most, start) = values[:MOST], values[MOST:]
        wanted = list(chosen or [])
        if not wanted:
            raise InputError("No dataset is chosen to mix", fix="Choose one or more above")
        said: dict[str, Any] = {"seed": int(start or 0)}
        if most:
            said["rows"] = int(most)
        if kind == "shares":
            said["shares"] = [float(percent or 0) for percent in percents[: len(wanted)]]
        else:
            said["balance"] = f"label:{name.strip()}" if kind == "label" and (name or "").strip() else kind
            if (weighed or "").strip():
                said["weights"] = _weights(weighed)
        return wanted, said

    def preview(project: Project, *values: Any) -> Updates:
        wanted, said = choices(*values)
        found = project.preview_mix(*(opened(project, one) for one in wanted), **said)
        facts = {"rows": f"{found['rows'].sum():,}", "tokens": f"{found['tokens'].sum():,}"}
        lines = [
            (row.group, f"{row.there:,}", f"{row.rows:,}", f"{row.share:.1%}", f"{row.tokens:,}")
            for row in found.itertuples(index=False)
        ]
        words = '<p class="why">This would come out; nothing is made yet.</p>'
        return {
            result: words + tiles(facts) + table(["part", "rows there", "rows taken", "share", "tokens"], lines),
            cell.message: gr.update(visible=False),
        }

    def mix(project: Project, *values: Any) -> Updates:
        wanted, said = choices(*values)
        return steps.run(project, "mix", *(opened(project, one) for one in wanted), **said)

    def name_shares(project: Project, chosen: list[str] | None, kind: str) -> Updates:
        """One box for each dataset, with its name; the first gets most."""
        wanted = list(chosen or [])
        rest = OTHERS / max(1, len(wanted) - 1)
        updates: Updates = {balancing: gr.update(visible=kind != "shares"), field: gr.update(visible=kind == "label")}
        for place, box in enumerate(shares):
            shown = place < len(wanted) and kind == "shares"
            usual = (OWN if len(wanted) > 1 else 100) if place == 0 else math.floor(rest * 10) / 10
            updates[box] = (
                gr.update(visible=shown, label=f"{wanted[place]}, %", value=usual)
                if shown
                else gr.update(visible=False)
            )
        return updates

    def show(project: Project) -> Updates:
        found = references(project, "split", "filter", "load")
        updates: Updates = {datasets: gr.update(choices=found)}
        step = cell.latest(project)
        if step is None:
            return {**updates, result: empty(FIRST)}
        made = project.dataset(step.results[0])
        lines = [
            (name, f"{count:,}", f"{count / max(1, len(made)):.1%}")
            for name, count in made.description["counts"].items()
        ]
        words = f'<p class="why"><b class="good">{made.reference}</b> holds {len(made):,} examples.</p>'
        return {**updates, result: words + table(["part", "rows", "share"], lines)}

    page.on(datasets.change, name_shares, [datasets, how], [*shares, balancing, field], show_progress="hidden")
    page.on(how.input, name_shares, [datasets, how], [*shares, balancing, field], show_progress="hidden")
    page.on(look.click, preview, given, [result], cell)
    page.on(run.click, mix, given, [*steps.outputs, result], cell)
    steps.wire()
    page.refresh_with(show, [datasets, result])


def _weights(text: str) -> dict[str, float]:
    """The weights in "billing=2, repair=1". Raises InputError that names each part that is none."""
    found: dict[str, float] = {}
    wrong = []
    for part in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        name, equals, number = part.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            wrong.append(part)
    if wrong:
        raise InputError("The weights cannot be read", ", ".join(map(repr, wrong)), "Write them as billing=2, repair=1")
    return found
