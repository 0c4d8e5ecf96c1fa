"""Review: the sample represents, the judgements are kept, and the thresholds are told with honest intervals."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studio import InputError
from studio.data import review
from studio.data.review import BAD, GOOD, Reviews


@pytest.fixture
def examples() -> pd.DataFrame:
    """400 rows; a row is bad when its score is under 0.6, with one in ten told wrongly by the score."""
    random = np.random.default_rng(0)
    scores = random.uniform(0.2, 1, 400)
    bad = (scores < 0.6) ^ (random.random(400) < 0.1)
    ids = [f"r{number:03d}" for number in range(400)]
    return pd.DataFrame({"id": ids, "quality": scores, "source": ["one", "two"] * 200, "bad": bad})


def judge(reviews: Reviews, examples: pd.DataFrame, count: int, reviewer: str = "Ada") -> pd.DataFrame:
    truth = dict(zip(examples["id"], examples["bad"], strict=True))
    for _ in range(count):
        row_id = review.next_row(examples, reviews.of("raw@v1"), reviewer)
        assert row_id is not None
        reviews.judge("raw@v1", row_id, BAD if truth[row_id] else GOOD, reviewer)
    return reviews.of("raw@v1")


def test_the_sample_visits_every_stratum_and_no_row_twice(tmp_path: Path, examples: pd.DataFrame) -> None:
    judged = judge(Reviews(tmp_path / "studio.db"), examples, 40)
    assert judged["id"].is_unique
    seen = review.strata(examples)[examples["id"].isin(judged["id"])]
    assert set(seen) == set(review.strata(examples))


def test_the_threshold_suggested_is_near_the_true_one(tmp_path: Path, examples: pd.DataFrame) -> None:
    judged = judge(Reviews(tmp_path / "studio.db"), examples, 80)
    found = review.thresholds(examples, judged)
    suggested = review.suggest(found)
    assert suggested is not None and 0.5 <= suggested[0] <= 0.7
    whole = examples["quality"] < suggested[0]
    row = found[found["threshold"] == suggested[0]].iloc[0]
    assert row.precision_low <= examples["bad"][whole].mean() <= row.precision_high
    assert row.recall_low <= whole[examples["bad"]].mean() <= row.recall_high


def test_nothing_is_said_of_too_few(tmp_path: Path, examples: pd.DataFrame) -> None:
    found = review.thresholds(examples, judge(Reviews(tmp_path / "studio.db"), examples, 5))
    assert found.empty and review.suggest(found) is None


def test_a_judgement_is_replaced_taken_back_and_checked(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path / "studio.db")
    reviews.judge("raw@v1", "r1", GOOD, "Ada")
    reviews.judge("raw@v1", "r1", BAD, "Ada")
    assert list(reviews.of("raw@v1")["verdict"]) == [BAD]
    reviews.judge("raw@v1", "r1", None, "Ada")
    assert reviews.of("raw@v1").empty
    with pytest.raises(InputError, match="good or bad"):
        reviews.judge("raw@v1", "r1", "fine", "Ada")
    with pytest.raises(InputError, match="name"):
        reviews.judge("raw@v1", "r1", GOOD, " ")


def test_many_reviewers_at_once_lose_nothing(tmp_path: Path) -> None:
    reviews = Reviews(tmp_path / "studio.db")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: reviews.judge("raw@v1", f"r{number}", GOOD, f"person {number % 4}"), range(80)))
    assert len(reviews.of("raw@v1")) == 80


def test_agreement_is_raw_and_beyond_chance() -> None:
    rows = [(f"r{number}", who, GOOD if number % 2 else BAD) for number in range(20) for who in ("Ada", "Ben")]
    rows[0] = ("r0", "Ada", GOOD)
    found = review.agreement(pd.DataFrame(rows, columns=["id", "reviewer", "verdict"]))
    assert (
        found["rows"] == 20 and found["raw"] == pytest.approx(0.95) and found["kappa"] == pytest.approx(0.9, abs=0.01)
    )


def test_a_second_reviewer_sees_rows_of_the_first(tmp_path: Path, examples: pd.DataFrame) -> None:
    reviews = Reviews(tmp_path / "studio.db")
    judge(reviews, examples, 30, "Ada")
    judged = judge(reviews, examples, 30, "Ben")
    assert review.agreement(judged)["rows"] >= 5
