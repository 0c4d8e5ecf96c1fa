"""The verbs of the data tab that look at and go back over what was done; `studio.Project` inherits them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from studio.data import history
from studio.examples import Dataset, open_dataset
from studio.journal import Journal


class DataVerbs:
    """Needs the folder and the journal of a project."""

    folder: Path
    journal: Journal

    def history(self, dataset: Dataset) -> list[history.Change]:
        """The steps that led to the dataset, the first of them first, each with what it took away. No step."""
        chain = history.lineage(self.journal.steps(), dataset.reference)
        made = [open_dataset(self.folder, self._at(chain, place, dataset)) for place in range(len(chain))]
        return history.changes(chain, made)

    def redo(self, dataset: Dataset, leave_out: Sequence[int]) -> Dataset:
        """The dataset again without the steps at these positions (`history` numbers them); each that stays is a step.

        The old version stays as it is. Raises InputError for a position that is not there.
        """
        chain = history.lineage(self.journal.steps(), dataset.reference)
        kept = history.kept_steps(chain, leave_out)
        first = next(place for place, step in enumerate(chain) if step.verb not in history.REPEATABLE)
        made = open_dataset(self.folder, self._at(chain, first, dataset))
        for step in kept:
            arguments = {
                key: tuple(value) if isinstance(value, list) else value for key, value in step.arguments.items()
            }
            made = getattr(self, step.verb)(made, **arguments)
        return made

    def difference(self, before: Dataset, after: Dataset) -> pd.DataFrame:
        """The examples that differ between two versions: id, change, reason, first, second (the answers). No step."""
        reasons: dict[str, str] = {}
        for step in history.lineage(self.journal.steps(), after.reference):
            for result in step.results:
                dropped = open_dataset(self.folder, result).dropped
                reasons |= dict(zip(dropped["id"].astype(str), dropped["reason"].astype(str), strict=True))
        return history.difference(before.examples, after.examples, reasons)

    @staticmethod
    def _at(chain: Sequence[Any], place: int, dataset: Dataset) -> str:
        """Which of a step's results the way leads through: the one that the next step took, or the dataset itself."""
        results = chain[place].results
        if place + 1 == len(chain):
            return dataset.reference
        return next((result for result in results if result in _inputs(chain, place)), results[0])


def _inputs(chain: Sequence[Any], place: int) -> set[str]:
    """What the step after `place` took in, as references."""
    named = dict(zip(chain[place].outputs, chain[place].results, strict=True))
    return {named.get(name, name) for name in chain[place + 1].inputs.values()}
