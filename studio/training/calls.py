"""Rows that call tools are trained only with a model whose chat template writes calls."""

from pathlib import Path
from typing import Any

from studio import called_tools, model_files, models
from studio.errors import InputError, StudioError
from studio.examples import Dataset
from studio.training import objectives
from studio.training.recipe import Recipe


def check(recipe: Recipe, dataset: Dataset, evaluation: Dataset | None = None) -> None:
    """Raises InputError for the first of the datasets with rows of which the model's template would leave something out.
    The template of a model that is not here yet is asked when it is: see `check_with`."""
    for one, whose in ((dataset, ""), (evaluation, "The evaluation: ")):
        if one is not None and objectives.count_rows(one).with_calls:
            folder = _folder(recipe.model)
            if folder is not None and not called_tools.are_written(folder):
                raise _left_out(one, whose)


def check_with(tokenizer: Any, dataset: Dataset) -> None:
    """The same with a tokenizer that is loaded."""
    if objectives.count_rows(dataset).with_calls:

        def render(messages: list[dict[str, Any]], tools: list[Any] | None) -> str:
            return str(tokenizer.apply_chat_template(messages, tools=tools, tokenize=False))

        if not called_tools.written_by(render, str(tokenizer.chat_template)):
            raise _left_out(dataset, "")


def _folder(model: str) -> Path | None:
    try:
        place = models.resolve(model)
    except StudioError:  # whoever loads it says so
        return None
    return place if isinstance(place, Path) else model_files.cached_folder(place)


def _left_out(dataset: Dataset, whose: str) -> InputError:
    rows = objectives.count_rows(dataset)
    return InputError(
        f"{whose}The model's chat template leaves out tool calls, so that it would learn to answer nothing instead",
        f"{rows.with_calls:,} of the {rows.total:,} rows of {dataset.reference} call tools",
        "Choose a model whose chat template writes tool calls, or take these rows out",
    )
