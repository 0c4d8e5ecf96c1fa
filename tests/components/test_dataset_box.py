"""Which dataset a cell goes on from when nobody has chosen one."""

import json
from pathlib import Path

import pytest

from components.dataset_box import made_last, newest, to_learn_from
from studio import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    path = tmp_path / "rows.jsonl"
    rooms = "kitchen garden office cellar attic hall studio library shed yard".split()
    rows = [
        {"prompt": f"Where is {at}?", "completion": f"In the {room}, ask a{at}@example.com."}
        for at, room in enumerate(rooms)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *rows[:2]]))
    project = Project.open("box", home=tmp_path / "home")
    project.load(path)
    return project


def test_what_leaves_the_studio_is_what_was_made_last(project: Project) -> None:
    raw = project.datasets()[0]
    assert made_last(project) == raw.reference
    clean = project.filter(raw, min_quality=0.0)
    masked = project.redact(clean)
    assert made_last(project) == masked.reference
    train, _ = project.split(masked, test=0.2)
    assert made_last(project) == train.reference
    assert made_last(project, "redact", "filter") == masked.reference
    assert made_last(project, "mix") is None


def test_what_is_learned_is_the_newest_of_the_newest_training_part(project: Project, tmp_path: Path) -> None:
    raw = project.datasets()[0]
    assert to_learn_from(project) is None
    train, test = project.split(raw, test=0.5, keep_groups_together=False)
    assert to_learn_from(project) == train.reference
    project.filter(raw, min_quality=0.0)  # holds rows of the test part
    project.redact(test)
    assert to_learn_from(project) == train.reference
    masked = project.redact(train)
    mixed = project.mix(masked, raw, shares=[0.5, 0.5], rows=4)
    assert to_learn_from(project) == mixed.reference
    again, _ = project.split(project.filter(raw, min_quality=0.0), test=0.5)
    assert to_learn_from(project) == again.reference != train.reference


def test_a_cell_goes_on_from_the_newest_of_the_cells_before_it(project: Project) -> None:
    clean = project.filter(project.datasets()[0], min_quality=0.0)
    assert newest(project, "load", "filter")["value"] == clean.reference
    assert newest(project, "load")["value"] == project.datasets()[0].reference
