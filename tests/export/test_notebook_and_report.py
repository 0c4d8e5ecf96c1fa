"""What leads to a result, and what a page of the studio lets through."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from studio import NotFoundError
from studio.export.notebook import ancestry, write_notebook
from studio.journal import Step


def step(number: int, verb: str, inputs: dict[str, str], outputs: list[str], state: str = "done") -> Step:
    return Step(
        number, verb, {}, inputs, outputs, outputs, state, f"{', '.join(outputs)} = project.{verb}()", "2026-01-01"
    )


STEPS = [
    step(1, "load", {}, ["raw"]),
    step(2, "filter", {"dataset": "raw"}, ["clean"]),
    step(3, "filter", {"dataset": "raw"}, ["clean_2"]),
    step(4, "split", {"dataset": "clean_2"}, ["train", "test"]),
    step(5, "train", {"dataset": "train"}, [], "failed"),
    step(6, "train", {"dataset": "train", "evaluation": "test"}, ["run"]),
    step(7, "decide", {"dataset": "clean"}, ["advice"]),
]


def test_only_what_led_to_the_result() -> None:
    assert [found.number for found in ancestry(STEPS, "run")] == [1, 3, 4, 6]
    assert [found.number for found in ancestry(STEPS, None)] == [1, 2, 3, 4, 6, 7]
    with pytest.raises(NotFoundError, match="clean_2"):
        ancestry(STEPS, "nothing")


def test_the_notebook_waits_for_its_run(tmp_path: Path) -> None:
    path = write_notebook(ancestry(STEPS, "run"), tmp_path / "steps.ipynb", "again", tmp_path)
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    sources = [cell.source for cell in made.cells if cell.cell_type == "code"]
    assert f"Project.open('again', home='{tmp_path}')" in sources[0]
    assert sources[-1].endswith("run.wait()")
    with pytest.raises(NotFoundError, match="nothing to export"):
        write_notebook(ancestry([replace(STEPS[0], state="failed")], None), path, "again", tmp_path)


def test_what_came_to_nothing_is_left_out_with_all_that_was_made_from_it() -> None:
    steps = [*STEPS, step(8, "evaluate", {"run": "run", "dataset": "test"}, ["report"])]
    assert [found.number for found in ancestry(steps, None, lost=["run"])] == [1, 2, 3, 4, 7]
    assert [found.number for found in ancestry(steps, None, lost=["report"])] == [1, 2, 3, 4, 6, 7]
    with pytest.raises(NotFoundError, match="report"):
        ancestry(steps, "report", lost=["run"])
