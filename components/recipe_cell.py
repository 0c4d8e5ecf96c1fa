"""The second cell of tab 3: every choice of the training, each with its reason."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, more
from components.dataset_box import opened
from components.model_cell import ModelCell
from components.recipe_boxes import FIELDS, MAIN, RecipeBoxes
from components.recipe_others import OtherRecipes
from components.recipe_proposal import (
    BY_YOU,
    FOLLOWS,
    OBJECTIVES,
    PRESETS,
    RECOMMENDED,
    At,
    Proposal,
    reasons_table,
    says,
)
from studio import Project, Recipe, RecipeError, StudioError

FIRST = "Split a dataset in tab 1 first; then the recipe is made for it."


class RecipeCell:
    """The cell, its boxes, and the recipe that they say.

    Others need `take`, which puts values into the boxes, `whole`, a state with the recipe as JSON (empty while it has
    mistakes), and for a handler of their own `recipe` with its `inputs`.
    """

    def __init__(self, page: Page, chosen: ModelCell) -> None:
        self.page, self.chosen = page, chosen
        why = "Every choice of the training, each with its reason."
        with Cell(page, "train-recipe", 2, "Recipe", why, opened=True) as self.cell:
            with gr.Row(elem_classes="row"):
                self.preset = gr.Dropdown(
                    PRESETS, value=RECOMMENDED, label="Start from", elem_id="train-preset", min_width=200
                )
                self.objective = gr.Dropdown(
                    [("what fits the data", FOLLOWS)], value=FOLLOWS, label="Objective", visible=False, elem_id="train-objective", min_width=200,
                )  # fmt: skip
                self.reset = gr.Button(
                    "Back to the preset", interactive=False, elem_id="train-recipe-reset", min_width=160
                )
            self.boxes = RecipeBoxes()
            self.boxes.build_main()
            self.says = gr.HTML(empty(FIRST), elem_id="train-recipe-says")
            self.reasons = gr.HTML(elem_id="train-reasons")
            with more():
                self.boxes.build_groups()
                with gr.Accordion("Every value and why", open=False, elem_classes="more"):
                    self.all_reasons = gr.HTML(elem_id="train-all-reasons")
                with gr.Accordion("The whole recipe as JSON", open=False, elem_classes="more"):
                    self.text = gr.Code(
                        "",
                        language="json",
                        interactive=False,
                        show_label=False,
                        max_lines=14,
                        elem_id="train-recipe-json",
                    )
            self.others = OtherRecipes(page)
            self.shown = gr.Textbox("", visible=False)
        self.whole, self.offered, self.stale, self.latest = gr.State(""), gr.State({}), gr.State(0), gr.State({})
        self._wire()
        self.others.wire(self)

    @property
    def inputs(self) -> list[Any]:
        """What `recipe` wants after the project."""
        chosen = self.chosen
        at = [chosen.dataset, chosen.evaluation, chosen.model, chosen.method, self.preset, self.objective]
        return [self.shown, *at, *self.boxes.all]

    def recipe(self, project: Project, shown: str, *values: Any) -> Recipe:
        """What the boxes say. Raises RecipeError with every mistake."""
        at, typed = _parted(values)
        base = Proposal.read(shown, project)
        if base is None:
            at, changed, taken = _kept(project, at)
        else:
            changed, taken = base.changed_by(typed), base.taken
        if base is None or base.at != at.base:
            base = Proposal.of(project, at, self._base(project, at), taken)
        return base.with_changes(changed)

    def take(self, values: Mapping[str, Any], reason: str | Mapping[str, str] = BY_YOU, preset: str = "") -> Updates:
        """Puts fields of a recipe into the boxes (also model, method and objective), with the reason for them; what else
        was changed stays. With `preset` it starts anew from that one. It is an update of `offered`."""
        return {self.offered: {"values": dict(values), "reason": reason, "preset": preset, "made": time.time_ns()}}

    def _wire(self) -> None:
        chosen, page = self.chosen, self.page
        outputs = [
            self.shown, self.latest, self.whole, self.preset, self.objective, self.reset, self.says, self.reasons, self.all_reasons, self.text,
            *self.boxes.all, *self.boxes.groups.values(), chosen.model, chosen.method, chosen.cell.box,
        ]  # fmt: skip
        quietly = {"show_progress": "hidden", "trigger_mode": "always_last"}
        changes = [box.change for box in (chosen.dataset, chosen.evaluation, chosen.model, chosen.method, self.stale)]
        given = [self.latest, *self.inputs]
        for trigger in (*changes, self.objective.input):
            page.on(trigger, self._follow, given, outputs, self.cell, **quietly)
        for field, box in self.boxes.by_field():
            page.on(box.input, partial(self._typed, field), given, outputs, self.cell, **quietly)
        for trigger in (self.preset.input, self.reset.click):
            page.on(trigger, self._begin_anew, given, outputs, self.cell, **quietly)
        page.on(self.offered.change, self._taking, [self.offered, *given], outputs, self.cell, **quietly)
        page.on(
            self.boxes.box["targets"].input,
            self.boxes.show_modules,
            [self.boxes.box["targets"]],
            [self.boxes.modules],
            **quietly,
        )
        page.refresh_with(self.look_again, self.looks)

    def look_again(self, project: Project) -> Updates:
        """Looks at what there is now: an update of `looks`."""
        return {self.stale: time.time_ns(), self.others.other: gr.update(choices=self.others.choices(project))}

    @property
    def looks(self) -> list[Any]:
        return [self.stale, self.others.other]

    def _follow(self, project: Project, latest: dict[str, Any], shown: str, *values: Any) -> Updates:
        """Another dataset, model, method or objective proposes anew and keeps what was changed; so does another project,
        with what was kept of it."""
        at, typed = _parted(values)
        typed = _told(typed, latest)
        if not at.dataset:
            return self._nothing()
        before = Proposal.read(shown, project)
        if _is_under_way(latest, before, at, project):
            return {}
        if before is None:
            return self._propose(project, *_kept(project, at), shown)
        if before.at != at.base:
            return self._propose(project, at, before.changed_by(typed), before.taken, shown)
        return self._view(project, at, before, before.changed_by(typed))

    def _typed(self, field: str, project: Project, latest: dict[str, Any], shown: str, *values: Any) -> Updates:
        """A box that was typed into moves no other one. What is typed while a proposal is under way is not lost in it."""
        at, typed = _parted(values)
        before = Proposal.read(shown, project)
        if before is not None and _is_under_way(latest, before, at, project):
            at = At(latest["at"][0], at.evaluation, *latest["at"][1:])
            changed = {**latest["changed"], field: typed[field]}
            return self._propose(project, at, changed, latest["taken"], before.replaced_by(latest).write())
        if latest and typed[field] is None:
            latest = {**latest, "changed": {**latest["changed"], field: None}}
        return self._follow(project, latest, shown, *values)

    def _begin_anew(self, project: Project, latest: dict[str, Any], shown: str, *values: Any) -> Updates:
        at, _ = _parted(values)
        if not at.dataset:
            return self._nothing()
        at = at.anew(at.preset)
        return {**self._propose(project, at, {}, {}, shown), self.chosen.method: at.method}

    def _taking(
        self, project: Project, offered: dict[str, Any], latest: dict[str, Any], shown: str, *values: Any
    ) -> Updates:
        at, typed = _parted(values)
        typed = _told(typed, latest)
        if not at.dataset or not offered:
            return self._nothing()
        before, given, reason = Proposal.read(shown, project), dict(offered["values"]), offered["reason"]
        changed, taken = ({}, {}) if before is None else (before.changed_by(typed), before.taken)
        if offered["preset"]:
            at, changed, taken = at.anew(offered["preset"]), {}, {}
        at = replace(at, **{name: given.pop(name) for name in ("model", "method", "objective") if name in given})
        why = {field: reason if isinstance(reason, str) else reason.get(field, BY_YOU) for field in given}
        taken = {**taken, **{field: [value, why[field]] for field, value in given.items()}}
        updates = self._propose(project, at, {**changed, **given}, taken, shown)
        return {**updates, self.chosen.model: at.model, self.chosen.method: at.method}

    def preset_recipe(self, project: Project, preset: str, *values: Any) -> Recipe:
        """What a preset would be for the dataset and the model chosen now; `values` are those of `inputs`."""
        at, _ = _parted(values[1:])
        return self._base(project, at.anew(preset))

    def _base(self, project: Project, at: At) -> Recipe:
        dataset = opened(project, at.dataset)
        objective: Any = None if at.objective == FOLLOWS else at.objective
        if at.preset == RECOMMENDED:
            return Recipe.recommended(dataset, at.model, at.method, objective)  # type: ignore[arg-type]
        return Recipe.preset(at.preset, dataset, model=at.model, method=at.method, objective=objective)

    def _propose(self, project: Project, at: At, changed: dict[str, Any], taken: dict[str, Any], shown: str) -> Updates:
        """The values that fit what is asked for, under those that were changed, in place of what is shown."""
        old = Proposal.of_text(shown)
        possible = project.aims(opened(project, at.dataset))["possible"]
        if at.objective not in possible:
            at = replace(at, objective=FOLLOWS)
        try:
            base = Proposal.of(project, at, self._base(project, at), taken)
        except StudioError as error:  # the table of what was proposed before is not about this model
            return {**self._nothing(), self.says: "", **self.cell.failed(str(error))}
        changed = {field: value for field, value in changed.items() if value != base.values[field]}
        choices = [("what fits the data", FOLLOWS), *((OBJECTIVES[name], name) for name in possible)]
        marked = set(base.applied(changed))
        return {
            **self.boxes.write(
                {**base.values, **changed}, project.linear_modules(at.model), marked, old and old.values, set(old.marked if old else []),
            ),
            self.preset: at.preset,
            self.objective: gr.update(choices=choices, value=at.objective, visible=len(possible) > 1),
            **self._view(project, at, replace(base, marked=sorted(marked)), changed),
        }  # fmt: skip

    def _view(self, project: Project, at: At, base: Proposal, changed: dict[str, Any]) -> Updates:
        """What the cell says of the recipe as it is now; and that is kept, so that no reload loses it."""
        kept = {"preset": at.preset, "objective": at.objective, "values": changed, "taken": base.taken}
        draft = project.recipe_draft()
        if {**draft, **kept} != draft:
            project.keep_recipe_draft(**kept)
        applied = base.applied(changed)
        dataset, above = opened(project, at.dataset), self.chosen.cell
        updates: Updates = {
            **self.boxes.mark(set(applied), set(base.marked)),
            self.shown: replace(base, marked=sorted(applied)).write(),
            self.latest: {**asdict(base), "marked": sorted(applied), "changed": changed},
            self.reset: gr.update(interactive=bool(changed) or at.objective != FOLLOWS),
            self.says: says(project.aims(dataset, base.values["objective"]), at, base),
            self.reasons: reasons_table(base, applied, (*MAIN, *(field for field in applied if field not in MAIN))),
            self.all_reasons: reasons_table(base, applied, FIELDS),
            above.box: above.says(f"{at.model}, {at.method}")[above.box],  # what it has to say of the model stays
        }
        try:
            recipe = base.with_changes(changed)
            updates |= {self.whole: recipe.to_json(), self.text: recipe.to_json()}
            if note := project.length_notes(recipe, dataset):
                updates[self.says] = says(project.aims(dataset, base.values["objective"]), at, base, note)
            check(project, dataset, recipe, at.evaluation)
        except StudioError as error:
            return {self.whole: "", self.text: "", **updates, **self.cell.failed(str(error))}
        count = f", {len(applied)} changed" if applied else ""
        return {**updates, **self.cell.says(f"{at.preset}, {recipe.steps_on(dataset):,} steps{count}")}

    def _nothing(self) -> Updates:
        return {
            self.says: empty(FIRST),
            self.reasons: "",
            self.all_reasons: "",
            self.whole: "",
            self.text: "",
            **self.cell.says(""),
        }


def check(project: Project, dataset: Any, recipe: Recipe, evaluation: str | None) -> None:
    """Raises what a start would."""
    if evaluation == dataset.reference:
        raise RecipeError(["the evaluation is the dataset that it learns from; choose the test part"])
    project.check_training(dataset, recipe, project.dataset(evaluation) if evaluation else None)


def _kept(project: Project, at: At) -> tuple[At, dict[str, Any], dict[str, list[Any]]]:
    """What the project kept of a recipe that was being written: from what it starts, what was changed and what taken."""
    kept = project.recipe_draft()
    at = replace(at, preset=kept.get("preset", at.preset), objective=kept.get("objective", FOLLOWS))
    return at, kept.get("values", {}), kept.get("taken", {})


def _is_under_way(latest: dict[str, Any], before: Proposal | None, at: At, project: Project) -> bool:
    """Whether a newer proposal than the boxes have is on its way to them: the page sets one box after the other, and each
    that changes calls before the rest are there, so some of `at` may be as before, and some as proposed."""
    if not latest or latest["project"] != project.name:
        return False
    if before is None:
        return at.base[:3] == latest["at"][:3]
    pairs = zip(at.base, before.at, latest["at"], strict=True)
    return before.number != latest["number"] and all(now in (old, new) for now, old, new in pairs)


def _told(typed: dict[str, Any], latest: dict[str, Any]) -> dict[str, Any]:
    """What is typed, with the boxes that are known to have been emptied: the page fills one box after the other, and one
    that is still to be filled is as empty."""
    emptied = {field for field, value in latest.get("changed", {}).items() if value is None}
    return {field: value for field, value in typed.items() if value is not None or field in emptied}


def _parted(values: tuple[Any, ...]) -> tuple[At, dict[str, Any]]:
    return At(*values[:6]), RecipeBoxes.read(values[6:])
