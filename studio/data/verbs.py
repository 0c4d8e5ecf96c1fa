"""The verbs of the data tab that look at and go back over what was done; `studio.Project` inherits them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from studio.data import history, replay, review
from studio.data.history import Remade
from studio.data.look_verbs import LookVerbs
from studio.examples import Dataset, open_dataset
from studio.journal import Journal


class DataVerbs(LookVerbs):
    """Needs the folder and the journal of a project."""

    folder: Path
    journal: Journal

    def history(self, dataset: Dataset) -> list[history.Change]:
        """The steps that led to the dataset, the first of them first, each with what it took away. No step."""
        chain = history.lineage(self.journal.steps(), dataset.reference)
        return history.changes(chain, [open_dataset(self.folder, reference) for _, reference in chain])

    def redo(self, dataset: Dataset, leave_out: Sequence[int]) -> Remade:
        """The dataset again without the steps at these positions (`history` numbers them); each that stays is a step.

        A split or a mix behind a step that is left out is made again too, with its own seed and settings; the new other
        parts of a split are in `.parts` of what is returned. What then has nothing to do is passed over, and named in
        `.passed_over`. The old versions stay as they are. Raises InputError for a position that is not there; where a step
        fails, nothing is made.
        """
        return replay.again(self, dataset, history.plan(self.journal.steps(), dataset.reference, leave_out))

    def difference(self, before: Dataset, after: Dataset) -> pd.DataFrame:
        """The examples that differ between two versions: id, change, reason, first, second (the answers). No step."""
        reasons: dict[str, str] = {}
        for _, reference in history.lineage(self.journal.steps(), after.reference):
            dropped = open_dataset(self.folder, reference).dropped
            reasons |= dict(zip(dropped["id"].astype(str), dropped["reason"].astype(str), strict=True))
        return history.difference(before.examples, after.examples, reasons)

    # ---- review by hand

    def next_review(self, dataset: Dataset, reviewer: str, preset: str = "guide") -> str | None:
        """The id of the example to judge next, for thresholds of a preset's score; None when the reviewer has judged all.
        No step."""
        return review.next_row(review.Sample.of_dataset(dataset, preset), self.reviews(dataset), reviewer)

    def judge(self, dataset: Dataset, row_id: str, verdict: str | None, reviewer: str) -> None:
        """Keeps one judgement, "good" or "bad"; None takes it back. No step."""
        self.row(dataset, row_id)
        self._reviews.judge(dataset.reference, row_id, verdict, reviewer)

    def reviews(self, dataset: Dataset) -> pd.DataFrame:
        """The judgements so far: id, reviewer, verdict, made (seconds since 1970)."""
        return self._reviews.of(dataset.reference)

    def review_report(self, dataset: Dataset, preset: str = "guide") -> dict[str, Any]:
        """What the judgements say of the score of a preset: judged (rows), preset, thresholds (see
        studio.data.review_thresholds), suggested (threshold, why) or None, why_none (in words, where none is suggested),
        agreement."""
        judged = self.reviews(dataset)
        found = review.thresholds(review.Sample.of_dataset(dataset, preset), judged)
        suggested = review.suggest(found)
        return {
            "judged": int(judged["id"].nunique()), "preset": preset, "thresholds": found, "suggested": suggested,
            "why_none": "" if suggested else review.why_none(found, preset), "agreement": review.agreement(judged),
        }  # fmt: skip

    @property
    def _reviews(self) -> review.Reviews:
        return review.Reviews(self.folder / "studio.db")
