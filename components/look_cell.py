"""The Look cell of tab 1: what a dataset is like, its rows searched, filtered and sorted, and one of them opened."""

import time
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
import numpy as np
import pandas as pd

from components.cell import Cell, Page, Updates, duration, empty, handout, short, table, tiles
from components.dataset_box import opened
from components.example_view import COPY, KEYS, example_html
from components.tokens_view import tokens_html
from studio import Project

ROWS = 50
NONE = "No dataset yet: use the sample in cell 1."
FIRST_SORT = "file"
SORTS = [
    ("file order", "file"), ("file order, last first", "file down"), ("tokens, most first", "tokens down"),
    ("tokens, fewest first", "tokens"), ("turns, most first", "turns down"), ("turns, fewest first", "turns"),
    ("guide's score, worst first", "guide"), ("guide's score, best first", "guide down"),
    ("studio's score, worst first", "studio"), ("studio's score, best first", "studio down"), ("source, A to Z", "source"),
    ("source, Z to A", "source down"), ("id, A to Z", "id"), ("id, Z to A", "id down"),
]  # fmt: skip
SCORES = [
    ("guide: overall", "guide"), ("guide: coherence", "coherence"), ("guide: completeness", "completeness"),
    ("guide: formatting", "formatting"), ("guide: factual consistency", "factual_consistency"), ("studio", "studio"),
]  # fmt: skip
MOST_SOURCES = 500
SLOW = 0.4
"""Seconds after which what is under way shows how far it is."""


