"""A choice that is no longer one: what waited in a list has begun, or its run was deleted, while the page asked."""

from collections.abc import Sequence
from typing import Any

import gradio as gr


def without_stale(parts: Sequence[Any], values: Sequence[Any], kept: Any) -> list[Any]:
    """The values of an event's inputs, none where a list no longer has the choice.

    The page sends what it shows; the server may have another list by then (`kept`, Gradio's state of the page). Gradio (6.31)
    raises there, with a traceback in the log; a handler that is given nothing says what to do, or shows what there is.
    """
    return [_still_there(part, value, kept) for part, value in zip(parts, values, strict=True)]


def _still_there(part: Any, value: Any, kept: Any) -> Any:
    own = kept[part._id] if kept is not None and part._id in kept else part
    if not isinstance(own, gr.Dropdown) or own.allow_custom_value or value is None:
        return value
    there = [choice for _, choice in own.choices]
    if isinstance(value, list):
        return [one for one in value if one in there]
    return value if value in there else None
