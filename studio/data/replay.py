"""Steps of the journal done again, all or none: each first in a folder beside the project's datasets, where nobody sees
what it makes and an error leaves none of it; once all are done they are moved in, each with its step.
"""

import copy
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.data.history import Remade
from studio.errors import NothingError
from studio.examples import Dataset, list_datasets, open_dataset, write_dataset
from studio.journal import Journal, Step

TABLES = ("description.json", "problems.parquet", "dropped.parquet")
"""What is written anew when a dataset is moved in; all else is moved as it is."""
DAY = 86_400


@dataclass(frozen=True)
class _Made:
    """A dataset that is not moved in yet, and its step: the arguments as the verb wrote them down, and the datasets besides
    the one that it was made from."""

    verb: str
    dataset: Dataset
    arguments: dict[str, Any]
    others: dict[str, str]


def again(project: Any, first: Dataset, steps: Sequence[tuple[int, Step]]) -> Remade:
    """The dataset `first` after these steps (with their positions). One that has nothing to do is passed over; when all
    are, it is `first`. Raises the error of the first step that cannot be, and then nothing was made."""
    passed_over: list[str] = []
    made: list[_Made] = []
    at = first
    with _aside(project) as aside:
        for position, step in steps:
            others = {key: project.journal.result_of(name) for key, name in step.inputs.items() if key != "dataset"}
            given = {key: open_dataset(project.folder, reference) for key, reference in others.items()}
            try:
                at = getattr(aside, step.verb)(at, **given, **_arguments(step))
            except NothingError as nothing:
                passed_over.append(f"{position} {step.verb}: {nothing.what}")
            else:
                made.append(_Made(step.verb, at, _arguments(aside.journal.steps()[-1]), others))
        last = _move_in(project, first, made)
    return Remade(last.folder, last.name, last.version, tuple(passed_over))


@contextmanager
def _aside(project: Any) -> Iterator[Any]:
    """The project, but what its verbs make and write down comes into a folder that is gone afterwards."""
    for left in project.folder.glob(".replay-*"):  # by a kill
        with suppress(OSError):  # another one was done with it this instant
            if left.stat().st_mtime < time.time() - DAY:
                shutil.rmtree(left)
    folder = project.folder / f".replay-{uuid.uuid4().hex[:8]}"
    aside = copy.copy(project)
    aside.folder, aside.journal = folder, Journal(folder)
    aside.start_semantic_search = project.start_semantic_search  # a job belongs to the project, and stays in it
    try:
        for dataset in list_datasets(project.folder):  # what is made has the name that it will have, in errors too
            (folder / "datasets" / dataset.name / f"v{dataset.version}").mkdir(parents=True)
        yield aside
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _arguments(step: Step) -> dict[str, Any]:
    """As they were given: the journal writes tuples as lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in step.arguments.items()}


def _move_in(project: Any, first: Dataset, made: Sequence[_Made]) -> Dataset:
    """Makes these datasets of the project, each from the one before it, and their steps; returns the last."""
    moved, written = [first], 0
    try:
        for one in made:
            moved.append(_moved(project.folder, one.dataset, moved[-1].reference))
        for one, before, dataset in zip(made, moved, moved[1:], strict=False):
            inputs = {"dataset": before.reference, **one.others}
            project.journal.step(one.verb, inputs, one.arguments, ["clean"], lambda: None, lambda _, made=dataset: [made.reference])  # fmt: skip
            written += 1
    except BaseException:
        for dataset in moved[written + 1 :]:
            shutil.rmtree(dataset.folder)
        raise
    return moved[-1]


def _moved(project_folder: Path, dataset: Dataset, made_from: str) -> Dataset:
    """The next version of its name in the project, with all that lies beside its examples."""

    def move(folder: Path) -> int:
        for path in dataset.folder.iterdir():
            if path.name not in TABLES:
                os.replace(path, folder / path.name)
        return len(dataset)

    told = {key: value for key, value in dataset.description.items() if key not in ("format", "rows")}
    origin = {**told, "from": made_from}
    return write_dataset(project_folder, dataset.name, move, dataset.problems, dataset.dropped, origin)
