"""What of a file is not learned is named; what would be lost in silence is asked about or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.load_kinds import is_unsure, looks_like
from studio import InputError, Project
from studio.data import detection
from studio.data.quality import BROUGHT
from studio.examples import Dataset

TURN = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("unused", home=tmp_path / "home")


def load(project: Project, *rows: dict[str, Any], **said: Any) -> Dataset:
    return project.load(pasted="\n".join(map(json.dumps, rows)), name="raw", system="", **said)


def said_in(dataset: Dataset) -> list[list[str]]:
    return [[message["content"] for message in messages] for messages in dataset.examples["messages"]]


# ---- a text and an answer beside it


@pytest.mark.parametrize("name", ["label", "category", "summary", "Sentiment", "response"])
def test_a_text_with_an_answer_beside_it_is_offered_as_question_and_answer_and_asked_about(
    project: Project, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"text,{name}\n" + "It came broken.,negative\nIt works well.,positive\n" * 3)
    found = project.preview_load(path)
    assert (found.shape, found.columns) == ("prompt-completion", {"prompt": "text", "completion": name})
    assert found.alternatives[0][:2] == ("text", {"text": "text"}) and not found.is_sure and is_unsure(found)
    assert found.preview[0]["messages"][-1]["content"] == "negative" and found.unused == []
    with pytest.raises(InputError, match=r"not sure whether these are texts alone.*'completion': '" + name):
        project.load(path)
    learned = project.load(path, columns=found.columns, system="")
    assert said_in(learned)[0] == ["It came broken.", "negative"] and "notes" not in learned.description
    alone = project.load(path, shape="text")
    assert said_in(alone)[0] == ["It came broken."]
    assert alone.description["notes"] == [f"Columns that are not used: {name}"]


def test_a_text_with_what_is_no_answer_stays_a_text(project: Project) -> None:
    rows = [{"text": f"Once upon a time {at}.", "url": "https://x.org", "label": "" if at else "a"} for at in range(4)]
    found = detection.detect(rows)
    assert found.shape == "text" and found.unused == ["url", "label"]
    assert load(project, *rows).description["notes"] == ["Columns that are not used: url, label"]


# ---- named


def test_columns_and_fields_of_messages_that_are_not_read_are_named(project: Project) -> None:
    thought = [TURN[0], {**TURN[1], "reasoning_content": "They greet.", "refusal": None, "weight": 1}]
    found = detection.detect([{"messages": thought, "id": "a", "rationale": "short", "tools": [{"name": "add"}]}])
    assert found.confidence == 1.0 and found.unused == ["rationale", "reasoning_content (in messages)"]
    assert "Columns that are not used: rationale, reasoning_content (in messages)." in looks_like(found)
    made = load(project, {"messages": thought}, {"Question": "Why?", "Complex_CoT": "Since.", "Response": "So."})
    assert made.description["notes"] == ["Columns that are not used: reasoning_content (in messages), Complex_CoT"]
    from_value = [{"from": "human", "value": "Hi", "<b>": 1}, {"from": "gpt", "value": "Hello"}]
    assert "&lt;b&gt; (in conversations)" in looks_like(detection.detect([{"conversations": from_value}]))


def test_of_many_columns_some_are_named_and_the_others_counted() -> None:
    rows = [{"prompt": "Hi", "completion": "Hello"} | {f"score_{at}": at for at in range(20)}]
    assert detection.detect(rows).unused_said.endswith("score_11 and 8 others")


def test_what_all_is_read_of_says_nothing(project: Project) -> None:
    rows = [
        {"instruction": "Hi", "input": "", "output": "Hello", "id": "a", "source": "s", "quality": 0.5, "system": "Be."}
    ]
    assert detection.detect(rows).unused == [] and "notes" not in load(project, *rows).description
    copy = project.save_copy(project.dataset("raw"), "parquet")
    assert "notes" not in project.load(copy, name="again").description
    mapped = detection.detect([{"frage": "Wie geht es?", "antwort": "Gut, und dir auch?", "note": "x"}])
    assert mapped.columns == {"prompt": "frage", "completion": "antwort"} and mapped.unused == ["note"]


# ---- choices


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        (["stone", "apple"], 1), (["stone", "apple"], "1"), (["stone", "apple"], "B"), (["stone", "apple"], "(b)"),
        (["stone", "apple"], "apple"), ('["stone", "apple"]', "1"), ({"text": ["stone", "apple"], "label": ["1", "2"]}, "2"),
        ({"A": "stone", "B": "apple"}, "B"), ([{"text": "stone"}, {"text": "apple"}], 1.0),
    ],
)  # fmt: skip
def test_a_choice_is_asked_for_and_answered_in_its_own_words(project: Project, choices: Any, answer: Any) -> None:
    made = load(project, {"question": "Which is a fruit?", "choices": choices, "answer": answer})
    asked, said = said_in(made)[0]
    assert said == "apple" and "stone" in asked and asked.startswith("Which is a fruit?\n\n")
    assert asked.endswith("2. apple" if isinstance(choices, dict) and "text" in choices else "B. apple")


def test_an_answer_that_is_no_choice_is_set_aside(project: Project) -> None:
    rows = [{"question": "Which?", "options": ["a", "b"], "answer": answer} for answer in (0, 5, "pear", None)]
    made = load(project, *rows, {"question": "Which?", "options": "a or b", "answer": 0})
    assert said_in(made) == [["Which?\n\nA. a\nB. b", "a"]]
    reasons = made.problems["reason"].tolist()
    assert "'5' is none of the choices, nor a place of one from 0 to 1" in reasons[0] and "'pear'" in reasons[1]
    assert reasons[2] == "answer is missing" and reasons[3] == "choices are not a list of two to 26"


def test_an_answer_in_its_own_words_stays(project: Project) -> None:
    answer = "It must be b, since a is too small."
    assert said_in(load(project, {"question": "Which?", "choices": ["a", "b"], "answer": answer}))[0][1] == answer


def test_choices_counted_from_one_are_asked_about(project: Project) -> None:
    rows = [{"question": "Which?", "choices": ["red", "green"], "answer": at} for at in (1, 2, 1)]
    with pytest.raises(InputError, match=r"seem to count the choices from 1.*answer 2 of 2 choices"):
        load(project, *rows)
    only = load(project, *rows, columns={"question": "question", "answer": "answer"})
    assert said_in(only)[1] == ["Which?", "2"] and only.description["notes"] == ["Columns that are not used: choices"]


# ---- pictures


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "<image>what?"}, TURN[1]], "images": ["a.png"]},
        {"conversations": [{"from": "human", "value": "<image>\nwhat?"}, {"from": "gpt", "value": "A cat."}], "image": "a.png"},
        {"instruction": "What is said?", "output": "Hello.", "audios": ["a.wav"]},
        {"prompt": "What is it?", "completion": "A cat.", "image": {"bytes": "x", "path": "a.png"}},
    ],
)  # fmt: skip
def test_a_row_with_pictures_is_refused(project: Project, row: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="only text can be learned from"):
        load(project, row)
    made = load(project, row, {"prompt": "Hi", "completion": "Hello", "images": []})
    assert said_in(made) == [["Hi", "Hello"]] and "only text can be learned from" in made.problems["reason"][0]


def test_the_name_of_a_picture_beside_a_text_that_needs_none_is_not_used(project: Project) -> None:
    made = load(project, {"prompt": "Hi", "completion": "Hello", "image": "cover.png"})
    assert made.description["notes"] == ["Columns that are not used: image"]
    row = {"prompt": "What does it say?", "completion": "Hello", "images": [{"path": "a.png"}]}
    mapped = load(project, row, columns={"prompt": "prompt", "completion": "completion"})
    assert len(mapped) == 1 and mapped.description["notes"] == ["Columns that are not used: images"]


# ---- a score of another scale, and a column that is mapped


def rated(values: list[Any], name: str = "quality") -> list[dict[str, Any]]:
    return [{"prompt": f"Why {at}?", "completion": f"Since {at} is.", name: value} for at, value in enumerate(values)]


def brought(dataset: Dataset) -> list[float | None]:
    own = [list(reasons) == [BROUGHT] for reasons in dataset.examples["reasons"]]
    return [score if is_own else None for score, is_own in zip(dataset.examples["quality"], own, strict=True)]


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [0, 1, 55, 100], ["1", "3"], [0.5, -1], ["good", "bad"], [True]])
@pytest.mark.parametrize("name", ["quality", "quality_score"])
def test_a_rating_of_another_scale_is_no_score_and_is_named(project: Project, name: str, values: list[Any]) -> None:
    said = f"{name} (not a score from 0 to 1)"
    assert detection.detect(rated(values, name)).unused == [said]
    made = load(project, *rated(values, name))
    assert set(brought(made)) == {None} and made.description["notes"] == [f"Columns that are not used: {said}"]
    assert "notes" not in load(project, *rated([0.5, "0.25", 1, None, "n/a"], name)).description
    assert brought(project.dataset("raw")) == [0.5, 0.25, 1, None, None]


def test_of_two_columns_the_one_that_is_a_score_is_taken(project: Project) -> None:
    made = load(project, *({**row, "quality_score": 0.5} for row in rated([1, 2, 3])))
    assert brought(made) == [0.5] * 3


def test_a_rating_that_comes_late_is_said(project: Project) -> None:
    made = load(project, *rated([1.0] * 2100 + [4, 5]))
    assert brought(made) == [1.0] * 2100 + [None] * 2
    assert [note.partition(",")[0] for note in made.description["notes"]] == ["In 2 rows the quality is beyond 0 to 1"]


def test_each_of_several_files_has_its_own_scale(project: Project, tmp_path: Path) -> None:
    for name, values in (("a", [1, 5]), ("b", [1, 0.5])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rated(values))))
    made = project.load([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert brought(made) == [None, None, 1, 0.5]


def test_source_and_target_are_offered_as_a_pair_and_a_mapped_column_is_no_source(project: Project) -> None:
    rows = [{"source": f"Sentence {at} is here.", "target": f"Satz {at}.", "id": at} for at in range(4)]
    found = detection.detect(rows)
    assert (found.shape, found.columns) == ("prompt-completion", {"prompt": "source", "completion": "target"})
    assert not found.is_sure and found.unused == [] and found.alternatives[0][:2] == ("text", {"text": "target"})
    assert found.columns_for("prompt-completion", ["prompt", "completion"]) == found.columns
    with pytest.raises(InputError, match="Say which is which"):
        load(project, *rows)
    made = load(project, *rows, columns=found.columns)
    assert said_in(made)[1] == ["Sentence 1 is here.", "Satz 1."] and set(made.examples["source"]) == {"pasted.jsonl"}
    rated_text = load(project, {"text": "Fine.", "quality": 0.5}, columns={"prompt": "text", "completion": "quality"})
    assert said_in(rated_text) == [["Fine.", "0.5"]] and brought(rated_text) == [None]
