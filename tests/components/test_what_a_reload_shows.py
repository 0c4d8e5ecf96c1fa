"""What the cells say to somebody who opens the page again: it fits what the project holds by then."""

import json
from pathlib import Path

import gradio as gr
import pytest

from studio import Project
from tests.components.test_open_page import OpenPage

ROWS = "\n".join(json.dumps({"prompt": f"Where is {at // 2}?", "completion": f"In {at // 2}."}) for at in range(20))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("again", home=tmp_path)


def reloaded(project: Project) -> OpenPage:
    """A page that has just been opened."""
    page = OpenPage(project)
    refresh = max(page.blocks.fns.values(), key=lambda event: len(event.outputs))
    for changed in page.call(refresh):
        if isinstance(page.blocks.blocks[changed], gr.State):
            page.happens(changed, "change")
    return page


def test_nothing_asks_for_a_file_once_there_is_one(project: Project) -> None:
    page = reloaded(project)
    parts = ("data-privacy-result", "data-leaks-found", "data-duplicates-counts")
    assert all("Nothing is loaded yet" in page.value(part) for part in parts)
    assert "Split a dataset in tab 1" in page.value("train-search-table")
    project.split(project.load(pasted=ROWS, name="rows"), test=0.2)
    page = reloaded(project)
    assert all("Press “" in page.value(part) and "cell 1;" not in page.value(part) for part in parts)
    assert "Split a dataset" not in page.value("train-search-table")


def test_what_was_dropped_is_still_told(project: Project) -> None:
    project.drop_duplicates(project.load(pasted=ROWS, name="rows"))
    said = reloaded(project).value("data-duplicates-counts")
    assert "holds 10 examples. The 10 that were left out stand in Look" in said


def test_a_verdict_stands_beside_the_dataset_that_it_is_about(project: Project) -> None:
    rows = project.load(pasted=ROWS, name="rows")
    project.decide(rows)
    project.redact(rows)
    assert reloaded(project).value("decide-dataset") == rows.reference
    project.load(pasted=ROWS, name="rows")  # the verdict is out of date then, and the newest is offered
    assert reloaded(project).value("decide-dataset") != rows.reference


def test_a_notebook_is_offered_again_until_there_is_more_to_repeat(project: Project) -> None:
    rows = project.load(pasted=ROWS, name="rows")
    assert project.written_notebook() is None
    path = project.export_notebook()
    assert project.written_notebook() == path
    page = reloaded(project)
    assert page.shown("export-notebook-file", "visible") and "✓ again.ipynb" in page.shown("export-notebook", "label")
    project.redact(rows)
    page = reloaded(project)
    assert page.shown("export-notebook-file", "visible") is False
    assert "✓" not in page.shown("export-notebook", "label")
