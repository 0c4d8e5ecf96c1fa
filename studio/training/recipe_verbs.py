"""The verbs around a recipe before it is trained: what it would learn, what is wrong with it, and the one being written;
`studio.Project` inherits them."""

import json
from pathlib import Path
from typing import Any

from studio import store
from studio.errors import FormatError
from studio.examples import Dataset
from studio.model_shapes import ModelShape
from studio.training import checks, context, objectives, whole_answers
from studio.training.recipe import Recipe

FORMAT = 1
DRAFT = "recipe-draft.json"


class RecipeVerbs:
    """Needs the folder of a project."""

    folder: Path

    @staticmethod
    def check_training(dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None) -> None:
        """Raises what `train` would, with every mistake, and starts nothing. No step."""
        checks.check(dataset, recipe, evaluation)

    @staticmethod
    def length_notes(recipe: Recipe, dataset: Dataset) -> str:
        """Of how many examples this recipe leaves nothing to learn, for their answers begin beyond its max_length, whether
        it lets through more than the model was made for, and what to do; empty where there is neither. No step."""
        return " ".join(filter(None, (whole_answers.sentence(recipe, dataset), context.sentence(recipe, dataset))))

    @staticmethod
    def read_recipe(path: str | Path) -> Recipe:
        """The recipe in a JSON file, as UTF-8 (with a byte order mark or none), UTF-16 or UTF-32. Raises RecipeError with
        every mistake, FormatError when a newer studio wrote it, OSError. No step."""
        content = Path(path).read_bytes()
        return Recipe.from_json(content.decode(json.detect_encoding(content), errors="replace"))

    @staticmethod
    def aims(dataset: Dataset, objective: objectives.Objective | None = None) -> dict[str, Any]:
        """What the dataset can teach: `fitting` (the objective for it), `why`, `possible` objectives, and `sentence`, which
        says what is learned with `objective`, or with the fitting one. No step."""
        rows = objectives.count_rows(dataset)
        fitting, why = objectives.fitting(rows)
        return {
            "fitting": fitting, "why": why, "possible": objectives.possible(rows), "sentence": objectives.sentence(rows, objective or fitting),
        }  # fmt: skip

    @staticmethod
    def linear_modules(model: str) -> list[str]:
        """The names of what may get an adapter in the model: its linear layers but the head, and the matrices of routed
        experts. Raises NotFoundError. No step."""
        return ModelShape.of(model).modules

    def recipe_draft(self) -> dict[str, Any]:
        """What was kept of a recipe that is being written; empty when there is none that this studio can read. No step."""
        try:
            return store.read_description(self.folder / DRAFT, FORMAT, "The draft of the recipe")
        except (FileNotFoundError, ValueError, FormatError):
            return {}

    def keep_recipe_draft(self, **written: Any) -> None:
        """Keeps a recipe that is being written (plain values, finished or not), so that no reload loses it. No step."""
        store.write_json(self.folder / DRAFT, {"format": FORMAT, **written})
