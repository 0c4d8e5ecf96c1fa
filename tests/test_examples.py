"""Datasets on disk: what a row keeps, older and newer formats, and two writers at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from studio import FormatError, Project, example_tables, store
from studio.data import quality
from studio.examples import FORMAT, Dataset, write_dataset

FINE = "This is an answer that says enough to be taken as whole by the guide's scorer."


def loaded(folder: Path) -> Dataset:
    answers = ["Short.", FINE, FINE + " TODO (open", "Another short one."]
    rows = [{"prompt": f"Question {number}?", "completion": answer} for number, answer in enumerate(answers)]
    rows[3] = {**rows[3], "quality": 0.9}
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Project.open("reasons", home=folder).load(path)


def test_each_row_keeps_why_it_has_its_score(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    again = Project.open("reasons", home=tmp_path).dataset(dataset.name)
    reasons = list(again.examples["reasons"])
    assert (
        reasons[:3] == [quality.score(messages[-1]["content"]).reasons for messages in again.examples["messages"]][:3]
    )
    assert reasons[0] == ["under 50 characters (coherence -0.5)", "under 50 characters (completeness -0.3)"]
    assert reasons[1] == [] and len(reasons[2]) == 2
    assert reasons[3] == [quality.BROUGHT] and again.examples["quality"].iloc[3] == 0.9


def test_the_reasons_go_on_with_the_row(tmp_path: Path) -> None:
    project = Project.open("reasons", home=tmp_path)
    raw = loaded(tmp_path)
    clean = project.filter(raw, min_quality=0.75, drop_flags=())
    train, test = project.split(clean, test=0.5)
    before = dict(zip(raw.examples["id"], raw.examples["reasons"], strict=True))
    after = pd.concat([train.examples, test.examples])
    assert len(after) == 4
    assert dict(zip(after["id"], after["reasons"], strict=True)) == before


def test_a_dataset_without_reasons_is_still_opened(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    messages = dataset.examples["messages"]
    path = dataset.folder / "examples.parquet"
    pd.read_parquet(path).drop(columns="reasons").to_parquet(path, index=False)
    store.write_json(dataset.folder / "description.json", {**dataset.description, "format": 1})
    older = Dataset(dataset.folder, dataset.name, dataset.version)
    assert list(older.examples["reasons"]) == [[], [], [], []]
    assert older.examples["messages"].equals(messages)
    kept = Project.open("reasons", home=tmp_path).filter(older, min_quality=0.75, drop_flags=())
    assert kept.description["format"] == FORMAT and list(kept.examples["reasons"]) == [[], [], [], []]


def test_messages_of_a_format_without_weights_keep_what_was_measured(tmp_path: Path) -> None:
    """They are given the absent part as a column, not made anew one by one."""
    now = next(loaded(tmp_path).tables())
    fields = [field for field in now.schema.field("messages").type.value_type if field.name != "weight"]
    older = now.set_column(1, "messages", now["messages"].cast(pa.list_(pa.struct(fields)))).slice(1, 2)
    assert older.schema.field("messages").type.value_type.num_fields == 5
    assert example_tables.conformed(older).equals(now.slice(1, 2)) and now["fingerprint"].null_count == 0


def test_a_dataset_of_a_newer_studio_is_refused(tmp_path: Path) -> None:
    dataset = loaded(tmp_path)
    store.write_json(dataset.folder / "description.json", {**dataset.description, "format": FORMAT + 1})
    newer = Dataset(dataset.folder, dataset.name, dataset.version)
    with pytest.raises(FormatError, match="newer studio"):
        _ = newer.examples
    with pytest.raises(FormatError, match="newer studio"):
        len(newer)


def test_two_writers_at_once_make_two_versions(tmp_path: Path) -> None:
    table = loaded(tmp_path).examples
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: write_dataset(tmp_path, "made", table), range(8)))
    assert sorted(dataset.version for dataset in made) == list(range(1, 9))
    assert all(len(dataset.examples) == 4 for dataset in made)
