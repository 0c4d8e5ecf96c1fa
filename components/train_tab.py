"""Tab 3: choose a model and a recipe, see whether it fits, and start."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Refresher, Updates, empty, job_line, more, table
from components.dataset_box import opened, references
from components.fit_cell import build_fit, fit_updates
from components.live_cell import build_extras, build_live
from components.past_runs_cell import build_past_runs
from components.search_cell import build_search
from studio import Project, Recipe, RecipeError

RECOMMENDED = "recommended"
PRESETS = [RECOMMENDED, "guide-lora", "guide-qlora", "guide-7B", "guide-13B", "guide-70B"]
METHODS = [
    ("QLoRA: 4-bit base, small adapter", "qlora"),
    ("LoRA: 16-bit base, small adapter", "lora"),
    ("Full: all weights", "full"),
]
FIELDS = ("epochs", "batch_size", "accumulation", "learning_rate", "r", "alpha", "max_length")
WHOLE = ("batch_size", "accumulation", "r", "alpha", "max_length")
DEMO = "Training is off in this demo: everybody shares its two cores. Run the studio on your own machine to train."
FIRST = "Split a dataset in tab 1 first; then the recipe is made for it."


def build(page: Page) -> Refresher:
    with Cell(
        page, "train-model", 1, "Model", "What learns, from which rows, and by which method.", opened=True
    ) as model_cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Learn from", elem_id="train-dataset")
            evaluation = gr.Dropdown([], label="Watch the loss on (evaluation)", elem_id="train-evaluation")
        with gr.Row(elem_classes="row"):
            model = gr.Dropdown(
                ["starter"], value="starter", label="Model" if page.demo else "Model: starter, a local folder, or a Hub id",
                allow_custom_value=not page.demo, elem_id="train-model-name",
            )  # fmt: skip
            method = gr.Dropdown(METHODS, value="qlora", label="Method", elem_id="train-method")
    with Cell(
        page, "train-recipe", 2, "Recipe", "Every choice of the training, each with its reason.", opened=True
    ) as recipe_cell:
        preset = gr.Dropdown(PRESETS, value=RECOMMENDED, label="Start from", elem_id="train-preset")
        reasons = gr.HTML(empty(FIRST), elem_id="train-reasons")
        with more():
            with gr.Row(elem_classes="row"):
                epochs = gr.Number(label="Epochs", elem_id="train-epochs", min_width=120)
                batch = gr.Number(label="Batch size", precision=0, elem_id="train-batch-size", min_width=120)
                accumulation = gr.Number(label="Accumulation", precision=0, elem_id="train-accumulation", min_width=120)
                rate = gr.Number(label="Learning rate", elem_id="train-learning-rate", min_width=120)
            with gr.Row(elem_classes="row"):
                rank = gr.Number(label="Adapter rank r", precision=0, elem_id="train-r", min_width=120)
                alpha = gr.Number(label="Adapter alpha", precision=0, elem_id="train-alpha", min_width=120)
                length = gr.Number(
                    label="Longest example, in tokens", precision=0, elem_id="train-max-length", min_width=120
                )
            whole = gr.Code(
                "", language="json", interactive=False, label="The whole recipe", elem_id="train-recipe-json"
            )
    fit = build_fit(page)
    beyond = gr.State({})  # what a change of the fit cell set: fields with no box here, and for which recipe
    with Cell(
        page,
        "train-begin",
        4,
        "Start and queue",
        DEMO if page.demo else "Training goes on when you close this page.",
        "train",
        opened=True,
    ) as cell:
        start = gr.Button("Start training", variant="primary", elem_id="train-start", interactive=not page.demo)
        samples, wandb = build_extras()
        queue = gr.HTML(elem_id="train-queue")
    live = build_live(page)
    past = build_past_runs(page, live)
    build_search(page, 7, dataset, evaluation, whole, live)
    where = [dataset, model, method, preset]
    fields = [epochs, batch, accumulation, rate, rank, alpha, length]

    def base_recipe(project: Project, reference: str | None, wanted: str, how: str, name: str) -> Recipe:
        if name == RECOMMENDED:
            return Recipe.recommended(opened(project, reference), model=wanted, method=how)  # type: ignore[arg-type]
        made = Recipe.preset(name)
        return Recipe(**{**made.model_dump(), "model": wanted, "method": how, "reasons": made.reasons})

    def whole_recipe(project: Project, at: tuple[Any, ...], values: tuple[Any, ...], changed: dict[str, Any]) -> Recipe:
        given = {
            key: int(value) if key in WHOLE else value
            for key, value in zip(FIELDS, values, strict=True)
            if value is not None
        }
        return Recipe(**{**base_recipe(project, *at).model_dump(), **still(changed, at), **given})

    def still(changed: dict[str, Any], at: tuple[Any, ...]) -> dict[str, Any]:
        """What the fit cell changed, as long as dataset, model, method and preset are those it was changed for."""
        return changed["values"] if changed and tuple(changed["at"]) == tuple(at) else {}

    def make_fit(project: Project, number: int, offers: list[dict[str, Any]], old: dict[str, Any], *at: Any) -> Updates:
        values = offers[number]
        new = (*at[:2], values.get("method", at[2]), at[3])
        boxes = {part: values[name] for part, name in zip(fields, FIELDS, strict=True) if name in values}
        return {beyond: {"at": new, "values": {**still(old, at), **values}}, method: new[2], **boxes}

    def propose(project: Project, changed: dict[str, Any], *at: Any) -> Updates:
        if not at[0]:
            return {reasons: empty(FIRST), fit.memory: empty(FIRST)}
        recipe = base_recipe(project, *at)
        recipe = Recipe(**{**recipe.model_dump(), **still(changed, at), "reasons": recipe.reasons})
        values = recipe.model_dump()
        why = [(name.replace("_", " "), str(values.get(name, "")), reason) for name, reason in recipe.reasons.items()]
        if at[3] != RECOMMENDED:
            why += [
                (name.replace("_", " "), str(value), "")
                for name, value in values.items()
                if name not in ("model", "method")
            ]
        steps = recipe.steps_for(len(project.dataset(at[0])))
        return {
            **recipe_cell.says(f"{at[3]}, {steps:,} steps"),
            **model_cell.says(f"{recipe.model}, {recipe.method}"),
            reasons: table(["choice", "value", "why"], why),
            **{part: values[name] for part, name in zip(fields, FIELDS, strict=True)},
        }

    def look(project: Project, changed: dict[str, Any], *values: Any) -> Updates:
        if not values[0]:
            return {}
        recipe = whole_recipe(project, values[:4], values[4:], changed)
        return {whole: recipe.to_json(), **fit_updates(fit, project, recipe, project.dataset(values[0]))}

    def begin(
        project: Project, watch: str | None, answers: int, track: bool, changed: dict[str, Any], *values: Any
    ) -> Updates:
        recipe = whole_recipe(project, values[:4], values[4:], changed)
        recipe = Recipe(**{**recipe.model_dump(), "samples": int(answers), "wandb": track})
        learn = opened(project, values[0])
        if watch == values[0]:
            raise RecipeError(["the evaluation is the dataset that it learns from; choose the test part"])
        project.train(learn, recipe, evaluation=project.dataset(watch) if watch else None)
        return {**cell.done(project), **live.newest(project), **show_queue(project)}

    for changed in (dataset.change, model.change, method.change, preset.change):
        page.on(
            changed,
            propose,
            [beyond, *where],
            [reasons, fit.memory, *fields, *model_cell.outputs],
            recipe_cell,
            show_progress="hidden",
        )
    for changed in (part.change for part in (dataset, model, method, beyond, *fields)):
        page.on(
            changed,
            look,
            [beyond, *where, *fields],
            [*fit.outputs, whole],
            fit.cell,
            quiet=True,
            show_progress="hidden",
            trigger_mode="always_last",
        )

    def offer_of(number: int) -> Callable[..., Updates]:
        return lambda project, *values: make_fit(project, number, *values)

    for number, button in enumerate(fit.buttons):
        page.on(
            button.click, offer_of(number), [fit.changes, beyond, *where], [beyond, method, *fields], fit.cell
        )  # fmt: skip

    def show(project: Project) -> Updates:
        tests = references(project, "split")
        found = [one for one in tests if one.startswith("train@")] + [
            one for one in tests if not one.startswith("train@")
        ]
        held_out = [one for one in tests if one.startswith("test@")]
        return {
            dataset: gr.update(choices=found, value=found[0] if found and found[0].startswith("train@") else None),
            evaluation: gr.update(
                choices=[("none", ""), *((one, one) for one in tests)], value=held_out[0] if held_out else ""
            ),
        }

    page.refresh_with(show, [dataset, evaluation])

    def show_queue(project: Project) -> Updates:
        waiting = [
            [job.id, job.kind, job_line(job)[0]]
            for job in project.waiting()
            if job.folder.is_relative_to(project.folder)
        ]
        return {queue: table(["in the queue", "kind", "state"], waiting) if waiting else ""}

    page.refresh_with(show_queue, [queue])
    page.on(start.click, begin, [evaluation, samples, wandb, beyond, *where, *fields], [*live.chosen, queue], cell)
    page.on(live.status.change, show_queue, [], [queue], show_progress="hidden")
    return Refresher(
        lambda project: {**live.function(project), **show_queue(project), **past.function(project)},
        [*live.outputs, queue, *past.outputs],
    )
