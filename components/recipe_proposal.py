"""What the boxes of a recipe had before anybody changed one, and what was changed since."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

from components.cell import table
from components.recipe_boxes import FIELDS, label, used
from studio import Project, Recipe, RecipeError

RECOMMENDED = "recommended"
PRESETS = [RECOMMENDED, "guide-lora", "guide-qlora", "guide-7B", "guide-13B", "guide-70B"]
METHOD_OF = {"guide-lora": "lora", "guide-qlora": "qlora"}
FOLLOWS = "follows"
OBJECTIVES = {
    "sft": "write the answers (sft)", "dpo": "prefer the better of two (dpo)", "kto": "prefer good to bad ones (kto)",
}  # fmt: skip
BY_YOU = "chosen by you"
PREFERENCES = "dpo and kto learn from preferences: rows with a chosen and a rejected answer, or answers with a label of good or bad, loaded in tab 1."


@dataclass(frozen=True)
class At:
    """What the recipe is made for, and what it starts from."""

    dataset: str | None
    evaluation: str | None
    model: str
    method: str
    preset: str
    objective: str

    @property
    def base(self) -> list[str | None]:
        """That on which the values hang before anybody changes one."""
        return [self.dataset, self.model, self.method, self.preset, self.objective]

    def anew(self, preset: str) -> "At":
        """The same from another preset, with nothing chosen beyond it."""
        return replace(self, preset=preset, method=METHOD_OF.get(preset, self.method), objective=FOLLOWS)


@dataclass(frozen=True)
class Proposal:
    """The values that the boxes had before anybody changed one, why each, and what they were proposed for. It goes to the
    page and comes back with the boxes, so that what was changed is told from what was proposed whatever else is under way.
    `taken`: fields that another cell set, each with its value and the reason; `marked`: those that the page shows as changed."""

    project: str
    at: list[str | None]
    values: dict[str, Any]
    reasons: dict[str, str]
    taken: dict[str, list[Any]]
    marked: list[str]
    number: int

    @classmethod
    def of(cls, project: Project, at: At, recipe: Recipe, taken: dict[str, list[Any]]) -> "Proposal":
        return cls(project.name, at.base, recipe.model_dump(), recipe.reasons, taken, [], time.time_ns())

    @classmethod
    def read(cls, text: str | None, project: Project) -> "Proposal | None":
        """None before the first one, and for another project."""
        found = cls.of_text(text)
        return found if found is not None and found.project == project.name else None

    @classmethod
    def of_text(cls, text: str | None) -> "Proposal | None":
        """Whosever it is: what the boxes look like hangs on it. None before the first one."""
        return cls(**json.loads(text)) if text else None

    def replaced_by(self, latest: dict[str, Any]) -> "Proposal":
        return replace(self, **{name: latest[name] for name in asdict(self)})

    def write(self) -> str:
        return json.dumps(asdict(self))

    def changed_by(self, typed: dict[str, Any]) -> dict[str, Any]:
        return {field: value for field, value in typed.items() if value != self.values[field]}

    def applied(self, changed: dict[str, Any]) -> dict[str, Any]:
        """The changes that method and objective look at, in the order of the boxes."""
        method, objective = self.values["method"], self.values["objective"]
        return {field: changed[field] for field in FIELDS if field in changed and used(field, method, objective)}

    def reason(self, field: str, changed: dict[str, Any]) -> str:
        if field not in changed:
            return self.reasons.get(field, "")
        value, why = self.taken.get(field, (None, BY_YOU))
        return str(why) if value == changed[field] else BY_YOU

    def with_changes(self, changed: dict[str, Any]) -> Recipe:
        """Raises RecipeError with every mistake; a value of None is that of a box that was emptied."""
        applied = self.applied(changed)
        reasons = {field: self.reason(field, applied) for field in self.values}
        empty = {field for field, value in applied.items() if value is None}
        try:
            return Recipe(**{**self.values, **applied, "reasons": reasons})
        except RecipeError as error:
            named = [(words.split(":")[0], words) for words in error.mistakes]
            raise RecipeError(
                [f"{field}: its box is empty" if field in empty else words for field, words in named]
            ) from None


def says(aims: dict[str, Any], at: At, base: Proposal, note: str = "") -> str:
    """What is learned, and what is to be noted of the recipe as it is now."""
    objective = base.values["objective"]
    words = aims["sentence"]
    if objective != "sft" or aims["fitting"] != "sft" or len(aims["possible"]) > 1:
        words += f" Objective {objective}: {base.reasons['objective']}."
    if objective != "sft" and at.preset != RECOMMENDED:
        words += " The guide knows no preferences: objective, learning rate, dropout and packing follow your data."
    more_words = f" {PREFERENCES}" if aims["possible"] == ["sft"] else ""
    noted = f'<p class="look">! {escape(note)}</p>' if note else ""
    return f'<p>{escape(words)}<span class="why">{escape(more_words)}</span></p>{noted}'


def reasons_table(base: Proposal, applied: dict[str, Any], fields: Sequence[str]) -> str:
    method, objective = base.values["method"], base.values["objective"]
    rows = []
    for field in fields:
        if not used(field, method, objective):
            continue
        value = shown_value(applied.get(field, base.values[field]))
        if field in applied:
            value += f" (was {shown_value(base.values[field])})"
        rows.append([label(field), value, base.reason(field, applied)])
    return table(["choice", "value", "why"], rows)


def shown_value(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,g}" if isinstance(value, float) else str(value)
