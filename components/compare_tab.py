"""Tab 4: is the tuned model better? Two answers side by side, and the measures on held-out rows."""

import difflib
import re
from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Refresher, Updates, empty, job_line, spoken, tiles
from components.dataset_box import opened, references
from studio import InputError, JobError, Project

NO_RUN = (
    "No run has finished yet. Train one in tab 3: the sample of tab 1 and its recommended recipe take some minutes."
)
NOT_MEASURED = "Not measured yet. Press “Measure”: it answers every held-out row three ways."
NAMES = {"base": "base", "base_few_shot": "base, 3 examples in the prompt", "tuned": "tuned"}
METRICS = {
    "exact_match": "exact match",
    "valid_json": "valid JSON",
    "rouge_l": "ROUGE-L",
    "perplexity": "perplexity (lower is better)",
}
ROWS = 100


def ready_runs(project: Project) -> list[str]:
    """Runs that can answer, the newest first."""
    return [run.id for run in reversed(project.runs()) if run.is_ready]


def held_out(project: Project) -> str | None:
    """The newest test part, or else the newest dataset."""
    found = references(project, "split")
    return next((one for one in found if one.startswith("test@")), found[0] if found else None)


def run_box(project: Project, chosen: str | None = None) -> Any:
    """An update of a box of runs that can answer: `chosen` stays, and where it is none of them the newest is."""
    found = ready_runs(project)
    return gr.update(choices=found, value=chosen if chosen in found else next(iter(found), None))


def chosen_run(project: Project, run_id: str | None) -> Any:
    """The run of a box, and of one that does not know yet that a run has finished the one that it would show."""
    run_id = run_id or next(iter(ready_runs(project)), None)
    if run_id is None:
        raise InputError("No run is chosen", "", "Train one in tab 3 and wait until it has finished")
    return project.run(run_id)


def build(page: Page) -> Refresher:
    run = gr.Dropdown([], label="Run to judge, against its base", elem_id="compare-run")
    notice = gr.HTML(empty(NO_RUN), elem_id="compare-notice")
    rows = _ask(page, run)
    measure = _measure(page, run, rows)

    def look(project: Project, chosen: str | None) -> Updates:
        return {run: run_box(project, chosen), notice: gr.update(visible=not ready_runs(project))}

    def show(project: Project, chosen: str | None = None) -> Updates:
        return {**look(project, chosen), **measure.function(project)}

    outputs = [run, notice, *measure.outputs]
    page.refresh_with(show, outputs)
    page.follow(page.changed.change, look, [run], [run, notice])
    return Refresher(show, outputs, [run])


