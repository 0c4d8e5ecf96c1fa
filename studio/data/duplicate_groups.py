"""Groups of rows that say the same: what is kept of each, why, and what stands in its place. The same table for rows
that share their words and for rows that share their meaning."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from studio.data import filters, near_duplicates
from studio.data.measures import Measures
from studio.data.near_duplicates import Pairs
from studio.examples import Dataset

EXACT, NEAR = "exact", "near"
COLUMNS = ["group", "id", "position", "keep", "instead", "similarity", "kind", "quality"]


def of_words(dataset: Dataset, threshold: float, run: int) -> pd.DataFrame:
    """The groups of rows whose runs of `run` words are nearly the same; see `table`. Kept beside the dataset."""
    near_duplicates.check(threshold, run)
    measures = Measures.of(dataset)
    return measures.kept(f"groups-{threshold:g}-{run}", lambda: table(dataset, measures.pairs(threshold, run)))


def table(dataset: Dataset, found: Pairs) -> pd.DataFrame:
    """One row for each example that is in a pair: group (from 1), id, position (in the dataset, from 0), keep (bool),
    instead (the id kept in its place), similarity to that one, kind ("exact" when it reads the same to the letter) and
    quality. Those that are kept come first in each group."""
    measures = Measures.of(dataset)
    groups = near_duplicates.groups(measures.values("guide"), found)
    rows, others = (groups[name].to_numpy(np.int64) for name in ("position", "instead"))
    first, ids = measures.first_of_each(), dataset.table("id")["id"]
    facts = {
        "id": ids.take(rows).to_pandas(), "instead": ids.take(others).to_pandas(), "quality": measures.values("guide")[rows],
        "kind": np.where((rows != others) & (first[rows] == first[others]), EXACT, NEAR),
    }  # fmt: skip
    return (
        groups.assign(**facts)
        .sort_values(["group", "keep", "position"], ascending=[True, False, True], kind="stable")
        .reset_index(drop=True)[COLUMNS]
    )


def without(dataset: Dataset, groups: pd.DataFrame) -> tuple[Iterator[Any], pd.DataFrame]:
    """(the stored rows that are kept, as tables; id and reason of those that go)."""
    gone = groups[~groups["keep"].to_numpy(bool)].sort_values("position")
    reasons = [
        f"the same as {row.instead}" if row.kind == EXACT else f"{filters.NEAR} {row.instead} ({row.similarity:.0%})"
        for row in gone.itertuples()
    ]
    dropped = pd.DataFrame({"id": gone["id"].to_numpy(object), "reason": reasons}, dtype="str")
    stays = np.ones(len(dataset), bool)
    stays[gone["position"].to_numpy(int)] = False
    return filters.rows_where(dataset, stays), dropped
