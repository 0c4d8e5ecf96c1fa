"""The page is built, keeps its ids, and shows errors in their own words."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
import pytest

from components import app, beside, cell, charts, example_view, look_words, visits
from components.cell import Page
from studio import InputError

IDS = """data-load-sample data-load-file data-load-run data-documents-run data-duplicates-run data-duplicates-show data-filter-run data-filter-quality
data-mix-run data-mix-preview data-leaks-check data-leaks-run data-split-run data-copy-run decide-run
train-start train-stop train-resume train-run compare-ask compare-measure-run export-make export-report-make export-notebook-make
project-name notebook-export""".split()


def ids_of(blocks: gr.Blocks) -> list[str]:
    return [block.elem_id for block in blocks.blocks.values() if getattr(block, "elem_id", None)]


@pytest.fixture
def blocks(tmp_path: Path) -> gr.Blocks:
    return app.build(tmp_path, "support", demo=False)


def test_each_control_has_one_stable_id(blocks: gr.Blocks) -> None:
    found = ids_of(blocks)
    assert set(IDS) <= set(found)
    assert len(found) == len(set(found))


def test_training_is_off_in_the_demo(tmp_path: Path) -> None:
    demo = app.build(tmp_path, "support", demo=True)
    parts = {getattr(block, "elem_id", None): block for block in demo.blocks.values()}
    start: Any = parts["train-start"]
    path: Any = parts["data-load-path"]
    assert start.interactive is False
    assert path.visible is False
    by: Any = parts["data-documents-by"]
    model: Any = parts["data-documents-model"]
    assert [value for _, value in by.choices] == ["template", "model"] and model.interactive is False


def test_launch_options_belong_to_launch() -> None:
    import inspect

    known = set(inspect.signature(gr.Blocks.launch).parameters)
    assert set(app.launch_options(shared=True)) <= known
    assert app.launch_options(shared=True)["show_error"] is False


def test_the_page_never_imports_torch() -> None:
    code = "import sys; from components import app; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_an_error_is_shown_in_its_own_words_and_anything_else_short() -> None:
    wrong = InputError("There is no such file", "x.csv", "Check the path")
    assert cell._words(wrong) == str(wrong)
    assert "secret" not in cell._words(ValueError("secret"))


def test_a_visit_has_its_own_project_and_vanishes(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=True)
    one, other = gr.Request(session_hash="one"), gr.Request(session_hash="other")
    mine = page.project("support", one)
    assert mine.name != page.project("support", other).name
    assert mine.demo
    visits.forget(tmp_path, "one")
    assert not mine.folder.exists()


def test_numbers_in_the_readers_words() -> None:
    assert cell.duration(40) == "40 s"
    assert cell.duration(183.2) == "3 min"
    assert cell.duration(7500) == "2 h 5 min"
    assert cell.size(2_500_000) == "2.5 MB"


def test_html_from_data_is_escaped() -> None:
    assert "<script>" not in cell.table(["reason"], [["<script>"]])


def test_a_row_says_why_its_score_is_not_one() -> None:
    row = {"id": "r1", "messages": [], "tokens": 9, "quality": 0.7, "flags": [], "reasons": ["ends <in> the middle"]}
    assert "ends &lt;in&gt; the middle" in example_view.example_html(pd.Series(row))
    assert "Why" not in example_view.example_html(pd.Series({**row, "reasons": []}))


def test_the_threshold_is_drawn_over_the_histogram() -> None:
    assert "keep from 0.70" in charts.threshold_histogram(pd.Series([0.2, 0.8, float("nan")]), 0.7)


def test_what_is_said_and_what_is_called_are_both_shown() -> None:
    call = '[{"function": {"name": "look_up"}}]'
    said = {"role": "assistant", "content": "Let me see.", "tool_calls": call}
    row = {"id": "r1", "messages": [said], "tokens": 9, "quality": 0.7, "flags": []}
    shown = [
        example_view.example_html(pd.Series(row)).split("</p>", 1)[1], cell.turns([said]), beside.said([said]), look_words.said_in([said])[1]
    ]  # fmt: skip
    for words in shown:
        assert words.index("Let me see.") < words.index("look_up")
    assert "look_up" in cell.turns([{**said, "content": ""}]) and cell.spoken({"role": "user", "content": "Hi"}) == "Hi"
