"""Where the rows lie in a JSON value: it is an array, holds the array of objects that is meant, or is the one row."""

from typing import Any

from studio.data.columns import filled, plan
from studio.errors import InputError

NAMED = 8


class SeveralArraysError(InputError):
    """`arrays` are the counts of the objects in each that may be meant, in the order of the file."""

    def __init__(self, name: str, arrays: dict[str, int]) -> None:
        self.arrays = arrays
        super().__init__(
            "The file holds several lists of objects",
            f"{name}: {_listed(arrays)}",
            f'Choose the one that is meant, in Python as array="{self.likeliest}"; what is kept for testing is no training data',
        )

    @property
    def likeliest(self) -> str:
        """The one for training, else the longest."""
        of_training = [path for path in self.arrays if path.rpartition(".")[2].lower().startswith("train")]
        return of_training[0] if of_training else max(self.arrays, key=self.arrays.__getitem__)


def rows_of(value: Any, name: str, array: str | None = None) -> list[Any]:
    """The list of rows in a JSON value, which may lie one object deeper: the `array` that is named ("train", or
    "data.train" one deeper), or else the one that is meant.

    Raises InputError when there is none, and SeveralArraysError when none is named and there are several."""
    if array is not None:
        return _flat(_named(value, name, array))
    if isinstance(value, list):
        return _flat(value)
    if not isinstance(value, dict):
        raise InputError(
            "The file holds no list of examples", f"{name}: a JSON {type(value).__name__}", "Give an array of objects"
        )
    here, below = _arrays(value), _arrays_below(value)
    examples = [{path: rows for path, rows in some.items() if _is_example(rows[0])} for some in (here, below)]
    meant = next(filter(None, examples), None)
    if meant is None and _is_example(value):
        return [value]  # its arrays are its messages, tools or tags
    found = meant or here or below
    if len(found) > 1:
        raise SeveralArraysError(name, {path: len(rows) for path, rows in found.items()})
    return _flat(next(iter(found.values()), [value]))


def no_array(array: str, found: str) -> InputError:
    """The error for an array that is named and not there."""
    return InputError(
        "There is no such list in the file", f"no {array!r}; {found}", "Name another, or leave `array` out"
    )


def _named(value: Any, name: str, array: str) -> list[Any]:
    if isinstance(value, list):
        raise no_array(array, f"the file is one list of {len(value):,}: {name}")
    there = _arrays(value) | _arrays_below(value) if isinstance(value, dict) else {}
    if array in there:
        return there[array]
    listed = _listed({path: len(rows) for path, rows in there.items()})
    said = f"there {'is' if len(there) == 1 else 'are'} {listed}" if there else "there is none"
    raise no_array(array, f"{said}: {name}")


def _listed(arrays: dict[str, int]) -> str:
    listed = [f"{path} ({count:,})" for path, count in arrays.items()]
    return ", ".join(listed[:NAMED]) + (f" and {len(listed) - NAMED} others" if len(listed) > NAMED else "")


def _arrays(value: dict[str, Any]) -> dict[str, list[Any]]:
    """The arrays of objects in an object."""
    return {str(key): item for key, item in value.items() if _is_of_objects(item)}


def _arrays_below(value: dict[str, Any]) -> dict[str, list[Any]]:
    """Those in the objects in it."""
    return {
        f"{key}.{below}": item
        for key, inner in value.items()
        if isinstance(inner, dict)
        for below, item in _arrays(inner).items()
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