def _ask(page: Page, run: Any) -> Any:
    why = "The same prompt to the base and to the tuned model, from one copy of the weights. What differs is marked."
    with Cell(page, "compare-both", 1, "Ask both", why, opened=True) as cell:
        prompt = gr.Textbox(label="Prompt", lines=4, max_lines=12, elem_id="compare-prompt")
        with gr.Row(elem_classes="row"):
            ask = gr.Button("Ask both", variant="primary", elem_id="compare-ask")
            stop = gr.Button("Stop", elem_id="compare-ask-stop")
            take = gr.Button("Take a held-out row", elem_id="compare-row")
        expected = gr.HTML(elem_id="compare-expected")
        with gr.Row(elem_classes="row"):
            base = gr.HTML(_pane("Base", "", ""), elem_id="compare-base", min_width=280)
            tuned = gr.HTML(_pane("Tuned", "", "tuned"), elem_id="compare-tuned", min_width=280)
    place, row = gr.State(-1), gr.State({})

    def ask_both(project: Project, run_id: str | None, text: str, taken: dict[str, Any]) -> Iterator[Updates]:
        """A held-out row that nobody rewrote is asked as it stands: with all that was said before, and its tools."""
        chosen = chosen_run(project, run_id)
        waiting = "waking the answering process, a few seconds …"
        yield {base: _pane("Base", waiting, ""), tuned: _pane("Tuned", waiting, "tuned"), **cell.says("answering …")}
        last = {"base": "", "tuned": ""}
        asked, tools = (taken["messages"], taken["tools"]) if taken.get("prompt") == text else (text, None)
        for part in project.answer_stream(chosen, asked, tools=tools):
            last = part
            yield {base: _pane("Base", part["base"], ""), tuned: _pane("Tuned", part["tuned"], "tuned")}
        marked = _differences(last["base"], last["tuned"])
        yield {
            base: _pane("Base", last["base"], "", marked[0]),
            tuned: _pane("Tuned", last["tuned"], "tuned", marked[1]),
            **cell.says("✓ both answered"),
        }

    def take_row(project: Project, reference: str | None, at: int) -> Updates:
        dataset_shown = opened(project, reference or held_out(project))  # a page that has just opened knows none yet
        position = (at + 1) % len(dataset_shown)
        example = dataset_shown.take([position]).iloc[0]
        messages = list(example["messages"])
        last = messages.pop() if messages[-1]["role"] == "assistant" else {"content": ""}
        answer = spoken(last)
        asked = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
        return {
            prompt: asked,
            place: position,
            row: {"prompt": asked, "messages": messages, "tools": example["tools"]} if messages else {},
            expected: f'<p class="why">Expected for this row:</p><div class="turn"><pre>{escape(answer)}</pre></div>',
        }

    settings = {"concurrency_id": "gpu", "concurrency_limit": 1, "show_progress": "hidden"}
    asking = page.on(ask.click, ask_both, [run, prompt, row], [base, tuned], cell, **settings)
    stop.click(None, None, None, cancels=[asking])

    def cleared(project: Project) -> Updates:
        """What somebody reads goes with its project, and not because something else was made."""
        panes = {base: _pane("Base", "", ""), tuned: _pane("Tuned", "", "tuned"), expected: ""}
        return {**panes, place: -1, row: {}, **cell.says("")}

    page.follow(page.name.input, cleared, [], [base, tuned, expected, place, row], cell)
    return lambda dataset: page.on(take.click, take_row, [dataset, place], [prompt, place, row, expected], cell)


