"""Assembles the page and wires the tabs. The page process never imports torch."""

from pathlib import Path
from typing import Any

import gradio as gr

from components import compare_tab, data_tab, decide_tab, export_tab, header, train_tab, visits
from components.cell import Page, Updates
from components.shown import Blocks
from components.theme import launch_options
from studio import Project

__all__ = ["build", "launch_options"]
SWITCH = "(name) => { const at = new URL(location); at.searchParams.set('project', name); history.replaceState(null, '', at); }"


def build(home: str | Path, project_name: str, demo: bool) -> gr.Blocks:
    """The page of the studio in `home`. In a `demo` every visitor gets a project of their own and training is off."""
    page = Page(Path(home), project_name, demo)
    with Blocks(
        title="Fine-Tuning Studio", analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True
    ) as blocks:
        page.made, page.changed = gr.State(0), gr.State(0)
        header.build(page)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap"):
            with gr.Tab("1 Data", id="data", elem_id="tab-data"):
                data_tab.build(page)
            with gr.Tab("2 Decide", id="decide", elem_id="tab-decide"):
                decide_tab.build(page)
            with gr.Tab("3 Train", id="train", elem_id="tab-train") as training:
                looks = [(training, train_tab.build(page))]
            with gr.Tab("4 Compare", id="compare", elem_id="tab-compare") as comparing:
                looks.append((comparing, compare_tab.build(page)))
            with gr.Tab("5 Export", id="export", elem_id="tab-export") as exporting:
                looks.append((exporting, export_tab.build(page)))
        _wire(page, blocks, looks)
    return blocks


def _wire(page: Page, blocks: gr.Blocks, looks: list[tuple[Any, Any]]) -> None:
    """On opening, on another project, and after each step: every part shows what is on disk."""
    outputs = list(dict.fromkeys(output for refresher in page.refreshers for output in refresher.outputs))

    def refresh(project: Project) -> Updates:
        updates: Updates = {}
        for refresher in page.refreshers:
            updates |= refresher.function(project)
        return updates

    def opening(request: gr.Request) -> Any:
        return gr.skip() if page.demo else gr.update(choices=page.names(), value=page.asked(request))

    def switched(project: Project) -> Updates:
        return {**refresh(project), page.name: gr.update(choices=page.names())}

    opened = blocks.load(
        opening, None, page.name, show_progress="hidden", show_progress_on=[], api_visibility="private"
    )
    page.on(opened.then, refresh, [], outputs, refresh=True, show_progress="hidden")
    chosen = page.on(page.name.input, switched, [], [*outputs, page.name], show_progress="hidden")
    chosen.then(None, page.name, None, js=SWITCH)
    page.on(page.made.change, refresh, [], outputs, refresh=True, show_progress="hidden")
    for tab, refresher in looks:
        page.follow(tab.select, refresher.function, refresher.inputs, refresher.outputs)
    if page.demo:

        def leave(request: gr.Request) -> None:
            visits.forget(page.home, request.session_hash)

        blocks.unload(leave)
