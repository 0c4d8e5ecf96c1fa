"""The Look cell of tab 1: statistics, histograms, and the rows with their scores and reasons, a page at a time."""

import math
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from components.cell import Cell, Page, Updates, empty, handout, short, table, tiles, turns
from components.dataset_box import opened
from components.tokens_view import tokens_html
from studio import Project

ROWS = 100
EVERY, FLAGGED, LOWEST = "in file order", "with a reason only", "lowest score first"
NONE = "No dataset yet: use the sample in cell 1."


def build_look(page: Page, place: int) -> None:
    why = "See what is there before you change it. Press a row to read the whole example."
    with Cell(page, "data-look", place, "Look", why) as cell:
        dataset = gr.Dropdown([], label="Dataset", elem_id="data-look-dataset")
        summary = gr.HTML(empty(NONE), elem_id="data-look-summary")
        with gr.Row(elem_classes="row"):
            scores = gr.Plot(show_label=False, elem_id="data-look-scores", visible=False)
            tokens = gr.Plot(show_label=False, elem_id="data-look-tokens", visible=False)
        with gr.Column(visible=False) as reading:
            with gr.Row(elem_classes="row"):
                show = gr.Dropdown(
                    [EVERY, FLAGGED, LOWEST], value=EVERY, label="Rows", elem_id="data-look-show", min_width=160
                )
                number = gr.Number(
                    1, label=f"Page of {ROWS} rows", precision=0, minimum=1, elem_id="data-look-page", min_width=120
                )
                previous = gr.Button("Previous", size="sm", elem_id="data-look-previous", min_width=90)
                following = gr.Button("Next", size="sm", elem_id="data-look-next", min_width=90)
            rows = gr.Dataframe(
                headers=["id", "request", "answer", "tokens", "score", "reasons"], datatype=["str", "str", "str", "number", "number", "str"],
                value=[], interactive=False, wrap=True, max_height=420, elem_id="data-look-table", show_label=False,
                column_widths=["90px", "350px", "350px", "80px", "80px", "190px"],
            )  # fmt: skip
        example = gr.HTML(elem_id="data-look-example")
        with gr.Row(visible=False, elem_classes="row") as reading_tokens:
            length = gr.Number(
                2048, label="Cut at so many tokens", precision=0, minimum=1, elem_id="data-look-length", min_width=140, scale=0,
            )  # fmt: skip
            token_view = gr.HTML(elem_id="data-look-tokens-view")
        with gr.Accordion("More: topics and labels", open=False, elem_classes="more") as topics_box:
            labels = gr.HTML(elem_id="data-look-labels")
            topics = gr.Plot(show_label=False, elem_id="data-look-topics")
            topic_words = gr.HTML(elem_id="data-look-topic-words")
        row_shown = gr.State("")
        with gr.Accordion(
            "Rows set aside while loading", open=False, elem_classes="more", visible=False
        ) as problems_box:
            problems = gr.HTML(elem_id="data-look-problems")
            problems_file = gr.DownloadButton("Download", visible=False, size="sm", elem_id="data-look-problems-file")
        with gr.Accordion("Rows dropped by the filter", open=False, elem_classes="more", visible=False) as dropped_box:
            dropped = gr.HTML(elem_id="data-look-dropped")

    def look(project: Project, reference: str | None, order: str) -> Updates:
        from components.charts import score_histogram, token_histogram

        if not reference:
            hidden = {part: gr.update(visible=False) for part in (reading, scores, tokens, problems_box, dropped_box)}
            return {**hidden, summary: empty(NONE), rows: [], example: "", number: 1, **cell.says("")}
        chosen = project.dataset(reference)
        facts = chosen.summary()
        words = {
            "examples": f"{facts['count']:,}",
            "tokens: mean": f"{facts['mean_tokens']:,.0f}",
            "tokens: shortest to longest": f"{facts['min_tokens']:,} to {facts['max_tokens']:,}",
            "mean score": "none" if facts["mean_quality"] is None else f"{facts['mean_quality']:.2f}",
            "set aside": f"{facts['problems']:,}",
        }
        flags = [
            (str(reason), f"{count:,}") for reason, count in sorted(facts["flags"].items(), key=lambda item: -item[1])
        ]
        sources = ", ".join(f"{name} ({count:,})" for name, count in list(facts["sources"].items())[:6])
        below = f'<p class="why">Sources: {escape(sources)}</p>' + (
            table(["reason on the row", "examples"], flags) if flags else ""
        )
        return {
            **cell.says(
                f"{facts['count']:,} examples, {sum(bool(found) for found in chosen.examples['flags']):,} with a reason to look"
            ),
            summary: tiles(words) + below,
            reading: gr.update(visible=True),
            scores: gr.update(value=score_histogram(chosen.examples["quality"]), visible=True),
            tokens: gr.update(value=token_histogram(chosen.examples["tokens"]), visible=True),
            rows: _page(chosen.examples, order, 1),
            number: gr.update(value=1, maximum=_pages(_ordered(chosen.examples, order))),
            example: "",
            problems_box: gr.update(
                visible=len(chosen.problems) > 0, open=False, label=f"{_rows(chosen.problems)} set aside while loading"
            ),
            problems_file: gr.update(visible=False),
            problems: _first(chosen.problems, ["line", "reason", "raw"]),
            dropped_box: gr.update(
                visible=len(chosen.dropped) > 0, label=f"{_rows(chosen.dropped)} dropped by the filter"
            ),
            dropped: _first(chosen.dropped, ["id", "reason"]),
        }

    def turn(project: Project, reference: str | None, order: str, at: float | None, by: int = 0) -> Updates:
        if not reference:
            return {}
        examples = project.dataset(reference).examples
        page_number = min(max(1, int(at or 1) + by), _pages(_ordered(examples, order)))
        return {rows: _page(examples, order, page_number), number: page_number}

    def read(project: Project, row_id: str, reference: str | None) -> Updates:
        examples = project.dataset(reference).examples if reference else pd.DataFrame({"id": []})
        found = examples[examples["id"] == row_id]
        return {
            example: _whole(found.iloc[0]) if len(found) else "",
            row_shown: row_id,
            reading_tokens: gr.update(visible=len(found) > 0),
        }

    def read_tokens(project: Project, reference: str | None, row_id: str, cut: float | None) -> Updates:
        if not reference or not row_id:
            return {}
        longest = max(1, int(cut or 2048))
        return {
            token_view: tokens_html(project.tokens_of(project.dataset(reference), row_id, max_length=longest), longest)
        }

    def map_topics(project: Project, reference: str | None) -> Updates:
        from components.charts import topic_scatter

        chosen = opened(project, reference)
        balance = project.label_balance(chosen)
        said = [
            (row.field or "answer", row.value, f"{row.count:,}", f"{row.share:.0%}")
            for row in balance.itertuples(name="Label")
        ]
        found = project.topics(chosen)
        listed = [(str(topic + 1), words, f"{count:,}") for topic, words, count in found.topics.itertuples(index=False)]
        return {
            labels: table(["label", "value", "examples", "share"], said)
            if said
            else empty("The answers are no labels and no JSON."),
            topics: topic_scatter(found.points, found.topics),
            topic_words: table(["topic", "its heaviest words", "examples"], listed),
        }

    def offer(project: Project, reference: str | None) -> Updates:
        path = project.problems_file(opened(project, reference))
        label = f"Download {path.name}: line, reason and the row as it was"
        return {problems_file: gr.update(value=handout(path), label=label, visible=True)}

    outputs = [
        summary, reading, scores, tokens, rows, number, example, problems_box, problems, problems_file, dropped_box, dropped,
    ]  # fmt: skip
    page.on(dataset.change, look, [dataset, show], outputs, cell)
    page.on(show.input, look, [dataset, show], outputs, cell)
    where = [dataset, show, number]
    page.on(previous.click, lambda project, *at: turn(project, *at, by=-1), where, [rows, number])
    page.on(following.click, lambda project, *at: turn(project, *at, by=1), where, [rows, number])
    page.on(number.submit, turn, where, [rows, number])
    read_row = page.on(rows.select, read, [dataset], [example, row_shown, reading_tokens], row=True)
    what = [dataset, row_shown, length]
    page.on(read_row.then, read_tokens, what, [token_view], cell, show_progress="hidden")
    page.on(length.change, read_tokens, what, [token_view], cell, show_progress="hidden")
    page.on(topics_box.expand, map_topics, [dataset], [labels, topics, topic_words], cell)
    page.on(problems_box.expand, offer, [dataset], [problems_file], cell, show_progress="hidden")

    def newest(project: Project) -> Updates:
        found = [one.reference for one in reversed(project.datasets())]
        wanted = next(
            (
                one.reference
                for one in reversed(project.datasets())
                if one.description.get("verb") in ("load", "filter")
            ),
            None,
        )
        return {dataset: gr.update(choices=found, value=wanted)}

    page.refresh_with(newest, [dataset])


