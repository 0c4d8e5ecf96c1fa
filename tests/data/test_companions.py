"""What a copy's form has no place for comes back from the file beside it: nothing is lost on the way there and back."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from studio import ForbiddenError, InputError, Project
from studio.data import companions
from studio.examples import Dataset

ROWS = [
    {"id": "a1", "source": "mail", "quality": 0.25, "system": "Be short.", "prompt": "Where is it?", "completion": "In hall 3."},
    {"id": "a2", "source": "chat", "prompt": "When does it come?", "completion": "It comes on Monday."},
    {"id": "a3", "source": "mail", "prompt": "When does it come?", "completion": "It comes on Monday."},
    {"id": "a4", "source": "chat", "prompt": "Who has it?", "completion": "Mira has it, she said so."},
]  # fmt: skip
SAME = ["id", "source", "messages", "kind", "rejected", "tools", "tokens", "quality", "reasons", "flags"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("companions", home=tmp_path / "home")


@pytest.fixture
def raw(project: Project) -> Dataset:
    return project.load(pasted="\n".join(map(json.dumps, ROWS)), system="", name="raw")


def same(one: Dataset, other: Dataset, columns: list[str] = SAME) -> bool:
    return one.examples[columns].equals(other.examples[columns])


def notes(dataset: Dataset) -> str:
    return " ".join(dataset.description.get("notes", []))


@pytest.mark.parametrize("form", ["openai", "alpaca", "sharegpt", "prompt-completion", "parquet"])
def test_a_copy_in_any_form_comes_back_whole(project: Project, raw: Dataset, form: str) -> None:
    back = project.load(project.save_copy(raw, form))
    assert same(back, raw)
    if form == "openai":
        assert "All 4 rows of raw-v1.jsonl have their ids and sources from raw-v1.ids.jsonl" in notes(back)


def test_the_rows_stay_what_openai_takes(project: Project, raw: Dataset) -> None:
    path = project.save_copy(raw)
    assert {key for line in path.read_text().splitlines() for key in json.loads(line)} == {"messages"}
    card = path.with_suffix(".md").read_text()
    assert "raw-v1.ids.jsonl" in card and "ids and sources stand" in card


def test_uploaded_along_in_any_order_and_place(project: Project, raw: Dataset, tmp_path: Path) -> None:
    path = project.save_copy(raw)
    ids = companions.path_of(path)
    there, other = tmp_path / "one" / "raw-v1 (1).jsonl", tmp_path / "two" / "raw-v1.ids (1).jsonl"
    for source, target in ((path, there), (ids, other)):
        target.parent.mkdir()
        shutil.copy(source, target)
    assert same(project.load([other, there]), raw)
    assert project.journal.steps()[-1].results[0] == "raw-v1--1@v1"
    assert list(project.load(there).examples["id"]) == ["r000001", "r000002", "r000003", "r000004"]
    with pytest.raises(InputError, match=r"raw-v1\.ids \(1\)\.jsonl"):
        project.load(other)


def test_a_step_repeats_with_the_ids_when_the_files_are_gone(project: Project, raw: Dataset, tmp_path: Path) -> None:
    path = project.save_copy(raw)
    for file in (path, companions.path_of(path)):
        shutil.move(file, tmp_path / file.name)
    made = project.load(tmp_path / path.name)
    (tmp_path / path.name).unlink()
    companions.path_of(tmp_path / path.name).unlink()
    assert same(project.load(**project.journal.steps()[-1].arguments), raw) and same(made, raw)


def test_in_a_folder_the_card_and_the_ids_are_no_rows(project: Project, raw: Dataset, tmp_path: Path) -> None:
    path = project.save_copy(raw)
    folder = tmp_path / "given"
    shutil.copytree(path.parent, folder)
    back = project.load(folder)
    assert same(back, raw) and not len(back.problems)


def test_rows_that_were_changed_moved_and_added(project: Project, raw: Dataset, tmp_path: Path) -> None:
    path = project.save_copy(raw)
    first, second, third, fourth = path.read_text().splitlines()
    added = json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]})
    spaced = json.dumps(json.loads(fourth), indent=None, separators=(" , ", " : "))
    path.write_text("\n".join([spaced, added, first.replace("hall 3", "hall 4"), second, third]))
    back = project.load(path)
    assert list(back.examples["id"]) == ["a4", "r000002", "r000003", "a2", "a3"]
    assert list(back.examples["source"]) == ["chat", "raw-v1.jsonl", "raw-v1.jsonl", "chat", "mail"]
    assert [len(messages) for messages in back.examples["messages"]] == [2, 3, 3, 2, 2]
    assert "3 of 5 rows of raw-v1.jsonl have their ids" in notes(back)


def test_a_prompt_that_is_asked_for_is_given(project: Project, raw: Dataset) -> None:
    back = project.load(project.save_copy(raw), system="Be kind.")
    assert [messages[0]["content"] for messages in back.examples["messages"]] == ["Be short.", *["Be kind."] * 3]


def test_packed_and_previewed(project: Project, raw: Dataset, tmp_path: Path) -> None:
    path = project.save_copy(raw)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert same(project.load(packed), raw)
    found = project.preview_load([companions.path_of(path), path])
    assert found.shape == "messages" and found.is_sure


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no JSON", "line 2"), ('{"row": 5}', "line 2"), ('{"line": 1, "row": "ab", "id": 7, "source": "x"}', "line 2"),
        ('{"line": 1, "row": "ab", "id": "x", "source": "y", "quality": "good"}', "line 2"),
    ],
)  # fmt: skip
def test_a_broken_one_is_named(project: Project, raw: Dataset, line: str, said: str) -> None:
    path = project.save_copy(raw)
    ids = companions.path_of(path)
    ids.write_text(ids.read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"raw-v1\.ids\.jsonl.*" + said):
        project.load(path)
    ids.write_text('{"ids_of": "raw-v1')
    with pytest.raises(InputError, match=r"raw-v1\.ids\.jsonl, line 1"):
        project.load(path)


def test_one_of_another_file_is_passed_over_with_a_word(project: Project, raw: Dataset, tmp_path: Path) -> None:
    ids = companions.path_of(project.save_copy(raw))
    others: list[Any] = [tmp_path / f"{name}.jsonl" for name in "bc"]
    for path in others:
        path.write_text(json.dumps(ROWS[1] | {"id": path.stem}))
    back = project.load([*others, ids])
    assert list(back.examples["id"]) == ["b", "c"] and "raw-v1.ids.jsonl is of raw-v1.jsonl" in notes(back)


def test_in_the_demo_one_that_leads_out_of_the_uploads_is_refused(
    project: Project, raw: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = tmp_path / "uploads"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    uploads.mkdir()
    path = project.save_copy(raw)
    shutil.copy(path, uploads)
    demo = Project.open("visitor", home=tmp_path / "home", demo=True)
    assert len(demo.load(uploads / path.name)) == 4
    companions.path_of(uploads / path.name).symlink_to(companions.path_of(path))
    with pytest.raises(ForbiddenError):
        demo.load(uploads / path.name)


def test_a_newer_one_is_refused(project: Project, raw: Dataset) -> None:
    path = project.save_copy(raw)
    ids = companions.path_of(path)
    ids.write_text(ids.read_text().replace('"format": 1', '"format": 99', 1))
    with pytest.raises(InputError, match="newer studio"):
        project.load(path)


def test_no_ids_are_written_where_the_rows_hold_all(project: Project) -> None:
    raw = project.load(pasted="\n".join(map(json.dumps, ROWS)), name="raw")
    path = project.save_copy(raw, "sharegpt")
    assert not companions.path_of(path).exists() and same(project.load(path), raw)
