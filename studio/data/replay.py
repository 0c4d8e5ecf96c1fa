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

from studio.data.history import Remade, Repeat
from studio.errors import NothingError
from studio.examples import Dataset, list_datasets, open_dataset, write_dataset
from studio.journal import Journal, Step

TABLES = ("description.json", "problems.parquet", "dropped.parquet")
"""What is written anew when a dataset is moved in; all else is moved as it is."""
DAY = 86_400


@dataclass(frozen=True)
class _Made:
    """What a step made that is not moved in yet, the arguments as the verb wrote them down, and what went into it."""

    verb: str
    datasets: tuple[Dataset, ...]
    arguments: dict[str, Any]
    inputs: dict[str, Dataset]

    @property
    def rows_from(self) -> list[Dataset]:
        """Those whose rows went into it; a benchmark is none of them."""
        return [given for key, given in self.inputs.items() if key.split("_")[0] == "dataset"]


def again(project: Any, last: Dataset, plan: Sequence[Repeat]) -> Remade:
    """The dataset `last` after these steps instead of those that made it. One that has nothing to do is passed over; when
    all are, it is what went into the first. Raises the error of the first step that cannot be, and then nothing was made."""
    passed_over: list[str] = []
    made: list[_Made] = []
    instead = {last.reference: last}
    with _aside(project) as aside:
        for one in plan:
            inputs = {
                key: instead[reference] if reference in instead else open_dataset(project.folder, reference)
                for key, reference in one.inputs.items()
            }
            before = next(iter(inputs.values()))
            if one.is_off:
                instead[one.step.results[0]] = before
                continue
            try:
                found = getattr(aside, one.step.verb)(*inputs.values(), **_arguments(one.step))
            except NothingError as nothing:
                instead[one.step.results[0]] = before
                passed_over.append(f"{one.position or ''} {one.step.verb}: {nothing.what}".strip())
            else:
                datasets = found if isinstance(found, tuple) else (found,)
                instead |= zip(one.step.results, datasets, strict=True)
                made.append(_Made(one.step.verb, datasets, _arguments(aside.journal.steps()[-1]), inputs))
        moved = _move_in(project, made)
    last_made = instead[last.reference]
    went_on = {last_made.folder, *(given.folder for one in made for given in one.rows_from)}
    parts = [part for one in made if one.verb == "split" for part in one.datasets if part.folder not in went_on]
    result = moved.get(last_made.folder, last_made)
    return Remade(
        result.folder, result.name, result.version, tuple(passed_over), tuple(moved[part.folder].reference for part in parts)
    )  # fmt: skip


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


def _move_in(project: Any, made: Sequence[_Made]) -> dict[Path, Dataset]:
    """Makes these datasets of the project, and their steps; returns them by the folder that each was made in."""
    moved: dict[Path, Dataset] = {}
    written: set[Path] = set()
    try:
        for one in made:
            names = {given.reference: moved.get(given.folder, given).reference for given in one.inputs.values()}
            moved |= {dataset.folder: _moved(project.folder, dataset, names) for dataset in one.datasets}
        for one in made:
            inputs = {key: moved.get(given.folder, given).reference for key, given in one.inputs.items()}
            results = [moved[dataset.folder].reference for dataset in one.datasets]
            wanted = [dataset.name for dataset in one.datasets]
            project.journal.step(one.verb, inputs, one.arguments, wanted, lambda: None, lambda _, made=results: made)
            written |= {dataset.folder for dataset in one.datasets}
    except BaseException:
        for folder in moved.keys() - written:
            shutil.rmtree(moved[folder].folder)
        raise
    return moved


def _moved(project_folder: Path, dataset: Dataset, names: dict[str, str]) -> Dataset:
    """The next version of its name in the project, with all that lies beside its examples; `names` says what the
    datasets that it was made from are called there."""

    def move(folder: Path) -> int:
        for path in dataset.folder.iterdir():
            if path.name not in TABLES:
                os.replace(path, folder / path.name)
        return len(dataset)

    told = {key: value for key, value in dataset.description.items() if key not in ("format", "rows")}
    if "from" in told:
        told["from"] = names[told["from"]]
    if "mixed_from" in told:
        told["mixed_from"] = [names[reference] for reference in told["mixed_from"]]
        told["counts"] = {names.get(group, group): count for group, count in told["counts"].items()}
    return write_dataset(project_folder, dataset.name, move, dataset.problems, dataset.dropped, told)
