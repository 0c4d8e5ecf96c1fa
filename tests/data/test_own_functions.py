"""One's own function that makes examples: what it gave before is taken only while it is the same function."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from studio import InputError, Project
from studio.data.own_functions import sign
from studio.examples import Dataset

pytestmark = pytest.mark.usefixtures("one_thread")
CUT = {"tokens": 45, "overlap": 0}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("own", home=tmp_path / "home")


@pytest.fixture
def raw(project: Project) -> Dataset:
    sentences = (
        f"Rule {at}: whoever orders on day {at} pays {at * 3} coins. It is never waived by anybody here."
        for at in range(8)
    )
    return project.load(pasted="\n\n".join(sentences), name="rules")


def written(code: str, **known: Any) -> Callable[..., Any]:
    """The function `make` of a notebook's cell with this code."""
    names: dict[str, Any] = {"__name__": "__main__", **known}
    exec(compile(code, "<cell>", "exec"), names)
    made: Callable[..., Any] = names["make"]
    return made


def answers(made: Dataset) -> set[str]:
    return {messages[-1]["content"] for messages in made.examples["messages"]}


# ---- what is made


def test_a_corrected_function_starts_anew(project: Project, raw: Dataset) -> None:
    with pytest.raises(InputError, match="No passage gave an example"):
        project.add_from_documents(raw, written("def make(text): return [{'q': 'What?', 'a': text[:30]}]"), **CUT)
    corrected = written("def make(text): return [{'question': 'What?', 'answer': text[:30]}]")
    assert len(project.add_from_documents(raw, corrected, **CUT)) == 8


def test_what_gave_no_example_is_not_kept_for_the_next_time(project: Project, raw: Dataset) -> None:
    """Also where nobody can see that the function is another: it reads a table."""
    names = {"question": "q", "answer": "a"}

    def make(text: str) -> list[dict[str, str]]:
        return [{names["question"]: "What?", names["answer"]: text[:30]}]

    with pytest.raises(InputError, match="No passage gave an example"):
        project.add_from_documents(raw, make, **CUT)
    names.update(question="question", answer="answer")
    assert len(project.add_from_documents(raw, make, **CUT)) == 8


def interrupted(after: int) -> Callable[[], None]:
    left = [after]

    def call() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    return call


def test_a_function_that_changed_after_a_stop_starts_anew_and_the_same_goes_on(project: Project, raw: Dataset) -> None:
    code = "def make(text):\n    call()\n    return [{'question': text[:12], 'answer': 'old'}]"
    with pytest.raises(KeyboardInterrupt):
        project.add_from_documents(raw, written(code, call=interrupted(5)), **CUT)
    changed = written(code.replace("old", "new"), call=interrupted(100))
    assert answers(project.add_from_documents(raw, changed, **CUT)) == {"new"}
    moved = written(f"# a line above\n\n{code}", call=interrupted(3))  # the 3 that are left
    assert answers(project.add_from_documents(raw, moved, **CUT)) == {"old"}


def test_each_lambda_has_its_own(project: Project, raw: Dataset) -> None:
    call = interrupted(5)
    with pytest.raises(KeyboardInterrupt):
        project.add_from_documents(raw, lambda text: call() or [{"question": text[:9], "answer": "one"}], **CUT)  # type: ignore[func-returns-value]
    made = project.add_from_documents(raw, lambda text: [{"question": text[:9], "answer": "two"}], **CUT)
    assert answers(made) == {"two"}


def test_two_functions_of_one_name_are_repeated_each_from_its_own(project: Project, raw: Dataset) -> None:
    for word in ("one", "two"):
        make = written(f"def make(text): return [{{'question': text[:12], 'answer': '{word}'}}]")
        project.add_from_documents(raw, make, **CUT, name=word)
    again = Project.open("again", home=project.home)
    names: dict[str, Any] = {"project": again, "raw": None}
    for step in project.journal.steps():
        if step.verb == "load":
            names[step.outputs[0]] = again.load(pasted="\n\n".join(raw.examples["messages"].map(lambda said: said[0]["content"])), name="rules")  # fmt: skip
        else:
            exec(step.code, names)
    assert answers(again.dataset("one")) == {"one"} and answers(again.dataset("two")) == {"two"}


