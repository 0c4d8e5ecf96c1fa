"""Review: the sample represents, the judgements are kept, and the thresholds are told with honest intervals."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import review
from studio.data.review import BAD, GOOD, Reviews
from studio.data.review_sample import Sample
from studio.data.review_thresholds import table
from studio.intervals import effective_number, part_of_two
from tests.data.frames import labels_and_refusals


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


def judged_of(examples: pd.DataFrame, count: int) -> pd.DataFrame:
    """The truth of the rows that are asked for, one after another."""
    rows: list[tuple[str, str, str]] = []
    truth = dict(zip(examples["id"], examples["bad"], strict=True))
    for _ in range(count):
        made = pd.DataFrame(rows, columns=["id", "reviewer", "verdict"])
        row_id = review.next_row(examples, made, "Ada")
        assert row_id is not None
        rows.append((row_id, "Ada", BAD if truth[row_id] else GOOD))
    return pd.DataFrame(rows, columns=["id", "reviewer", "verdict"])


def test_rows_that_each_have_a_source_of_their_own_are_represented_all_the_same() -> None:
    """The passages of a document: 30 rows with a low score, and of the others each third is bad."""
    bad = [True] * 30 + [number % 3 == 0 for number in range(270)]
    ids = [f"r{number:03d}" for number in range(300)]
    sources = [f"handbook.pdf#{number}" for number in range(300)]
    examples = pd.DataFrame({"id": ids, "quality": [0.6] * 30 + [1.0] * 270, "source": sources, "bad": bad})
    assert set(review.strata(examples)) == {"0.5 to 0.7 handbook.pdf", "1 handbook.pdf"}
    judged = judged_of(examples, 25)
    upper = judged["id"].isin(ids[30:]).sum()
    assert upper >= 12 and 25 - upper >= 4
    found = review.thresholds(examples, judged)
    row = found[found["threshold"] == 0.8].iloc[0]
    assert row.recall_low <= 0.25 <= row.recall_high < 0.6


def test_strata_are_few_whatever_the_sources() -> None:
    random = np.random.default_rng(0)
    sources = [f"page{number}.html" for number in range(1970)] + ["log.txt"] * 1000 + [None] * 30
    examples = pd.DataFrame({"id": [f"r{at}" for at in range(3000)], "quality": random.random(3000), "source": sources})
    names = set(review.strata(examples))
    assert len(names) <= 12 and "0 to 0.5 log.txt" in names and "0 to 0.5 other sources" in names


def test_what_nobody_has_judged_is_not_held_for_certain() -> None:
    ids = [f"r{number:03d}" for number in range(300)]
    examples = pd.DataFrame({"id": ids, "quality": [0.6] * 100 + [1.0] * 200, "source": "one"})
    lower = pd.DataFrame({"id": ids[:20], "reviewer": "Ada", "verdict": [BAD] * 20})
    row = review.thresholds(examples, lower, [0.8]).iloc[0]
    assert math.isnan(row.recall) and row.recall_high == 1 and row.recall_low < 0.34 and not row.separates
    upper = pd.DataFrame({"id": ids[100:120], "reviewer": "Ada", "verdict": [BAD] * 20})
    row = review.thresholds(examples, upper, [0.8]).iloc[0]
    assert math.isnan(row.precision) and (row.precision_low, row.precision_high) == (0, 1)
    assert review.suggest(review.thresholds(examples, lower)) is None


def test_no_threshold_is_suggested_that_drops_all_or_that_does_not_separate(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, labels_and_refusals())))
    project = Project.open("labels", home=tmp_path)
    raw = project.load(tmp_path / "labels.jsonl", name="labels")
    refused = set(raw.examples["id"][::4])
    for _ in range(20):
        row_id = project.next_review(raw, "Ada", preset="studio")
        assert row_id is not None
        project.judge(raw, row_id, BAD if row_id in refused else GOOD, "Ada")
    guide, studio = project.review_report(raw), project.review_report(raw, preset="studio")
    assert guide["preset"] == "guide" and guide["suggested"] is None and "Try another scorer" in guide["why_none"]
    assert studio["suggested"] is not None and not studio["why_none"]
    clean = project.filter(raw, min_quality=studio["suggested"][0], preset="studio", exact_duplicates=False)
    assert set(clean.dropped["id"]) == refused and len(clean) == 60


def test_a_score_that_says_nothing_of_the_rows_is_not_cut_by() -> None:
    random = np.random.default_rng(1)
    ids, scores = [f"r{at}" for at in range(600)], random.choice([0.6, 0.8, 1.0], 600)
    examples = pd.DataFrame({"id": ids, "quality": scores, "source": "one", "bad": random.random(600) < 0.3})
    found = review.thresholds(examples, judged_of(examples, 60), [0.7, 0.9])
    assert review.suggest(found) is None and "not surely bad more often" in review.why_none(found, "guide")


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """150 reviews of 80 among 1,500 rows whose bad ones follow score and source."""
    held = []
    for seed in range(150):
        random = np.random.default_rng(seed)
        scores, sources = random.beta(5, 2, 1500), random.choice(["a", "b", "c"], 1500, p=[0.8, 0.15, 0.05])
        bad = random.random(1500) < np.clip((1 - scores) * np.where(sources == "c", 2, 1), 0, 1)
        sample = Sample([str(at) for at in range(1500)], scores, sources, seed)
        seen = np.zeros(0, np.int64)
        for _ in range(80):
            seen = np.append(seen, sample.next_row(seen, ~bad[seen], seen))
        for row in table(sample, seen, bad[seen], (0.7, 0.8)).itertuples():
            dropped = scores < row.threshold
            precision, recall = bad[dropped].mean(), (bad & dropped).sum() / bad.sum()
            held.append(
                (
                    row.precision_low <= precision <= row.precision_high,
                    row.recall_low <= recall <= row.recall_high,
                )
            )
    assert (np.mean(held, axis=0) >= 0.9).all() and (np.mean(held, axis=0) <= 0.995).all()


def test_weights_and_the_parts_of_a_sum() -> None:
    assert effective_number([3, 3, 3]) == pytest.approx(3) and effective_number([9, 1, 1]) == pytest.approx(121 / 83)
    assert effective_number([]) == 0
    assert part_of_two((5, 5, 5), (15, 15, 15)) == pytest.approx((0.25, 0.25, 0.25))
    share, low, high = part_of_two((10, 6, 14), (0, 0, 20))
    assert share == high == 1 and low == pytest.approx(1 / (1 + 20 / math.sqrt(10**2 - 4**2)))
    assert math.isnan(part_of_two((0, 0, 3), (0, 0, 5))[0]) and part_of_two((0, 0, 3), (0, 0, 5))[1:] == (0, 1)
