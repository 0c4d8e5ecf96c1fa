"""A map of what the examples are about, and how their answers are spread: looks that need no download.

Topics: TF-IDF of the questions, reduced by truncated SVD (latent semantic analysis, Deerwester et al. 1990), grouped
by k-means. The first direction is what all texts share, so the second and the third are the map.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from studio.data import preferences
from studio.errors import InputError

DIRECTIONS = 20
WORDS_SHOWN = 3
MOST_ROWS = 20_000
MOST_LABELS = 20
LONGEST_LABEL = 40


@dataclass(frozen=True)
class TopicMap:
    """`points` has a row an example: id, x, y (no unit), topic (number); `topics` number, words (the heaviest), count."""

    points: pd.DataFrame
    topics: pd.DataFrame


def topic_map(examples: pd.DataFrame, topics: int = 8, seed: int = 0) -> TopicMap:
    """The map of at most MOST_ROWS examples, drawn by the seed. Raises InputError when there are too few words."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = examples if len(examples) <= MOST_ROWS else examples.sample(MOST_ROWS, random_state=seed).sort_index()
    asked = [questions(messages) for messages in chosen["messages"]]
    weights = TfidfVectorizer(stop_words="english", sublinear_tf=True, min_df=2, max_features=20_000)
    try:
        table = weights.fit_transform(asked)
    except ValueError:
        raise InputError(
            "There is too little text for a map of topics", f"{len(chosen)} examples", "Load more"
        ) from None
    directions = min(DIRECTIONS, min(table.shape) - 1)
    if directions < 3:
        raise InputError("There is too little text for a map of topics", f"{len(chosen)} examples", "Load more")
    reduced = TruncatedSVD(directions, random_state=seed).fit_transform(table)
    length = np.linalg.norm(reduced, axis=1, keepdims=True)
    groups = KMeans(min(topics, len(chosen)), n_init=4, random_state=seed).fit_predict(
        reduced / np.maximum(length, 1e-9)
    )
    names = weights.get_feature_names_out()
    listed = []
    for group in range(int(groups.max()) + 1):
        inside = np.flatnonzero(groups == group)
        heavy = np.asarray(table[inside].mean(axis=0)).ravel().argsort()[::-1][:WORDS_SHOWN]
        listed.append((group, ", ".join(str(names[place]) for place in heavy), len(inside)))
    points = pd.DataFrame({"id": chosen["id"].to_numpy(), "x": reduced[:, 1], "y": reduced[:, 2], "topic": groups})
    return TopicMap(points, pd.DataFrame(listed, columns=["topic", "words", "count"]))


def questions(messages: Sequence[dict[str, Any]]) -> str:
    return "\n".join(message["content"] for message in messages if message["role"] == "user")


def label_balance(examples: pd.DataFrame) -> pd.DataFrame:
    """See `balance`."""
    return balance(preferences.labels(examples))


def balance(answers: Iterable[tuple[str, str | None]]) -> pd.DataFrame:
    """How often each label is the answer, or each value of a JSON answer's field: columns field ("" for plain
    answers), value, count, share. Only fields with at most MOST_LABELS different short values are labels. `answers` has
    of each row the answer, and how it was judged where it was (see `preferences.judgement`), which is then its label."""
    counts: dict[str, Counter[str]] = {}
    for answer, judged in answers:
        for field, value in (_labels(answer) | ({} if judged is None else {"": judged})).items():
            found = counts.setdefault(field, Counter())
            if len(found) <= MOST_LABELS:  # with one more it is no label, and more need not be known
                found[value] += 1
    rows = [
        (field, value, count, count / sum(found.values()))
        for field, found in counts.items()
        if len(found) <= MOST_LABELS and sum(found.values()) > 2 * len(found)
        for value, count in found.most_common()
    ]
    return pd.DataFrame(rows, columns=["field", "value", "count", "share"])


def _labels(answer: str) -> dict[str, str]:
    text = answer.strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        plain = {str(key): value for key, value in found.items() if isinstance(value, str | int | bool | None)}
        return {
            key: "null" if value is None else str(value)
            for key, value in plain.items()
            if len(str(value)) <= LONGEST_LABEL
        }
    return {"": text} if 0 < len(text) <= LONGEST_LABEL else {}
