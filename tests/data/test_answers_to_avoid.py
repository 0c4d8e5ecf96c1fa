"""An answer that was judged bad is the row's answer wherever answers are looked at, and is meant to be bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio import Project
from studio.chat import TokenCounter
from studio.data import languages, quality, token_counts
from studio.data.gathering import Gathered
from studio.data.measures import Measures
from studio.data.studio_quality import AVOIDED, question_and_answer, score_messages
from studio.examples import Dataset

ASKED = [{"role": "user", "content": "Where is it?"}]
HELPFUL = "The parcel is on its way to you and will be there tomorrow morning, before ten o'clock."
GRAVITY = "Explain how gravity works on the surface of the Moon."


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def judged(asked: str, answer: str, is_good: bool) -> dict[str, Any]:
    return {"prompt": asked, "completion": answer, "label": is_good}


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return Project.open("avoided", home=tmp_path)


def load(project: Project, *rows: dict[str, Any]) -> Dataset:
    return project.load(pasted=lines([*rows]), name="judged")


def test_the_answer_to_avoid_is_the_answer_and_the_question_is_none() -> None:
    assert question_and_answer(ASKED, "No idea.") == ("Where is it?", "No idea.")
    assert question_and_answer(ASKED) == ("Where is it?", "")
    answered = [*ASKED, {"role": "assistant", "content": "Here."}]
    assert question_and_answer(answered, "No idea.") == ("Where is it?", "Here.")
    asked_again = [*answered, {"role": "user", "content": "And then?"}]
    assert question_and_answer(asked_again, "Go away.") == ("And then?", "Go away.")


def test_a_bad_answer_is_kept_by_a_filter_and_its_question_marks_nothing(project: Project) -> None:
    bad = [
        judged("Where is my parcel? I was told...", HELPFUL, False),
        judged("n/a", f"{HELPFUL} And again.", False),
        judged(GRAVITY, "I cannot help with that. TODO", False),
        judged("Write a TODO list for me:", '{"broken": ', False),
    ]
    data = load(project, *bad, judged("Where is it?", HELPFUL, True))
    assert data.examples["flags"].tolist() == [[]] * 5
    assert data.examples["reasons"].tolist() == [[AVOIDED]] * 4 + [[]]
    for preset in quality.PRESETS:
        assert len(project.filter(data, preset=preset)) == 5, preset
        assert Measures.of(data).scores(preset)["reasons"].tolist() == [[AVOIDED]] * 4 + [[]]


def test_an_empty_or_unreadable_bad_answer_makes_its_row_useless(project: Project) -> None:
    data = load(
        project, judged(GRAVITY, "n/a", False), judged(GRAVITY, f"{HELPFUL} Itâ€™s heavy.", False), judged(GRAVITY, HELPFUL, True)
    )  # fmt: skip
    assert data.examples["flags"].tolist() == [["empty"], ["broken characters"], []]
    scores = Measures.of(data).scores("studio")
    assert scores["quality"].tolist() == [0.0, 0.8, 1.0]
    assert [words[0] for words in scores["reasons"][:2]] == [AVOIDED] * 2
    assert len(project.filter(data, preset="studio")) == 2


def test_both_ways_to_score_say_the_same(project: Project) -> None:
    data = load(
        project, judged("n/a", "Nope, TODO...", False), judged(GRAVITY, "N/A", False), judged("A?", "I cannot.", True)
    )
    examples = data.examples
    apart = score_messages({"messages": list(examples["messages"]), "rejected": list(examples["rejected"])})
    stored = data.table("studio_quality", "studio_reasons").to_pydict()
    assert (apart["quality"], apart["reasons"]) == (stored["studio_quality"], stored["studio_reasons"])
    columns = quality.score_columns(*quality.columns(list(examples["messages"]), list(examples["rejected"])))
    assert columns["guide_quality"].to_pylist() == examples["quality"].tolist()
    assert columns["flags"].to_pylist() == examples["flags"].tolist()
    assert columns["studio_reasons"].to_pylist() == stored["studio_reasons"]
    worst = project.worst(data, "coherence")
    assert dict(zip(worst["id"], worst["penalties"], strict=True))[examples["id"][0]] == [AVOIDED]


def test_a_private_detail_of_a_bad_answer_marks_its_row(project: Project) -> None:
    data = load(project, judged(GRAVITY, "Write to anna.smith@gmail.com, she knows all of it.", False))
    assert data.examples["flags"].tolist() == [["e-mail address"]]


def test_the_language_is_that_of_question_and_bad_answer(project: Project) -> None:
    german = "Das Paket ist unterwegs und kommt morgen früh bei Ihnen an, vor zehn Uhr."
    data = load(project, *[judged("Gravity?", german, False)] * 3)
    assert project.languages(data)["language"].tolist() == ["German"]
    assert languages.of_conversation(data.examples["messages"][0], german) == "German"


def test_judged_answers_are_balanced_by_good_and_bad(project: Project) -> None:
    rows = [judged(f"Question {at}?", f"Answer {at}, told at length.", at % 4 != 0) for at in range(40)]
    data = load(project, *rows)
    found = project.label_balance(data)
    assert found[["field", "value", "count"]].to_numpy().tolist() == [["", "good", 30], ["", "bad", 10]]
    mixed = project.mix(data, balance="label")
    assert mixed.description["counts"] == {"bad": 10, "good": 10}
    assert int(mixed.examples["rejected"].notna().sum()) == 10
    weighted = project.mix(data, balance="label", weights={"good": 2, "bad": 1})
    assert weighted.description["counts"] == {"good": 20, "bad": 10}


def test_a_field_of_judged_answers_can_be_balanced_too(project: Project) -> None:
    rows = [
        judged(f"Ticket {at}?", json.dumps({"team": "repair" if at % 3 else "billing"}), at % 2 == 0)
        for at in range(24)
    ]
    data = load(project, *rows)
    assert set(project.label_balance(data)["field"]) == {"", "team"}
    assert project.mix(data, balance="label:team").description["counts"] == {"billing": 8, "repair": 8}


def test_a_users_rule_is_for_the_answers_to_learn(project: Project) -> None:
    data = load(
        project, judged("One?", "no json", False), judged("Two?", '{"a": 1}', True), judged("Three?", "none", True)
    )
    rule = {"name": "JSON", "kind": "regex", "pattern": r"^\{"}
    kept = project.filter(data, min_quality=0, rules=[rule])
    assert [messages[0]["content"] for messages in kept.examples["messages"]] != []
    assert kept.examples["rejected"].notna().tolist() == [True, False]


def test_the_longer_answer_counts_for_the_tokens(project: Project) -> None:
    long = "word " * 4500
    pair = {"prompt": GRAVITY, "chosen": HELPFUL, "rejected": long}
    other = {"prompt": GRAVITY, "chosen": long, "rejected": HELPFUL}
    data = load(
        project, pair, other, judged(GRAVITY, long, False), judged(GRAVITY, long, True), judged("A?", HELPFUL, False)
    )
    tokens = data.examples["tokens"].tolist()
    assert tokens[0] == tokens[1] == tokens[2] == tokens[3] > 4096
    assert len(project.filter(data, max_tokens=4096)) == 1
    counts = token_counts.TokenCounts(TokenCounter(), 1)
    gathered = Gathered()
    for at, (messages, worse) in enumerate(zip(data.examples["messages"], data.examples["rejected"], strict=True)):
        gathered.add(str(at), "pasted", "preference", messages, worse)
    assert len({*gathered.characters()[:4].tolist()}) == 1
    assert len({*counts.of(gathered)[:4].tolist()}) == 1
