"""A double click starts one training; a press that comes later, or asks for something else, starts another."""

from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from components import presses
from studio import InputError, Project, Recipe


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("pressed", home=tmp_path)


def test_two_presses_at_once_start_one_and_a_later_one_another(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    def start() -> Any:
        started.append(SimpleNamespace(id=f"run-00{len(started) + 1}"))
        return started[-1]

    found: list[tuple[Any, bool]] = []
    asked = ("train@v1", Recipe(epochs=2))
    threads = [Thread(target=lambda: found.append(presses.once(project, asked, start))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(started) == 1 and sorted(is_new for _, is_new in found) == [False, True]
    assert {run.id for run, _ in found} == {"run-001"} and "run-001" in presses.note(found[0][0])
    assert presses.once(project, ("train@v1", Recipe(epochs=3)), start) == (started[1], True)
    monkeypatch.setattr(presses, "SECONDS", 0.0)
    assert presses.once(project, asked, start) == (started[2], True)


def test_a_press_that_failed_is_not_the_first_of_two(project: Project) -> None:
    def fail() -> None:
        raise InputError("No dataset is chosen")

    for _ in range(2):
        with pytest.raises(InputError):
            presses.once(project, "the same", fail)
    assert presses.once(project, "the same", lambda: 1) == (1, True)
