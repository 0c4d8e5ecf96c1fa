"""The map of topics and the balance of labels, on the sample and on what has none."""

from pathlib import Path

import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import topics


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    project = Project.open("topics", home=tmp_path_factory.mktemp("home"))
    return project.filter(project.load(Project.sample())).examples


def rows(answers: list[str]) -> pd.DataFrame:
    conversations = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}] for answer in answers]
    return pd.DataFrame({"id": [f"r{number}" for number in range(len(answers))], "messages": conversations})


def test_the_map_places_every_example_and_groups_like_with_like(examples: pd.DataFrame) -> None:
    made = topics.topic_map(examples, topics=8, seed=0)
    assert list(made.points["id"]) == list(examples["id"])
    assert made.topics["count"].sum() == len(examples)
    assert made.points[["x", "y"]].notna().all().all()
    again = topics.topic_map(examples, topics=8, seed=0)
    pd.testing.assert_frame_equal(made.points, again.points)


def test_two_plain_topics_are_told_apart() -> None:
    texts = ["the parcel and the courier are late"] * 10 + ["the invoice and the payment are wrong"] * 10
    table = rows(["an answer"] * 20)
    table["messages"] = [[{"role": "user", "content": text}, {"role": "assistant", "content": "x"}] for text in texts]
    made = topics.topic_map(table, topics=2)
    assert made.points["topic"].nunique() == 2
    assert made.points["topic"].iloc[:10].nunique() == made.points["topic"].iloc[10:].nunique() == 1


def test_too_little_text_says_so() -> None:
    with pytest.raises(InputError, match="too little text"):
        topics.topic_map(rows(["a", "b"]))


def test_the_labels_of_the_sample_are_balanced(examples: pd.DataFrame) -> None:
    found = topics.label_balance(examples)
    assert set(found["field"]) == {"team", "urgency"}  # names and orders are no labels
    assert found.groupby("field")["share"].sum().round(6).eq(1).all()
    assert found["share"].between(0.15, 0.4).all()


def test_plain_labels_and_prose(tmp_path: Path) -> None:
    found = topics.label_balance(rows(["yes"] * 6 + ["no"] * 2))
    assert found[["field", "value", "count"]].to_numpy().tolist() == [["", "yes", 6], ["", "no", 2]]
    assert topics.label_balance(
        rows([f"A long answer number {number} in prose, all different." for number in range(9)])
    ).empty
