"""Tab 5: leave with the model, the report and the notebook. Downloads are looked up by id inside the project."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from components.cell import ENDED, Cell, Page, Refresher, Updates, empty, job_line, size, table
from components.compare_tab import NO_RUN, chosen_run, ready_runs, run_box
from components.handout import handout
from studio import JobError, NotFoundError, Project

KINDS = [("Adapter: small, needs its base", "adapter"), ("Merged: a whole model", "merged")]
NO_BUNDLE = "No bundle yet. Choose a run above and press “Make the bundle”."
EVERYTHING = "everything that was done"
LARGE = 2_000_000_000


def build(page: Page) -> Refresher:
    why = "A folder and a zip that work elsewhere: safetensors with a model card that says how it was made."
    with Cell(page, "export-bundle", 1, "What and from which run", why, "export", opened=True) as cell:
        with gr.Row(elem_classes="row"):
            run = gr.Dropdown([], label="Run", elem_id="export-run")
            kind = gr.Dropdown(KINDS, value="merged", label="Kind", elem_id="export-kind")
        with gr.Row(elem_classes="row"):
            make = gr.Button("Make the bundle", variant="primary", elem_id="export-make")
            stop = gr.Button("Stop", visible=False, elem_id="export-stop")
        state = gr.HTML(elem_id="export-state")
    with Cell(
        page, "export-bundles", 2, "Bundles", "Everything that was exported from this project.", opened=True
    ) as bundles_cell:
        listed = gr.HTML(empty(NO_BUNDLE), elem_id="export-bundle-table")
        with gr.Row(elem_classes="row"):
            choice = gr.Dropdown([], label="Bundle to download", visible=False, elem_id="export-bundle-choice")
            file = gr.DownloadButton("Download", visible=False, variant="primary", elem_id="export-bundle-file")
    timer, seen = gr.Timer(1.5, active=False), gr.State("")
    follow_outputs = [state, stop, timer, seen, listed, choice, *bundles_cell.outputs]

    def show_bundles(project: Project) -> Updates:
        found = list(reversed(project.bundles()))
        ids = [bundle.id for bundle in found]
        rows = [[bundle.id, bundle.kind, bundle.run_id, size(bundle.size), _parity(bundle)] for bundle in found]
        return {
            listed: table(["bundle", "kind", "run", "size", "answers like the run"], rows)
            if rows
            else empty(NO_BUNDLE),
            choice: gr.update(choices=ids, value=ids[0] if ids else None, visible=bool(ids)),
            **bundles_cell.says(f"{len(ids):,} ready" if ids else ""),
        }

    def follow(project: Project, before: str = "") -> Updates:
        exports = project.jobs("export")
        if not exports:
            nothing = "" if ready_runs(project) else empty(NO_RUN)
            return {state: nothing, stop: gr.update(visible=False), timer: gr.update(active=False), seen: ""}
        job = exports[-1]
        status = job.state.status
        now = f"{job.id} {status} {job.progress.done}"
        if now == before:
            return {}
        words, bar = job_line(job)
        updates: Updates = {
            state: bar,
            stop: gr.update(visible=status in ("running", "queued")),
            timer: gr.update(active=status not in ENDED),
            seen: now,
            **cell.says(f"{job.id} {words}"),
        }
        return {**updates, **show_bundles(project)} if status in ENDED else updates

    def begin(project: Project, run_id: str | None, what: str) -> Updates:
        project.start_export(chosen_run(project, run_id), what)
        return {**cell.done(project), **follow(project), timer: gr.update(active=True)}

    def press_stop(project: Project) -> Updates:
        exports = project.jobs("export")
        if not exports:
            raise JobError("There is nothing to stop")
        exports[-1].stop()
        return {stop: gr.update(visible=False)}

    def offer(project: Project, bundle_id: str | None) -> Updates:
        if not bundle_id:
            return {file: gr.update(visible=False)}
        bundle = next((one for one in project.bundles() if one.id == bundle_id), None)
        if bundle is None:
            raise NotFoundError("There is no such bundle", bundle_id, "Make it again")
        if bundle.zip.stat().st_size > LARGE and not page.demo:
            words = f'<div class="note">{escape(bundle_id)} is large; take it from {escape(str(bundle.zip))}</div>'
            return {file: gr.update(visible=False), bundles_cell.message: gr.update(value=words, visible=True)}
        return {file: gr.update(value=handout(bundle.zip), label=f"Download {bundle.zip.name}", visible=True)}

    page.follow(timer.tick, follow, [seen], follow_outputs, cell)
    page.on(make.click, begin, [run, kind], follow_outputs, cell)
    page.on(stop.click, press_stop, [], follow_outputs, cell)
    page.on(choice.change, offer, [choice], [file], bundles_cell, show_progress="hidden")
    reporting = _report(page)
    notebook = _notebook(page)

    def show(project: Project, chosen: str | None = None, reported: str | None = None) -> Updates:
        return {
            run: run_box(project, chosen),
            **follow(project),
            **reporting.function(project, reported),
            **notebook.function(project),
            **show_bundles(project),
        }

    def look(project: Project, chosen: str | None, before: str) -> Updates:
        return {run: run_box(project, chosen), **follow(project, before)}

    outputs = [run, *reporting.outputs, *notebook.outputs, *follow_outputs, *cell.outputs]
    page.refresh_with(show, outputs)
    page.follow(page.changed.change, look, [run, seen], [run, *follow_outputs], cell)
    return Refresher(show, outputs, [run, *reporting.inputs])


def _parity(bundle: Any) -> str:
    """How near a merged model's answers are to the run's; an adapter is the run's own."""
    if bundle.parity is None:
        return "the run's own weights"
    equal, gap = bundle.parity["equal_answers"], bundle.parity["largest_logit_gap"]
    return f"{'✓' if equal == 1 else '!'} {equal:.0%} equal, largest logit gap {gap:g}"


