"""A JSON file that holds several lists of objects: one of them is chosen by its name."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio import InputError, Project

HELD = [{"prompt": f"Question {number}?", "completion": f"Answer {number}."} for number in range(3)]
ASKED = [{"frage": "Wann?", "antwort": "Um drei Uhr."}, {"frage": "Wo?", "antwort": "In der Halle."}]
SEVERAL = {"version": 2, "tests": HELD[:1], "train": HELD, "german": ASKED, "more": {"old": HELD[:2], "tags": ["a"]}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("arrays", home=tmp_path / "home")


def written(tmp_path: Path, value: Any, name: str = "a.json") -> Path:
    path = tmp_path / name
    path.write_text(json.dumps(value))
    return path


def answers(dataset: Any) -> list[str]:
    return [messages[-1]["content"] for messages in dataset.examples["messages"]]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ("train", ["Answer 0.", "Answer 1.", "Answer 2."]),
        ("tests", ["Answer 0."]),
        ("more.old", ["Answer 0.", "Answer 1."]),
    ],
)
def test_the_named_list_is_loaded(project: Project, tmp_path: Path, array: str, said: list[str]) -> None:
    made = project.load(written(tmp_path, SEVERAL), array=array)
    assert answers(made) == said
    step = project.journal.steps()[-1]
    assert f"array={array!r}" in step.code.replace('"', "'")
    again = project.load(**step.arguments)
    assert answers(again) == said


def test_without_a_name_the_message_says_which_there_are(project: Project, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tests \(1\), train \(3\)") as error:
        project.load(written(tmp_path, SEVERAL))
    assert "array=" in error.value.fix
    with pytest.raises(InputError, match=r"several lists"):
        project.start_load(written(tmp_path, SEVERAL))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (SEVERAL, "'rest'; there are tests (1), train (3), german (2), more.old (2)"),
        ({"data": HELD}, "'rest'; there is data (3)"),
        (HELD, "'rest'; the file is one list of 3"),
        ({"prompt": "Hi", "completion": "Hello"}, "'rest'; there is none"),
    ],
)
def test_a_list_that_is_not_there_is_named(project: Project, tmp_path: Path, value: Any, found: str) -> None:
    with pytest.raises(InputError) as error:
        project.load(written(tmp_path, value), array="rest")
    assert found in error.value.found and "a.json" in error.value.found


def test_only_json_has_lists_to_choose(project: Project, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, HELD)))
    with pytest.raises(InputError, match=r"a\.jsonl"):
        project.load(tmp_path / "a.jsonl", array="train")
    mislabelled = tmp_path / "b.json"
    mislabelled.write_text("\n".join(map(json.dumps, HELD)))
    with pytest.raises(InputError, match=r"b\.json"):
        project.load(mislabelled, array="train")


def test_the_preview_offers_the_lists_and_the_likeliest(project: Project, tmp_path: Path) -> None:
    path = written(tmp_path, SEVERAL)
    found = project.preview_load(path)
    assert found.arrays == {"tests": 1, "train": 3} and found.array == "train"
    assert found.shape == "prompt-completion" and len(found.preview) == 3
    chosen = project.preview_load(path, array="german")
    assert not chosen.arrays and chosen.fields == ["frage", "antwort"]
    unlike = project.preview_load(written(tmp_path, {"first": ASKED[:1], "second": ASKED}, "b.json"))
    assert unlike.arrays == {"first": 1, "second": 2} and unlike.array == "second" and not unlike.is_sure
    assert not project.preview_load(written(tmp_path, HELD, "c.json")).arrays


def test_among_several_files_each_json_file_has_the_list(project: Project, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(HELD[0]))
    paths = [tmp_path / "a.jsonl", written(tmp_path, SEVERAL, "b.json"), written(tmp_path, {"data": HELD}, "c.json")]
    made = project.load(paths, array="train")
    assert len(made) == 4 and list(made.problems["line"]) == [0] and "c.json" in made.problems["reason"][0]


def test_the_examples_below_come_before_what_is_none_above(project: Project, tmp_path: Path) -> None:
    value = {"columns": [{"name": "prompt"}], "data": {"train": HELD, "test": HELD[:1]}}
    with pytest.raises(InputError, match=r"data\.train \(3\), data\.test \(1\)"):
        project.load(written(tmp_path, value))
    assert len(project.load(written(tmp_path, value), array="data.train")) == 3
