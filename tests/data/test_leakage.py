"""What of the test rows stands in the training rows, by kind."""

from random import Random

import pandas as pd
import pytest

from studio.data import leakage
from tests.data.planted import planted

WORDS = "amber birch cedar delta ember fjord grove haven inlet juniper knoll lagoon meadow north orchid prairie quarry ridge".split()


def rows(prefix: str, *pairs: tuple[str, str]) -> pd.DataFrame:
    messages = [
        [{"role": "system", "content": "x"}, {"role": "user", "content": question}, {"role": "assistant", "content": answer}] for question, answer in pairs
    ]  # fmt: skip
    return pd.DataFrame({"id": [f"{prefix}{at}" for at in range(len(pairs))], "messages": messages})


@pytest.fixture
def made() -> dict[str, str]:
    random = Random(1)
    return {name: " ".join(random.choices(WORDS, k=40)) for name in "abcdef"}


def test_each_kind_is_told(made: dict[str, str]) -> None:
    train = rows("t", (made["a"], "yes"), (made["b"], "yes"), (made["c"], "yes"), (made["d"], "yes"))
    run = " ".join(made["d"].split()[5:18])
    test = rows(
        "e", (made["a"].upper(), "Yes"), (made["b"], "a quite different answer to the same"), (made["c"] + " again", "yes"), (f"lead {run} tail", "no"), (made["e"], "no"),
        (made["c"] + " again", "yes"),
    )  # fmt: skip
    found = leakage.check(train, test, rows("b", (made["e"], ""), (made["d"], "")))
    assert found.counts["test"] == {"same": 1, "same question": 1, "near duplicate": 2, "13 words in a row": 1}
    assert found.counts["benchmark"] == {"same": 0, "same question": 1, "near duplicate": 0, "13 words in a row": 0}
    assert found.leaked == {"test": ["e0", "e1", "e2", "e3", "e5"], "benchmark": ["b1"]}
    pairs = found.pairs.set_index("id")
    assert pairs.loc["e3", "train_id"] == "t3" and pairs.loc["e3", "similarity"] == pytest.approx(1 / 4)
    assert 0.9 < pairs.loc["e2", "similarity"] < 1
    assert "5 of 6 test rows" in str(found)


def test_twelve_words_are_no_overlap(made: dict[str, str]) -> None:
    run = " ".join(made["d"].split()[5:17])
    assert leakage.check(rows("t", (made["d"], "yes")), rows("e", (f"lead {run} tail", "no"))).leaked == {"test": []}


def test_a_shared_instruction_is_no_leak() -> None:
    random = Random(2)
    task = "Read the ticket below with care and then say which of our four teams has to look into it: "
    all_rows = [(task + " ".join(random.choices(WORDS, k=12)), "billing") for _ in range(300)]
    found = leakage.check(rows("t", *all_rows[:250]), rows("e", *all_rows[250:]))
    assert found.counts["test"]["13 words in a row"] == 0 and not found.leaked["test"]


def test_every_planted_copy_is_seen() -> None:
    known = planted("second")
    copies = set(known.original)
    is_copy = known.examples["id"].isin(copies)
    found = leakage.check(
        known.examples[~is_copy].reset_index(drop=True), known.examples[is_copy].reset_index(drop=True)
    )
    assert set(found.leaked["test"]) == copies
    partners = found.pairs.groupby("id")["train_id"].agg(set)
    assert sum(known.original[row_id] in partners[row_id] for row_id in copies) >= 0.95 * len(copies)


def test_nothing_to_compare() -> None:
    found = leakage.check(rows("t"), rows("e", ("a", "b")))
    assert found.leaked == {"test": []} and len(found.pairs) == 0
