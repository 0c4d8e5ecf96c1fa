"""The Load cell of tab 1: files, a folder, pasted rows or a dataset of the Hub, looked at before they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, empty, job_line, more, tiles, turns
from components.load_kinds import (
    KINDS,
    boxes_of,
    is_unsure,
    kind_of,
    list_box,
    looks_like,
    mapping,
    missing,
    not_used,
    which_list,
)
from studio import InputError, Project, StudioError

SAMPLE_FIRST = "Nothing is loaded yet. Press “Use the sample” in cell 1, or load a file of your own."
WHY = "Bring your examples: JSONL, JSON, CSV, Parquet or Arrow (also packed), in any shape in use; or documents: text, HTML, PDF, Word."
FILES = [
    f".{suffix}"
    for suffix in "jsonl ndjson json csv tsv parquet arrow feather gz zst txt md markdown html htm pdf docx".split()
]
USUAL_SYSTEM = "You are a helpful assistant."
SOURCES = ("file", "path", "pasted")
SOURCES_NAMED = {"file": "an upload", "path": "a typed path", "pasted": "pasted rows"}
SOURCES_SAID = {"file": "The upload was", "path": "The typed path was", "pasted": "The pasted rows were"}


@dataclass(frozen=True)
class Noted:
    """What stood in the boxes of SOURCES when they were last looked at, which of them was given last, whether it could not
    be read (then the cell says so until something else is given), whether it was asked which of its columns is which, the
    kind whose columns those are, and whether it was asked which of its lists is meant."""

    boxes: tuple[Any, ...] = (None, None, None)
    chosen: str = ""
    failed: bool = False
    asked: bool = False
    kind: str = ""
    lists: bool = False

    def has(self, boxes: tuple[Any, ...], chosen: str) -> bool:
        """Whether the box held the same then."""
        return chosen == self.chosen != "" and boxes[SOURCES.index(chosen)] == self.boxes[SOURCES.index(chosen)]

    def chosen_of(self, boxes: tuple[Any, ...]) -> str:
        """The box that Load takes, "" when all are empty. One that was filled since is the last, though nobody has looked
        at it yet: who types and presses Load at once is not answered with what stood there before.

        Raises InputError when two were filled since."""
        filled = [name for name, value in zip(SOURCES, boxes, strict=True) if value]
        new = [name for name in filled if boxes[SOURCES.index(name)] != self.boxes[SOURCES.index(name)]]
        if len(new) > 1:
            found = " and ".join(SOURCES_NAMED[name] for name in new)
            raise InputError("There are two sources", found, "Empty one of the two boxes")
        if new:
            return new[0]
        return self.chosen if self.chosen in filled else (filled[0] if filled else "")


def read(values: Sequence[Any], demo: bool) -> tuple[Any, ...]:
    """The boxes of SOURCES, None where one is empty. A typed path is the owner's alone: the demo has no such box."""
    files, typed, text = values
    path = (typed or "").strip()
    return files or None, None if demo else path or None, text if (text or "").strip() else None


def rows_made(project: Project, step: Any) -> str:
    return " and ".join(f"{len(project.dataset(result)):,} rows in {result}" for result in step.results)


