"""What of the test rows stands in the training rows, by kind."""

import json
from pathlib import Path
from random import Random

import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import leakage
from studio.examples import Dataset
from tests.data import frames
from tests.data.planted import SETS, planted

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


def test_sentences_of_a_template_are_no_leak() -> None:
    """The sample's tickets are put together from sentences; parts of a split that keeps near copies together share no
    ticket, but 13 words here and there."""
    known = planted("sample")
    clean, _ = frames.apply(known.examples, min_quality=0, near_duplicates=0.8)
    for seed in range(3):
        train, test = frames.split(clean, 0.1, seed)
        found = leakage.check(train, test)
        assert found.counts["test"]["13 words in a row"] <= 0.01 * len(test)


@pytest.mark.parametrize("name", SETS)
def test_a_passage_within_another_question_is_seen(name: str, made: dict[str, str]) -> None:
    """Planted: 20 words of a training row, put into the middle of a row that is none of the training rows."""
    clean, _ = frames.apply(planted(name).examples, min_quality=0, near_duplicates=0.8)
    train, test = frames.split(clean, 0.1)
    random, words = Random(4), [f"{first}{second}" for first in WORDS for second in WORDS]
    passages = [" ".join(random.sample(words, k=20)) for _ in range(20)]

    def with_passages(examples: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        chosen = random.sample(range(len(examples)), k=len(passages))
        messages = list(examples["messages"])
        for at, passage in zip(chosen, passages, strict=True):
            said = messages[at][-2]["content"]
            messages[at] = [*messages[at][:-2], {"role": "user", "content": f"{said} {passage}"}, messages[at][-1]]
        made = examples.assign(messages=pd.Series(messages, examples.index, object))
        return made, [examples["id"].iloc[at] for at in chosen]

    train, learned = with_passages(train)
    test, asked = with_passages(test)
    found = leakage.check(train, test)
    assert set(asked) <= set(found.leaked["test"])
    assert len(found.leaked["test"]) <= len(asked) / 0.9
    partners = dict(zip(found.pairs["id"], found.pairs["train_id"], strict=True))
    assert [partners[one] for one in asked] == learned


def test_leaked_rows_are_dropped_in_one_step_that_can_be_undone(tmp_path: Path, made: dict[str, str]) -> None:
    project = Project.open("leaks", home=tmp_path)

    def loaded(name: str, *pairs: tuple[str, str]) -> Dataset:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"prompt": asked, "completion": said}) + "\n" for asked, said in pairs))
        return project.load(path)

    run = " ".join(made["d"].split()[5:18])
    train = loaded(
        "own",
        (made["a"], "yes"),
        (made["a"], "yes"),
        (f"{made['c']} too", "yes"),
        (f"lead {run} tail", "no"),
        (made["f"], "no"),
    )
    asked = loaded("bench", (made["a"], "yes"), (made["c"], "yes"), (made["d"], "no"))
    clean = project.drop_leaked(train, asked)
    assert [messages[1]["content"] for messages in clean.examples["messages"]] == [made["f"]]
    assert clean.dropped["reason"].tolist() == [
        "same in bench@v1", "same in bench@v1", "near duplicate in bench@v1", "13 words in a row in bench@v1"
    ]  # fmt: skip
    assert not project.check_leakage(clean, asked).leaked["test"]
    assert project.journal.steps()[-1].code == "clean = project.drop_leaked(raw, raw_2)"
    names = {"project": project, "raw": train, "raw_2": asked}
    exec(project.journal.steps()[-1].code, names)
    assert names["clean"].examples.equals(clean.examples)  # type: ignore[attr-defined]

    shorter = project.filter(clean, min_quality=0, drop_flags=(), max_tokens=1000)
    assert [(one.verb, one.position) for one in project.history(shorter)] == [
        ("load", None), ("drop_leaked", 1), ("filter", 2)
    ]  # fmt: skip
    assert project.history(shorter)[1].reasons["same in bench@v1"] == 2
    assert len(project.redo(shorter, leave_out=[1])) == 4 and len(project.redo(shorter, leave_out=[2])) == 1
    with pytest.raises(InputError, match="nothing to drop"):
        project.drop_leaked(clean, asked)
