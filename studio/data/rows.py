"""What readers give: rows with the line on which they stood, and problems for what is no row."""

import json
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

Row = tuple[int, dict[str, Any]]
"""Line (or place, from 1) and fields."""
Problem = tuple[int, str, str]
"""Line (or place, from 1), reason, and the beginning of what stood there."""
RAW_SHOWN = 500


def clean(text: str) -> str:
    """Lone surrogates cannot be written to any file; nothing else is changed."""
    return text if text.isascii() else text.encode("utf-8", errors="replace").decode()


def is_absent(value: Any) -> bool:
    """Nothing stands there: null, not a number, or an empty cell."""
    return value is None or value == "" or (isinstance(value, float) and value != value)


def as_text(value: Any, objects: bool = False) -> str | None:
    """A number, truth value or date as the text that a file of text would hold; with `objects` also an object or list, as
    JSON. None for anything else, a text too, and for what is no number: infinite (as 1e400 is to Python), or not one."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(value) if isfinite(value) else None
    if isinstance(value, int | Decimal | date):
        return str(value) if value == value else None
    if objects and isinstance(value, dict | list):
        try:
            return json.dumps(value, ensure_ascii=False, default=str, allow_nan=False)
        except ValueError:
            return None
    return None


def not_text(value: Any) -> str:
    """What a value is for which `as_text` has none, to follow the name of its field."""
    if isinstance(value, float) or (isinstance(value, dict | list) and as_text(value, True) is None):
        return "holds a number that is not finite or too large"
    return f"is not text but {type(value).__name__}"


def kept(value: Any, number: int, raw: str | bytes) -> Row | Problem:
    """A row when `value` is an object with fields, else the problem."""
    if isinstance(value, dict):
        return number, value
    return number, f"not an object with fields but {type(value).__name__}", shown(raw)


def shown(raw: str | bytes) -> str:
    """The beginning of a row, for a problem."""
    part = raw[:RAW_SHOWN]
    return part.decode("utf-8", errors="replace") if isinstance(part, bytes) else clean(part)


def is_number(text: str) -> bool:
    """Whether Python reads the text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
