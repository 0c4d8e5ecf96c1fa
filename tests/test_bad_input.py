"""What a user may bring by mistake: one clear message, kept in the journal, and nothing else left behind."""

from pathlib import Path

import pytest

from studio import InputError, Project, Recipe, RecipeError

GIGABYTE = 1024**3


def files(project: Project) -> set[str]:
    return {str(path.relative_to(project.folder)) for path in project.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.jsonl", b"", "empty"),
        ("binary.csv", b"\x7fELF\x00\x00\x01" * 100, "binary"),
        ("pictures.jsonl", b"\x89PNG\r\n\x1a\n\x00\x00" * 100, "binary"),
        ("one-column.csv", b"colour\nred\nblue\n", "colour"),
        ("half.json", b'[{"prompt": "a", "completion": "b"}, {"pro', "not JSON"),
        ("table.parquet", b"PAR1 and no more", "Parquet"),
        ("notes.exe", b"MZ", "kind of file"),
    ],
)
def test_it_is_refused_and_nothing_is_written(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    project = Project.open("bad", home=tmp_path / "home")
    before = files(project)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        project.load(tmp_path / name)
    assert files(project) - before <= {"journal.jsonl", ".journal.lock"}
    (step,) = project.journal.steps()
    assert step.state == "failed" and name in step.code
    assert project.datasets() == []


def test_a_gigabyte_of_nothing_is_refused_and_nothing_is_copied(tmp_path: Path) -> None:
    """A file with a hole: it has the size and takes no room."""
    project = Project.open("bad", home=tmp_path / "home")
    before = files(project)
    path = tmp_path / "large.jsonl"
    with open(path, "wb") as file:
        file.truncate(GIGABYTE)
    with pytest.raises(InputError) as caught:
        project.load(path)
    assert path.name in caught.value.found and caught.value.fix
    assert files(project) - before <= {"journal.jsonl", ".journal.lock"}


def test_letters_of_another_encoding_are_read_as_they_were_meant(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    text = "prompt,completion\nGrüße aus Köln?,Schöne Grüße zurück über die Brücke.\n"
    path.write_bytes(text.encode("cp1252"))
    (messages,) = Project.open("bad", home=tmp_path / "home").load(path).examples["messages"]
    assert messages[-1]["content"] == "Schöne Grüße zurück über die Brücke."


def test_the_same_content_under_two_names_is_two_sources(tmp_path: Path) -> None:
    project = Project.open("bad", home=tmp_path / "home")
    for name in ("first.jsonl", "second.jsonl"):
        (tmp_path / name).write_text('{"prompt": "a", "completion": "b"}\n')
        assert len(project.load(tmp_path / name)) == 1
    assert sorted(path.name for path in (project.folder / "sources").rglob("*.jsonl")) == [
        "first.jsonl",
        "second.jsonl",
    ]


def test_three_mistakes_of_a_recipe_are_three_sentences() -> None:
    with pytest.raises(RecipeError, match="3 mistakes") as caught:
        Recipe.from_json('{"format": 1, "epochs": 0, "learning_rate": "fast", "colour": "red"}')
    assert [mistake.split(":")[0].split()[0] for mistake in caught.value.mistakes] == [
        "epochs",
        "learning_rate",
        "colour",
    ]