def _report(page: Page) -> Refresher:
    why = (
        "One page for whoever must be convinced: before and after, the measures, the recipe, the data, hours and cost."
    )
    with Cell(page, "export-report", 3, "Report", why) as cell:
        with gr.Row(elem_classes="row"):
            run = gr.Dropdown([], label="Run", scale=2, elem_id="export-report-run")
            make = gr.Button("Write the report", variant="primary", elem_id="export-report-make", min_width=140)
            file = gr.DownloadButton("Download", visible=False, elem_id="export-report-file", min_width=140)
        view = gr.HTML(visible=False, elem_id="export-report-view")

    def shown(path: Path | None) -> Updates:
        if path is None:
            return {**cell.says(""), file: gr.update(visible=False), view: gr.update(visible=False)}
        inner = escape(path.read_text(encoding="utf-8"), quote=True)
        frame = f'<iframe class="preview" title="Report" sandbox="" srcdoc="{inner}"></iframe>'
        return {
            **cell.says(f"✓ {path.name}"),
            file: gr.update(value=handout(path), label=f"Download {path.name}", visible=True),
            view: gr.update(value=frame, visible=True),
        }

    def write(project: Project, run_id: str | None) -> Updates:
        return shown(project.report(chosen_run(project, run_id)))

    def written(project: Project, run_id: str | None) -> Updates:
        return shown(project.written_report(project.run(run_id)) if run_id else None)

    page.on(make.click, write, [run], [file, view], cell)
    page.on(run.input, written, [run], [file, view], cell)

    def show(project: Project, chosen: str | None = None) -> Updates:
        box = run_box(project, chosen)
        return {run: box, **written(project, box["value"])}

    page.follow(page.changed.change, show, [run], [run, file, view], cell)
    return Refresher(show, [run, file, view, *cell.outputs], [run])


def _notebook(page: Page) -> Refresher:
    why = "The Python that led to a result, as a notebook that runs from top to bottom and gets the same again."
    with Cell(page, "export-notebook", 4, "Notebook", why) as cell, gr.Row(elem_classes="row"):
        result = gr.Dropdown(
            [EVERYTHING], value=EVERYTHING, label="What led to", scale=2, elem_id="export-notebook-result"
        )
        make = gr.Button("Export notebook", variant="primary", elem_id="export-notebook-make", min_width=140)
        file = gr.DownloadButton("Download", visible=False, elem_id="export-notebook-file", min_width=140)

    def write(project: Project, wanted: str) -> Updates:
        return offered(project.export_notebook(None if wanted == EVERYTHING else wanted))

    def offered(path: Path | None) -> Updates:
        if path is None:
            return {**cell.says(""), file: gr.update(visible=False)}
        return {
            **cell.says(f"✓ {path.name}"),
            file: gr.update(value=handout(path), label=f"Download {path.name}", visible=True),
        }

    def show(project: Project) -> Updates:
        names = [name for step in project.journal.steps() if step.state == "done" for name in step.outputs]
        return {
            result: gr.update(choices=[EVERYTHING, *reversed(list(dict.fromkeys(names)))], value=EVERYTHING),
            **offered(project.written_notebook()),
        }

    page.on(make.click, write, [result], [file], cell)
    return Refresher(show, [result, file, *cell.outputs])
