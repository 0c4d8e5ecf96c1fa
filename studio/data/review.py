"""Human review: the judgements of a project, and how far its reviewers agree.

Judgements are kept in the project's SQLite file, one a row and reviewer; a later one replaces the earlier. Which row to
judge next says `review_sample`, what the judgements say of each threshold `review_thresholds`.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from studio.data.review_sample import BAD, GOOD, Sample, next_row, strata
from studio.data.review_thresholds import suggest, thresholds, why_none
from studio.errors import InputError

__all__ = ["BAD", "GOOD", "Reviews", "Sample", "agreement", "next_row", "strata", "suggest", "thresholds", "why_none"]
TABLE = """create table if not exists reviews (
    dataset text not null, id text not null, reviewer text not null, verdict text not null, made real not null,
    primary key (dataset, id, reviewer))"""


class Reviews:
    """The judgements of one project; `path` is its SQLite file, made when absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # SQLite's own time-out does not cover the change to WAL nor the clean-up of the last one to close
        with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=60):
            connection = sqlite3.connect(self.path, timeout=30)
            try:
                connection.execute("pragma journal_mode=wal")
                connection.execute(TABLE)
                with connection:
                    yield connection
            finally:
                connection.close()

    def judge(self, dataset: str, row_id: str, verdict: str | None, reviewer: str) -> None:
        """Keeps "good" or "bad"; None takes the judgement back. Raises InputError for anything else."""
        if verdict not in (GOOD, BAD, None):
            raise InputError("There is no such judgement", repr(verdict), "Say good or bad")
        if not reviewer.strip():
            raise InputError("A judgement needs a name", "an empty reviewer", "Say who judges")
        key = (dataset, row_id, reviewer.strip())
        with self._open() as connection:
            connection.execute("delete from reviews where dataset = ? and id = ? and reviewer = ?", key)
            if verdict is not None:
                connection.execute("insert into reviews values (?, ?, ?, ?, ?)", (*key, verdict, time.time()))

    def of(self, dataset: str) -> pd.DataFrame:
        """Columns id, reviewer, verdict, made (seconds since 1970), the oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "select id, reviewer, verdict, made from reviews where dataset = ? order by made", (dataset,)
            ).fetchall()
        return pd.DataFrame(rows, columns=["id", "reviewer", "verdict", "made"])


def agreement(judged: pd.DataFrame) -> dict[str, Any]:
    """rows (judged by two or more), raw (share of agreeing pairs), kappa (Cohen 1960, over all pairs of reviewers;
    NaN where nothing can be said)."""
    pairs: list[tuple[bool, bool]] = []
    for _, rows in judged.groupby("id"):
        verdicts = [verdict == GOOD for _, verdict in sorted(zip(rows["reviewer"], rows["verdict"], strict=True))]
        pairs += [(verdicts[first], verdicts[second]) for second in range(len(verdicts)) for first in range(second)]
    if not pairs:
        return {"rows": 0, "raw": float("nan"), "kappa": float("nan")}
    table = np.array(pairs, dtype=bool)
    raw = float((table[:, 0] == table[:, 1]).mean())
    first, second = table[:, 0].mean(), table[:, 1].mean()
    chance = float(first * second + (1 - first) * (1 - second))
    shared = int((judged.groupby("id").size() > 1).sum())
    return {"rows": shared, "raw": raw, "kappa": (raw - chance) / (1 - chance) if chance < 1 else float("nan")}
