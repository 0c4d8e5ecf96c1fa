"""Files of questions without answers: nothing to learn, but a benchmark that training rows can be held against."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from studio.data.columns import ABOUT, Choices

NAMES = ("question", "prompt", "instruction", "query")
NOTE = (
    "These are questions alone: a benchmark that rows to learn from can be held against, with nothing to learn itself"
)


def choices(rows: Sequence[dict[str, Any]], given: Choices) -> Choices | None:
    """How rows of one such column (and what is only said about them) are read: as texts. None where a row has more, or
    the user has chosen. A row of a file with answers, whose own answer is missing, is none of these."""
    if given.shape is not None or given.columns or not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows for name in row if name.lower() not in ABOUT))
    if len(columns) != 1 or columns[0].lower() not in NAMES:
        return None
    if not all(isinstance(row.get(columns[0]), str | None) for row in rows):
        return None
    return replace(given, columns={"text": columns[0]})
