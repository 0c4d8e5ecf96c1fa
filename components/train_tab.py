"""Tab 3: choose a model and a recipe, see whether it fits, and start."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from components import presses
from components.again_box import build_again
from components.cell import Cell, Page, Refresher, Updates
from components.cloud_cell import build_cloud
from components.dataset_box import opened
from components.devices_box import build_devices
from components.fit_cell import build_fit, fit_updates, nothing_fits
from components.live_cell import build_live
from components.model_cell import build_model
from components.past_runs_cell import build_past_runs
from components.queue_box import build_queue
from components.recipe_cell import FIRST, RecipeCell, check
from components.search_cell import build_search
from studio import Project, Recipe

DEMO = "Training is off in this demo: everybody shares its two cores. Run the studio on your own machine to train."
WHY = "Training goes on when you close this page."
WRONG = "The recipe in cell 2 has mistakes: correct them first."


def build(page: Page) -> Refresher:
    chosen = build_model(page)
    recipe_cell = RecipeCell(page, chosen)
    fit = build_fit(page)
    with Cell(page, "train-begin", 4, "Start and queue", DEMO if page.demo else WHY, "train", opened=True) as cell:
        start = gr.Button("Start training", variant="primary", elem_id="train-start", interactive=not page.demo)
        devices = build_devices()
        waiting = build_queue(page)
    live = build_live(page)
    build_again(page, live, cell)
    past = build_past_runs(page, live)
    build_search(page, 7, chosen.dataset, chosen.evaluation, recipe_cell, live)
    build_cloud(page, 8, chosen.dataset, chosen.evaluation, recipe_cell.whole)

    def look(project: Project, written: str, reference: str | None, watched: str | None) -> Updates:
        """Whether it fits follows the recipe."""
        if not written or not reference:
            return nothing_fits(fit, WRONG if reference else FIRST)
        watch = project.dataset(watched) if watched else None
        return fit_updates(fit, project, Recipe.from_json(written), project.dataset(reference), watch)

    def begin(project: Project, processes: int, sharded: bool, shown: str, *values: Any) -> Updates:
        reference, watched = values[:2]
        recipe = recipe_cell.recipe(project, shown, *values)
        learn = opened(project, reference)
        check(project, learn, recipe, watched)
        watch = project.dataset(watched) if watched else None
        run, is_new = presses.once(
            project, (reference, watched, recipe, processes, sharded),
            lambda: project.train(learn, recipe, evaluation=watch, processes=int(processes), sharded=sharded),
        )  # fmt: skip
        twice = {} if is_new else {cell.message: gr.update(value=presses.note(run), visible=True)}
        return {
            **cell.done(project),
            **twice,
            **live.newest(project),
            **waiting.look_again(project),
            **recipe_cell.look_again(project),
        }

    for trigger in (
        recipe_cell.whole.change,
        recipe_cell.stale.change,
        chosen.dataset.change,
        chosen.evaluation.change,
        fit.price.change,
    ):
        page.on(
            trigger, look, [recipe_cell.whole, chosen.dataset, chosen.evaluation], fit.outputs, fit.cell, quiet=True, show_progress="hidden",
            trigger_mode="always_last",
        )  # fmt: skip

    def forgive(project: Project, written: str) -> Updates:
        """What a start had to say of a recipe is past with that recipe."""
        return cell.done(project) if written else {}

    page.on(recipe_cell.whole.change, forgive, [recipe_cell.whole], [], cell, quiet=True, show_progress="hidden")

    def offer_of(number: int) -> Callable[..., Updates]:
        return lambda project, offers: recipe_cell.take(*offers[number])

    for number, button in enumerate(fit.buttons):
        page.on(button.click, offer_of(number), [fit.changes], [recipe_cell.offered], fit.cell)

    page.on(
        fit.savings.take.click, lambda project, offer: recipe_cell.take(*offer), [fit.savings.offer], [recipe_cell.offered], fit.cell
    )  # fmt: skip
    page.on(
        start.click, begin, [*devices, *recipe_cell.inputs], [*live.chosen, *waiting.looks, *recipe_cell.looks], cell
    )
    page.on(live.status.change, waiting.look_again, [], waiting.looks, show_progress="hidden")
    others = recipe_cell.others
    page.follow(
        page.changed.change, lambda project: {others.other: gr.update(choices=others.choices(project))}, [], [others.other]
    )  # fmt: skip
    return Refresher(
        lambda project: {
            **recipe_cell.look_again(project),
            **live.function(project),
            **waiting.look_again(project),
            **past.function(project),
        },
        [*recipe_cell.looks, *live.outputs, *waiting.looks, *past.outputs],
    )
