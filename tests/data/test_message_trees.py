"""Single messages of trees become the conversations of their paths; what stands in none is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.load_kinds import is_unsure, looks_like
from studio import InputError, Project
from studio.data import detection, slices


def message(name: str, parent: str | None, text: str, **more: Any) -> dict[str, Any]:
    role = "assistant" if name.startswith("a") else "prompter"
    return {"message_id": name, "parent_id": parent, "role": role, "text": text, "labels": {"name": ["spam"]}, **more}


TREE = [
    message("q1", None, "What is a tide?"), message("a1", "q1", "The sea rising.", rank=1), message("a2", "q1", "The sea's breath.", rank=0),
    message("q2", "a2", "Why?"), message("a3", "q2", "The moon."), message("a4", "q2", "The sun too."), message("q3", "a2", "When?"),
    message("q9", "a1", "Really?"), message("a9", "q9", "Yes."),
]  # fmt: skip
PATHS = [
    ["What is a tide?", "The sea's breath.", "Why?", "The moon."],
    ["What is a tide?", "The sea's breath.", "Why?", "The sun too."],
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("trees", home=tmp_path / "home")


def load(project: Project, rows: list[dict[str, Any]], **said: Any) -> Any:
    return project.load(pasted="\n".join(map(json.dumps, rows)), name="raw", system="", **said)


def said_in(dataset: Any) -> list[list[str]]:
    return [[one["content"] for one in messages] for messages in dataset.examples["messages"]]


@pytest.mark.parametrize("order", [1, -1])
def test_each_path_is_a_conversation_and_the_best_ranked_reply_is_taken(project: Project, order: int) -> None:
    made = load(project, TREE[::order])
    assert said_in(made) == PATHS[::order] and sorted(made.examples["id"]) == ["a3", "a4"] and not len(made.problems)
    assert [one["role"] for one in made.examples["messages"][0]] == ["user", "assistant"] * 2
    joined, unused = made.description["notes"]
    assert "single messages of trees" in joined and "9 messages gave 2 conversations" in joined
    assert unused == "Columns that are not used: labels"


def test_without_ranks_all_replies_are_taken_and_a_first_message_may_lack_its_parent(project: Project) -> None:
    rows = [{name: value for name, value in row.items() if name != "rank" and value is not None} for row in TREE]
    assert [said[-1] for said in said_in(load(project, rows))] == ["Yes.", "The moon.", "The sun too."]


def test_the_page_says_so_and_asks_nothing(project: Project) -> None:
    found = detection.detect(TREE)
    assert found.shape == "messages" and found.is_sure and not is_unsure(found) and found.columns == {}
    assert "single messages of trees" in looks_like(found) and found.unused == ["labels"]
    assert said_in(load(project, TREE, columns=found.columns)) == PATHS
    assert len(load(project, TREE, shape="text")) == len(TREE)


def test_what_cannot_be_put_together_is_set_aside(project: Project) -> None:
    rows = [
        *TREE, TREE[0], message("q5", None, "Alone?"), message("a6", "gone", "To nobody."), message("a7", "a8", "Round."),
        message("a8", "a7", "And round."), message("a5", "q1", "", rank=-1) | {"message_id": None},
    ]  # fmt: skip
    made = load(project, rows)
    assert said_in(made) == PATHS
    reasons = dict(zip(made.problems["line"], made.problems["reason"], strict=True))
    assert "second time" in reasons[10] and reasons[11] == "the question has no answer" and "'gone'" in reasons[12]
    assert {13, 14, 15} <= set(reasons) and len(reasons) == 6
    with pytest.raises(InputError, match="the question has no answer"):
        load(project, [message("q1", None, "What?")])
    assert detection.detect([message("q1", None, "What?")]).shape is None


def test_a_large_file_of_them_is_read_whole(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "LEAST_BYTES", 10)
    path = tmp_path / "trees.jsonl"
    path.write_text("\n".join(map(json.dumps, TREE)))
    assert said_in(project.load(path, system="")) == PATHS
