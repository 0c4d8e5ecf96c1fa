"""How many tokens a training goes through, by its objective: what time and cost are made of. Never loads torch."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from studio.chat import CHARACTERS_PER_TOKEN, TokenCounter
from studio.examples import Dataset
from studio.models import STARTER
from studio.training import objectives
from studio.training.recipe import Recipe
from studio.training.token_lengths import own_count

COLUMNS = ("tokens", "kind", "rejected", "tools", "messages.list.element.role", "messages.list.element.content")
COUNTED = 60
"""Rows of preferences whose answers to avoid are counted; the rest follow."""


@dataclass(frozen=True)
class _Rows:
    """Tokens of each row by the dataset's counts: with its own (the better) answer, and with the answer to avoid in its
    place; 0 where there is none. `is_passage` says which are split into pieces and never cut."""

    better: "np.ndarray[Any, Any]"
    worse: "np.ndarray[Any, Any]"
    is_passage: "np.ndarray[Any, Any]"


def tokens_an_epoch(dataset: Dataset, recipe: Recipe) -> float:
    """Of all texts that the model is shown while it sees each example once, in its own vocabulary: packing and passages
    lose nothing, all else is cut at the longest length, and a pair is two texts, each with the question. What a reference
    goes through beside is in `operations`."""
    rows = _rows(dataset.folder, dataset.name, dataset.version, dataset.written)
    factor = own_count(dataset, recipe.model).factor
    better, worse = rows.better * factor, rows.worse * factor
    if recipe.objective == "sft":
        uncut = rows.is_passage | recipe.packing
        return float(np.where(uncut, better, np.minimum(better, recipe.max_length)).sum())
    if recipe.objective == "dpo":
        both = (better > 0) & (worse > 0)
        better, worse = better[both], worse[both]
    return float(np.minimum(better, recipe.max_length).sum() + np.minimum(worse, recipe.max_length).sum())


@lru_cache(8)
def _rows(folder: Path, name: str, version: int, written: int) -> _Rows:
    """Conversations and passages by two columns; only preferences and tools are looked at one by one."""
    dataset = Dataset(folder, name, version)
    counted = objectives.count_rows(dataset)
    tokens = dataset.columns("tokens")["tokens"].to_numpy().astype(float)
    passages = np.zeros(len(tokens), bool)
    if counted.passages:
        passages = (dataset.columns("kind")["kind"] == "passage").to_numpy()
    if not counted.preferences and not counted.with_tools:
        return _Rows(tokens, np.zeros(len(tokens)), passages)
    a_character = _tokens_a_character(dataset)
    parts = [_of_batch(batch, a_character) for batch in dataset.record_batches(*COLUMNS)]
    better, worse = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Rows(better, worse, passages)


def _tokens_a_character(dataset: Dataset) -> tuple[float, float]:
    """Of the last messages, and of the texts that the counts of the rows leave out, by some of the rows."""
    rows = dataset.take(sorted({*np.linspace(0, len(dataset) - 1, min(COUNTED, len(dataset))).astype(int).tolist()}))
    counter = TokenCounter(STARTER)

    def rate(texts: list[str]) -> float:
        characters = sum(map(len, texts))
        return sum(map(counter.count_text, texts)) / characters if characters else 1 / CHARACTERS_PER_TOKEN

    last = [messages[-1]["content"] for messages in rows["messages"] if len(messages)]
    return rate(last), rate([text for name in ("rejected", "tools") for text in rows[name] if text])


def _of_batch(batch: Any, a_character: tuple[float, float]) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """The better and the worse of each row. Counted was the conversation with the longer of both; what tools add, and by how
    much the shorter is shorter, is estimated by their characters."""
    import pyarrow.compute

    of_own, of_other = a_character

    def characters(texts: Any) -> "np.ndarray[Any, Any]":
        return np.asarray(pyarrow.compute.fill_null(pyarrow.compute.utf8_length(texts), 0))

    messages, nothing = batch["messages"], np.zeros(batch.num_rows)
    there = set(batch.schema.names)
    last = np.maximum(np.cumsum(np.asarray(messages.value_lengths().fill_null(0))) - 1, 0)
    flat = messages.flatten()
    answered = np.asarray(flat.field("role").take(last).to_pylist()) == "assistant"
    own = np.where(answered, characters(flat.field("content").take(last)) * of_own, 0)
    here = np.asarray(batch["tokens"]) + (characters(batch["tools"]) * of_other if "tools" in there else nothing)
    avoids = ~np.asarray(pyarrow.compute.is_null(batch["rejected"])) if "rejected" in there else nothing > 0
    other = characters(batch["rejected"]) * of_other if avoids.any() else nothing
    asked = here - np.maximum(own, other)
    better, worse = (np.maximum(asked + answer, 1) for answer in (own, other))
    judged = np.asarray(batch["kind"].to_pylist()) == "preference" if "kind" in there else nothing > 0
    return np.where(answered | ~judged, np.where(avoids, better, here), 0), np.where(avoids, worse, 0)


def operations(recipe: Recipe) -> int:
    """For each token and weight in a step (Kaplan et al. 2020, section 2.1): two on the way there and four back, of which
    two are saved where the weights do not learn; two more to recompute. Preferences go through the reference too, which a
    full training asks only once; kto also scores each question with another's answer, by model and reference."""
    learning = (4 if recipe.uses_adapter else 6) + (2 if recipe.gradient_checkpointing else 0)
    return learning + looking(recipe) - 2


def looking(recipe: Recipe) -> int:
    """For each token and weight where nothing is learned, as in an evaluation."""
    texts = {"sft": 1, "dpo": 1, "kto": 2}[recipe.objective]
    speakers = 1 if recipe.objective == "sft" or not recipe.uses_adapter else 2
    return 2 * texts * speakers


def faster_looking(recipe: Recipe) -> float:
    """How many times as many tokens a second go through where nothing is learned, before an evaluation was measured. The way
    back takes twice the way there, or as good as that where the weights do not learn, for adapter and optimiser take what
    is saved: 2.9 to 3.8 times, measured with the starter on two cores."""
    there = looking(recipe) / 2
    return (there + 2 + recipe.gradient_checkpointing) / there
