"""The two sets with planted flaws as tables, and recall and precision against their truth."""

import json
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import pandas as pd

from studio import Project
from studio.chat import DEFAULT_SYSTEM, TokenCounter
from studio.data import readers
from studio.models import STARTER
from tests.data import frames, second_flaws

RECALL, PRECISION = 0.95, 0.9
SETS = ("sample", "second")


class Planted(NamedTuple):
    """`truth` maps ids to flaws, `original` the id of a copy to the id of what it copies."""

    examples: pd.DataFrame
    truth: dict[str, str]
    original: dict[str, str]

    def ids(self, *flaws: str) -> set[str]:
        return {row_id for row_id, flaw in self.truth.items() if flaw in flaws}


@cache
def planted(name: str) -> Planted:
    if name == "sample":
        lines = [json.loads(line) for line in Project.sample().with_name("truth.jsonl").read_text().splitlines()]
        rows, _ = readers.read(Project.sample())
        truth = {line["line"]: line["flaw"] for line in lines}
        original = {line["line"]: line["of"] for line in lines if "of" in line}
    else:
        made, truth, original = second_flaws.rows_and_truth()
        rows = list(enumerate(made, start=1))
    examples, _ = frames.to_examples(rows, name, TokenCounter(STARTER), DEFAULT_SYSTEM)
    ids = dict(zip((number for number, _ in rows), examples["id"], strict=True))
    return Planted(
        frames.score_dataset(examples), {ids[line]: flaw for line, flaw in truth.items()},
        {ids[line]: ids[of] for line, of in original.items()},
    )  # fmt: skip


def reaches(found: Iterable[str], flawed: Iterable[str]) -> None:
    """Fails unless recall and precision are what they must be."""
    given, true = set(found), set(flawed)
    assert len(given & true) / len(true) >= RECALL, sorted(true - given)[:10]
    assert len(given & true) / max(1, len(given)) >= PRECISION, sorted(given - true)[:10]
