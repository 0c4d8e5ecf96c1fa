"""Pictures, sound and film beside the text of a row: a model that learns from text alone would learn to make them up."""

from collections.abc import Collection, Mapping
from typing import Any

from studio.data.conversations import BadRowError
from studio.data.rows import is_absent

COLUMNS = ("image", "images", "audio", "audios", "video", "videos")
PLACES = ("<image>", "<audio>", "<video>", "<|image|>")
"""What stands in a text where a picture belongs."""


def may_be_in(columns: Collection[str]) -> bool:
    return any(name.lower() in COLUMNS for name in columns)


def refuse(row: Mapping[str, Any], is_mapped: bool) -> None:
    """Raises BadRowError for a row that cannot be understood without its pictures: they stand in it as data or as a list,
    or its text has a place for them. With the columns named by the user only the last counts."""
    found = [name for name, value in row.items() if name.lower() in COLUMNS and not is_absent(value) and value != []]
    if not found:
        return
    if (not is_mapped and any(not isinstance(row[name], str) for name in found)) or _has_a_place(row):
        raise BadRowError(f"the row holds {', '.join(map(repr, found))}; only text can be learned from")


def _has_a_place(row: Mapping[str, Any]) -> bool:
    said = str([value for name, value in row.items() if name.lower() not in COLUMNS])
    return any(place in said for place in PLACES)
