"""The Look cell of tab 1: what a dataset is like, its rows searched, filtered and sorted, and one of them opened."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from components.cell import Cell, Page, Updates, empty, table
from components.dataset_box import opened
from components.example_view import COPY, KEYS, example_html
from components.handout import handout
from components.look_words import (
    FIRST_SORT,
    counted,
    first_of,
    progress,
    query_of,
    rounded,
    rows_in_words,
    said_in,
    spoken_of,
    stopped,
    summary_of,
)
from components.tokens_view import READ, tokens_html
from studio import InputError, Project

ROWS = 50
NONE = "No dataset yet: use the sample in cell 1."
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
                go = gr.Button("Search", elem_id="data-look-go", min_width=110, scale=0)
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
                column_widths=["90px", "70px", "330px", "310px", "334px"],
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
            summary: summary_of(facts, count),
            reading: gr.update(visible=True),
            worst_box: gr.update(visible=some, open=False),
            topics_box: gr.update(visible=some, open=False),
            scores: gr.update(value=charts.score_histogram(pd.Series(facts.quality)), visible=some),
            tokens: gr.update(value=charts.token_histogram(pd.Series(facts.tokens)), visible=some),
            turns: gr.update(value=charts.turn_histogram(facts.turns), visible=some),
            sources_plot: gr.update(value=charts.source_bars(facts.sources), visible=some),
            flags: gr.update(choices=counted(facts.flags), value=[]),
            sources: gr.update(choices=counted(facts.sources)[:MOST_SOURCES], value=[]),
            kinds: gr.update(choices=counted(facts.kinds), value=[]),
            **_page(first),
            problems_box: gr.update(visible=facts.problems > 0, open=False, label=f"{rows_in_words(facts.problems)} set aside while loading"),
            problems_file: gr.update(visible=False),
            problems: first_of(facts.first_problems, facts.problems, ["line", "reason", "raw"]),
            dropped_box: gr.update(visible=facts.dropped > 0, label=f"{rows_in_words(facts.dropped)} dropped by the filter"),
            dropped: first_of(facts.first_dropped, facts.dropped, ["id", "reason"]),
        }  # fmt: skip

    def _page(made: Any) -> Updates:
        table_rows = [
            [row.id, *said_in(row.messages), int(row.tokens), int(row.turns), rounded(row.score), row.source, ", ".join(row.flags)]
            for row in made.rows.itertuples()
        ]  # fmt: skip
        words = f"<b>{rows_in_words(made.total)}</b> found" + (
            f", page {made.page:,} of {made.pages:,}" if made.total else ""
        )
        return {
            rows: table_rows, found: f'<p class="why">{words}</p>', number: gr.update(value=made.page, maximum=made.pages),
            stop: gr.update(visible=False),
        }  # fmt: skip

    def find(project: Project, reference: str | None, *values: Any) -> Iterator[Updates]:
        """The first page of what is asked for; what takes long tells how far it is."""
        if not reference:
            return
        chosen, asked = project.dataset(reference), query_of(*values)
        try:
            for words in progress(project.preparing_rows(chosen, **asked)):
                yield {found: words, stop: gr.update(visible=True)}
        except InputError as error:  # said beside the box: the cell is long, and its own message stands at its end
            words = f'<div class="message" role="alert">{escape(str(error))}</div>'
            yield {found: words, stop: gr.update(visible=False)}
            return
        yield {**_page(project.rows(chosen, size=ROWS, **asked)), cell.message: gr.update(visible=False)}

    def turn(project: Project, reference: str | None, at: float | None, *values: Any, by: int = 0) -> Updates:
        if not reference:
            return {}
        wanted = max(1, int(at or 1) + by)
        return _page(project.rows(project.dataset(reference), wanted, ROWS, **query_of(*values)))

    def read(project: Project, row_id: str, reference: str | None, *values: Any) -> Updates:
        return {**open_row(project, row_id, reference, *values), list_shown: ""}

    def read_worst(project: Project, row_id: str, reference: str | None, kind: str, *values: Any) -> Updates:
        return {**open_row(project, row_id, reference, *values), list_shown: kind}

    def open_row(project: Project, row_id: str, reference: str | None, *values: Any) -> Updates:
        if not reference or not row_id:
            return {}
        asked = query_of(*values)
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
            order = {"sort": kind} if kind else query_of(*values)
            return open_row(
                project, project.row_beside(project.dataset(reference), row_id, by, **order), reference, *values
            )

        return step

    def read_tokens(project: Project, reference: str | None, row_id: str, cut: float | None) -> Updates:
        if not reference or not row_id:
            return {}
        longest, chosen = max(1, int(cut or 2048)), project.dataset(reference)
        tokens = project.tokens_of(chosen, row_id, max_length=longest, characters=READ)
        return {token_view: tokens_html(tokens, longest, project.left_out_of_tokens(chosen, row_id))}

    def show_worst(project: Project, reference: str | None, kind: str) -> Iterator[Updates]:
        chosen = opened(project, reference)
        for words in progress(project.preparing_rows(chosen, sort=kind)):
            yield {worst_found: words, worst_stop: gr.update(visible=True)}
        made = project.worst(chosen, kind)
        listed = [
            [row.id, rounded(row.score), "; ".join(row.penalties), *said_in(row.messages)]
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
        yield {spoken: spoken_of(project.languages(chosen), len(chosen))}
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
        lambda project: {stop: gr.update(visible=False), found: stopped()},
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
        worst_stop.click, lambda project: {worst_stop: gr.update(visible=False), worst_found: stopped()}, (),
        [worst_stop, worst_found], cancels=worst_by,
    )  # fmt: skip
    page.on(topics_box.expand, map_topics, [dataset], [spoken, labels, topics, topic_words], cell)
    page.on(problems_box.expand, offer, [dataset], [problems_file], cell, show_progress="hidden")

    def newest(project: Project) -> Updates:
        datasets = list(reversed(project.datasets()))
        wanted = next((one.reference for one in datasets if one.description.get("verb") in ("load", "filter")), None)
        return {dataset: gr.update(choices=[one.reference for one in datasets], value=wanted)}

    page.refresh_with(newest, [dataset])
