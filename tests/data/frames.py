"""The rooms of data on frames that are made in a test, where the studio itself moves tables of a dataset."""

from typing import Any

import pandas as pd

from studio import example_tables
from studio.chat import DEFAULT_SYSTEM, TokenCounter
from studio.data import duplicates, filters, quality, shapes, splitting, token_counts
from studio.data.columns import Choices
from studio.data.measures import Measures
from studio.data.near_duplicates import Pairs
from studio.data.rows import Problem, Row


def to_examples(
    rows: list[Row], source: str, counter: TokenCounter, system: str = DEFAULT_SYSTEM
) -> tuple[pd.DataFrame, list[Problem]]:  # fmt: skip
    """The frame of examples (see studio.examples) and (line, reason, raw) of the rows that are none.

    A row's own `id`, `source` and `quality` are kept. Raises InputError when no row is an example.
    """
    examples, problems = batch(rows, source, counter, Choices(system=system), set())
    if rows and not len(examples):
        raise shapes.no_examples(source, rows[0][1], problems)
    return examples, problems


def batch(
    rows: list[Row], source: str, counter: TokenCounter, choices: Choices, taken: set[str]
) -> tuple[pd.DataFrame, list[Problem]]:  # fmt: skip
    """The same for one batch of a stream; `taken` are the ids given so far, and grows."""
    gathered, problems = shapes.gather(rows, source, choices, taken)
    frame = example_tables.to_frame(gathered.table(token_counts.exact(gathered, counter)))
    for name in example_tables.LISTS:
        frame[name] = pd.Series([[] for _ in range(len(frame))], dtype=object)
    return frame, problems


def score_dataset(examples: pd.DataFrame) -> pd.DataFrame:
    """A copy with `quality` by the guide (where the row brought none), its `reasons` and `flags` filled in."""
    scored = examples.copy()
    found = quality.score_columns(*quality.columns(list(examples["messages"])))
    brought = examples["quality"].astype(float)
    scored["quality"] = brought.fillna(pd.Series(found["guide_quality"].to_numpy(), examples.index, float))
    reasons = [
        made if computed else [quality.BROUGHT]
        for made, computed in zip(found["guide_reasons"].to_pylist(), brought.isna(), strict=True)
    ]
    scored["reasons"] = pd.Series(reasons, examples.index, object)
    scored["flags"] = pd.Series(found["flags"].to_pylist(), examples.index, object)
    return scored


def apply(
    examples: pd.DataFrame, measures: Measures | None = None, **choices: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows kept, and id and reason of the others; together they are all rows. `choices` are those of Choices, and
    `measures` what is known of the examples. Raises InputError that names every choice that cannot be."""
    measures = measures or Measures(examples)
    verdict = filters.judge(measures, filters.Choices(**choices))
    return examples[verdict.stays].reset_index(drop=True), verdict.dropped(measures.ids())


def split(
    examples: pd.DataFrame, test: float = 0.1, seed: int = 0, near: Pairs | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """(train, test) of a frame of examples, each in the order of the data; see `held_out`."""
    first = duplicates.first_of_each(duplicates.fingerprints(examples))
    chosen = splitting.held_out(examples["id"].to_numpy(object), first, test, seed, near)
    return examples[~chosen].reset_index(drop=True), examples[chosen].reset_index(drop=True)


def labels_and_refusals() -> list[dict[str, str]]:
    """Eighty short labels, each fourth a refusal: the guide's scores are all alike, the studio's part them."""
    return [
        {
            "instruction": f"Team of ticket {at}?",
            "output": f"team {at % 9}" if at % 4 else "I'm unable to help with that.",
        }
        for at in range(80)
    ]
