"""A folder of a dataset is told from one of documents, and what it keeps for testing is not learned."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from studio import InputError, Project
from tests.data.test_sources import ROWS, answers


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("folders", home=tmp_path / "home")


def hub_folder(folder: Path) -> Path:
    """A dataset as the Hub lays it out, with a word on it and a split for testing."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Questions")
    (folder / "LICENSE").write_text("MIT")
    (folder / "dataset_infos.json").write_text('{"default": {"splits": {}}}')
    for at, split in enumerate(("train", "test", "validation")):
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(ROWS[at : at + 2]), folder / f"data/{split}-00000-of-00001.parquet"
        )
    return folder


def test_a_dataset_of_the_hub_is_no_folder_of_documents(project: Project, tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "questions")
    made = project.load(folder)
    assert answers(made) == ["Answer 0.", "Answer 1."] and not len(made.problems)
    assert set(made.examples["source"]) == {"data/train-00000-of-00001.parquet"}
    told, read = made.description["notes"]
    assert "LICENSE, README.md, dataset_infos.json" in told
    assert "split train; not read: test (1 files), validation (1 files)" in read and 'split="test"' in read
    assert answers(project.load(folder, split="dev", name="held")) == ["Answer 2.", "Answer 3."]
    assert project.preview_load(folder, split="test").preview[0]["messages"][-1]["content"] == "Answer 1."
    again = Project.open("again", home=project.home)
    for step in project.journal.steps():
        exec(step.code, {"project": again})
    assert answers(again.dataset("held")) == ["Answer 2.", "Answer 3."] and len(again.datasets()) == 2
    with pytest.raises(InputError, match="'dve' in questions; its files tell of test, train, validation"):
        project.load(folder, split="dve")


def test_what_save_to_disk_leaves_is_rows_alone(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    for split, rows in (("train", ROWS[:3]), ("test", ROWS[3:])):
        (folder / split).mkdir(parents=True)
        table = pyarrow.Table.from_pylist(rows)
        with pyarrow.ipc.new_stream(folder / split / "data-00000-of-00001.arrow", table.schema) as stream:
            stream.write_table(table)
        (folder / split / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
        (folder / split / "dataset_info.json").write_text('{"features": {}}')
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    made = project.load(folder)
    assert len(made) == 3 and not len(made.problems) and "test/state.json" in made.description["notes"][0]
    one = project.load(folder / "test", name="one")
    assert len(one) == 2 and not len(one.problems) and len(one.description["notes"]) == 1


def test_documents_beside_a_readme_are_all_read(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "handbook"
    folder.mkdir()
    for name in ("README.md", "train.txt", "test.txt"):
        (folder / name).write_text(f"The text of {name}.")
    made = project.load(folder)
    assert len(made) == 3 and "notes" not in made.description
    (folder / "rows.csv").write_text("prompt,completion\nHi,Hello\n")
    assert len(project.load(folder)) == 3  # the two documents and the row
