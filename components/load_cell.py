"""The Load cell of tab 1: files, a folder, pasted rows or a dataset of the Hub, looked at before they are read."""

from html import escape
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Updates, empty, job_line, more, tiles, turns
from studio import InputError, Project

SAMPLE_FIRST = "Nothing is loaded yet. Press “Use the sample” in cell 1, or load a file of your own."
WHY = "Bring your examples: JSONL, JSON, CSV, Parquet or Arrow (also packed), in any shape in use; or documents: text, HTML, PDF, Word."
FILES = [
    f".{suffix}"
    for suffix in "jsonl ndjson json csv tsv parquet arrow feather gz zst txt md markdown html htm pdf docx".split()
]
USUAL_SYSTEM = "You are a helpful assistant."


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
        with gr.Row(visible=False, elem_classes="row") as mapper:
            asked = gr.Dropdown(
                [], label="Column of the question", elem_id="data-load-question", allow_custom_value=True
            )
            answered = gr.Dropdown(
                [], label="Column of the answer", elem_id="data-load-answer", allow_custom_value=True
            )
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
            system = gr.Textbox(
                "You are a helpful assistant.",
                label="System prompt of rows that bring none",
                elem_id="data-load-system",
            )
        state = gr.HTML("", elem_id="data-load-state")
        result = gr.HTML(empty(SAMPLE_FIRST), elem_id="data-load-result")
    timer, followed = gr.Timer(1.0, active=False), gr.State("")
    following = [state, stop, timer, followed, page.made]
    where = [file, path, pasted, system]

    def source(
        files: list[str] | None, typed: str | None, text: str | None, instruction: str | None, question: str | None, answer: str | None
    ) -> dict[str, Any]:  # fmt: skip
        """What is given to the verb. A typed path is the owner's alone: the demo has no such box, and the engine refuses."""
        columns = {"prompt": question, "completion": answer} if question and answer else None
        given: dict[str, Any] = {"columns": columns} if columns else {}
        if instruction is not None and instruction.strip() != USUAL_SYSTEM:
            given["system"] = instruction.strip()
        if files:
            return {"source": files[0] if len(files) == 1 else list(files), **given}
        if not page.demo and (typed or "").strip():
            return {"source": (typed or "").strip(), **given}
        if (text or "").strip():
            return {"pasted": text, **given}
        raise InputError(
            "There is nothing to load", "no upload", "Choose a file, paste rows, or press “Use the sample”"
        )

    def preview(project: Project, *values: Any) -> Updates:
        hidden = {mapper: gr.update(visible=False), asked: gr.update(value=None), answered: gr.update(value=None)}
        if not any(values[:3]):
            return {seen: "", **hidden}
        found = project.preview_load(**source(*values, None, None))
        unsure = not found.is_sure and found.shape not in ("messages", "sharegpt", "preference")
        words = f"This looks like <b>{escape(str(found.shape))}</b>" if found.shape else "No known shape"
        words += f" ({found.confidence:.0%} sure)." + (" Say which column is which." if unsure else "")
        columns = list(
            dict.fromkeys(
                [*found.columns.values(), *(column for _, more, _ in found.alternatives for column in more.values())]
            )
        )
        updates: Updates = {seen: f'<p class="why">{words}</p>' + "".join(map(_example, found.preview[:2]))}
        if not unsure:
            return {**updates, **hidden}
        return {
            **updates,
            mapper: gr.update(visible=True),
            asked: gr.update(choices=columns, value=found.columns.get("prompt")),
            answered: gr.update(choices=columns, value=found.columns.get("completion")),
        }

    def load(project: Project, called: str | None, *values: Any) -> Updates:
        given = {"name": (called or "").strip() or None, **source(*values)}
        shown = {seen: "", mapper: gr.update(visible=False)}
        if project.takes_long(given.get("source")):
            project.start_load(**given)
            return {**shown, **follow(project)}
        project.load(**given)
        return {**cell.made(), **shown}

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
        return {**cell.made(), seen: ""}

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
        return {result: tiles(facts) + estimated, **follow(project)}

    look = [seen, mapper, asked, answered]
    page.on(file.change, preview, where, look, cell)
    page.on(path.submit, preview, where, look, cell)
    page.on(pasted.blur, preview, where, look, cell)
    page.on(run.click, load, [name, *where, asked, answered], [*following, seen, mapper], cell)
    page.on(stop.click, press_stop, [], following, cell)
    page.on(timer.tick, follow, [followed], following, cell, quiet=True, show_progress="hidden")
    page.on(sample.click, load_sample, [], [page.made, seen], cell)
    page.refresh_with(show, [result, *following[:-1], *cell.outputs])


def _example(made: dict[str, Any]) -> str:
    shown = [message for message in made["messages"] if message["role"] != "system"]
    rejected = [{"role": "rejected", "content": str(made["rejected"])}] if made["rejected"] else []
    return turns([*shown, *rejected], longest=400)
