"""Whether the examples that a recipe lets through are longer than the context that its model was made for."""

from studio.errors import InputError, RecipeError, StudioError
from studio.examples import Dataset
from studio.model_shapes import ModelShape
from studio.training import objectives
from studio.training.recipe import Recipe
from studio.training.token_lengths import own_count, row_lengths


def check(recipe: Recipe, *datasets: Dataset | None) -> None:
    """Raises RecipeError when the model cannot take in what would be trained: its positions are a table."""
    context, is_fixed = _context(recipe)
    if is_fixed and (longest := _beyond(recipe, context, datasets, exactly=True)):
        raise RecipeError([
            f"max_length: the model has {context:,} positions and fails beyond, and there are examples of {longest:,} tokens: choose at most {context:,} (found {recipe.max_length:,})"
        ])  # fmt: skip


def sentence(recipe: Recipe, *datasets: Dataset | None) -> str:
    """What is to say of a model that goes on beyond its context; empty where nothing is."""
    context, is_fixed = _context(recipe)
    if is_fixed or not (longest := _beyond(recipe, context, datasets)):
        return ""
    return f"The model was made for {context:,} tokens at once, and there are examples of {longest:,}: what stands beyond it may neither learn nor use; a max_length of {context:,} cuts them there."


def check_made(recipe: Recipe, lengths: list[int]) -> tuple[int, int]:
    """How many examples, which are tokens already, are longer than the context of the model, and that. Raises InputError
    when its positions are a table."""
    context, is_fixed = _context(recipe)
    beyond = sum(min(length, recipe.max_length) > context for length in lengths) if context else 0
    if is_fixed and beyond:
        raise InputError(
            "Some examples are longer than the model can take in", f"{beyond:,} have more than its {context:,} positions",
            f"Use a max_length of at most {context:,}",
        )  # fmt: skip
    return beyond, context


def _context(recipe: Recipe) -> tuple[int, bool]:
    try:
        shape = ModelShape.of(recipe.model)
    except StudioError:  # whoever loads it says so
        return 0, False
    return shape.context, shape.context_is_fixed


def _beyond(recipe: Recipe, context: int, datasets: tuple[Dataset | None, ...], exactly: bool = False) -> int:
    """Tokens of the longest example as it would be cut, when they are more than the context, else 0. What answers to avoid
    and tools on offer add is looked for only `exactly`, row by row."""
    if not context or recipe.max_length <= context:
        return 0
    longest = 0
    for dataset in datasets:
        if dataset is None or not len(dataset):
            continue
        own, rows = own_count(dataset, recipe.model), objectives.count_rows(dataset)
        longest = max(longest, own.longest or int(dataset.columns("tokens")["tokens"].max()))
        if exactly and (rows.preferences or rows.with_tools):
            longest = max(longest, int(row_lengths(dataset).max() * own.factor))
    return min(longest, recipe.max_length) if longest > context else 0