def build_load(page: Page) -> None:
    with Cell(page, "data-load", 1, "Load", WHY, "load", opened=True, describe=rows_made) as cell:
        with gr.Row(elem_classes="row"):
            file = gr.File(
                label="A file of examples, or several", file_types=FILES, file_count="multiple", height=130, scale=3, elem_id="data-load-file",
            )  # fmt: skip
            with gr.Column(scale=1, min_width=180):
                run = gr.Button("Load", variant="primary", elem_id="data-load-run")
                sample = gr.Button("Use the sample", elem_id="data-load-sample")
                stop = gr.Button("Stop", visible=False, elem_id="data-load-stop")
        seen = gr.HTML("", elem_id="data-load-preview")
        array = gr.Dropdown([], label="List of the file to read", visible=False, elem_id="data-load-array")
        with gr.Row(visible=False, elem_classes="row") as mapper:
            kind = gr.Dropdown(
                [(words, name) for name, (words, _) in KINDS.items()], value=None, label="Kind of examples", elem_id="data-load-kind",
            )  # fmt: skip
            columns = [
                gr.Dropdown([], label="Column", elem_id=f"data-load-{name}", allow_custom_value=True)
                for name in ("question", "answer", "third")
            ]
        with more():
            with gr.Row(elem_classes="row"):
                name = gr.Textbox(label="Name of the dataset", placeholder="the file's name", elem_id="data-load-name")
                path = gr.Textbox(
                    label="Or a file or folder on this machine, or hub:owner/name", placeholder="/home/me/tickets.jsonl", visible=not page.demo,
                    elem_id="data-load-path",
                )  # fmt: skip
            pasted = gr.Textbox(
                label="Or pasted rows", placeholder='{"instruction": "…", "output": "…"}', lines=3, max_lines=12, elem_id="data-load-pasted",
            )  # fmt: skip
            with gr.Row(elem_classes="row"):
                system = gr.Textbox(
                    "You are a helpful assistant.",
                    label="System prompt of rows that bring none",
                    elem_id="data-load-system",
                )
                choose = gr.Button("Choose kind and columns", elem_id="data-load-choose")
        state = gr.HTML("", elem_id="data-load-state")
        result = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-load-result")
    timer, followed, noted = gr.Timer(1.0, active=False), gr.State(""), gr.State(Noted())
    following = [state, stop, timer, followed, page.made]
    where = [file, path, pasted, system, array]

    asking = [mapper, kind, *columns]

    def unasked() -> Updates:
        return {seen: "", mapper: gr.update(visible=False), array: gr.update(visible=False)}

    def source(
        before: Noted, boxes: tuple[Any, ...], chosen: str, instruction: str | None, listed: str | None
    ) -> dict[str, Any]:
        """What is given to the verb: the `chosen` box of SOURCES, with the list of it that was chosen, or nothing to load."""
        given: dict[str, Any] = {"array": listed} if listed and before.lists and before.has(boxes, chosen) else {}
        if instruction is not None and instruction.strip() != USUAL_SYSTEM:
            given["system"] = instruction.strip()
        if not chosen:
            raise InputError(
                "There is nothing to load", "no upload", "Choose a file, paste rows, or press “Use the sample”"
            )
        value = boxes[SOURCES.index(chosen)]
        return {
            "pasted" if chosen == "pasted" else "source": value[0] if chosen == "file" and len(value) == 1 else value,
            **given,
        }

    def preview(touched: str, project: Project, before: Noted, *values: Any) -> Updates:
        """`touched` is the box that was filled or sent; "" when one was only left, with whatever stands in it."""
        boxes = read(values[:3], page.demo)
        chosen = touched if touched and boxes[SOURCES.index(touched)] else before.chosen_of(boxes)
        if not touched and (boxes, chosen) == (before.boxes, before.chosen):
            return {}
        updates: Updates = {**unasked(), noted: Noted(boxes, chosen)}
        if not chosen:
            return updates
        try:
            found = project.preview_load(**source(Noted(), boxes, chosen, values[3], None))
        except StudioError as error:
            return {**updates, noted: Noted(boxes, chosen, failed=True), **cell.failed(str(error))}
        words = which_list(found) + looks_like(found)
        if sum(map(bool, boxes)) > 1:
            words = f"{SOURCES_SAID[chosen]} given last, so that is what Load takes. {words}"
        updates |= {**asked_of(found, Noted(boxes, chosen, lists=bool(found.arrays)), words), array: list_box(found)}
        return {**updates, **(cell.done(project) if before.failed else {})}

    def other_list(project: Project, before: Noted, *values: Any) -> Updates:
        boxes = read(values[:3], page.demo)
        chosen = before.chosen_of(boxes)
        if not before.lists or not before.has(boxes, chosen):
            return {}
        found = project.preview_load(**source(before, boxes, chosen, *values[3:5]))
        updates = {
            mapper: gr.update(visible=False),
            **asked_of(found, Noted(boxes, chosen, lists=True), looks_like(found)),
        }
        return {**updates, **cell.done(project)}

    def asked_of(found: Any, note: Noted, words: str) -> Updates:
        """What was found, in words, and the boxes for its kind and columns where they are not sure."""
        said: Updates = {seen: f'<p class="why">{words}</p>' + "".join(map(_example, found.preview[:2])), noted: note}
        if is_unsure(found):
            first = kind_of(found)
            said |= {noted: replace(note, asked=True, kind=first), **shown(first, found)}
        return said

    def shown(name: str, found: Any) -> Updates:
        return dict(zip(asking, [gr.update(visible=True), name, *boxes_of(name, found)], strict=True))

    def as_chosen(project: Project, where_from: dict[str, Any], name: str, named: Sequence[Any]) -> Updates:
        """The first examples as they would be with these columns, or what is still to be said."""
        given = mapping(name, named)
        if wanted := missing(name, given):
            return {seen: f'<p class="why">Still to be chosen: {escape(", ".join(wanted))}.</p>'}
        found = project.preview_load(**where_from, **given)
        words = f"So the first rows are read as <b>{escape(KINDS[name][0])}</b>.{not_used(found)}"
        if not found.preview:
            words = f"So no row can be read: {escape(next(iter(found.reasons), 'nothing stands in it'))}."
        return {seen: f'<p class="why">{words}</p>' + "".join(map(_example, found.preview[:2])), **cell.done(project)}

    def choose_kind(wanted: str | None, project: Project, before: Noted, *values: Any) -> Updates:
        """Offers the boxes of the kind that is `wanted`, or of the likeliest, whatever the source looks like."""
        boxes = read(values[:3], page.demo)
        chosen = before.chosen_of(boxes)
        where_from = source(before, boxes, chosen, *values[3:5])
        found = project.preview_load(**where_from)
        name = wanted or kind_of(found)
        likely = found.columns_for(name, list(KINDS[name][1]))
        named = [likely.get(field) for field in KINDS[name][1]]
        lists = bool(found.arrays) or (before.lists and before.has(boxes, chosen))
        offered = {noted: Noted(boxes, chosen, asked=True, kind=name, lists=lists), **shown(name, found)}
        if found.arrays:
            offered[array], where_from["array"] = list_box(found), found.array
        return {**offered, **as_chosen(project, where_from, name, named)}

    def other_kind(project: Project, before: Noted, *values: Any) -> Updates:
        # a kind that is chosen once more has its boxes: they may hold what was chosen meanwhile
        return choose_kind(values[5], project, before, *values) if before.asked and values[5] != before.kind else {}

    def other_column(project: Project, before: Noted, *values: Any) -> Updates:
        boxes = read(values[:3], page.demo)
        chosen = before.chosen_of(boxes)
        if not before.asked or not before.has(boxes, chosen) or values[5] not in KINDS:
            return {}
        return as_chosen(project, source(before, boxes, chosen, *values[3:5]), values[5], values[6:])

    def load(project: Project, called: str | None, before: Noted, *values: Any) -> Updates:
        boxes = read(values[:3], page.demo)
        chosen = before.chosen_of(boxes)
        # what stands in hidden boxes is of another source: who types and presses Load at once sends it too
        is_same = before.has(boxes, chosen)
        mapped = mapping(values[5], values[6:]) if is_same and before.asked else {}
        if is_same and before.asked and (wanted := missing(values[5], mapped)):
            raise InputError("A column is not named yet", ", ".join(wanted), "Choose it, or another kind of examples")
        given = {"name": (called or "").strip() or None, **source(before, boxes, chosen, *values[3:5]), **mapped}
        gone = {**unasked(), noted: before if is_same else Noted(boxes, chosen)}
        if project.takes_long(given.get("source")):
            project.start_load(**given)
            return {**gone, **follow(project)}
        project.load(**given)
        return {**cell.made(), **gone}

    def follow(project: Project, before: str = "") -> Updates:
        jobs = project.jobs("load")
        if not jobs:
            return {state: "", stop: gr.update(visible=False), timer: gr.update(active=False)}
        job = jobs[-1]
        status, progress = job.state.status, job.progress
        now = f"{job.id} {status} {progress.done} {progress.note}"
        if now == before:
            return {}
        over = status in ENDED
        words, bar = job_line(job)
        updates: Updates = {
            state: "" if status == "finished" else bar, stop: gr.update(visible=not over), timer: gr.update(active=not over), followed: now,
        }  # fmt: skip
        if not over:
            return {**updates, **cell.says(words)}
        if before and status == "finished":
            return {**updates, **cell.made()}
        return {**updates, **(cell.done(project) if before else {})}

    def press_stop(project: Project) -> Updates:
        project.jobs("load")[-1].stop()
        return follow(project)

    def load_sample(project: Project) -> Updates:
        project.load(project.sample())
        return {**cell.made(), **unasked()}

    def show(project: Project) -> Updates:
        step = cell.latest(project)
        if step is None:
            return {result: empty(SAMPLE_FIRST), **follow(project)}
        summary = project.dataset(step.results[0]).summary()
        facts = {
            "examples": f"{summary['count']:,}",
            "rows set aside": f"{summary['problems']:,}",
            f"tokens on average ({summary['token_counter']} count)": f"{summary['mean_tokens']:,.0f}",
            "sources": f"{len(summary['sources']):,}",
        }
        guess = summary["estimated"]
        estimated = (
            f'<p class="why">Tokens were counted on a part of the rows and estimated for {guess["rows"]:,.0f}; where it was '
            f"checked, the estimate was off by {guess['mean_error']:.1%}.</p>"
            if guess
            else ""
        )
        notes = project.dataset(step.results[0]).description.get("notes", [])
        said = "".join(f'<p class="why">{escape(note)}.</p>' for note in notes)
        return {result: tiles(facts) + estimated + said, **follow(project)}

    def look_at(trigger: Any, touched: str) -> None:
        page.on(trigger, partial(preview, touched), [noted, *where], [noted, seen, array, *asking], cell)

    look_at(file.change, "file")
    look_at(path.submit, "path")
    look_at(path.blur, "")
    look_at(pasted.blur, "")
    page.on(array.input, other_list, [noted, *where], [noted, seen, *asking], cell)
    page.on(choose.click, partial(choose_kind, None), [noted, *where], [noted, seen, array, *asking], cell)
    page.on(kind.input, other_kind, [noted, *where, kind], [noted, seen, array, *asking], cell)
    for box in columns:
        page.on(box.input, other_column, [noted, *where, kind, *columns], [seen], cell)
    page.on(run.click, load, [name, noted, *where, kind, *columns], [*following, seen, mapper, array, noted], cell)
    page.on(stop.click, press_stop, [], following, cell)
    page.follow(timer.tick, follow, [followed], following, cell)
    page.on(sample.click, load_sample, [], [page.made, seen, mapper, array], cell)
    page.refresh_with(show, [result, *following[:-1], *cell.outputs])


def _example(made: dict[str, Any]) -> str:
    shown = [message for message in made["messages"] if message["role"] != "system"]
    rejected = [{"role": "rejected", "content": str(made["rejected"])}] if made["rejected"] else []
    return turns([*shown, *rejected], longest=400)
