"""Rows of one conversation, which no split should part: a dialog that was written out turn by turn, a row after each
answer; dialogs that go on from the same turns; preferences of one prompt."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from studio.data import duplicates
from studio.data.near_duplicates import Pairs
from studio.data.words import Array
from studio.example_tables import Message, complete
from studio.examples import LARGE_BATCH, Dataset

MOST = 10  # more rows than these go on from the same turns as people do who greet each other, not as one dialog
ROLES = "messages.list.element.role"


def pairs(of: Dataset | pd.DataFrame, prints: Any, first: Array, preferences: Array) -> Pairs:
    """Each preference with the first one of the same prompt, and each row of several answers with the first one that most
    of its turns (up to an answer) stand in, as all of it or as its beginning, unless over MOST rows do the same.

    `prints` (Arrow) are the fingerprints of the rows, `first` has for each the place of the first that is the same, and
    `preferences` says which are some. Only these and the rows of several answers are read."""
    rows = np.flatnonzero((preferences | _several_answers(of)) & (first == np.arange(len(first))))
    if not len(rows):
        return _pairs([], [])
    prompts: dict[bytes, int] = {}
    of_prompt: list[tuple[int, int]] = []
    wholes: list[tuple[int, bytes]] = []
    begun: list[tuple[int, bytes]] = []
    for at, messages, tools in _read(of, rows):
        if preferences[at]:
            is_answered = messages[-1]["role"] == "assistant"
            asked = duplicates.fingerprint_of(messages[:-1] if is_answered else messages)
            of_prompt.append((prompts.setdefault(asked, at), at))
            if is_answered:
                wholes.append((at, duplicates.fingerprint_of(messages, None, tools)))
        begun += [(at, one) for one in duplicates.beginnings_of(messages, tools)]
    earlier, later = _continued(prints, wholes, begun)
    same = [(one, at) for one, at in of_prompt if one != at]
    return _pairs([*(one for one, _ in same), *earlier], [*(at for _, at in same), *later])


def _several_answers(of: Dataset | pd.DataFrame) -> Array:
    """For each row whether the assistant speaks more than once in it."""
    import pyarrow.compute

    if isinstance(of, pd.DataFrame):
        said = [sum(message["role"] == "assistant" for message in messages) for messages in of["messages"]]
        return np.array(said, np.int64) > 1
    found = [np.zeros(0, bool)]
    for batch in of.record_batches(ROLES, size=LARGE_BATCH):
        ends = np.cumsum(batch["messages"].value_lengths().to_numpy(zero_copy_only=False))
        roles = batch["messages"].flatten().field("role")
        answers = np.cumsum(np.asarray(pyarrow.compute.equal(roles, "assistant")))[ends - 1]
        found.append(np.diff(answers, prepend=0) > 1)
    return np.concatenate(found)


def _read(of: Dataset | pd.DataFrame, rows: Array) -> Iterator[tuple[int, list[Message], str | None]]:
    """(place, messages, tools) of these rows, few of which are in memory at once."""
    for begin in range(0, len(rows), LARGE_BATCH):
        places = rows[begin : begin + LARGE_BATCH]
        part = complete(of.iloc[places] if isinstance(of, pd.DataFrame) else of.take(places), ["messages", "tools"])
        yield from zip(places.tolist(), part["messages"], part["tools"], strict=True)


def _continued(
    prints: Any, wholes: list[tuple[int, bytes]], begun: list[tuple[int, bytes]]
) -> tuple[list[int], list[int]]:
    """(rows, of each a row that goes on from it), from the fingerprints of whole rows, other fingerprints of `wholes` (place,
    fingerprint) and of what rows begin with (the same, the shortest of a row first)."""
    import pyarrow

    kind = pyarrow.binary(16)
    added = pyarrow.array([one for _, one in [*wholes, *begun]], kind)
    chunks = [chunk.cast(kind) for chunk in getattr(prints, "chunks", [prints])]
    place = duplicates.first_of_each(pyarrow.chunked_array([*chunks, added], kind))
    owners = np.concatenate([np.arange(len(prints)), [at for at, _ in [*wholes, *begun]]]).astype(np.int64)
    rows = owners[len(prints) + len(wholes) :]
    found = pd.DataFrame({"row": rows, "of": owners[place[len(prints) + len(wholes) :]]})
    found = found[found["row"] != found["of"]].drop_duplicates("row", keep="last")
    found = found[found.groupby("of")["row"].transform("size") <= MOST]
    return found["of"].tolist(), found["row"].tolist()


def _pairs(first: list[int], second: list[int]) -> Pairs:
    return Pairs(np.array(first, np.int64), np.array(second, np.int64), np.ones(len(first)))
