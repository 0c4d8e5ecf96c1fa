"""After a run for which there was not enough memory: the settings that fit, from the same estimate as before a start, raised
to what the run has shown."""

from dataclasses import replace
from pathlib import Path

from studio import hardware
from studio.errors import JobError
from studio.examples import Dataset
from studio.memory import ModelShape, estimate
from studio.training import calibration
from studio.training.fit import Change, nearest_changes
from studio.training.recipe import Recipe
from studio.training.whole_answers import leaves_answers

LONGEST_WORDS = 200
NONE_FITS = "No change of its settings makes it fit: choose a smaller model, or a machine with more memory"


def what_fits(recipe: Recipe, dataset: Dataset | None, home: Path, available: int) -> list[Change]:
    """The nearest changes of a recipe that did not fit into `available` bytes, the most harmless first. Where the estimate
    had thought that it would, it is raised until it would not."""
    machine = replace(hardware.machine(), memory_free=available)
    shape, learned = ModelShape.of(recipe.model), calibration.correction(home, machine)
    longest = None if dataset is None else calibration.longest_example(dataset, recipe)
    found = estimate(shape, recipe, machine, longest, learned)
    if found.expected < available:
        overhead = found.parts["overhead"]
        factor = learned.factor * (available - overhead) / (found.expected - overhead)
        learned = replace(learned, factor=factor, overhead=overhead, unsure=calibration.LEAST_UNSURE)
    changes = nearest_changes(shape, recipe, machine, longest, learned)
    return [change for change in changes if leaves_answers(change.recipe, dataset)]


def sentence(changes: list[Change]) -> str:
    """What to do about it."""
    if not changes:
        return NONE_FITS
    return "Start again with " + "; or with ".join(change.words for change in changes)


def explained(error: Exception, changes: list[Change]) -> JobError:
    """The error in its own first words, and what would fit."""
    said = " ".join(str(error).split())[:LONGEST_WORDS] or type(error).__name__
    return JobError("Out of memory", said, sentence(changes))
