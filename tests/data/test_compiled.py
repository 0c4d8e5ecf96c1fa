"""Loops that are kept compiled are those of the files that are there."""

import ast
import shutil
from pathlib import Path

import pytest

from studio.data import compiled

HERE = Path(compiled.__file__).parent


def test_a_loop_is_compiled_anew_when_a_file_that_lends_to_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in compiled.LENDING:
        shutil.copy(HERE / name, tmp_path)
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    places = [compiled._kept_in()]
    for name in compiled.LENDING:
        path = tmp_path / name
        path.write_text(path.read_text() + "\n# changed\n")
        places.append(compiled._kept_in())
    assert len(set(places)) == len(places)


def test_all_files_that_lend_to_loops_are_known() -> None:
    lending = set()
    for path in HERE.glob("*.py"):
        if "from numba import" in path.read_text() and path.name != "compiled.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("studio.data."):
                    lending.add(f"{str(node.module).rpartition('.')[2]}.py")
    assert lending - {"compiled.py"} == set(compiled.LENDING)
