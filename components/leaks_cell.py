"""The Leaks cell of tab 1: what of a benchmark, or of any other dataset, was learned from; side by side, and dropped."""

import math
from typing import Any

import gradio as gr
import pandas as pd

from components.beside import beside, card, differences, said
from components.cell import Cell, Page, Updates, empty
from components.dataset_box import left_out_words, made_last, opened, references, to_learn_from
from components.load_cell import SAMPLE_FIRST
from components.split_cell import HOW, in_words
from components.step_box import StepBox
from studio import InputError, Project

PAIRS = 10
NOT_CHECKED = "Press “Check” to see which rows of the benchmark, or of the test part, are among those to learn from. A benchmark of your own is loaded in cell 1."


def build_leaks(page: Page, number: int) -> None:
    def left(project: Project, step: Any) -> str:
        made = project.dataset(step.results[0])
        return f"{len(made.dropped):,} dropped, {len(made):,} left to learn from"

    why = "A benchmark measures nothing that was learned by heart: find its rows among those to learn from, and drop them."
    with Cell(page, "data-leaks", number, "Leaks", why, "drop_leaked", describe=left) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Rows to learn from", elem_id="data-leaks-dataset")
            benchmark = gr.Dropdown([], label="Benchmark, or test rows", elem_id="data-leaks-benchmark")
        with gr.Row(elem_classes="row"):
            check = gr.Button("Check", elem_id="data-leaks-check", min_width=140)
            run = gr.Button("Drop them", variant="primary", elem_id="data-leaks-run", min_width=140)
        steps = StepBox(page, cell, "check_leakage", "drop_leaked")
        found_words = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-leaks-found")
        pairs = gr.HTML("", elem_id="data-leaks-pairs")
        with gr.Row(visible=False, elem_classes="row") as turning:
            at = gr.Number(1, label=f"Page of {PAIRS} pairs", precision=0, minimum=1, elem_id="data-leaks-page")
            previous = gr.Button("Previous", size="sm", elem_id="data-leaks-previous", min_width=90)
            following = gr.Button("Next", size="sm", elem_id="data-leaks-next", min_width=90)
    both, shown = [dataset, benchmark], [found_words, pairs, turning, at]

    def two(project: Project, learned: str | None, asked: str | None) -> tuple[Any, Any]:
        if learned and learned == asked:
            raise InputError("A dataset stands in itself", learned, "Choose two different ones")
        return opened(project, learned), opened(project, asked)

    def turn(project: Project, number: float | None, *given: Any, by: int = 0) -> Updates:
        train, asked = two(project, *given)
        leak = project.check_leakage(train, asked)
        pages = max(1, math.ceil(len(leak.pairs) / PAIRS))
        page_number = min(max(1, int(number or 1) + by), pages)
        part = leak.pairs.iloc[(page_number - 1) * PAIRS : page_number * PAIRS]
        return {
            found_words: in_words(leak.counts["test"], leak.rows["test"], f"rows of {asked.reference}"), pairs: _pairs(train, asked, part),
            turning: gr.update(visible=pages > 1), at: gr.update(value=page_number, maximum=pages), cell.message: gr.update(visible=False),
        }  # fmt: skip

    def look(project: Project, *given: Any) -> Updates:
        both_sets = two(project, *given)
        if project.is_long("check_leakage", *both_sets):
            return steps.begin(project, "check_leakage", *both_sets)
        return turn(project, 1, *given)

    def looked(project: Project, job: Any) -> Updates:
        return turn(project, 1, *job.request["datasets"]) if job.request["verb"] == "check_leakage" else {}

    def drop(project: Project, *given: Any) -> Updates:
        return steps.run(project, "drop_leaked", *two(project, *given))

    def show(project: Project) -> Updates:
        return {
            dataset: gr.update(choices=references(project), value=to_learn_from(project) or made_last(project)),
            benchmark: _offer(project, "test"), found_words: left_out_words(project, cell.latest(project)) or empty(NOT_CHECKED if project.datasets() else SAMPLE_FIRST), pairs: "",
            turning: gr.update(visible=False),
        }  # fmt: skip

    page.on(check.click, look, both, [*shown, *steps.outputs], cell)
    page.on(at.submit, turn, [at, *both], shown, cell)
    page.on(previous.click, lambda project, *given: turn(project, *given, by=-1), [at, *both], shown, cell)
    page.on(following.click, lambda project, *given: turn(project, *given, by=1), [at, *both], shown, cell)
    page.on(run.click, drop, both, steps.outputs, cell)
    steps.wire(shown, looked)
    page.refresh_with(show, [*both, found_words, pairs, turning])


def _offer(project: Project, *names: str) -> Any:
    """All datasets, with the newest of the first of these names chosen."""
    found = references(project)
    likely = (one for name in names for one in found if one.startswith(f"{name}@"))
    return gr.update(choices=found, value=next(likely, found[0] if found else None))


def _pairs(train: Any, asked: Any, part: pd.DataFrame) -> str:
    """One page of pairs, each side by side; only its rows are read."""
    learned_texts, asked_texts = (
        _texts(dataset, part[name].drop_duplicates().tolist()) for dataset, name in ((train, "train_id"), (asked, "id"))
    )
    parts = []
    for row in part.itertuples():
        one, other = learned_texts[row.train_id], asked_texts[row.id]
        how = HOW[str(row.kind)] if row.kind != "near duplicate" else f"{row.similarity:.0%} the same"
        cards = [
            card(f"To learn from: {row.train_id}", train.reference, differences(one, one)),
            card(f"Asked: {row.id}", asked.reference, differences(one, other)),
        ]
        parts.append(beside(f"{row.id}: {how}", cards))
    return "".join(parts)


def _texts(dataset: Any, wanted: list[str]) -> dict[str, str]:
    ids = dataset.columns("id")["id"]
    places = ids.index[ids.isin(wanted)].tolist()
    return dict(zip(ids[places], map(said, dataset.take(places)["messages"]), strict=True))
