"""Where the rows lie in a JSON value: it is an array, holds the one array of objects that is meant, or is the one row."""

from typing import Any

from studio.data.columns import filled, plan
from studio.errors import InputError

NAMED = 8


def rows_of(value: Any, name: str) -> list[Any]:
    """The list of rows in a JSON value, which may lie one object deeper. Raises InputError when there is none, and when
    there are several, which it names."""
    if isinstance(value, list):
        return _flat(value)
    if not isinstance(value, dict):
        raise InputError(
            "The file holds no list of examples", f"{name}: a JSON {type(value).__name__}", "Give an array of objects"
        )
    found = _arrays(value)
    meant = {path: rows for path, rows in found.items() if _is_example(rows[0])} or found
    if _is_example(value) and meant is found:
        return [value]  # its arrays are its messages, tools or tags
    if len(meant) > 1:
        listed = [f"{path} ({len(rows):,})" for path, rows in meant.items()]
        more = f" and {len(listed) - NAMED} others" if len(listed) > NAMED else ""
        raise InputError(
            "The file holds several lists of objects",
            f"{name}: {', '.join(listed[:NAMED])}{more}",
            "Save the one that is meant as a file of its own; what is kept for testing is no training data",
        )
    return _flat(next(iter(meant.values()), [value]))


def _arrays(value: dict[str, Any]) -> dict[str, list[Any]]:
    """The arrays of objects in an object; where it has none, those in the objects in it."""
    here = {str(key): item for key, item in value.items() if _is_of_objects(item)}
    if here:
        return here
    return {
        f"{key}.{below}": item
        for key, inner in value.items()
        if isinstance(inner, dict)
        for below, item in inner.items()
        if _is_of_objects(item)
    }


def _is_of_objects(item: Any) -> bool:
    return isinstance(item, list) and bool(item) and isinstance(item[0], dict)


def _is_example(row: dict[str, Any]) -> bool:
    """Whether an object is surely a row; a message is none, though its content could be a text."""
    how = plan(filled(row))
    return (how is not None and how.certainty > 0 and how.shape != "text") or "paragraphs" in row


def _flat(rows: list[Any]) -> list[Any]:
    """The questions of SQuAD's articles (Rajpurkar et al. 2016) as rows; other rows as they are."""
    if not rows or not all(isinstance(row, dict) and isinstance(row.get("paragraphs"), list) for row in rows):
        return rows
    asked: list[Any] = []
    for article in rows:
        for paragraph in article["paragraphs"]:
            if not isinstance(paragraph, dict) or not isinstance(paragraph.get("qas"), list):
                return rows
            shared = {"title": article.get("title"), "context": paragraph.get("context")}
            asked += [shared | one if isinstance(one, dict) else one for one in paragraph["qas"]]
    return asked or rows
