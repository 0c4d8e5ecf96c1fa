"""Which choice an answer means: its label, its place or its text, never one taken for the other."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from studio import InputError, Project
from studio.data.answer_choices import chosen, doubt
from studio.data.conversations import BadRowError

NUMBERS = ["8", "2", "24", "120"]
ARC = {"text": ["2", "4", "6", "8"], "label": ["1", "2", "3", "4"]}


@pytest.mark.parametrize(
    ("choices", "answer", "right"),
    [
        (NUMBERS, 2, "24"), (["1", "2", "3", "4"], 2, "3"), (NUMBERS, 2.0, "24"), (json.dumps(NUMBERS), 2, "24"), (NUMBERS, 120, "120"),
        (NUMBERS, "2", "2"), (NUMBERS, "C", "24"), (["red", "blue"], "1", "blue"), ([4, 1], 1, "1"),
        (ARC, "2", "4"), (ARC, 2, "4"), (ARC, "6", "6"), (ARC, 8, "8"), (json.dumps(ARC), "2", "4"),
        ({"A": "C", "B": "A", "C": "B"}, "A", "C"), ({"text": NUMBERS, "label": ["a", "b", "c", "d"]}, 2, "24"),
        (["True", "False"], True, "True"), (["True", "False"], False, "False"), (["no", "yes"], True, "yes"), (["No", "Yes"], "false", "No"),
        ([True, False], True, "true"), (["true", "false"], "True", "true"),
        (json.dumps(NUMBERS), "24", "24"), (json.dumps(NUMBERS), "0", "8"), (json.dumps(NUMBERS), "C", "24"), (json.dumps(["0", "1"]), "1", "1"),
    ],
)  # fmt: skip
def test_the_choice_that_is_meant_is_the_answer(choices: Any, answer: Any, right: str) -> None:
    assert chosen(choices, answer) == right


@pytest.mark.parametrize(
    ("choices", "answer", "reason"),
    [
        (json.dumps(NUMBERS), "2", "'2' is the text of one choice and the place of another"),
        (json.dumps(["C", "A", "B"]), "A", "'A' is the text of one choice and the letter of another"),
        ([8, 2, 24, 120], 2, "'2' is the text of one choice and the place of another"),
        (ARC, "0", "'0' is none of the choices$"), (["red", "blue"], True, "'true' is none of the choices, nor a place of one from 0 to 1"),
    ],
)  # fmt: skip
def test_what_may_mean_two_or_means_none_is_set_aside(choices: Any, answer: Any, reason: str) -> None:
    with pytest.raises(BadRowError, match=reason):
        chosen(choices, answer)


def test_numbers_that_are_texts_here_and_places_there_are_asked_about() -> None:
    question = doubt([(NUMBERS, 24), (NUMBERS, 2)])
    assert question is not None and "answer 24 is a choice's text and no place, answer 2 the text" in str(question)
    assert doubt([(NUMBERS, 2), (NUMBERS, 0)]) is doubt([(NUMBERS, 24), (NUMBERS, "2")]) is None
    counted = doubt([(["red", "blue"], 2), (NUMBERS, 1)])
    assert counted is not None and "count the choices from 1" in counted.what


def test_a_file_with_numbers_as_choices_is_learned_rightly(tmp_path: Path) -> None:
    rows = [{"question": "How many?", "choices": NUMBERS, "answer": at} for at in range(4)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "mmlu.parquet")
    made = Project.open("choices", home=tmp_path / "home").load(tmp_path / "mmlu.parquet")
    assert [messages[-1]["content"] for messages in made.examples["messages"]] == NUMBERS


def test_a_table_of_numbers_all_of_them_texts_of_choices_keeps_its_question(tmp_path: Path) -> None:
    project = Project.open("choices", home=tmp_path / "home")
    rows = [{"question": "How many?", "choices": NUMBERS, "answer": at} for at in (24, 2)]
    with pytest.raises(InputError, match="texts of choices or places"):
        project.load(pasted="\n".join(map(json.dumps, rows)))
