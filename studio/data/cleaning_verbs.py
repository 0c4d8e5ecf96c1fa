"""The verbs that clean and divide a dataset, and the looks that go with them; `studio.Project` inherits them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from studio.data import filters, gathering, leakage, presidio, privacy, splitting, watching
from studio.data.measures import Measures
from studio.data.rules import Rule
from studio.data.words import Array
from studio.errors import InputError, NothingError
from studio.examples import Batches, Dataset, write_dataset
from studio.journal import Journal


class CleaningVerbs:
    """Needs the folder and the journal of a project."""

    folder: Path
    journal: Journal
    private_kinds = privacy.KINDS

    @staticmethod
    def more_private_kinds() -> tuple[tuple[str, ...], str]:
        """(the kinds that Presidio finds, none where it or its model is missing; in words whether it is in use, and how
        to get it). They are looked for only when they are named."""
        return (presidio.KINDS if presidio.model() else ()), presidio.state()

    def filter(
        self,
        dataset: Dataset,
        min_quality: float = 0.7,
        preset: str = "guide",
        max_tokens: int = 4096,
        exact_duplicates: bool = True,
        drop_flags: Sequence[str] = ("broken JSON", "TODO", "truncated"),
        near_duplicates: float | None = None,
        rules: Sequence[Rule | Mapping[str, Any]] = (),
    ) -> Dataset:
        """A new dataset without the rows that would teach something wrong; `.dropped` says which and why.

        `preset` is the scorer: "guide", "studio", or the studio's with another rule of repetition alone, "datatrove" or
        "data-juicer", by which a row is marked and loses too little to go at 0.7 for it. `near_duplicates` is the Jaccard
        similarity of word triples (0.8 is usual) from which only the best of two rows stays, if their answers and their
        questions are alike by themselves too. `rules` are the user's own on the answer, such as
        {"kind": "regex", "pattern": "^[A-Z]"}, {"kind": "json_schema", "schema": ...}, {"kind": "length", "maximum": 900}.
        """
        choices: dict[str, Any] = {
            "min_quality": min_quality, "preset": preset, "max_tokens": max_tokens, "exact_duplicates": exact_duplicates,
            "drop_flags": tuple(drop_flags),
        }  # fmt: skip
        choices |= {} if near_duplicates is None else {"near_duplicates": near_duplicates}
        choices |= (
            {"rules": tuple(rule.plain() if isinstance(rule, Rule) else dict(rule) for rule in rules)} if rules else {}
        )

        def clean() -> tuple[Batches, pd.DataFrame]:
            measures = Measures.of(dataset)
            verdict = filters.judge(measures, filters.Choices(**choices))
            return filters.rows_where(dataset, verdict.stays), verdict.dropped(measures.ids())

        return self._cleaned("filter", dataset, choices, clean)

    def preview_filter(self, dataset: Dataset, **choices: Any) -> dict[str, Any]:
        """What `filter` would keep: kept, total, reasons (counts). No step."""
        return filters.preview(Measures.of(dataset), **choices)

    def redact(
        self, dataset: Dataset, kinds: Sequence[str] = privacy.KINDS, how: str = "mask", seed: int = 0
    ) -> Dataset:  # fmt: skip
        """A new dataset without private details of these `kinds`: "mask" writes [EMAIL] and the like, "replace" a made-up
        value (the same for the same one, by the seed), "drop" leaves out the rows that have any."""
        arguments = {"kinds": tuple(kinds), "how": how} | ({"seed": seed} if how == "replace" else {})

        def clean() -> tuple[Batches, pd.DataFrame]:
            privacy.check_kinds(kinds, how)
            parts = watching.telling(dataset.batches(), len(dataset), "rows looked through")
            if how == "drop":
                gone = [privacy.redact(part, kinds, how)[1] for part in parts]
                dropped = pd.concat(gone, ignore_index=True)
                stays = ~np.isin(Measures.of(dataset).ids(), dropped["id"].to_numpy(object))
                return filters.rows_where(dataset, stays), dropped
            redacted = (privacy.redact(part, kinds, how, seed)[0] for part in parts)
            return map(gathering.measured, redacted), pd.DataFrame({"id": [], "reason": []}, dtype="str")

        return self._cleaned("redact", dataset, arguments, clean)

    def split(
        self, dataset: Dataset, test: float = 0.1, seed: int = 0, keep_groups_together: bool = True
    ) -> tuple[Dataset, Dataset]:  # fmt: skip
        """Two datasets, for training and for testing; the same seed gives the same rows. Rows that are the same are
        never in both, nor, with `keep_groups_together`, rows that are nearly the same text, preferences of one prompt, or
        rows of one conversation: where one goes on from another, or both from the same turns."""
        arguments = {"test": test, "seed": seed} | ({} if keep_groups_together else {"keep_groups_together": False})

        def make() -> tuple[Dataset, Dataset]:
            measures = Measures.of(dataset)
            near = measures.together() if keep_groups_together else None
            held_out = splitting.held_out(measures.ids(), measures.first_of_each(), test, seed, near)
            origin = _origin("split", dataset)
            return (
                write_dataset(self.folder, "train", filters.rows_where(dataset, ~held_out), made_by=origin),
                write_dataset(self.folder, "test", filters.rows_where(dataset, held_out), made_by=origin),
            )

        return self.journal.step(
            "split", {"dataset": dataset.reference}, arguments, ["train", "test"], make, lambda made: [part.reference for part in made]
        )  # fmt: skip

    def scores(self, dataset: Dataset, preset: str = "studio") -> pd.DataFrame:
        """id, quality and reasons (list of str) of each example by a preset; see `filter`. No step."""
        made = Measures.of(dataset).scores(preset)
        made.insert(0, "id", dataset.columns("id")["id"])
        return made

    def score_values(self, dataset: Dataset, preset: str = "studio") -> Array:
        """The qualities of `scores` alone, quick enough for a slider. No step."""
        return Measures.of(dataset).values(preset)

    def check_leakage(self, train: Dataset, test: Dataset, benchmark: Dataset | None = None) -> leakage.Leakage:
        """What of the test rows, and of a benchmark that was loaded, stands in the training rows: `.counts`, `.pairs`
        (part, train_id, id, kind, similarity), `.leaked`. No step."""
        against = {"test": test} | ({} if benchmark is None else {"benchmark": benchmark})
        pairs = [Measures.of(part).leakage(name, train) for name, part in against.items()]
        return leakage.Leakage.of(
            pd.concat(pairs, ignore_index=True), {name: len(part) for name, part in against.items()}
        )

    def drop_leaked(self, dataset: Dataset, benchmark: Dataset) -> Dataset:
        """A new dataset without the rows that stand in `benchmark` too (the same, nearly the same, or in a run of 13
        words), so that what is measured there was not learned; `.dropped` says which and how. Raises NothingError when
        there is none."""

        def clean() -> tuple[Batches, pd.DataFrame]:
            measures = Measures.of(dataset)
            found = measures.leakage("learned", benchmark)
            if found.empty:
                here = f"{len(dataset):,} rows of {dataset.reference}, none in {benchmark.reference}"
                raise NothingError("There is nothing to drop", here, "Go on with the dataset as it is")
            stays, dropped = leakage.not_in(measures.ids(), found, benchmark.reference)
            return filters.rows_where(dataset, stays), dropped

        return self._cleaned("drop_leaked", dataset, {}, clean, benchmark=benchmark)

    def private_details(self, dataset: Dataset, kinds: Sequence[str] = privacy.KINDS) -> dict[str, int]:
        """How many private details of each kind stand in the dataset. No step."""
        return Measures.of(dataset).private_details(kinds)

    def _cleaned(
        self, verb: str, dataset: Dataset, arguments: dict[str, Any], clean: Callable[[], tuple[pd.DataFrame | Batches, pd.DataFrame]],
        **others: Dataset,
    ) -> Dataset:  # fmt: skip
        def make() -> Dataset:
            kept, dropped = clean()
            if len(dropped) == len(dataset):
                raise InputError(f"The {verb} keeps no row", f"0 of {len(dataset)}", "Drop less")
            return write_dataset(self.folder, "clean", kept, dropped=dropped, made_by=_origin(verb, dataset))

        inputs = {"dataset": dataset.reference} | {name: other.reference for name, other in others.items()}
        return self.journal.step(verb, inputs, arguments, ["clean"], make, lambda made: [made.reference])


def _origin(verb: str, dataset: Dataset) -> dict[str, Any]:
    return {"verb": verb, "from": dataset.reference, "token_counter": dataset.description.get("token_counter")}
