"""The same question with other tools on offer is another question."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio import Project
from studio.data.measures import Measures
from studio.examples import Dataset

ASKED = "What is the weather in Rome?"
LONG = "None of my tools can look that up; please try a weather site."


def row(*names: str, answer: str = LONG) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    return {"prompt": ASKED, "completion": answer, "tools": tools}


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return Project.open("tools", home=tmp_path)


def load(project: Project, *rows: dict[str, Any]) -> Dataset:
    return project.load(pasted="\n".join(map(json.dumps, rows)), name="rows")


def test_rows_with_other_tools_are_no_duplicates(project: Project) -> None:
    data = load(project, row("calc"), row("mail"), row("calc", "mail"), row("calc"), row("mail"))
    assert project.filter(data).dropped["reason"].tolist() == ["the same as r000001", "the same as r000002"]
    assert len(project.filter(data, near_duplicates=0.8)) == len(project.drop_duplicates(data)) == 3
    assert Measures(data.examples).first_of_each().tolist() == [0, 1, 2, 0, 1]


def test_what_all_rows_offer_changes_nothing(project: Project) -> None:
    data = load(project, row("calc"), row("calc"), row("calc", answer="No."))
    assert len(project.filter(data, min_quality=0)) == 2


def test_an_empty_list_of_tools_is_as_good_as_none(project: Project) -> None:
    data = load(project, row(), {"prompt": ASKED, "completion": LONG})
    assert len(project.filter(data)) == 1


def test_no_split_parts_them(project: Project) -> None:
    others = [{"prompt": f"Is {number} even?", "completion": f"Ask {number} friends."} for number in range(40)]
    data = load(project, row("calc"), row("mail"), row("news"), *others)
    for seed in range(5):
        train, test = project.split(data, 0.3, seed)
        assert not any(project.check_leakage(train, test).counts["test"][kind] for kind in ("same", "same question"))
