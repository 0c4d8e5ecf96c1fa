"""How long the rows of a dataset are for one model. A dataset's own counts are of the starter's vocabulary; where the chosen
model's tokenizer is on this machine a part is counted with it, and the rest follows. Never loads torch."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from studio.chat import CHARACTERS_PER_TOKEN, TokenCounter
from studio.errors import StudioError
from studio.example_tables import Message, worse_side
from studio.examples import Dataset
from studio.models import STARTER, resolve
from studio.training import objectives

SPREAD, LONGEST = 150, 50
"""Rows that are counted: so many spread over all, and so many of those that are longest by the dataset's counts."""


@dataclass(frozen=True)
class OwnCount:
    """`factor`: tokens of the model for one of the dataset's counts. `longest`: tokens of the longest row of those counted.
    `words`: whose count it is where that matters, else empty."""

    factor: float = 1.0
    longest: int = 0
    words: str = ""


def own_count(dataset: Dataset, model: str) -> OwnCount:
    """Counts conversations and passages as they are rendered for this model."""
    try:
        resolve(model)
    except StudioError:  # whoever loads it says so
        return OwnCount()
    folder = tokenizer_folder(model)
    if folder == STARTER or not len(dataset):
        return OwnCount()
    if folder is None:
        return OwnCount(words="lengths are counted with the starter's vocabulary, for the model's own is not here yet")
    return _counted(dataset, folder)


def tokenizer_folder(model: str) -> Path | None:
    """Where the model's own tokenizer is on this machine; None where it is not here."""
    try:
        place = resolve(model)
    except StudioError:
        return None
    folder = place if isinstance(place, Path) else _cached(place)
    return folder if folder is not None and (folder / "tokenizer.json").is_file() else None


@lru_cache(maxsize=2)
def counter_of(folder: Path) -> TokenCounter:
    """Kept, for reading a large vocabulary takes about a second."""
    return TokenCounter(folder)


def _cached(hub_id: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, "tokenizer.json")
    return Path(found).parent if isinstance(found, str) else None


@lru_cache(maxsize=32)
def _counted(dataset: Dataset, folder: Path) -> OwnCount:
    """A dataset never changes."""
    try:
        counter = counter_of(folder)
    except Exception:  # the library of tokenizers raises nothing narrower
        return OwnCount(words="lengths are counted with the starter's vocabulary, for the model's own cannot be read")
    tokens = dataset.columns("tokens")["tokens"].to_numpy()
    spread = np.linspace(0, len(tokens) - 1, min(SPREAD, len(tokens))).astype(int)
    longest = np.argsort(-tokens, kind="stable")[:LONGEST]
    rows = dataset.take(sorted({*spread.tolist(), *longest.tolist()}))
    own = np.array([
        _count(counter, *row) for row in rows[["kind", "messages", "rejected"]].itertuples(index=False)
    ])  # fmt: skip
    factor = float(own.sum() / max(1, rows["tokens"].sum()))
    return OwnCount(factor, int(own.max()), f"lengths are counted with the model's own vocabulary on {len(own):,} rows")


def _count(counter: TokenCounter, kind: str, messages: list[Message], rejected: str | None) -> int:
    """As the dataset counts: of an answer to learn and one to avoid the longer."""
    if kind == "passage":
        return counter.count_text(messages[0]["content"])
    sides = [messages] if rejected is None else [messages, worse_side(messages, rejected)]
    return max(counter.count(side) for side in sides)


def row_lengths(dataset: Dataset) -> "np.ndarray[Any, Any]":
    """Tokens of each row by the dataset's counts. Counted were the conversations, with the longer of two answers; what tools
    on offer add is estimated."""
    if not objectives.count_rows(dataset).with_tools:
        return dataset.columns("tokens")["tokens"].to_numpy()
    lengths = []
    for batch in dataset.batches():
        for row in batch.to_dict("records"):
            answered = row["messages"] and row["messages"][-1]["role"] == "assistant"
            chosen = len(row["messages"][-1]["content"]) if answered else 0
            more = len(row["tools"] or "")
            worse = max(0, len(row["rejected"] or "") - chosen)
            characters = worse + sum(len(message["content"]) for message in row["messages"])
            lengths.append(row["tokens"] + more * max(row["tokens"] / max(characters, 1), 1 / CHARACTERS_PER_TOKEN))
    return np.ceil(np.array(lengths)) if lengths else np.zeros(0)
