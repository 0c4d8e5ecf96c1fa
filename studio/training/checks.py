"""Whether a recipe can be trained on these datasets on this machine: every reason why not, before anything starts."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from studio import hardware, models
from studio.errors import NotFoundError, RecipeError, StudioError
from studio.examples import Dataset
from studio.training import calls, context, launching, objectives, targets, whole_answers
from studio.training.recipe import Recipe


def check(
    dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, processes: int = 1, sharded: bool = False
) -> None:
    """Raises the error of the one mistake, or a RecipeError that names all of them."""

    def has_card() -> None:
        if hardware.machine().device == "cpu":
            models.check_without_gpu(recipe.quantisation)

    errors = _errors(lambda: launching.check(recipe, processes, sharded))
    errors += anywhere(dataset, recipe, evaluation) + _errors(has_card)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise RecipeError(words_of(errors))


def anywhere(dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None) -> list[StudioError]:
    """What speaks against the recipe on these datasets whatever the machine is."""

    def has_targets() -> None:
        with suppress(NotFoundError):  # said once, of the model
            targets.check(recipe)

    def is_watched() -> None:
        if recipe.patience and evaluation is None:
            raise RecipeError(["patience: without an evaluation nobody sees whether the loss gets better (found none)"])

    return _errors(
        lambda: objectives.check(dataset, recipe.objective, evaluation),
        lambda: models.resolve(recipe.model),
        lambda: calls.check(recipe, dataset, evaluation),
        lambda: context.check(recipe, dataset, evaluation),
        lambda: whole_answers.check(recipe, dataset, evaluation),
        has_targets,
        is_watched,
    )


def words_of(errors: Iterable[StudioError]) -> list[str]:
    """Each mistake of each of the errors in one sentence."""
    return [words for error in errors for words in _mistakes(error)]


def _errors(*checks: Callable[[], object]) -> list[StudioError]:
    return [error for one in checks if (error := _error_of(one)) is not None]


def _error_of(check_one: Callable[[], object]) -> StudioError | None:
    try:
        check_one()
    except StudioError as error:
        return error
    return None


def _mistakes(error: StudioError) -> list[str]:
    if isinstance(error, RecipeError):
        return error.mistakes
    return [f"{error.what} (found {error.found}): {error.fix[:1].lower()}{error.fix[1:]}"]