def build_look(page: Page, place: int) -> None:
    why = "See what is there before you change it. Press a row to read the whole example."
    with Cell(page, "data-look", place, "Look", why) as cell:
        dataset = gr.Dropdown([], label="Dataset", elem_id="data-look-dataset")
        summary = gr.HTML(empty(NONE), elem_id="data-look-summary")
        with gr.Row(elem_classes="row"):
            scores = gr.Plot(show_label=False, elem_id="data-look-scores", visible=False)
            tokens = gr.Plot(show_label=False, elem_id="data-look-tokens", visible=False)
        with gr.Row(elem_classes="row"):
            turns = gr.Plot(show_label=False, elem_id="data-look-turns", visible=False)
            sources_plot = gr.Plot(show_label=False, elem_id="data-look-sources-chart", visible=False)
        with gr.Column(visible=False) as reading:
            with gr.Row(elem_classes="row"):
                search = gr.Textbox(
                    label="Search in questions and answers", placeholder="Any text, then Enter", max_length=500, lines=1,
                    elem_id="data-look-search", min_width=220, scale=2,
                )  # fmt: skip
                flags = gr.Dropdown(
                    [], multiselect=True, label="With a flag of", elem_id="data-look-flags", min_width=160
                )
                sort = gr.Dropdown(SORTS, value=FIRST_SORT, label="Sort by", elem_id="data-look-sort", min_width=160)
                go = gr.Button("Search", elem_id="data-look-go", min_width=90, scale=0)
            with gr.Accordion(
                "Further filters: source, language, kind, pattern", open=False, elem_classes="more", elem_id="data-look-filters"
            ) as filters_box:  # fmt: skip
                with gr.Row(elem_classes="row"):
                    sources = gr.Dropdown(
                        [], multiselect=True, label="Source", elem_id="data-look-sources", allow_custom_value=True
                    )
                    languages = gr.Dropdown([], multiselect=True, label="Language", elem_id="data-look-languages")
                    kinds = gr.Dropdown([], multiselect=True, label="Kind", elem_id="data-look-kinds")
                regular = gr.Checkbox(
                    False,
                    label="The search is a regular expression (RE2; case is ignored)",
                    elem_id="data-look-regular",
                )
            found = gr.HTML(elem_id="data-look-found")
            stop = gr.Button("Stop", size="sm", visible=False, elem_id="data-look-stop")
            rows = gr.Dataframe(
                headers=["id", "request", "answer", "tokens", "turns", "score", "source", "flags"],
                datatype=["str", "str", "str", "number", "number", "number", "str", "str"],
                value=[], interactive=False, wrap=True, max_height=420, elem_id="data-look-table", show_label=False,
                column_widths=["90px", "310px", "310px", "74px", "66px", "70px", "110px", "120px"],
            )  # fmt: skip
            with gr.Row(elem_classes="row"):
                number = gr.Number(
                    1, label=f"Page of {ROWS} rows", precision=0, minimum=1, elem_id="data-look-page", min_width=120
                )
                previous = gr.Button("Previous", size="sm", elem_id="data-look-previous", min_width=90)
                following = gr.Button("Next", size="sm", elem_id="data-look-next", min_width=90)
        with gr.Row(visible=False, elem_classes="row") as going:
            back = gr.Button("Previous row (k)", size="sm", elem_id="data-look-previous-row", min_width=120)
            on = gr.Button("Next row (j)", size="sm", elem_id="data-look-next-row", min_width=120)
            copy = gr.Button("Copy as JSON", size="sm", elem_id="data-look-copy", min_width=120)
        example = gr.HTML(elem_id="data-look-example")
        with gr.Row(visible=False, elem_classes="row") as reading_tokens:
            length = gr.Number(
                2048, label="Cut at so many tokens", precision=0, minimum=1, elem_id="data-look-length", min_width=140, scale=0,
            )  # fmt: skip
            token_view = gr.HTML(elem_id="data-look-tokens-view")
        with gr.Accordion(
            "Worst 20 by a score", open=False, elem_classes="more", elem_id="data-look-worst-box"
        ) as worst_box:
            score = gr.Dropdown(SCORES, value="guide", label="Score", elem_id="data-look-score", min_width=200)
            worst_found = gr.HTML(elem_id="data-look-worst-found")
            worst_stop = gr.Button("Stop", size="sm", visible=False, elem_id="data-look-worst-stop")
            worst = gr.Dataframe(
                headers=["id", "score", "what took it down", "request", "answer"], datatype=["str", "number", "str", "str", "str"],
                value=[], interactive=False, wrap=True, max_height=420, elem_id="data-look-worst", show_label=False,
                column_widths=["90px", "70px", "320px", "300px", "330px"],
            )  # fmt: skip
        with gr.Accordion("More: languages, topics and labels", open=False, elem_classes="more") as topics_box:
            spoken = gr.HTML(elem_id="data-look-spoken")
            labels = gr.HTML(elem_id="data-look-labels")
            topics = gr.Plot(show_label=False, elem_id="data-look-topics")
            topic_words = gr.HTML(elem_id="data-look-topic-words")
        row_shown, list_shown = gr.State(""), gr.State("")
        with gr.Accordion(
            "Rows set aside while loading", open=False, elem_classes="more", visible=False
        ) as problems_box:
            problems = gr.HTML(elem_id="data-look-problems")
            problems_file = gr.DownloadButton("Download", visible=False, size="sm", elem_id="data-look-problems-file")
        with gr.Accordion("Rows dropped by the filter", open=False, elem_classes="more", visible=False) as dropped_box:
            dropped = gr.HTML(elem_id="data-look-dropped")

    query = [search, regular, flags, sources, languages, kinds, sort]
    shown = [rows, found, number, stop, cell.box]

    def look(project: Project, reference: str | None) -> Updates:
        from components import charts

        cleared: Updates = {
            search: "", regular: False, sort: FIRST_SORT, example: "", token_view: "", row_shown: "", worst: [], worst_found: "",
            going: gr.update(visible=False), reading_tokens: gr.update(visible=False), stop: gr.update(visible=False),
            worst_stop: gr.update(visible=False), worst_box: gr.update(open=False), topics_box: gr.update(open=False),
            filters_box: gr.update(open=False), languages: gr.update(choices=[], value=[]),
        }  # fmt: skip
        if not reference:
            parts = (reading, scores, tokens, turns, sources_plot, problems_box, dropped_box, worst_box, topics_box)
            hidden = {part: gr.update(visible=False) for part in parts}
            return {**cleared, **hidden, summary: empty(NONE), rows: [], number: 1, **cell.says("")}
        chosen = project.dataset(reference)
        facts, first = project.overview(chosen), project.rows(chosen, size=ROWS)
        count, some = len(chosen), len(chosen) > 0
        with_reason = f"{facts.flagged:,} with a flag"
        return {
            **cleared,
            **cell.says(f"{count:,} examples, {with_reason}"),
            summary: _summary(facts, count),
            reading: gr.update(visible=True),
            worst_box: gr.update(visible=some, open=False),
            topics_box: gr.update(visible=some, open=False),
            scores: gr.update(value=charts.score_histogram(pd.Series(facts.quality)), visible=some),
            tokens: gr.update(value=charts.token_histogram(pd.Series(facts.tokens)), visible=some),
            turns: gr.update(value=charts.turn_histogram(facts.turns), visible=some),
            sources_plot: gr.update(value=charts.source_bars(facts.sources), visible=some),
            flags: gr.update(choices=_counted(facts.flags), value=[]),
            sources: gr.update(choices=_counted(facts.sources)[:MOST_SOURCES], value=[]),
            kinds: gr.update(choices=_counted(facts.kinds), value=[]),
            **_page(first),
            problems_box: gr.update(visible=facts.problems > 0, open=False, label=f"{_rows(facts.problems)} set aside while loading"),
            problems_file: gr.update(visible=False),
            problems: _first(facts.first_problems, facts.problems, ["line", "reason", "raw"]),
            dropped_box: gr.update(visible=facts.dropped > 0, label=f"{_rows(facts.dropped)} dropped by the filter"),
            dropped: _first(facts.first_dropped, facts.dropped, ["id", "reason"]),
        }  # fmt: skip

    def _page(made: Any) -> Updates:
        table_rows = [
            [row.id, *_said(row.messages), int(row.tokens), int(row.turns), _rounded(row.score), row.source, ", ".join(row.flags)]
            for row in made.rows.itertuples()
        ]  # fmt: skip
        words = f"<b>{_rows(made.total)}</b> found" + (f", page {made.page:,} of {made.pages:,}" if made.total else "")
        return {
            rows: table_rows, found: f'<p class="why">{words}</p>', number: gr.update(value=made.page, maximum=made.pages),
            stop: gr.update(visible=False),
        }  # fmt: skip

    def find(project: Project, reference: str | None, *values: Any) -> Iterator[Updates]:
        """The first page of what is asked for; what takes long tells how far it is."""
        if not reference:
            return
        chosen, asked = project.dataset(reference), _query(*values)
        for words in _progress(project.preparing_rows(chosen, **asked)):
            yield {found: words, stop: gr.update(visible=True)}
        yield {**_page(project.rows(chosen, size=ROWS, **asked)), cell.message: gr.update(visible=False)}

    def turn(project: Project, reference: str | None, at: float | None, *values: Any, by: int = 0) -> Updates:
        if not reference:
            return {}
        wanted = max(1, int(at or 1) + by)
        return _page(project.rows(project.dataset(reference), wanted, ROWS, **_query(*values)))

    def read(project: Project, row_id: str, reference: str | None, *values: Any) -> Updates:
        return {**open_row(project, row_id, reference, *values), list_shown: ""}

    def read_worst(project: Project, row_id: str, reference: str | None, kind: str, *values: Any) -> Updates:
        return {**open_row(project, row_id, reference, *values), list_shown: kind}

    def open_row(project: Project, row_id: str, reference: str | None, *values: Any) -> Updates:
        if not reference or not row_id:
            return {}
        asked = _query(*values)
        row = project.row(project.dataset(reference), str(row_id))
        there = gr.update(visible=True)
        return {
            example: example_html(row, lambda text: project.found_in(text, asked["search"], asked["regular"])),
            row_shown: row_id, reading_tokens: there, going: there,
        }  # fmt: skip

    def beside(by: int) -> Any:
        def step(project: Project, reference: str | None, row_id: str, kind: str, *values: Any) -> Updates:
            if not reference or not row_id:
                return {}
            order = {"sort": kind} if kind else _query(*values)
            return open_row(
                project, project.row_beside(project.dataset(reference), row_id, by, **order), reference, *values
            )

        return step

    def read_tokens(project: Project, reference: str | None, row_id: str, cut: float | None) -> Updates:
        if not reference or not row_id:
            return {}
        longest = max(1, int(cut or 2048))
        return {
            token_view: tokens_html(project.tokens_of(project.dataset(reference), row_id, max_length=longest), longest)
        }

    def show_worst(project: Project, reference: str | None, kind: str) -> Iterator[Updates]:
        chosen = opened(project, reference)
        for words in _progress(project.preparing_rows(chosen, sort=kind)):
            yield {worst_found: words, worst_stop: gr.update(visible=True)}
        made = project.worst(chosen, kind)
        listed = [
            [row.id, _rounded(row.score), "; ".join(row.penalties), *_said(row.messages)]
            for row in made.itertuples()
        ]  # fmt: skip
        clean = "" if (made["score"] < 1).any() else '<p class="why">No example lost anything of this score.</p>'
        yield {
            worst: listed,
            worst_found: clean,
            worst_stop: gr.update(visible=False),
            cell.message: gr.update(visible=False),
        }

    def offer_languages(project: Project, reference: str | None) -> Updates:
        names = list(project.languages(opened(project, reference))["language"])
        return {languages: gr.update(choices=names)}

    def map_topics(project: Project, reference: str | None) -> Iterator[Updates]:
        from components.charts import topic_scatter

        chosen = opened(project, reference)
        yield {spoken: _spoken(project.languages(chosen), len(chosen))}
        balance = project.label_balance(chosen)
        said = [
            (row.field or "answer", row.value, f"{row.count:,}", f"{row.share:.0%}")
            for row in balance.itertuples(name="Label")
        ]
        none = empty("The answers are no labels and no JSON.")
        yield {labels: table(["label", "value", "examples", "share"], said) if said else none}
        made = project.topics(chosen)
        listed = [(str(topic + 1), words, f"{count:,}") for topic, words, count in made.topics.itertuples(index=False)]
        yield {
            topics: topic_scatter(made.points, made.topics),
            topic_words: table(["topic", "its heaviest words", "examples"], listed),
        }

    def offer(project: Project, reference: str | None) -> Updates:
        path = project.problems_file(opened(project, reference))
        label = f"Download {path.name}: line, reason and the row as it was"
        return {problems_file: gr.update(value=handout(path), label=label, visible=True)}

    outputs = [
        summary, reading, scores, tokens, turns, sources_plot, rows, found, number, example, token_view, row_shown, going, reading_tokens,
        problems_box, problems, problems_file, dropped_box, dropped, worst, worst_found, worst_stop, worst_box, topics_box, filters_box,
        stop, *query,
    ]  # fmt: skip
    page.on(dataset.change, look, [dataset], outputs, cell)
    asking = [search.submit, go.click, *(box.input for box in (regular, flags, sources, languages, kinds, sort))]
    found_by = [
        page.on(asked, find, [dataset, *query], shown, cell, trigger_mode="always_last", show_progress="hidden")
        for asked in asking
    ]
    page.on(
        stop.click,
        lambda project: {stop: gr.update(visible=False), found: _stopped()},
        (),
        [stop, found],
        cancels=found_by,
    )
    where = [dataset, number, *query]
    page.on(previous.click, lambda project, *at: turn(project, *at, by=-1), where, shown, cell)
    page.on(following.click, lambda project, *at: turn(project, *at, by=1), where, shown, cell)
    page.on(number.submit, turn, where, shown, cell)
    open_parts = [example, row_shown, list_shown, reading_tokens, going]
    opened_by = [
        page.on(rows.select, read, [dataset, *query], open_parts, cell, row=True),
        page.on(worst.select, read_worst, [dataset, score, *query], open_parts, cell, row=True),
        *(
            page.on(
                button.click, beside(by), [dataset, row_shown, list_shown, *query], open_parts, cell, trigger_mode="multiple",
                show_progress="hidden",
            )
            for button, by in ((back, -1), (on, 1))
        ),
    ]  # fmt: skip
    what = [dataset, row_shown, length]
    for event in opened_by:
        page.on(event.then, read_tokens, what, [token_view], cell, show_progress="hidden")
    page.on(length.change, read_tokens, what, [token_view], cell, show_progress="hidden")
    copy.click(None, None, None, js=COPY)
    cell.box.expand(None, None, None, js=KEYS)
    page.on(filters_box.expand, offer_languages, [dataset], [languages], cell)
    worst_parts = [worst, worst_found, worst_stop]
    worst_by = [
        page.on(event, show_worst, [dataset, score], worst_parts, cell, show_progress="hidden")
        for event in (worst_box.expand, score.input)
    ]
    page.on(
        worst_stop.click, lambda project: {worst_stop: gr.update(visible=False), worst_found: _stopped()}, (),
        [worst_stop, worst_found], cancels=worst_by,
    )  # fmt: skip
    page.on(topics_box.expand, map_topics, [dataset], [spoken, labels, topics, topic_words], cell)
    page.on(problems_box.expand, offer, [dataset], [problems_file], cell, show_progress="hidden")

    def newest(project: Project) -> Updates:
        datasets = list(reversed(project.datasets()))
        wanted = next((one.reference for one in datasets if one.description.get("verb") in ("load", "filter")), None)
        return {dataset: gr.update(choices=[one.reference for one in datasets], value=wanted)}

    page.refresh_with(newest, [dataset])


