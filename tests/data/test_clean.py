"""Scores, flags, filter and split, against the guide's figures and the sample's truth."""

import json
from pathlib import Path

import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import filters, quality, writers
from studio.data.measures import Measures
from tests.data import frames

FINE = "This is an answer that says enough to be taken as whole by the guide's scorer."


@pytest.mark.parametrize(
    ("output", "overall"),
    [
        (FINE, 1.0),
        ("Short.", 0.775),
        (FINE + " ...", 1 - 0.3 * 0.3),
        ("again and " * 30, 1 - 0.3 * 0.4),
        (FINE + " TODO", 1 - 0.25 * 0.2),
        (FINE + " I cannot, and I don't know.", 1 - 0.25 * 0.4),
        ('{"key": "a value that is long enough to count as one", broken}', 1 - 0.2 * 0.5),
        (FINE + " (open", 1 - 0.2 * 0.2),
        (FINE + " It is always so and never so.", 1 - 0.25 * 0.1),
    ],
)
def test_the_guides_scores(output: str, overall: float) -> None:
    assert quality.score(output).overall == pytest.approx(overall)


def test_no_fault_alone_brings_a_row_under_the_guides_threshold() -> None:
    assert quality.score("Short.").overall > 0.7


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return Project.open("sample", home=tmp_path_factory.mktemp("home")).load(Project.sample()).examples


def truth() -> dict[int, str]:
    path = Project.sample().with_name("truth.jsonl")
    return {row["line"]: row["flaw"] for row in map(json.loads, path.read_text().splitlines())}


def test_planted_flaws_are_found_and_clean_rows_left_alone(sample: pd.DataFrame) -> None:
    kept, dropped = frames.apply(sample, drop_flags=("broken JSON", "TODO", "truncated"))
    lost = {int(row_id[1:]) for row_id in dropped["id"]}
    flaws = truth()
    for flaw in ("exact duplicate", "truncated", "TODO", "broken JSON", "too long"):
        planted = {line for line, name in flaws.items() if name == flaw}
        assert len(planted & lost) / len(planted) >= 0.95, flaw
    clean = set(range(1, len(sample) + 1)) - set(flaws)
    assert not clean & lost
    assert len(kept) + len(dropped) == len(sample)


@pytest.mark.parametrize("flag", ["e-mail address", "phone number"])
def test_private_details_are_flagged(sample: pd.DataFrame, flag: str) -> None:
    flagged = {int(row_id[1:]) for row_id, flags in zip(sample["id"], sample["flags"], strict=True) if flag in flags}
    planted = {line for line, name in truth().items() if name == flag}
    assert len(planted & flagged) / len(planted) >= 0.95
    assert len(planted & flagged) / len(flagged) >= 0.9


def test_the_preview_counts_what_the_filter_does(sample: pd.DataFrame) -> None:
    choices = {"min_quality": 0.8, "drop_flags": ("TODO",)}
    kept, _ = frames.apply(sample, **choices)  # type: ignore[arg-type]
    seen = filters.preview(Measures(sample), **choices)  # type: ignore[arg-type]
    assert seen["kept"] == len(kept) and seen["total"] == len(sample)
    assert sum(seen["reasons"].values()) == len(sample) - len(kept)


def test_all_mistakes_of_a_filter_at_once(sample: pd.DataFrame) -> None:
    with pytest.raises(InputError) as caught:
        frames.apply(sample, min_quality=-1, max_tokens=0, drop_flags=("rude",), preset="mine")
    for word in ("min_quality", "max_tokens", "rude", "mine"):
        assert word in caught.value.found


def test_a_split_is_seeded_and_keeps_duplicates_together(sample: pd.DataFrame) -> None:
    train, test = frames.split(sample, test=0.1, seed=4)
    again, _ = frames.split(sample, test=0.1, seed=4)
    assert list(again["id"]) == list(train["id"])
    assert 0.05 < len(test) / len(sample) < 0.15
    texts = [{json.dumps(messages) for messages in part["messages"]} for part in (train, test)]
    assert not texts[0] & texts[1]
    with pytest.raises(InputError):
        frames.split(sample, test=1.0)


def test_openai_jsonl(sample: pd.DataFrame, tmp_path: Path) -> None:
    writers.write([sample.head(3)], tmp_path / "copy.jsonl", "openai")
    rows = [json.loads(line) for line in (tmp_path / "copy.jsonl").read_text().splitlines()]
    assert [row["messages"] for row in rows] == list(sample["messages"].head(3))