def _measure(page: Page, run: Any, rows: Any) -> Refresher:
    why = "Every held-out row answered by the base, by the base with three examples in the prompt, and by the tuned model."
    with Cell(page, "compare-measure", 2, "Measure", why, "evaluate") as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Held-out dataset", scale=2, elem_id="compare-dataset")
            start = gr.Button("Measure", variant="primary", elem_id="compare-measure-run", min_width=120)
            stop = gr.Button("Stop", visible=False, elem_id="compare-measure-stop", min_width=90)
        state = gr.HTML(empty(NOT_MEASURED), elem_id="compare-measure-state")
        measures = gr.HTML(elem_id="compare-measure-table")
        answers = gr.Dataframe(
            headers=["asked", "expected", "base", "base, 3 examples", "tuned"], value=[], interactive=False, wrap=True, visible=False,
            max_height=420, show_label=False, elem_id="compare-measure-answers",
            column_widths=["280px", "215px", "215px", "215px", "215px"],
        )  # fmt: skip
    rows(dataset)
    timer, seen = gr.Timer(1.5, active=False), gr.State("")
    outputs = [state, measures, answers, stop, timer, seen]

    def follow(project: Project, before: str = "") -> Updates:
        found = project.evaluations()
        if not found:
            nothing = {
                state: empty(NOT_MEASURED),
                measures: "",
                answers: gr.update(visible=False),
                stop: gr.update(visible=False),
            }
            return {**nothing, timer: gr.update(active=False)}
        newest = found[-1]
        job, over = newest.job, newest.state in ENDED
        now = f"{newest.id} {newest.state} {job.progress.done}"
        if now == before:
            return {}
        words, bar = job_line(job)
        updates: Updates = {
            state: "" if newest.state == "finished" else bar,
            stop: gr.update(visible=newest.state in ("running", "queued")),
            timer: gr.update(active=not over),
            seen: now,
        }
        measured = [one for one in found if one.is_ready]
        if not measured:
            return {**updates, **cell.says(words), measures: "", answers: gr.update(visible=False)}
        last = measured[-1]
        facts = tiles({"judged": last.run_id, "on": last.dataset, "held-out rows": f"{last.description['rows']:,}"})
        exact = next((row for row in last.table.to_dict("records") if row["metric"] == "exact_match"), None)
        summary = f"✓ exact match {exact['base']:.0%} before, {exact['tuned']:.0%} after" if exact else f"✓ {last.id}"
        part = last.answers.head(ROWS)[["prompt", "expected", "base", "base_few_shot", "tuned"]]
        return {
            **updates,
            **cell.says(summary if last.id == newest.id else words),
            measures: facts + _bars(last.table) + _table(last.table),
            answers: gr.update(value=part.values.tolist(), visible=True),
        }

    def begin(project: Project, run_id: str | None, reference: str | None) -> Updates:
        project.start_evaluation(chosen_run(project, run_id), opened(project, reference))
        return {**cell.done(project), **follow(project), timer: gr.update(active=True)}

    def press_stop(project: Project) -> Updates:
        found = project.evaluations()
        if not found:
            raise JobError("There is nothing to stop")
        found[-1].job.stop()
        return {stop: gr.update(visible=False)}

    page.follow(timer.tick, follow, [seen], outputs, cell)
    page.on(start.click, begin, [run, dataset], outputs, cell)
    page.on(stop.click, press_stop, [], outputs, cell)

    def show(project: Project) -> Updates:
        return {
            dataset: gr.update(choices=references(project, "split"), value=held_out(project)),
            **cell.restore(project),
            **follow(project),
        }

    return Refresher(show, [dataset, *outputs, *cell.outputs])


def _pane(title: str, text: str, kind: str, inner: str = "") -> str:
    return f'<div class="answer {kind}"><h4>{title}</h4><pre>{inner or escape(text)}</pre></div>'


def _differences(base: str, tuned: str) -> tuple[str, str]:
    """Both texts with the words that only one of them has marked."""
    left, right = re.findall(r"\s+|\w+|\W", base), re.findall(r"\s+|\w+|\W", tuned)
    sides: tuple[list[str], list[str]] = ([], [])
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        for side, words in ((sides[0], "".join(left[a:b])), (sides[1], "".join(right[c:d]))):
            if words:
                side.append(escape(words) if kind == "equal" or not words.strip() else f"<mark>{escape(words)}</mark>")
    return "".join(sides[0]), "".join(sides[1])


def _bars(measured: Any) -> str:
    from components.charts import interval_bars

    row = next((row for row in measured.to_dict("records") if row["metric"] == "exact_match"), None)
    if row is None:
        return ""
    bars = [(words, row[name], row[f"{name}_low"], row[f"{name}_high"]) for name, words in NAMES.items()]
    return f'<p class="why">Exact match, with 95 % intervals</p>{interval_bars(bars)}'


def _table(measured: Any) -> str:
    def value(row: dict[str, Any], name: str) -> str:
        shape = "{:.2f}" if row["metric"] == "perplexity" else "{:.1%}"
        low, high = shape.format(row[f"{name}_low"]), shape.format(row[f"{name}_high"])
        return f"{shape.format(row[name])} <small>{low} to {high}</small>"

    head = "".join(f"<th>{escape(words)}</th>" for words in ("measure, 95 % interval", *NAMES.values()))
    body = "".join(
        f"<tr><td>{METRICS.get(row['metric'], row['metric'])}</td>"
        + "".join(f"<td>{value(row, name)}</td>" for name in NAMES)
        + "</tr>"
        for row in measured.to_dict("records")
    )
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
