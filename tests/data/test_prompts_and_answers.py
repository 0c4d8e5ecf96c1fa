"""Messages, dialogs and objects in the fields of prompts and answers: read alike in every shape, or refused with a word."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import shapes
from studio.data.columns import Choices
from studio.data.conversations import BadRowError
from studio.data.prompts_and_answers import is_more_than_text

PLAIN = Choices(system="")
SYSTEM = {"role": "system", "content": "Be Ada."}
DIALOG = "\n\nHuman: How do I boil an egg?\n\nAssistant: In hot water.\n\nHuman: How long?\n\nAssistant:"


def user(text: str) -> dict[str, str]:
    return {"content": text, "role": "user"}


def assistant(text: str) -> dict[str, str]:
    return {"content": text, "role": "assistant"}


TURN = [user("Hi"), assistant("Hello")]


def read(**row: Any) -> shapes.Parts:
    return shapes.parts(row, PLAIN)


def loaded(tmp_path: Path, *rows: dict[str, Any]) -> Any:
    pd.DataFrame([*rows] * 3).to_csv(tmp_path / "cells.csv", index=False)
    return Project.open("cells", home=tmp_path / "home").load(tmp_path / "cells.csv", system="").examples


def test_json_in_a_cell_is_read_as_messages(tmp_path: Path) -> None:
    prompt, chosen, rejected = (json.dumps(said) for said in ([TURN[0]], TURN[1:], [assistant("No")]))
    for row in (
        {"prompt": prompt, "completion": chosen},
        {"prompt": "Hi", "completion": json.dumps(TURN[1:], indent=2)},
        {"prompt": prompt, "completion": "Hello"},
        {"prompt": prompt, "chosen": json.dumps(TURN), "rejected": json.dumps([TURN[0], assistant("No")])},
        {"prompt": prompt, "chosen": chosen, "rejected": rejected},
    ):
        examples = loaded(tmp_path, row)
        assert examples["messages"][0] == TURN
        assert examples["rejected"][0] == ("No" if "rejected" in row else None)


@pytest.mark.parametrize("written", [str, lambda said: str(said).replace("}, {", "}\n {"), lambda said: str(said[0])])
def test_messages_as_python_writes_them_are_refused(tmp_path: Path, written: Any) -> None:
    for row, field in (
        ({"prompt": "Hi", "chosen": written(TURN[1:]), "rejected": written([assistant("No")])}, "chosen"),
        ({"prompt": "Hi", "chosen": written(TURN), "rejected": written([TURN[0], assistant("No")])}, "chosen"),
        ({"prompt": written(TURN[:1]), "completion": "Hello"}, "prompt"),
        ({"prompt": "Hi", "completion": written(TURN[1:])}, "completion"),
    ):
        if written(TURN) != str(TURN[0]) or len(row) == 2:
            with pytest.raises(InputError, match=f"{field} is text and not JSON.*as Python writes them"):
                loaded(tmp_path, row)


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "Bob", "role": "admin"}]', "{'role': 'x', 'content': 'y'} is how one looks.", '{"role": "user", "content": "x"}',
        "[{'name': 'Bob'}]", "[1, 2]", "[{", '[{"role": "user", "content": "x"}] is a list.', "Human: Hi\n\nAssistant: Hello",
    ],
)  # fmt: skip
def test_other_texts_stay_texts(text: str) -> None:
    assert read(prompt=text, completion=text).messages == [user(text), assistant(text)]
    assert read(prompt="Hi", chosen=text, rejected="No").messages == [TURN[0], assistant(text)]


def test_spans_in_a_cell_are_read_as_the_struct_is(tmp_path: Path) -> None:
    spans = {"text": ["Hello", "Hallo"], "answer_start": [10, 20]}
    for answers in (spans, [{"text": text, "answer_start": 1} for text in spans["text"]]):
        assert read(question="Hi", answers=answers).messages == TURN
        assert read(prompt="Hi", completion=answers).messages == TURN
        assert read(instruction="Hi", output=answers).messages == TURN
        row = {"question": "Hi", "context": "There", "answers": json.dumps(answers)}
        assert loaded(tmp_path, row)["messages"][0] == [user("Hi\n\nInput: There"), TURN[1]]
    for none in ({"text": [], "answer_start": []}, '{"text": [], "answer_start": []}'):
        with pytest.raises(BadRowError, match="answer is missing"):
            read(question="Hi", answers=none)
    for written in (spans, "{'text': array(['Hello'], dtype=object), 'answer_start': array([10])}"):
        with pytest.raises(BadRowError, match="answers is text and not JSON"):
            read(question="Hi", answers=str(written))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": "billing", "confidence": 0.9}, '{"text": "billing", "confidence": 0.9}'),
        (["red", "green"], '["red", "green"]'),
        (["no"], "no"),
        ([{"text": "a"}, {"text": "b"}], '[{"text": "a"}, {"text": "b"}]'),
        ([1], "[1]"),
        ({"from": "Berlin", "to": "Rome"}, '{"from": "Berlin", "to": "Rome"}'),
        ({"role": "admin", "name": "Bob"}, '{"role": "admin", "name": "Bob"}'),
        ({"role": "king", "content": "x"}, '{"role": "king", "content": "x"}'),
        ([{"role": "admin", "name": "Bob"}], '[{"role": "admin", "name": "Bob"}]'),
        ({"role": "user", "name": "Bob"}, '{"role": "user", "name": "Bob"}'),
    ],
)
def test_an_answer_that_is_an_object_or_a_list_is_the_same_in_every_shape(answer: Any, said: str) -> None:
    for question, name in (
        ("prompt", "completion"),
        ("instruction", "output"),
        ("question", "answer"),
        ("input", "output"),
    ):
        assert read(**{question: "Hi", name: answer}).messages == [TURN[0], assistant(said)]
    assert read(prompt="Hi", chosen=answer, rejected="No").messages == [TURN[0], assistant(said)]
    assert read(prompt="Hi", completion=answer, label=0).rejected == said


def test_a_list_with_nothing_in_it_is_no_answer() -> None:
    for question, name in (("prompt", "completion"), ("instruction", "output"), ("question", "answer")):
        for nothing in ([""], [None], ["  "]):
            with pytest.raises(BadRowError, match=f"{name} is missing"):
                read(**{question: "Hi", name: nothing})
    with pytest.raises(BadRowError, match="chosen is not a list with messages"):
        read(prompt="Hi", chosen=[], rejected="No")
    with pytest.raises(BadRowError, match="role 'king'"):
        read(prompt="Hi", completion=[{"role": "king", "content": "x"}])


LONGER = [SYSTEM, user("first"), assistant("ok")]


@pytest.mark.parametrize(
    ("prompt", "answer", "said"),
    [
        ([SYSTEM, TURN[0]], TURN, [SYSTEM, *TURN]),
        (LONGER, [user("second"), TURN[1]], [*LONGER, user("second"), TURN[1]]),
        ([*LONGER, user("second")], [user("second"), TURN[1]], [*LONGER, user("second"), TURN[1]]),
        ([*LONGER, user("second")], [*LONGER, user("second "), TURN[1]], [*LONGER, user("second "), TURN[1]]),
        ([user("second")], [*LONGER, user("second"), TURN[1]], [*LONGER, user("second"), TURN[1]]),
        ([SYSTEM], TURN, [SYSTEM, *TURN]),
        ([SYSTEM, TURN[0]], [{"role": "system", "content": "Be Bo."}, *TURN], [{"role": "system", "content": "Be Bo."}, *TURN]),
        ("Hi", TURN, TURN),
        ([SYSTEM, TURN[0]], TURN[1:], [SYSTEM, *TURN]),
    ],
)  # fmt: skip
def test_nothing_of_a_prompt_is_lost_where_the_answer_repeats_some_of_it(prompt: Any, answer: Any, said: Any) -> None:
    worse = [*answer[:-1], assistant("No")]
    assert read(prompt=prompt, chosen=answer, rejected=worse) == ("preference", said, "No", None)
    assert read(prompt=prompt, completion=answer, label=True).messages == said
    assert read(prompt=prompt, completion=worse, label=False) == ("preference", said[:-1], "No", None)
    assert read(prompt=prompt, completion=answer).messages == said


def test_a_dialog_in_the_prompt_is_the_same_as_one_that_stands_whole() -> None:
    whole = read(chosen=f"{DIALOG} Eight minutes.", rejected=f"{DIALOG} Dunno.")
    assert [one["role"] for one in whole.messages] == ["user", "assistant", "user", "assistant"]
    for prompt in (DIALOG, DIALOG.strip(), f"{DIALOG} "):
        for answer, worse in ((" Eight minutes.", " Dunno."), ("Eight minutes.", "Dunno.")):
            assert read(prompt=prompt, chosen=answer, rejected=worse) == whole
            assert read(prompt=prompt, completion=answer).messages == whole.messages
            assert read(prompt=prompt, completion=worse, label="bad").rejected == "Dunno."
    assert read(prompt=DIALOG, chosen=f"{DIALOG} Eight minutes.", rejected=f"{DIALOG} Dunno.") == whole
    assert read(prompt=DIALOG, completion=[assistant("Eight minutes.")]).messages == whole.messages


@pytest.mark.parametrize(
    "prompt", ["\n\nHuman: Hi", "Say \n\nHuman: Hi\n\nAssistant:", "\n\nHuman: Hi\n\nAssistant: Well"]
)
def test_a_prompt_that_only_looks_like_a_dialog_stays_one_message(prompt: str) -> None:
    assert read(prompt=prompt, completion="Hello").messages == [user(prompt), TURN[1]]


def test_a_long_text_that_begins_like_messages_is_looked_at_once() -> None:
    long = '[{"role": ' * 200_000
    assert not is_more_than_text(long, long.replace("[", "{"))
    assert not is_more_than_text(f"Human: {chr(10) * 500_000}", "a")
