import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from studio import FormatError, InputError, store


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65, "with space", "-dash"])
def test_no_name_leads_out_of_the_home(name: str) -> None:
    with pytest.raises(InputError):
        store.check_name(name)


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), store.making_folder(tmp_path / "target") as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with store.making_folder(tmp_path / "target") as folder:
        (folder / "whole").touch()
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["whole"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write_json(tmp_path / "state.json", {"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="No space left"):
        store.write_json(tmp_path / "state.json", {"a": 2})
    assert store.read_json(tmp_path / "state.json") == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_is_on_disk_after_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda file: synced.append(Path(os.readlink(f"/proc/self/fd/{file}")).name))
    store.write_json(tmp_path / "state.json", {"a": 1})
    beside, folder = synced
    assert beside.startswith(".") and folder == tmp_path.name
    synced.clear()
    with store.making_folder(tmp_path / "adapter") as folder_beside:
        (folder_beside / "weights").touch()
    assert synced == ["weights", folder_beside.name, tmp_path.name]
    synced.clear()
    store.append_json_line(tmp_path / "journal.jsonl", {"a": 1})
    store.append_json_line(tmp_path / "journal.jsonl", {"a": 2})
    assert synced == ["journal.jsonl", tmp_path.name, "journal.jsonl"]


def test_a_folder_stands_until_the_next_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "adapter"
    for content in ("old", "new"):
        with store.replacing_folder(target) as beside:
            (beside / "weights").write_text(content)
            assert content == "old" or (store.standing(target) / "weights").read_text() == "old"
        assert store.standing(target) == target and (target / "weights").read_text() == content
    with pytest.raises(RuntimeError), store.replacing_folder(target) as beside:
        (beside / "weights").write_text("half")
        raise RuntimeError
    assert (store.standing(target) / "weights").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows over `size` bytes: the system itself ends a write in the middle, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path: Path) -> None:
    store.write_json(tmp_path / "state.json", {"status": "running"})
    with room_for(4096), pytest.raises(InputError, match=r"state\.json could not be written.*Free some space"):
        store.write_json(tmp_path / "state.json", {"status": "x" * 100_000})
    assert store.read_json(tmp_path / "state.json") == {"status": "running"}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_folder_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    with (
        room_for(4096),
        pytest.raises(InputError, match="Free some space"),
        store.making_folder(tmp_path / "v1") as folder,
    ):
        (folder / "small").write_bytes(b"x")
        (folder / "large").write_bytes(b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_does_not_fit_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    store.append_json_line(path, {"step": 1})
    with room_for(4096), pytest.raises(OSError):
        store.append_json_line(path, {"step": 2, "note": "x" * 100_000})
    store.append_json_line(path, {"step": 3})
    assert [row["step"] for row in store.read_json_lines(path)] == [1, 3]


def test_many_at_once_get_a_folder_each(tmp_path: Path) -> None:
    (tmp_path / "runs" / "run-007").mkdir(parents=True)
    (tmp_path / "runs" / "run-of-mine").mkdir()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: store.new_numbered_folder(tmp_path / "runs", "run"), range(8)))
    assert sorted(folder.name for folder in made) == [f"run-{number:03d}" for number in range(8, 16)]


def test_what_a_newer_studio_wrote_is_refused(tmp_path: Path) -> None:
    store.write_json(tmp_path / "job.json", {"format": 3, "kind": "train"})
    assert store.read_description(tmp_path / "job.json", 3, "Job x")["kind"] == "train"
    with pytest.raises(FormatError, match="Job x was written by a newer studio.*format 3.*Update"):
        store.read_description(tmp_path / "job.json", 2, "Job x")


def test_a_line_cut_short_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    store.append_json_line(path, {"a": 1})
    with open(path, "ab") as file:
        file.write(b'{"a": 2')
    store.append_json_line(path, {"a": 3})
    assert store.read_json_lines(path) == [{"a": 1}, {"a": 3}]
