"""The sample that represents: the strata of a dataset by score and source, and which row to judge next.

Strata are few: a band of the score, divided by the documents that hold a good part of all rows; the others are one. Each
is visited once; from then on judgements go half by the rows of a band and half alike to all bands, so that no band goes
without, and within that to where a judgement narrows most (Neyman 1934, "On the two different aspects").
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from studio.data.measures import Measures
from studio.data.words import Array
from studio.examples import Dataset

BAND_EDGES = (0.5, 0.7, 0.8, 0.9, 1.0)
LEAST_SHARE = 0.05  # of all rows, for a source to be a stratum of its own within a band
OTHERS = "other sources"
GOOD, BAD = "good", "bad"
HELD = 4


class Sample:
    """Rows with their ids, scores (0 to 1; NaN counts as 0) and sources, and their strata; all of one length, and texts
    in any form that Arrow takes."""

    def __init__(self, ids: Any, scores: Array, sources: Any, seed: int = 0) -> None:
        self.ids, self.scores = _texts(ids), np.nan_to_num(np.asarray(scores, float))
        self._sources, self._seed = _texts(sources), seed

    @classmethod
    def of(cls, examples: "pd.DataFrame | Sample", seed: int = 0) -> "Sample":
        """Of a table with the columns id, quality and source."""
        if isinstance(examples, Sample):
            return examples
        return cls(examples["id"], examples["quality"].to_numpy(float), examples["source"], seed)

    @staticmethod
    def of_dataset(dataset: Dataset, preset: str) -> "Sample":
        """Of a dataset by the scores of a preset, held for the next call."""
        return _held(Measures.of(dataset), preset)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def strata(self) -> Array:
        """The number of the stratum of each row."""
        return self._divided[0]

    @property
    def bands(self) -> Array:
        """The number of the band of each stratum."""
        return self._divided[1]

    @property
    def names(self) -> list[str]:
        """What each stratum is called."""
        return self._divided[2]

    @cached_property
    def _divided(self) -> tuple[Array, Array, list[str]]:
        bands = np.searchsorted(BAND_EDGES, self.scores, side="right")
        codes, documents = _documents(self._sources)
        pairs = bands * (len(documents) + 1) + codes
        rows = np.bincount(pairs, minlength=(len(BAND_EDGES) + 1) * (len(documents) + 1))
        of_their_own = rows >= LEAST_SHARE * len(self)
        pairs = np.where(of_their_own[pairs], pairs, bands * (len(documents) + 1) + len(documents))
        kinds, strata = np.unique(pairs, return_inverse=True)
        band, document = np.divmod(kinds, len(documents) + 1)
        names = [
            f"{_band(at)} {[*documents, OTHERS][of]}" for at, of in zip(band.tolist(), document.tolist(), strict=True)
        ]
        return strata, band, names

    @cached_property
    def sizes(self) -> Array:
        """How many rows each stratum has."""
        return np.bincount(self.strata, minlength=len(self.names))

    def rows_under(self, thresholds: Sequence[float]) -> Array:
        """How many rows of each stratum have a score under each threshold, which are in ascending order: (thresholds,
        strata)."""
        levels, number = len(thresholds) + 1, len(self.sizes)
        level = np.searchsorted(thresholds, self.scores, side="right")
        counts = np.bincount(self.strata * levels + level, minlength=number * levels).reshape(number, levels)
        return np.cumsum(counts[:, :-1], axis=1).T

    @cached_property
    def _queue(self) -> tuple[Array, Array]:
        """(the rows of each stratum after those of the one before, in the order to judge; where each stratum begins)."""
        order = np.random.default_rng(self._seed).permutation(len(self))
        strata = self.strata.astype(np.uint16)[order]  # few enough, and sorted several times as quick
        return order[np.argsort(strata, kind="stable")], np.append(0, np.cumsum(self.sizes))

    def rows_of(self, ids: Sequence[str]) -> tuple[Array, Array]:
        """(places in the sample, places in `ids`) of the rows that have one of these ids, which are all different."""
        import pyarrow
        import pyarrow.compute

        found = pyarrow.compute.index_in(self.ids, pyarrow.array(ids, self.ids.type))
        rows = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
        return rows, found.take(rows).to_numpy()

    def next_row(self, seen: Array, good: Array, mine: Array, share_one: bool = False) -> int | None:
        """The place of the row to judge next by someone who has judged the rows `mine`; None when there is no other.

        `seen` are the places of the rows that anyone has judged, and `good` whether each is. With `share_one` it is one
        of those, where its stratum has any, else one that nobody has judged.
        """
        number = len(self.sizes)
        left = self.sizes - np.bincount(self.strata[mine], minlength=number)
        if not left.any():
            return None
        judged = np.bincount(self.strata[seen], minlength=number)
        bad = np.bincount(self.strata[seen], weights=~good, minlength=number)
        with np.errstate(divide="ignore"):
            gain = (
                self._aims * np.sqrt((bad + 0.5) * (judged - bad + 0.5)) / (judged + 1) / np.sqrt(judged * (judged + 1))
            )
        gain = np.where(
            judged == 0, 2.0 + self.sizes / len(self), np.minimum(gain, 1.0)
        )  # each once, the largest first
        stratum = int(np.where(left > 0, gain, -1.0).argmax())
        queue, begins = self._queue
        rows = queue[begins[stratum] : begins[stratum + 1]]
        taken, known = np.zeros(len(self), bool), np.zeros(len(self), bool)
        taken[mine], known[seen] = True, True
        rows = rows[~taken[rows]]
        wanted = rows[known[rows] == share_one]
        return int(wanted[0] if len(wanted) else rows[0])

    @cached_property
    def _aims(self) -> Array:
        """The share of the judgements that each stratum gets where all are alike uncertain."""
        of_band = np.bincount(self.bands, weights=self.sizes)
        return 0.5 * self.sizes / len(self) + 0.5 * self.sizes / of_band[self.bands] / np.count_nonzero(of_band)


def strata(examples: pd.DataFrame) -> pd.Series:
    """For each example the name of its stratum: score band and source."""
    sample = Sample.of(examples)
    return pd.Series(np.array(sample.names, object)[sample.strata], index=examples.index)


def next_row(examples: pd.DataFrame | Sample, judged: pd.DataFrame, reviewer: str, seed: int = 0) -> str | None:
    """The id of the row to judge next, or None when the reviewer has judged them all.

    The sample represents at the start and grows where it is uncertain. Every third row of a reviewer is one that another
    has judged, where there is any, so that agreement can be told.
    """
    sample = Sample.of(examples, seed)
    last = dict(zip(judged["id"], judged["verdict"], strict=True))
    own = set(judged["id"][judged["reviewer"] == reviewer])
    rows, at = sample.rows_of(list(last))
    good = np.array([verdict == GOOD for verdict in last.values()], bool)[at]
    mine = rows[np.array([row_id in own for row_id in last], bool)[at]]
    row = sample.next_row(rows, good, mine, share_one=len(mine) % 3 == 2)
    return None if row is None else str(sample.ids[row])


def _texts(texts: Any) -> Any:
    import pyarrow

    made = pyarrow.array(texts, from_pandas=True)
    if isinstance(made, pyarrow.ChunkedArray):
        made = made.combine_chunks()
    return made.cast(pyarrow.large_string()).fill_null("")


def _documents(sources: Any) -> tuple[Array, list[str]]:
    """(for each source the number of its document, the documents): a passage names its own after a #."""
    import pyarrow.compute

    documents = pyarrow.compute.list_element(pyarrow.compute.split_pattern(sources, "#", max_splits=1), 0)
    found = documents.dictionary_encode()
    return found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary.to_pylist()


def _band(number: int) -> str:
    edges = (0.0, *BAND_EDGES)
    return f"{edges[number]:g}" + (f" to {edges[number + 1]:g}" if number + 1 < len(edges) else "")


@lru_cache(maxsize=HELD)
def _held(measures: Measures, preset: str) -> Sample:
    return Sample(measures.ids(), measures.values(preset), measures.sources())
