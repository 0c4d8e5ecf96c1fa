from pathlib import Path

import pytest

from studio import InputError, store


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


def test_a_line_cut_short_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    store.append_json_line(path, {"a": 1})
    with open(path, "ab") as file:
        file.write(b'{"a": 2')
    store.append_json_line(path, {"a": 3})
    assert store.read_json_lines(path) == [{"a": 1}, {"a": 3}]
