"""The score that a row brings along: its `quality`, from 0 to 1 as the studio gives it, and of no other scale."""

from collections.abc import Collection, Sequence
from typing import Any

from studio.data.quality import BROUGHT
from studio.data.rows import is_absent
from studio.example_tables import KINDS

NAMES = ("quality", "quality_score")
UNUSED = "not a score from 0 to 1"


def other_scales(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Those of NAMES in which a number beyond 0 to 1 stands, or no number: of ratings from 1 to 5 the worst is no 1.0."""
    given = {name: [row[name] for row in rows if not is_absent(row.get(name))] for name in NAMES}
    numbers = {name: [one for value in values if (one := _number(value)) is not None] for name, values in given.items()}
    return tuple(name for name in NAMES if given[name] and not (numbers[name] and all(map(is_score, numbers[name]))))


def of(row: dict[str, Any], passed_over: Collection[str]) -> float | None:
    """The number that a row brings in one of NAMES that is not `passed_over`, which is a score when `is_score` says so."""
    if "quality" not in row and "quality_score" not in row:  # spelled out, since most rows end here
        return None
    reasons = row.get("reasons")
    if isinstance(reasons, list) and reasons != [BROUGHT] and row.get("kind") in KINDS:
        return None  # a table that the studio wrote, with a score of its own: it comes again, with its reasons
    for name in NAMES:
        if name in row and name not in passed_over and (number := _number(row[name])) is not None:
            return number
    return None


def is_score(number: float) -> bool:
    return 0 <= number <= 1


def note(count: int) -> str:
    """What is said of rows whose number is no score, in a file whose first rows have scores."""
    return (
        f"In {count:,} rows the quality is beyond 0 to 1, though not in the first ones: none of these was taken as a score, but "
        "others were. Rename the column and load again if it is another scale"
    )


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if number != number else number