def _query(
    search: str | None, regular: bool, flags: list[str], sources: list[str], languages: list[str], kinds: list[str], sort: str
) -> dict[str, Any]:  # fmt: skip
    """The boxes as the query of Project.rows."""
    return {
        "search": search or "", "regular": bool(regular), "flags": flags or [], "sources": sources or [], "languages": languages or [],
        "kinds": kinds or [], "sort": (sort or FIRST_SORT).split(" ")[0], "descending": (sort or "").endswith(" down"),
    }  # fmt: skip


def _progress(steps: Iterator[tuple[int, int]]) -> Iterator[str]:
    """Runs through what takes long; after a moment says twice a second how far it is and what is left."""
    began = told = time.monotonic()
    for done, of in steps:
        now = time.monotonic()
        if now - told > SLOW:
            told, share = now, done / max(1, of)
            left = duration((now - began) * (1 - share) / max(share, 1e-6))
            bar = f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}"><i style="width:{share:.1%}"></i></div>'
            yield f'{bar}<p class="why">{done:,} of {of:,} rows looked at, {left} left</p>'


def _stopped() -> str:
    return '<p class="why">Stopped. What is below belongs to the question before.</p>'


def _summary(facts: Any, count: int) -> str:
    scored = facts.quality[~np.isnan(facts.quality)]
    words = {
        "examples": f"{count:,}",
        "tokens: mean": f"{facts.tokens.mean():,.0f}" if count else "none",
        "tokens: shortest to longest": f"{facts.tokens.min():,} to {facts.tokens.max():,}" if count else "none",
        "turns: mean": f"{facts.turns.mean():,.1f}" if count else "none",
        "mean score": f"{scored.mean():.2f}" if len(scored) else "none",
        "set aside": f"{facts.problems:,}",
    }
    flags = [(str(flag), f"{number:,}", f"{number / count:.1%}") for flag, number in facts.flags.items()]
    sources = ", ".join(f"{name} ({number:,})" for name, number in list(facts.sources.items())[:6])
    more = f" and {len(facts.sources) - 6:,} more" if len(facts.sources) > 6 else ""
    below = f'<p class="why">Sources: {escape(sources + more)}</p>' if sources else ""
    return tiles(words) + below + (table(["flag", "examples", "share"], flags) if flags else "")


