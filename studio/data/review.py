"""Human review of a sample that represents: which rows to judge next, and what the judgements say of each threshold.

Judgements are kept in the project's SQLite file, one a row and reviewer; a later one replaces the earlier. Shares have
Wilson's interval (Wilson 1927). Rows are drawn from strata of score band and source; because small strata are judged
more often than their share, each judged row counts with the rows that it stands for (Horvitz and Thompson 1952).
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock

from studio.errors import InputError
from studio.intervals import wilson

BANDS = (0.0, 0.5, 0.7, 0.8, 0.9, 1.0)
GOOD, BAD = "good", "bad"
LEAST_JUDGED = 10
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


def strata(examples: pd.DataFrame) -> pd.Series:
    """For each example its stratum: score band and source."""
    bands = pd.cut(examples["quality"].fillna(0.0), BANDS, include_lowest=True, labels=False)
    return bands.astype(str) + " " + examples["source"].astype(str)


def next_row(examples: pd.DataFrame, judged: pd.DataFrame, reviewer: str, seed: int = 0) -> str | None:
    """The id of the row to judge next, or None when the reviewer has judged them all.

    Each stratum is visited in turn, those first whose share of good rows is known least well: so the sample represents
    at the start and grows where it is uncertain.
    """
    mine = set(judged["id"][judged["reviewer"] == reviewer])
    groups = strata(examples)
    open_rows = examples[~examples["id"].isin(mine)]
    if open_rows.empty:
        return None
    verdict = judged.drop_duplicates("id", keep="last").set_index("id")["verdict"].eq(GOOD)
    good = examples["id"].map(verdict)
    uncertainty = {
        group: _width(int(good[groups == group].sum()), int(good[groups == group].notna().sum())) * np.sqrt((groups == group).mean())
        for group in groups[open_rows.index].unique()
    }  # fmt: skip
    group = max(sorted(uncertainty), key=lambda name: uncertainty[name])
    candidates = open_rows[groups[open_rows.index] == group]
    # a row that another reviewer has judged comes first now and then, so that agreement can be told
    shared = candidates[candidates["id"].isin(set(judged["id"]))]
    if len(shared) and len(mine) % 3 == 2:
        candidates = shared
    order = np.random.default_rng(seed).permutation(len(examples))
    return str(candidates["id"].iloc[int(np.argmin(order[candidates.index.to_numpy()]))])


def _width(good: int, judged: int) -> float:
    low, high = wilson(good, judged)
    return high - low


def thresholds(examples: pd.DataFrame, judged: pd.DataFrame, steps: Sequence[float] = ()) -> pd.DataFrame:
    """For each threshold of the quality score: of the rows that it drops, how many are bad (precision), and of the
    bad rows, how many it drops (recall), each with low and high. Columns threshold, dropped_share, precision,
    precision_low, precision_high, recall, recall_low, recall_high, f1. Empty before LEAST_JUDGED rows are judged.
    """
    table = _judged_rows(examples, judged)
    columns = ["threshold", "dropped_share", "precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high", "f1"]  # fmt: skip
    if len(table) < LEAST_JUDGED:
        return pd.DataFrame(columns=columns)
    scores = examples["quality"].fillna(0.0).to_numpy(float)
    rows = []
    for threshold in steps or np.round(np.arange(0.05, 1.001, 0.05), 2):
        dropped, bad = table["quality"] < threshold, ~table["good"]
        hit, weight = dropped & bad, table["weight"]
        precision = _share(weight[hit].sum(), weight[dropped].sum())
        recall = _share(weight[hit].sum(), weight[bad].sum())
        both = precision + recall
        rows.append(
            (float(threshold), float((scores < threshold).mean()), precision, *wilson(precision * dropped.sum(), dropped.sum()),
             recall, *wilson(recall * bad.sum(), bad.sum()), 2 * precision * recall / both if both else 0.0)
        )  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def suggest(found: pd.DataFrame) -> tuple[float, str] | None:
    """The threshold with the best balance of precision and recall (F1), and why; None when nothing can be said."""
    if found.empty or found["f1"].max() == 0:
        return None
    best = found.iloc[int(found["f1"].to_numpy(float).argmax())]
    why = (
        f"of the rows under {best.threshold:g}, {best.precision:.0%} were judged bad ({best.precision_low:.0%} to {best.precision_high:.0%}), "
        f"and it finds {best.recall:.0%} of the bad rows ({best.recall_low:.0%} to {best.recall_high:.0%})"
    )
    return float(best.threshold), why


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


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 0.0


def _judged_rows(examples: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """quality, good and weight of each judged row; bad when most of its reviewers, or half of them, say so."""
    if judged.empty:
        return pd.DataFrame(columns=["quality", "good", "weight"])
    good = judged["verdict"].eq(GOOD).groupby(judged["id"]).mean() > 0.5
    groups = strata(examples)
    table = examples.assign(stratum=groups)[["id", "quality", "stratum"]]
    seen = table[table["id"].isin(good.index)]
    stands_for = table.groupby("stratum").size() / seen.groupby("stratum").size()
    return pd.DataFrame({
        "quality": seen["quality"].fillna(0.0).to_numpy(float),
        "good": good.loc[seen["id"]].to_numpy(bool),
        "weight": stands_for.loc[seen["stratum"]].to_numpy(float),
    })  # fmt: skip
