"""What makes examples is described in plain values, and what a model wrote is read with patience."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio import InputError, NotFoundError
from studio.data import generation, generators
from studio.data.generation import Kept
from studio.data.generators import ChatModel, Endpoint, Template
from studio.jobs.job import Stopped

PAIR = {"question": "How long?", "answer": "Two days."}
WRITTEN = json.dumps([PAIR])


@pytest.mark.parametrize(
    "written",
    [
        WRITTEN,
        f"```json\n{WRITTEN}\n```",
        f"Here are the questions [as asked]:\n{WRITTEN}\nDone.",
        json.dumps(PAIR),
        json.dumps({"questions": [PAIR]}),
        json.dumps({"data": {"items": [PAIR]}}),
        json.dumps([[PAIR]]),
        f"{json.dumps(PAIR)}\n{{broken",
        WRITTEN[:-1] + ', {"question": "And cut o',
        '[{"Question": " How long?", "ANSWER": "Two days."}]',
        '[{"q": "How long?", "a": "Two days."}, {"q": "", "a": "x"}, {"q": "No answer?"}, 5, null]',
    ],
)
def test_questions_are_found_whatever_stands_around_them(written: str) -> None:
    assert generators.pairs(written) == [PAIR]


def test_numbers_are_answers_and_nothing_is_nothing() -> None:
    assert generators.pairs('[{"question": "How many?", "answer": 42}]')[0]["answer"] == "42"
    for written in ("", "no JSON", "[" * 60_000, '{"a":' * 30_000, "[1, 2]", '[{"question": true, "answer": "x"}]'):
        assert generators.pairs(written) == []


def test_a_template_is_filled_once() -> None:
    made = list(Template("Q {first}", "{rest} of {passage}")("One {rest}. Two. Three."))
    assert made == [{"prompt": "Q One {rest}.", "completion": "Two. Three. of One {rest}. Two. Three."}]
    assert list(Template()("One sentence alone.")) == []
    assert list(Template("Say it", "{passage}")("One sentence alone.")) == [
        {"prompt": "Say it", "completion": "One sentence alone."}
    ]


@pytest.mark.parametrize(
    "made",
    [
        Template("Write: {first}", "{rest}"),
        ChatModel(model="/models/x", answer_prompt="{passage} {question}", max_new_tokens=9),
        Endpoint(model="m", base_url="http://localhost:8000/v1", key_variable="MY_KEY", temperature=1, timeout=2),
    ],
)
def test_a_description_gives_the_same_again(made: generators.Generator) -> None:
    assert generators.of(json.loads(json.dumps(made.plain()))) == made


def test_all_mistakes_are_said_at_once_and_no_key_with_them() -> None:
    wrong: dict[str, Any] = {
        "kind": "endpoint", "model": " ", "base_url": "ftp://me:secret-1@host/v1?key=secret-2", "prompt": "no field",
        "answer_prompt": "nor here", "key_variable": "secret-3!", "api_key": "secret 4", "timeout": -1, "at_once": 0,
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        generators.of(wrong)
    words = str(caught.value)
    for mistake in ("model", "http", "password", "{passage}", "{question}", "variable", "spaces", "timeout", "at_once"):
        assert mistake in words
    assert "secret" not in words
    with pytest.raises(InputError, match="max_tokens.*valid integer") as caught:
        generators.of({"kind": "endpoint", "base_url": "http://x", "max_tokens": "many", "api_key": ["secret"], "k": 1})
    assert "secret" not in str(caught.value) and "k is not known" in str(caught.value)
    for given in ({"kind": "magic"}, {}, 5, "template"):
        with pytest.raises(InputError, match="no such generator"):
            generators.of(given)
    with pytest.raises(InputError, match="neither"):
        Template("the same", "for all")
    for given in ({"kind": "model", "max_new_tokens": 0}, {"kind": "model", "quantisation": "2bit"}):
        with pytest.raises(InputError):
            generators.of(given)
    for url in ("http://", "localhost:8000", "http://host:99999999/", "javascript:alert(1)", "file:///etc/passwd"):
        with pytest.raises(InputError, match="address"):
            Endpoint(base_url=url)


def test_a_key_is_no_part_of_the_description(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = Endpoint(base_url="https://host/v1", api_key="sk-typed")
    assert typed.key() == "sk-typed" and "sk-typed" not in f"{typed}{typed.plain()}"
    named = Endpoint(base_url="https://host/v1", key_variable="STUDIO_TEST_KEY")
    with pytest.raises(InputError, match="STUDIO_TEST_KEY is not set"):
        generators.check_there(named)
    monkeypatch.setenv("STUDIO_TEST_KEY", " sk-set\n")
    assert named.key() == "sk-set"
    monkeypatch.setenv("STUDIO_TEST_KEY", "two words")
    with pytest.raises(InputError, match="holds no key"):
        named.key()
    with pytest.raises(NotFoundError, match="no such model"):
        generators.check_there(ChatModel(model="/no/such/folder"))


def test_what_was_kept_survives_a_line_that_was_cut_short(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "one.jsonl")
    kept.add("first", "answer ü")
    kept.add("second", [{"prompt": "p"}])
    with open(kept.path, "ab") as file:
        file.write(b'{"key": "00ff", "val')
    again = Kept(kept.path)
    assert again.get("first") == "answer ü" and again.get("third") is None
    again.add("third", "after the cut")
    assert again.get("third") == "after the cut" and again.get("second") == [{"prompt": "p"}]
    taken_over = Kept(tmp_path / "two.jsonl", [kept.path, tmp_path / "absent.jsonl"])
    assert taken_over.get("third") == "after the cut" and taken_over.get("nothing") is None
    assert Kept(taken_over.path).get("third") == "after the cut" and Kept(taken_over.path).get("first") is None


def test_a_function_that_fails_costs_one_passage_and_is_not_called_twice(tmp_path: Path) -> None:
    called: list[str] = []

    def function(text: str) -> list[dict[str, Any]]:
        called.append(text)
        if text == "raises":
            raise ValueError("no answer")
        return [{"prompt": "p", "completion": object() if text == "odd" else f"{text} \ud800"}]

    maker = generation.FunctionMaker(function, lambda: False, Kept(tmp_path / "kept.jsonl"))
    texts = ["raises", "odd", "good"]
    first = maker(texts)
    assert maker(texts) == first and called == texts
    assert isinstance(first[0], generation.Failure) and "ValueError no answer" in first[0].reason
    assert isinstance(first[1], generation.Failure) and "not JSON serializable" in first[1].reason
    assert first[2] == [{"prompt": "p", "completion": "good ?"}]
    with pytest.raises(Stopped):
        generation.FunctionMaker(function, lambda: True)(texts)
