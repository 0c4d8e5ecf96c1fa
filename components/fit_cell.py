"""Will it fit: memory by part against what is free, the nearest changes that make it fit, time and cost, and what runs took."""

import datetime
import math
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, duration, empty, more, table
from components.savings_box import SavingsBox
from studio import Project, Recipe

FIRST = "Split a dataset in tab 1 first; then the recipe is made for it."
MOST = 4
GIB = 1024**3
COLOURS = {
    "weights": "#3f66d4", "adapter": "#8a5cd1", "gradients": "#23824a", "optimiser": "#b7791f", "activations": "#c2557a",
    "head": "#2a8f9e", "overhead": "#8b93a5",
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """What the recipe cell needs of this one: its parts, a button and its change for each offer."""

    cell: Cell
    memory: Any
    buttons: list[Any]
    changes: Any
    savings: SavingsBox
    price: Any
    """A state that changes with what an hour costs."""
    outputs: list[Any]


def build_fit(page: Page) -> Fit:
    with Cell(
        page, "train-memory", 3, "Will it fit", "Memory, time and cost of the training, against what is free now."
    ) as cell:
        memory = gr.HTML(empty(FIRST), elem_id="train-memory-text")
        changes, held = gr.State([]), gr.State("")
        buttons = [gr.Button(visible=False, elem_id=f"train-memory-change-{at + 1}", size="sm") for at in range(MOST)]
        cost = gr.HTML(elem_id="train-memory-cost")
        savings = SavingsBox()
        measured = gr.HTML(elem_id="train-memory-measured")
        with more():
            gr.HTML('<p class="why">What an hour of this machine costs: rent, or the electricity of your own.</p>')
            with gr.Row(elem_classes="row"):
                rent = gr.Number(0, label="Rent, $ an hour", minimum=0, elem_id="train-memory-rent", min_width=120)
                watts = gr.Number(0, label="Electricity, watts", minimum=0, elem_id="train-memory-watts", min_width=120)
                kwh = gr.Number(0, label="$ a kWh", minimum=0, elem_id="train-memory-kwh", min_width=120)
                date = gr.Textbox(label="Prices as of (date)", elem_id="train-memory-date", min_width=120)
                keep = gr.Button("Keep this price", elem_id="train-memory-keep")
            gr.HTML(guide_table())

    def prices(project: Project) -> Updates:
        price = project.price()
        return {
            rent: price.rent, watts: price.watts, kwh: price.dollars_a_kwh,
            date: price.date or datetime.date.today().isoformat(), measured: measured_table(project.measured()), held: repr(price),
        }  # fmt: skip

    def keep_price(project: Project, *values: Any) -> Updates:
        project.keep_price(*(value or 0 for value in values[:3]), values[3])
        return {**prices(project), **cell.says("price kept")}

    page.refresh_with(prices, [rent, watts, kwh, date, measured, held])
    page.on(keep.click, keep_price, [rent, watts, kwh, date], [rent, watts, kwh, date, measured, held], cell)
    return Fit(cell, memory, buttons, changes, savings, held, [memory, changes, *buttons, *savings.outputs, cost])


def fit_updates(fit: Fit, project: Project, recipe: Recipe, dataset: Any, evaluation: Any = None) -> Updates:
    """What the cell shows for one recipe."""
    found = project.memory(recipe, dataset)
    offers = found["changes"][:MOST]
    sign, state = ("good", "✓") if found["fits"] else ("look", "!")
    runs = found["corrected_by"]
    learned = f" Corrected by {runs:,} run{'s' if runs != 1 else ''} of this machine." if runs else ""
    words = f'<p class="{sign}">{state} {escape(found["text"])}{learned}</p>'
    if offers:
        words += '<p class="why">The nearest changes that make it fit:</p>'
    elif not found["fits"]:
        words += '<p class="why">No change of these settings makes it fit: choose a smaller model.</p>'
    shown = {
        button: gr.update(value=label(offers[at]), visible=True) if at < len(offers) else gr.update(visible=False)
        for at, button in enumerate(fit.buttons)
    }
    cost = fit.outputs[-1]
    return {
        fit.memory: picture(found) + words, fit.changes: [[offer["values"], offer["reasons"]] for offer in offers], **shown,
        cost: cost_line(project.cost(recipe, dataset, evaluation=evaluation)), **fit.savings.shown(project, recipe, dataset, evaluation),
        **fit.cell.says(found["verdict"] if found["fits"] else f"! {found['verdict']}"),
    }  # fmt: skip


def nothing_fits(fit: Fit, why: str) -> Updates:
    """What the cell shows while there is no recipe to judge."""
    hidden = {button: gr.update(visible=False) for button in fit.buttons}
    return {
        fit.memory: empty(why),
        fit.changes: [],
        **hidden,
        **fit.savings.nothing(),
        fit.outputs[-1]: "",
        **fit.cell.says(""),
    }


def label(offer: dict[str, Any]) -> str:
    words = offer["words"][0].upper() + offer["words"][1:]
    return f"{words}: up to {gigabytes(offer['needed_high'])}"


def gigabytes(amount: float) -> str:
    return f"{amount / GIB:.1f} GB" if amount >= 0.1 * GIB else f"{amount / 1024**2:.1f} MB"


def picture(found: dict[str, Any]) -> str:
    """One bar of the parts, the interval under it, and a line at what is free."""
    whole = max(found["free"], found["needed_high"]) * 1.03
    expected, free = found["expected"], found["free"]

    def at(amount: float) -> str:
        return f"{100 * amount / whole:.2f}%"

    pieces = "".join(
        f'<i title="{name}: {gigabytes(amount)}" style="display:block;height:100%;width:{at(amount)};background:{COLOURS[name]}"></i>'
        for name, amount in found["parts"].items()
    )
    names = "".join(
        f'<span style="white-space:nowrap"><i style="display:inline-block;width:11px;height:11px;border-radius:2px;'
        f'background:{COLOURS[name]}"></i> {name} <b>{gigabytes(amount)}</b></span>'
        for name, amount in found["parts"].items()
    )
    side = f"right:{at(whole - free)}" if free > whole / 2 else f"left:{at(free)}"  # where there is room for the words
    said = f"needs about {gigabytes(expected)} of {gigabytes(free)} free"
    return (
        f'<div role="img" aria-label="{said}" style="position:relative;margin:22px 0 6px">'
        f'<div style="display:flex;height:26px;border-radius:4px;overflow:hidden;background:var(--wash)">{pieces}</div>'
        f'<div style="position:absolute;top:30px;left:{at(found["needed_low"])};height:4px;background:var(--ink);'
        f'width:{at(found["needed_high"] - found["needed_low"])}"></div>'
        f'<div style="position:absolute;top:-6px;left:{at(free)};height:42px;border-left:2px dashed var(--look)"></div>'
        f'<div class="why" style="position:absolute;top:-22px;{side};font-size:13px;padding:0 4px;white-space:nowrap">'
        f"free: {gigabytes(free)}</div></div>"
        f'<p class="why" style="margin-top:14px;font-size:13px">The thin bar is where the highest need may lie.</p>'
        f'<div style="display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13.5px;margin:4px 0 8px">{names}</div>'
    )


PARTS = {
    "starting": "to start",
    "learning": "learning",
    "evaluating": "evaluations",
    "around": "checkpoints and sample answers",
}


def cost_line(found: dict[str, Any]) -> str:
    """Time and money of a start, and what is in the figure."""
    takes = f"Takes about {duration(found['seconds'])}"
    if found["dollars_an_hour"]:
        takes += (
            f" and ${found['dollars']:,.2f} (${found['dollars_an_hour']:,.3f} an hour, price of {found['date']}; "
            f"{an_example(found['dollars_an_example'])} an example seen)"
        )
    else:
        takes += "; what an hour of this machine costs is asked under More"
    parts = [f"{PARTS[name]} {duration(seconds)}" for name, seconds in found["parts"].items() if seconds]
    of = f"In it: {', '.join(parts)}. " if parts else ""
    said = f"{of}{found['text'][0].upper()}{found['text'][1:]}."
    return f'<p>{escape(takes)}. <span class="why">{escape(said)}</span></p>'


def an_example(dollars: float | None) -> str:
    """Of one example each time it is seen, in two digits: it may be a thousandth of a cent."""
    if not dollars:
        return "" if dollars is None else "$0"
    return f"${dollars:,.{max(2, 1 - math.floor(math.log10(dollars)))}f}"


def measured_table(rows: list[dict[str, Any]]) -> str:
    """Measured against predicted, and the actual time and cost, of this project's runs."""
    if not rows:
        return empty("After the first run stands here what it took, and the estimate learns from it.")
    lines = [
        [
            row["run"], f"{gigabytes(row['low'])} to {gigabytes(row['high'])}", gigabytes(row["measured"]),
            f"{row['expected'] / row['measured'] - 1:+.0%}", duration(row["seconds"]), "no price known" if row["dollars"] is None else f"${row['dollars']:,.2f}",
            an_example(row["dollars_an_example"]),
        ]
        for row in rows
    ]  # fmt: skip
    return table(
        ["run", "memory predicted", "measured", "predicted was off by", "time", "cost", "an example seen"], lines
    )


def guide_table() -> str:
    rows = Project.guide_costs()
    lines = [[row["way"], row["machine"], f"{row['hours']:.1f} h", f"${row['dollars']:,.2f}"] for row in rows]
    note = f'<p class="why">10,000 examples seen three times, as the guide has it; prices of {rows[0]["date"]}.</p>'
    return note + table(["way", "machine", "time", "cost"], lines)