def _spoken(found: pd.DataFrame, count: int) -> str:
    looked_at = found.attrs["looked_at"]
    where = "" if looked_at == count else f" of a sample of {looked_at:,} examples; a filter by language looks at all"
    said = [(row.language, f"{row.count:,}", f"{row.share:.1%}") for row in found.itertuples(name="Spoken")]
    return f'<p class="why">Languages{where}.</p>' + table(["language", "examples", "share"], said)


def _counted(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(f"{name} ({count:,})", name) for name, count in counts.items()]


def _said(messages: list[dict[str, str]]) -> tuple[str, str]:
    """The last request and the last answer, cut to fit a table."""

    def last(role: str) -> str:
        spoken = (
            one.get("content") or one.get("tool_calls") or "" for one in reversed(messages) if one["role"] == role
        )
        return short(next(spoken, ""))

    return last("user"), last("assistant")


def _rounded(score: float) -> float | None:
    return None if np.isnan(score) else round(float(score), 3)


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _first(frame: pd.DataFrame, count: int, columns: list[str]) -> str:
    rows = [[short(str(row[name])) for name in columns] for _, row in frame.iterrows()]
    note = f'<p class="why">The first {len(frame):,} of {count:,}.</p>' if count > len(frame) else ""
    return note + table(columns, rows)
