"""The verbs that find what stands in the data more than once and drop it; `studio.Project` inherits them."""

from pathlib import Path
from typing import Any

import pandas as pd

from studio import models, store
from studio.data import duplicate_groups, near_duplicates, semantic
from studio.errors import ForbiddenError, InputError, NothingError
from studio.examples import Dataset, write_dataset
from studio.jobs import queue
from studio.jobs.job import Job
from studio.journal import Journal

BY = ("words", "meaning")
THRESHOLDS = {"words": near_duplicates.THRESHOLD, "meaning": semantic.THRESHOLD}


class DuplicateVerbs:
    """Needs the folder, the home and the journal of a project."""

    folder: Path
    home: Path
    demo: bool
    journal: Journal

    def drop_duplicates(
        self, dataset: Dataset, by: str = "words", threshold: float | None = None, run: int = near_duplicates.WORDS_IN_A_RUN,
        model: str = "starter",
    ) -> Dataset:  # fmt: skip
        """A new dataset with the best of each group of rows that say the same; `.dropped` says what stands in their place.

        "words": the Jaccard similarity of their runs of `run` words is at least `threshold` (0.8 when None), and at least
        half of the words of their answers, and of the lines with their questions, are in both: two questions about one
        passage are none; nor are the same ones under another system prompt or with other tools on offer. "meaning":
        the cosine of their embeddings by `model` is (0.95 when None); what was not searched yet is searched in a job,
        and waited for. The best has the highest quality, then comes first. Raises NothingError when there is nothing.
        """
        if by not in BY:
            raise InputError("There is no such kind of duplicates", repr(by), f"Choose {' or '.join(BY)}")
        limit = THRESHOLDS[by] if threshold is None else threshold
        arguments: dict[str, Any] = {"by": by, "threshold": limit}
        arguments |= {"run": run} if by == "words" else {"model": model}

        def make() -> Dataset:
            found = (
                self.near_duplicate_groups(dataset, limit, run)
                if by == "words"
                else self.semantic_duplicates(dataset, model, limit)
            )
            if found["keep"].all():
                here = f"no row of {dataset.reference} is like another at {limit:g}"
                raise NothingError("There are no duplicates to drop", here, "Lower the threshold, or go on")
            kept, dropped = duplicate_groups.without(dataset, found)
            origin = {
                "verb": "drop_duplicates", "from": dataset.reference, "token_counter": dataset.description.get("token_counter"),
            }  # fmt: skip
            return write_dataset(self.folder, "clean", kept, dropped=dropped, made_by=origin)

        inputs = {"dataset": dataset.reference}
        return self.journal.step("drop_duplicates", inputs, arguments, ["clean"], make, lambda made: [made.reference])

    def near_duplicate_groups(
        self, dataset: Dataset, threshold: float = near_duplicates.THRESHOLD, run: int = near_duplicates.WORDS_IN_A_RUN
    ) -> pd.DataFrame:
        """The groups of examples whose words are nearly the same (as in `drop_duplicates`): group, id, position, keep, instead, similarity, kind
        ("exact" or "near") and quality; see `studio.data.duplicate_groups`. No step."""
        return duplicate_groups.of_words(dataset, threshold, run)

    def semantic_duplicates(
        self, dataset: Dataset, model: str = "starter", threshold: float = semantic.THRESHOLD
    ) -> pd.DataFrame:
        """The groups of examples that mean nearly the same by a model's embeddings, as `near_duplicate_groups` gives
        them; searched in a job, and waited for, unless they were before. No step."""
        found = self.found_semantic_duplicates(dataset, model, threshold)
        if found is None:
            self.start_semantic_search(dataset, model, threshold).wait()
            found = semantic.read(dataset, model, threshold)
        if found is None:
            raise InputError("The search was stopped", f"{dataset.reference}, {model}", "Search again")
        return found

    def found_semantic_duplicates(
        self, dataset: Dataset, model: str = "starter", threshold: float = semantic.THRESHOLD
    ) -> pd.DataFrame | None:
        """The groups that were found before; None when they were not searched. No step."""
        self._check_embedding(model, threshold)
        return semantic.read(dataset, model, threshold)

    def start_semantic_search(
        self, dataset: Dataset, model: str = "starter", threshold: float = semantic.THRESHOLD
    ) -> Job:
        """Begins to search in a job, with any model folder or Hub id (safetensors, no remote code); returns at once. What
        it finds is kept beside the dataset. No step."""
        self._check_embedding(model, threshold)
        folder = store.new_numbered_folder(self.folder / "jobs", "semantic")
        request = semantic.request_of(self.folder, dataset, model, threshold)
        return queue.submit(self.home, folder, "semantic", request)

    def _check_embedding(self, model: str, threshold: float) -> None:
        if self.demo and model != "starter":
            raise ForbiddenError(
                "Only the starter model can be used here", "a shared Space", "Run the studio on your own machine"
            )
        semantic.check(threshold)
        models.resolve(model)