def _ordered(examples: pd.DataFrame, order: str) -> pd.DataFrame:
    if order == FLAGGED:
        return examples[[bool(flags) for flags in examples["flags"]]]
    return examples.sort_values("quality", kind="stable") if order == LOWEST else examples


def _pages(examples: pd.DataFrame) -> int:
    return max(1, math.ceil(len(examples) / ROWS))


def _page(examples: pd.DataFrame, order: str, number: int) -> list[list[Any]]:
    part = _ordered(examples, order).iloc[(number - 1) * ROWS : number * ROWS]
    return [
        [
            row.id, short(_said(row.messages, "user")), short(_said(row.messages, "assistant")), int(row.tokens),
            None if pd.isna(row.quality) else round(float(row.quality), 3), ", ".join(row.flags),
        ]
        for row in part.itertuples()
    ]  # fmt: skip


def _said(messages: list[dict[str, str]], role: str) -> str:
    return next((message["content"] for message in reversed(messages) if message["role"] == role), "")


def _whole(row: pd.Series) -> str:
    flags = f" · {escape(', '.join(row['flags']))}" if row["flags"] else ""
    facts = f'<p class="why">{escape(row["id"])} · {row["tokens"]:,} tokens · score {row["quality"]:.3f}{flags}</p>'
    return facts + _penalties(row.get("reasons")) + turns(row["messages"])


def _penalties(reasons: list[str] | None) -> str:
    """What the scorer took off, one line a penalty."""
    if not reasons:
        return ""
    lines = "".join(f"<li>{escape(str(reason))}</li>" for reason in reasons)
    return f'<div class="note">Why the score is not 1<ul>{lines}</ul></div>'


def _rows(frame: pd.DataFrame) -> str:
    return f"{len(frame):,} row{'' if len(frame) == 1 else 's'}"


def _first(frame: pd.DataFrame, columns: list[str]) -> str:
    rows = [[short(str(row[name])) for name in columns] for _, row in frame.head(ROWS).iterrows()]
    note = f'<p class="why">The first {ROWS} of {len(frame):,}.</p>' if len(frame) > ROWS else ""
    return note + table(columns, rows)
