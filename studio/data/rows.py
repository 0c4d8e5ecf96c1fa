"""What readers give: rows with the line on which they stood, and problems for what is no row."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

Row = tuple[int, dict[str, Any]]
"""Line (or place, from 1) and fields."""
Problem = tuple[int, str, str]
"""Line (or place, from 1), reason, and the beginning of what stood there."""
RAW_SHOWN = 500


def clean(text: str) -> str:
    """Lone surrogates cannot be written to any file; nothing else is changed."""
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode()


def as_text(value: Any, objects: bool = False) -> str | None:
    """A number, truth value or date as the text that a file of text would hold; with `objects` also an object or list, as
    JSON. None for anything else, a text too."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal | date):
        return str(value) if value == value else None
    if objects and isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return None


def kept(value: Any, number: int, raw: str | bytes) -> Row | Problem:
    """A row when `value` is an object with fields, else the problem."""
    if isinstance(value, dict):
        return number, value
    return number, f"not an object with fields but {type(value).__name__}", shown(raw)


def shown(raw: str | bytes) -> str:
    """The beginning of a row, for a problem."""
    part = raw[:RAW_SHOWN]
    return part.decode("utf-8", errors="replace") if isinstance(part, bytes) else clean(part)
