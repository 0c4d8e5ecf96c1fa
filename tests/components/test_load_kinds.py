"""The kinds of examples that the Load cell offers, with the boxes of each and what the verb is then given."""

from typing import Any

from components import load_kinds
from components.load_kinds import KINDS
from studio import Project


def found(pasted: str) -> Any:
    return Project.open("kinds").preview_load(pasted=pasted)


def filled(updates: list[Any]) -> list[Any]:
    return [box["value"] if box["visible"] else None for box in updates]


def test_the_boxes_of_each_kind_hold_the_likeliest_columns() -> None:
    pair = found("query,better_answer,worse_answer\nWhere?,It is here.,No idea at all.\nWhen?,It is soon.,No idea.\n")
    assert load_kinds.is_unsure(pair) and load_kinds.kind_of(pair) == "preference"
    assert filled(load_kinds.boxes_of("preference", pair)) == ["query", "better_answer", "worse_answer"]
    boxes = load_kinds.boxes_of("text", pair)
    assert boxes[0]["label"] == "Column of the text" and filled(boxes)[1:] == [None, None]
    text = found("headline_id,article\n0,A long article.\n1,Another article.\n")
    assert load_kinds.kind_of(text) == "text" and filled(load_kinds.boxes_of("text", text)) == ["article", None, None]


def test_a_kind_is_offered_for_every_shape() -> None:
    sure = found('{"instruction": "Add.", "input": "1 and 2", "output": "3"}')
    assert not load_kinds.is_unsure(sure) and load_kinds.kind_of(sure) == "question-answer"
    assert filled(load_kinds.boxes_of("question-answer", sure)) == ["instruction", "output", "input"]
    labelled = found("prompt,completion,label\nWhere?,Here.,shipping\nWhen?,Soon.,billing\n")
    assert load_kinds.is_unsure(labelled) and load_kinds.kind_of(labelled) == "prompt-completion"
    words = load_kinds.looks_like(labelled)
    assert "labels do not say which answers are good" in words and "shape=" not in words
    assert filled(load_kinds.boxes_of("feedback", labelled)) == ["prompt", "completion", "label"]
    unknown = found("a,b\n1,2\n")
    assert load_kinds.kind_of(unknown) == "prompt-completion" and "No known shape" in load_kinds.looks_like(unknown)


def test_the_verb_is_given_the_kind_and_its_columns() -> None:
    given = load_kinds.mapping("preference", ["query", "better", "worse"])
    assert given == {
        "shape": "preference",
        "columns": {"prompt": "query", "chosen": "better", "rejected": "worse"},
    } and not load_kinds.missing("preference", given)
    assert load_kinds.mapping("text", ["article", "left over", None]) == {
        "shape": "text",
        "columns": {"text": "article"},
    }
    assert load_kinds.mapping(None, []) == {} == load_kinds.mapping("text", [None, "", None])
    assert load_kinds.missing("feedback", load_kinds.mapping("feedback", [None, "said", ""])) == [
        "Column that says good or bad"
    ]
    for kind in KINDS:
        assert load_kinds.missing(kind, {}) and len(KINDS[kind][1]) <= load_kinds.MOST_FIELDS
