"""What rented machines cost: a table with dates that the owner edits, and the guide's comparison at those prices."""

from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, table
from studio import Project

HEADERS = ["machine", "$/h", "spot $/h", "prices of"]
WHY = "What an hour of each machine costs, with the date of the price. The first are the guide's, and Reset brings them back; yours hold for all projects. Runs keep the price that they had."


class PricesBox:
    """Built inside a cell, and wired when that is whole. `changed` is a state that changes when the prices do. The table
    is filled when its fold is opened first, and never over what somebody types."""

    def __init__(self) -> None:
        self.changed = gr.State("")
        with gr.Accordion(
            "What machines cost", open=False, elem_classes="more", elem_id="train-cloud-prices"
        ) as self.fold:
            gr.HTML(f'<p class="why">{WHY}</p>')
            self.rows = gr.Dataframe(
                headers=HEADERS, datatype="str", type="array", value=[], static_columns=[0], column_count=len(HEADERS), interactive=True,
                show_label=False, max_height=600, buttons=[], column_widths=["340px", "220px", "220px", "250px"],
                elem_id="train-cloud-prices-table",
            )  # fmt: skip
            with gr.Row(elem_classes="row"):
                self.keep = gr.Button("Keep prices", elem_id="train-cloud-prices-keep", min_width=120)
                self.reset = gr.Button("Reset", elem_id="train-cloud-prices-reset", min_width=120)
            self.compared = gr.HTML(elem_id="train-cloud-prices-compared")

    def wire(self, page: Page, cell: Cell) -> None:
        outputs = [self.rows, self.compared, self.changed]

        def open_fold(project: Project, there: list[list[str]]) -> Updates:
            return {} if len(there) > 1 else self.filled(project)

        def press_keep(project: Project, typed: list[list[Any]]) -> Updates:
            known = project.prices()
            given = [
                type(row)(row.provider, row.machine, _number(cells[1]), _number(cells[2]), str(cells[3] or "").strip())
                for row, cells in zip(known, typed, strict=True)
            ]
            project.keep_prices([new for new, row in zip(given, known, strict=True) if new != row])
            return {**self.filled(project), **cell.says("prices kept")}

        def press_reset(project: Project) -> Updates:
            project.reset_prices()
            return {**self.filled(project), **cell.says("the guide's prices hold")}

        page.on(self.fold.expand, open_fold, [self.rows], outputs, cell, show_progress="hidden")
        page.on(self.keep.click, press_keep, [self.rows], outputs, cell)
        page.on(self.reset.click, press_reset, [], outputs, cell)

    def filled(self, project: Project) -> Updates:
        known = project.prices()
        return {self.rows: [_shown(row) for row in known], self.compared: _compared(project), self.changed: repr(known)}


def _shown(row: Any) -> list[str]:
    figures = ["" if value is None else f"{value:g}" for value in (row.dollars_an_hour, row.spot)]
    return [f"{row.provider} {row.machine}", *figures, row.date]


def _number(typed: Any) -> Any:
    """None for an empty cell; what is no number stays as it is, and the prices name it."""
    text = str(typed or "").strip().removeprefix("$")
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _compared(project: Project) -> str:
    rows = project.compare_costs()
    lines = [[row.way, row.machine, f"{row.hours:.1f} h", f"${row.dollars:,.2f}", row.date] for row in rows]
    note = '<p class="why">10,000 examples of a 7B model seen three times, at these prices:</p>'
    return note + table(["way", "machine", "time", "cost", "price of"], lines)
