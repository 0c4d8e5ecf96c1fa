"""The verbs that look at a dataset, none of which is a step; `studio.data.verbs` inherits them.

None reads all conversations at once: they work on a dataset of a million rows.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from studio.called_tools import are_written, offers_are_written
from studio.data import look, row_facts, search, topics
from studio.errors import NotFoundError
from studio.examples import Dataset
from studio.loss_mask import TokenView, TokenViewer
from studio.models import resolve


def _folder(model: str) -> Path:
    place = resolve(model)
    if not isinstance(place, Path):
        raise NotFoundError("Tokens can be shown for models on this machine", model, "Choose the starter or a folder")
    return place


class LookVerbs:
    """Looks at the datasets that it is given."""

    def overview(self, dataset: Dataset) -> look.Overview:
        """Tokens, turns and quality of each row; how often each source, kind and flag is there. No step."""
        return look.overview(dataset)

    def rows(self, dataset: Dataset, page: int = 1, size: int = look.PAGE_ROWS, **query: Any) -> look.Page:
        """One page of the rows with the text `search` (`regular`: a pattern of RE2), one of the `flags`, `sources`,
        `languages`, `kinds`, in the order of `sort` (file, tokens, turns, guide, studio, one of the guide's four parts,
        source, kind, id, language), `descending` or not. Raises InputError that names every mistake. No step."""
        return look.rows(dataset, page, size, **query)

    def preparing_rows(self, dataset: Dataset, **query: Any) -> Iterator[tuple[int, int]]:
        """Does in advance what of `rows` takes long on a large dataset; yields (rows done, rows in all). No step."""
        return look.preparing(dataset, **query)

    def row(self, dataset: Dataset, row_id: str) -> pd.Series:
        """One example by its id, with the columns of `Dataset.examples`. Raises NotFoundError. No step."""
        return look.row(dataset, row_id)

    def row_beside(self, dataset: Dataset, row_id: str, by: int = 1, **query: Any) -> str:
        """The id of the row `by` places after this one among the rows of a query (before it, if negative); at the ends
        of them the last or first. No step."""
        return look.neighbour(dataset, row_id, by, **query)

    def found_in(self, text: str, search_for: str, regular: bool = False) -> list[tuple[str, bool]]:
        """A text in pieces, each with whether it is what a search of `rows` looks for. No step."""
        return search.pieces(text, search_for, regular)

    def worst(self, dataset: Dataset, score: str = "guide", count: int = 20) -> pd.DataFrame:
        """The rows with the lowest score: "guide", "studio", or one of the guide's parts ("coherence", "completeness",
        "formatting", "factual_consistency"); with `score` and `penalties` (list of str). No step."""
        return look.worst(dataset, score, count)

    def languages(self, dataset: Dataset) -> pd.DataFrame:
        """language, count and share of the rows looked at (`.attrs["looked_at"]`: a sample of 2,000 where there are more,
        until a filter by language has looked at all). No step."""
        return look.language_counts(dataset)

    def tokens_of(
        self,
        dataset: Dataset,
        row_id: str,
        model: str = "starter",
        max_length: int | None = None,
        characters: int | None = None,
    ) -> TokenView:
        """The tokens of one example for a model: text, whether its loss counts, whether `max_length` cuts it; of the whole,
        or of the first `characters` of what the chat template writes. No step."""
        row = self.row(dataset, row_id)
        return TokenViewer(_folder(model)).view(row["messages"], max_length, row["tools"], characters)

    def left_out_of_tokens(self, dataset: Dataset, row_id: str, model: str = "starter") -> str:
        """What of one example the model's chat template does not write, in words; empty when it writes all. No step."""
        row, folder = self.row(dataset, row_id), _folder(model)
        calls = sum(len(json.loads(one["tool_calls"])) for one in row["messages"] if one.get("tool_calls"))
        parts = [f"{calls} tool calls" if calls > 1 else "the tool call"] if calls and not are_written(folder) else []
        parts += ["the tools on offer"] if row["tools"] and not offers_are_written(folder) else []
        return f"The model's chat template leaves out {' and '.join(parts)} of this row." if parts else ""

    def topics(self, dataset: Dataset, count: int = 8) -> topics.TopicMap:
        """What the examples are about: points of a map (at most 20,000, drawn), and the heaviest words of each of `count`
        topics. No step."""
        drawn = np.arange(len(dataset))
        if len(dataset) > topics.MOST_ROWS:
            drawn = np.sort(np.random.default_rng(0).choice(len(dataset), topics.MOST_ROWS, replace=False))
        return topics.topic_map(dataset.take(drawn), count)

    def label_balance(self, dataset: Dataset) -> pd.DataFrame:
        """How often each label, or value of a JSON answer's field, is the answer: field, value, count, share. The label of
        an answer that was judged is good or bad. No step."""
        batches = dataset.record_batches(*row_facts.ENDS, "kind", size=row_facts.BATCH)
        return topics.balance(label for batch in batches for label in row_facts.labels(batch))
