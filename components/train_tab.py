"""Tab 3: choose a model and a recipe, see whether it fits, and start."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from components.again_box import build_again
from components.cell import Cell, Page, Refresher, Updates, empty
from components.cloud_cell import build_cloud
from components.dataset_box import opened
from components.devices_box import build_devices
from components.fit_cell import build_fit, fit_updates
from components.live_cell import build_extras, build_live
from components.model_cell import build_model
from components.past_runs_cell import build_past_runs
from components.queue_box import build_queue
from components.recipe_cell import FIRST, RecipeCell
from components.search_cell import build_search
from studio import Project, Recipe, RecipeError

DEMO = "Training is off in this demo: everybody shares its two cores. Run the studio on your own machine to train."
WHY = "Training goes on when you close this page."


def build(page: Page) -> Refresher:
    chosen = build_model(page)
    recipe_cell = RecipeCell(page, chosen)
    fit = build_fit(page)
    with Cell(page, "train-begin", 4, "Start and queue", DEMO if page.demo else WHY, "train", opened=True) as cell:
        start = gr.Button("Start training", variant="primary", elem_id="train-start", interactive=not page.demo)
        devices = build_devices()
        samples, wandb = build_extras()
        waiting = build_queue(page)
    live = build_live(page)
    build_again(page, live, cell)
    past = build_past_runs(page, live)
    build_search(page, 7, chosen.dataset, chosen.evaluation, recipe_cell.whole, live)
    build_cloud(page, 8, chosen.dataset, chosen.evaluation, recipe_cell.whole)
    recipe_cell.wire()

    def look(project: Project, *values: Any) -> Updates:
        """The whole recipe and whether it fits follow every box."""
        if not values[1]:
            return {fit.memory: empty(FIRST)}
        recipe = recipe_cell.recipe(project, *values)
        return {recipe_cell.whole: recipe.to_json(), **fit_updates(fit, project, recipe, project.dataset(values[1]))}

    def begin(
        project: Project, processes: int, sharded: bool, watch: str | None, answers: int, track: bool, *values: Any
    ) -> Updates:
        recipe = recipe_cell.recipe(project, *values)
        recipe = Recipe(**{**recipe.model_dump(), "samples": int(answers), "wandb": track})
        learn = opened(project, values[1])
        if watch == values[1]:
            raise RecipeError(["the evaluation is the dataset that it learns from; choose the test part"])
        project.train(
            learn,
            recipe,
            evaluation=project.dataset(watch) if watch else None,
            processes=int(processes),
            sharded=sharded,
        )
        return {**cell.done(project), **live.newest(project), **waiting.look_again(project)}

    for part in (chosen.dataset, chosen.model, chosen.method, recipe_cell.beyond, *recipe_cell.fields):
        page.on(
            part.change, look, recipe_cell.inputs, [*fit.outputs, recipe_cell.whole], fit.cell,
            quiet=True, show_progress="hidden", trigger_mode="always_last",
        )  # fmt: skip

    def offer_of(number: int) -> Callable[..., Updates]:
        def take(project: Project, offers: list[dict[str, Any]], old: dict[str, Any], *at: Any) -> Updates:
            return recipe_cell.take(offers[number], old, at)

        return take

    taken = [recipe_cell.beyond, chosen.method, *recipe_cell.fields]
    for number, button in enumerate(fit.buttons):
        page.on(button.click, offer_of(number), [fit.changes, recipe_cell.beyond, *recipe_cell.at], taken, fit.cell)

    page.on(
        start.click,
        begin,
        [*devices, chosen.evaluation, samples, wandb, *recipe_cell.inputs],
        [*live.chosen, *waiting.looks],
        cell,
    )
    page.on(live.status.change, waiting.look_again, [], waiting.looks, show_progress="hidden")
    return Refresher(
        lambda project: {**live.function(project), **waiting.look_again(project), **past.function(project)},
        [*live.outputs, *waiting.looks, *past.outputs],
    )
