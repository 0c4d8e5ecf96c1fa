"""The kinds of examples that can be chosen in the Load cell, and the boxes in which each one's columns are named."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "prompt-completion": (
        "question and answer",
        {"prompt": "Column of the question", "completion": "Column of the answer"},
    ),
    "question-answer": (
        "question about a text, and answer",
        {
            "question": "Column of the question",
            "answer": "Column of the answer",
            "context": "Column of the text it is about",
        },
    ),
    "messages": ("conversation in one column", {"messages": "Column of the messages"}),
    "preference": (
        "better and worse answer",
        {
            "prompt": "Column of the question",
            "chosen": "Column of the better answer",
            "rejected": "Column of the worse answer",
        },
    ),
    "feedback": (
        "answer judged good or bad",
        {
            "prompt": "Column of the question",
            "completion": "Column of the answer",
            "label": "Column that says good or bad",
        },
    ),
    "text": ("text alone", {"text": "Column of the text"}),
}
"""For each shape that is offered its words, and its fields with the label of the box of each; at most three."""
MOST_FIELDS = 3
LIKE = {"alpaca": "question-answer", "sharegpt": "messages"}
IN_ONE_COLUMN = ("messages", "sharegpt", "preference")
ASKED_BELOW = 0.5


def is_unsure(found: Any) -> bool:
    """Whether kind and columns are asked for. Conversations need no mapping where only some of their rows are bad."""
    return not found.is_sure and (found.shape not in IN_ONE_COLUMN or found.confidence < ASKED_BELOW)


def looks_like(found: Any) -> str:
    """What a source looks like and how sure that is, as HTML; where it is not, why, and what to do."""
    words = f"This looks like <b>{escape(str(found.shape))}</b>" if found.shape else "No known shape"
    words += f" ({found.confidence:.0%} sure).{not_used(found)}" + "".join(f" {escape(note)}." for note in found.notes)
    if not is_unsure(found):
        return words
    told = ("labels do not say", "questions alone", "whole chats")
    question = next((reason for reason in found.reasons if any(words in reason for words in told)), "")
    return words + (f" {escape(question)}." if question else "") + " Say which column is which."


def not_used(found: Any) -> str:
    """The columns that nothing is learned from, as HTML, to follow a sentence; empty where there is none."""
    return f" {escape(found.unused_said)}." if found.unused else ""


def which_list(found: Any) -> str:
    """What stands above the box in which one of a file's lists is chosen, as HTML; nothing where there is nothing to choose."""
    return (
        f"The file holds {len(found.arrays)} lists; what is kept for testing is no training data. "
        if found.arrays
        else ""
    )


def list_box(found: Any) -> Any:
    """The update of that box: every list with its count, the likeliest chosen."""
    choices = [(f"{name} ({count:,})", name) for name, count in found.arrays.items()]
    return gr.update(choices=choices, value=found.array or None, visible=bool(choices))


def kind_of(found: Any) -> str:
    """The kind that is offered first for what a source looks like."""
    kind = LIKE.get(found.shape, found.shape)
    is_about_a_text = bool({"input", "context"} & set(found.columns))
    if kind == "question-answer" and not is_about_a_text:
        return "prompt-completion"
    return kind if kind in KINDS else "prompt-completion"


def boxes_of(kind: str, found: Any) -> list[Any]:
    """Updates of the MOST_FIELDS boxes: those that this kind needs, each with its likeliest column."""
    fields = KINDS[kind][1]
    likely = found.columns_for(kind, list(fields))
    shown = [
        gr.update(label=label, choices=found.fields, value=likely.get(field), visible=True)
        for field, label in fields.items()
    ]
    return shown + [gr.update(value=None, visible=False)] * (MOST_FIELDS - len(shown))


def mapping(kind: str | None, columns: Sequence[Any]) -> dict[str, Any]:
    """What the verb is given for a chosen kind and its boxes; nothing before any column is named."""
    if kind not in KINDS:
        return {}
    named = {field: str(column) for field, column in zip(KINDS[kind][1], columns, strict=False) if column}
    return {"shape": kind, "columns": named} if named else {}


def missing(kind: str, given: dict[str, Any]) -> list[str]:
    """The labels of boxes that must be filled and are not. A question may stand in the answers, as in conversations."""
    optional = ("context",) if kind == "question-answer" else ("prompt",) if kind in ("preference", "feedback") else ()
    named = given.get("columns", {})
    return [label for field, label in KINDS[kind][1].items() if field not in named and field not in optional]
