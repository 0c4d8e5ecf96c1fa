"""Which of the boxes of the Load cell is loaded."""

import pytest

from components.load_cell import Noted, read
from studio import InputError


def test_what_was_given_last_is_loaded() -> None:
    upload, both = (["a.csv"], None, None), (["a.csv"], "b.jsonl", None)
    assert Noted().chosen_of((None, None, None)) == "" and Noted().chosen_of(upload) == "file"
    assert Noted(upload, "file").chosen_of(both) == "path"  # Load was pressed before the typed path was looked at
    assert Noted(both, "path").chosen_of(both) == "path" and Noted(both, "file").chosen_of(both) == "file"
    assert Noted(both, "path").chosen_of(upload) == "file"  # the path was emptied
    assert Noted(both, "path").chosen_of((["c.csv"], "b.jsonl", None)) == "file"
    with pytest.raises(InputError, match="an upload and pasted rows"):
        Noted().chosen_of((["a.csv"], None, "{}"))


def test_the_columns_are_those_of_the_source_that_was_looked_at() -> None:
    upload, both = (["a.csv"], None, None), (["a.csv"], "b.jsonl", None)
    assert Noted(upload, "file").has(upload, "file") and not Noted(upload, "file").has(both, "path")
    assert not Noted(upload, "file").has((["b.csv"], None, None), "file") and not Noted().has((None, None, None), "")


def test_blank_boxes_are_empty_and_the_demo_has_no_path() -> None:
    assert read(([], "  ", "\n"), False) == (None, None, None)
    assert read((["a"], " b ", "c"), False) == (["a"], "b", "c") and read((None, "b", None), True) == (None, None, None)