# ---- what tells one from another

CODE = """
import functools
LIMIT = 5
SETTINGS = {"a": 1}
def cut(text):
    return text[:LIMIT]
def other(text):
    return text
class Maker:
    def __init__(self, word):
        self.word, self.calls = word, 0
    def __call__(self, text):
        self.calls += 1
        return self._said(text)
    def _said(self, text):
        return [{"question": text, "answer": self.word}]
def make(text, how="short"):
    "Makes."
    return [{"question": cut(text), "answer": how} for part in text if part in {"x", "y", "z"}]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"answer": how', '"answer": how + "!"'),
        ("text[:LIMIT]", "text[LIMIT:]"),
        ("LIMIT = 5", "LIMIT = 6"),
        ('how="short"', 'how="long"'),
        ('{"x", "y", "z"}', '{"x", "y"}'),
        ("cut(text)", "other(text)"),
    ],
)
def test_what_a_function_does_is_in_its_sign(old: str, new: str) -> None:
    assert sign(written(CODE)) != sign(written(CODE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def make", "# a remark\n\n\ndef make"),
        ("return text\n", "return text.upper()\n"),
        ('"answer": self.word', '"answer": 5'),
    ],
)
def test_what_it_does_not_do_is_not(old: str, new: str) -> None:
    assert sign(written(CODE)) == sign(written(CODE.replace(old, new)))


def test_the_parts_of_objects_methods_and_wrapped_functions() -> None:
    made = written(CODE).__globals__["Maker"]  # type: ignore[attr-defined]
    changed = written(CODE.replace('"answer": self.word', '"answer": 5')).__globals__["Maker"]  # type: ignore[attr-defined]
    one = made("w")
    assert sign(one) == sign(made("w")) != sign(made("v")) != sign(changed("w"))
    before = sign(one)
    one("text")  # it counts its calls
    assert sign(one) == before and sign(one._said) != before and sign(one._said) != sign(changed("w")._said)
    first, second = written(CODE), written(CODE.replace("LIMIT = 5", "LIMIT = 6"))
    assert sign(functools.partial(first, how="a")) != sign(functools.partial(first, how="b"))
    assert sign(functools.partial(first, how="a")) != sign(functools.partial(second, how="a"))
    assert sign(functools.lru_cache(first)) != sign(functools.lru_cache(second))
    assert sign(functools.wraps(first)(lambda text: first(text))) != sign(functools.wraps(first)(lambda text: None))
    assert sign(len) != sign(repr) and sign(json.loads) == sign(json.loads)


def test_a_module_of_ones_own_and_what_is_counted() -> None:
    def with_module(limit: int) -> Callable[..., Any]:
        own = ModuleType("prompts")
        exec(compile(f"def ask(text): return text[:{limit}]", "prompts.py", "exec"), vars(own))
        return written("def make(text): return prompts.ask(text)", prompts=own)

    assert sign(with_module(5)) == sign(with_module(5)) != sign(with_module(6))
    counting = written("count = 0\ndef make(text):\n    global count\n    count += 1\n    return make and []")
    before = sign(counting)
    counting("text")
    assert isinstance(counting, FunctionType) and counting.__globals__["count"] == 1 and sign(counting) == before

    def counter() -> Callable[[str], Iterator[int]]:
        number = 0

        def make(text: str) -> Iterator[int]:
            nonlocal number
            number += 1
            yield number

        return make

    made = counter()
    before = sign(made)
    assert list(made("text")) == [1] and sign(made) == before


def test_a_sign_is_the_same_in_another_process() -> None:
    code = f"from studio.data.own_functions import sign\nnames = {{'__name__': 'x'}}\nexec(compile({CODE!r}, '<cell>', 'exec'), names)\nprint(sign(names['make']))"  # fmt: skip
    signs = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in "123"
    }  # fmt: skip
    assert len(signs) == 1
