"""Scores of columns are those of the rows, whatever stands in them."""

import pyarrow as pa
import pytest

from studio.data import quality, studio_quality
from tests.data.planted import SETS, planted


def by_row(conversations: list[list[dict[str, str]]]) -> list[tuple[float, list[str], float, list[str], list[str]]]:
    guide = [quality.score(messages[-1]["content"] or "") for messages in conversations]
    studio = studio_quality.score_messages({"messages": conversations})
    flags = quality.flags(conversations)
    return [
        (one.overall, one.reasons, *rest)
        for one, *rest in zip(guide, studio["quality"], studio["reasons"], flags, strict=True)
    ]


def by_column(conversations: list[list[dict[str, str]]]) -> list[tuple[float, list[str], float, list[str], list[str]]]:
    last = [messages[-1]["content"] for messages in conversations]
    asked = [studio_quality.question_and_answer(messages)[0] for messages in conversations]
    others = [[message["content"] for message in messages[:-1]] for messages in conversations]
    table = quality.score_columns(
        pa.array(asked, pa.large_string()), pa.array(last, pa.large_string()), pa.array(others)
    )
    return [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("name", SETS)
def test_columns_are_scored_as_rows(name: str) -> None:
    conversations = list(planted(name).examples["messages"])
    assert by_column(conversations) == by_row(conversations)
