"""A large file read in slices by processes of their own: the same dataset as one process makes."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from studio import InputError, Project, StudioError, sources
from studio.data import near_duplicates, slices
from studio.data.measures import Measures
from studio.examples import COLUMNS, Dataset
from tests.benchmarks.data import write_rows
from tests.data.test_near_duplicates import with_answers_to_avoid_and_calls


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files over 10 kB count as large."""
    monkeypatch.setattr(slices, "LEAST_BYTES", 10_000)
    monkeypatch.setattr("os.cpu_count", lambda: 3)


def both(tmp_path: Path, path: Path, patch: pytest.MonkeyPatch, **how: object) -> tuple[Dataset, Dataset]:
    """(read in slices, read at once)."""
    project = Project.open("slices", home=tmp_path / "home")
    in_slices = project.load(path, **how)  # type: ignore[arg-type]
    with patch.context() as here:
        here.setattr(slices, "LEAST_BYTES", 10**12)
        return in_slices, project.load(path, **how)  # type: ignore[arg-type]


def mixed_rows(path: Path) -> None:
    """Good rows of several shapes, rows with ids of their own (some twice), bad rows and lines that are no JSON."""
    random = Random(5)
    lines = []
    for number in range(900):
        said = f"Question {number} about the {random.choice(['Grüße', 'order', 'bill'])}?"
        answer = "The answer to this is that it depends on the day. " * random.randint(1, 6)
        row: dict[str, object] = {"prompt": said, "completion": answer}
        if number % 7 == 0:
            row = {
                "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": answer}],
                "source": "chats",
            }
        if number % 5 == 0:
            row["id"] = f"own-{number % 90}"
        if number % 50 == 1:
            row = {"prompt": said}
        lines.append(json.dumps(row) if number % 60 != 2 else '{"prompt": "cut')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.usefixtures("large")
def test_slices_give_what_one_process_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    mixed_rows(path)
    sliced, whole = both(tmp_path, path, monkeypatch)
    assert len(sliced.files) == 3 and len(whole.files) == 1
    assert sliced.description["source"] == whole.description["source"]
    assert len(sliced) == len(whole) and len(sliced) + len(sliced.problems) == 900
    assert sliced.problems.equals(whole.problems)
    names = [name for name in COLUMNS if name != "tokens"]
    assert sliced.examples[names].equals(whole.examples[names])
    assert sliced.examples["id"].is_unique and "own-0-2" in set(sliced.examples["id"])
    off = np.abs(sliced.examples["tokens"] - whole.examples["tokens"]) / whole.examples["tokens"]
    assert off.mean() < 0.05
    assert sliced.table("fingerprint").equals(whole.table("fingerprint"))


@pytest.mark.usefixtures("large")
def test_rows_are_signed_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, 3000)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in with_answers_to_avoid_and_calls())
    sliced, whole = both(tmp_path, path, monkeypatch)
    assert near_duplicates.signatures_in(sliced.folder / "measures") is not None
    one, other = Measures.of(sliced).pairs(), Measures.of(whole).pairs()
    assert len(one.first) > 100
    assert all((left == right).all() for left, right in zip(one, other, strict=True))
    assert Measures.of(sliced).first_of_each().tolist() == Measures.of(whole).first_of_each().tolist()


@pytest.mark.usefixtures("large")
def test_progress_is_told_and_a_mapping_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"frage": f"Was ist {n}?", "antwort": "Eine Zahl. " * 9}) + "\n" for n in range(500))
    )
    sliced, whole = both(tmp_path, path, monkeypatch, columns={"prompt": "frage", "completion": "antwort"})
    assert sliced.examples["messages"].equals(whole.examples["messages"]) and len(sliced.files) == 3
    told: list[tuple[float, float, str]] = []
    folder = tmp_path / "out"
    folder.mkdir()
    choices = slices.Choices(columns={"prompt": "frage", "completion": "antwort"})
    with slices.started(path) as processes:
        slices.read(processes, path, "rows.jsonl", choices, None, folder, lambda *at: told.append(at))
    assert told[-1][:2] == (path.stat().st_size, path.stat().st_size)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5], [1.0] * 2500 + [4]])
def test_a_score_of_another_scale_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"Why {at}?", "completion": "Since it is.", "quality": value} for at, value in enumerate(values * 90)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows[:3000])), encoding="utf-8")
    sliced, whole = both(tmp_path, path, monkeypatch)
    assert sliced.examples[["quality", "reasons"]].equals(whole.examples[["quality", "reasons"]])
    assert sliced.description["notes"] == whole.description["notes"] and len(sliced.files) == 3


@pytest.mark.usefixtures("large")
def test_what_cannot_be_loaded_is_said_as_ever(tmp_path: Path) -> None:
    project = Project.open("slices", home=tmp_path / "home")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"thing": f"No shape {n}", "more": "x" * 60}) + "\n" for n in range(400)))
    with pytest.raises(InputError, match="No known shape of examples"):
        project.load(path)
    with pytest.raises(InputError, match="A mapped column is not in the file"):
        project.load(path, columns={"prompt": "absent"})
    assert project.datasets() == [] and not list((project.folder / "datasets").rglob("*.parquet"))


@pytest.mark.usefixtures("large")
def test_a_file_that_is_written_to_while_it_is_read_is_no_dataset(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, 60)
    project = Project.open("slices", home=tmp_path / "home")
    with pytest.raises(InputError, match="changed while it was read"), sources.bringing_meanwhile(project.folder, path) as copied:  # fmt: skip
        with path.open("a") as file:
            file.write("{}\n")
        copied()
    assert not [found for found in (project.folder / "sources").rglob("*") if found.is_file()]


@pytest.mark.usefixtures("large")
def test_a_process_that_dies_ends_the_load_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, 200)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'studio.data.slice_worker' in sys.orig_argv: sys.exit(9)\n"
    )
    project = Project.open("slices", home=tmp_path / "home")
    with pytest.raises(StudioError, match="ended before its work did"):
        project.load(path)
    assert project.datasets() == []
