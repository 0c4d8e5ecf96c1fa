"""What the rows of a dataset are sorted and filtered by: turns, languages and scores, a batch of rows at a time.

What is not in the file is measured once, streaming, and kept beside the dataset (see studio.data.measures).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from studio.data import languages, preferences, quality, studio_quality
from studio.data.measures import Measures
from studio.data.words import Array
from studio.examples import Dataset

PARTS = tuple(quality.WEIGHTS)
SCORES = ("guide", *PARTS, "studio")
"""The guide's overall score, its four parts, and the studio's score; each from 0 (worst) to 1."""
BATCH = 8_192
SPEAKERS = ("user", "assistant")
ROLE, CONTENT, CALLS = (f"messages.list.element.{name}" for name in ("role", "content", "tool_calls"))
ENDS = (ROLE, CONTENT, CALLS, "rejected")


class Measure(NamedTuple):
    """`columns` are what it reads; `of_batch(record batch)` gives the columns that it `makes`, a value a row."""

    columns: tuple[str, ...]
    makes: tuple[str, ...]
    of_batch: Callable[[Any], dict[str, Any]]


def measuring(dataset: Dataset, names: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Measures what of `names` (keys of MEASURES) is not kept yet; yields (rows done, rows in all) on the way. One that
    is left before its end keeps nothing of the measure it was at."""
    wanted = [name for name in dict.fromkeys(names) if _known(dataset, name) is None]
    total, done = len(dataset) * len(wanted), 0
    for name in wanted:
        parts: dict[str, list[Any]] = {}
        for batch in dataset.record_batches(*MEASURES[name].columns, size=BATCH):
            for column, values in MEASURES[name].of_batch(batch).items():
                parts.setdefault(column, []).append(values)
            done += batch.num_rows
            yield done, total
        made = pd.DataFrame({column: np.concatenate(values) for column, values in parts.items()})
        made = made if parts else pd.DataFrame({column: [] for column in MEASURES[name].makes})
        Measures.of(dataset).kept(f"look-{name}", made.copy)


def measured(dataset: Dataset, name: str) -> pd.DataFrame:
    """The columns of one of MEASURES for all rows, in their order; measured now where it was not yet."""
    for _ in measuring(dataset, (name,)):
        pass
    found = _known(dataset, name)
    assert found is not None, name
    return found


def is_measured(dataset: Dataset, name: str) -> bool:
    return _known(dataset, name) is not None


def kept_sample(dataset: Dataset, measure: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """What `measure` finds in a sample of the rows, kept beside the dataset as the measures are."""
    return Measures.of(dataset).kept("look-sample", measure)


def needed_for(dataset: Dataset, score: str) -> tuple[str, ...]:
    """What has to be measured before `scores` of this kind is quick."""
    if score in PARTS:
        return ("parts",)
    return ("studio",) if score == "studio" and _stored_studio(dataset) is None else ()


def scores(dataset: Dataset, score: str) -> Array:
    """One of SCORES for all rows (float64; NaN where there is none). A score that the row brought is both its guide and
    its studio score."""
    if score in PARTS:
        return measured(dataset, "parts")[score].to_numpy(float)
    own = _plain(dataset.table("quality")["quality"])
    if score == "guide":
        return own
    stored = _stored_studio(dataset)
    if stored is None:
        stored = measured(dataset, "studio")["studio"].to_numpy(float)
    return np.where(Measures.of(dataset).holds("reasons", quality.BROUGHT), own, stored)


def _stored_studio(dataset: Dataset) -> Array | None:
    """The studio's scores as they stand in the file; None where it has none of them or lacks some."""
    table = dataset.table("studio_quality")
    if "studio_quality" not in table.column_names or table["studio_quality"].null_count:
        return None
    return _plain(table["studio_quality"])


def _plain(column: Any) -> Array:
    values: Array = column.to_numpy(zero_copy_only=False) if hasattr(column, "chunks") else np.asarray(column)
    return values.astype(float)


def _known(dataset: Dataset, name: str) -> pd.DataFrame | None:
    def absent() -> pd.DataFrame:
        raise LookupError(name)

    try:
        return Measures.of(dataset).kept(f"look-{name}", absent)
    except LookupError:
        return None


# ---- one batch


def _offsets(batch: Any) -> Array:
    column = batch["messages"]
    return np.asarray(column.offsets) - column.offsets[0].as_py()


class Ends(NamedTuple):
    """Of each row the last question, the answer (its content, else its tool calls as JSON) and whether that is one to avoid,
    which stands in `rejected`; see `studio_quality.question_and_answer`."""

    asked: list[str]
    answers: list[str]
    avoided: Array


def ends(batch: Any) -> Ends:
    """Of a record batch with the columns ENDS."""
    import pyarrow

    flat, offsets = batch["messages"].flatten(), _offsets(batch)
    last = offsets[1:] - 1
    roles = flat.field("role").to_numpy(zero_copy_only=False)
    asked, avoided = np.asarray(roles == "user"), np.asarray(roles[last] != "assistant")
    newest = np.maximum.accumulate(np.where(asked, np.arange(len(asked)), -1)) if len(asked) else np.zeros(0, int)
    at = newest[last] if len(asked) else last
    rows = pyarrow.array(at, mask=at < offsets[:-1])
    questions = flat.field("content").take(rows).to_pylist()
    answers = flat.field("content").take(pyarrow.array(last)).to_pylist()
    called = flat.field("tool_calls").take(pyarrow.array(last)).to_pylist() if "tool_calls" in flat.type.names else []
    called = called or [None] * len(answers)
    said = [text or calls or "" for text, calls in zip(answers, called, strict=True)]
    if avoided.any():
        worse = batch["rejected"].to_pylist() if "rejected" in batch.schema.names else [None] * len(said)
        said = [bad or "" if is_one else good for good, bad, is_one in zip(said, worse, avoided.tolist(), strict=True)]
    return Ends([text or "" for text in questions], said, avoided)


def labels(batch: Any) -> Iterator[tuple[str, str | None]]:
    """As `preferences.labels`, of a record batch with the columns ENDS and kind."""
    _, answers, avoided = ends(batch)
    there, nothing = batch.schema.names, [None] * batch.num_rows
    kinds, worse = (batch[name].to_pylist() if name in there else nothing for name in ("kind", "rejected"))
    for answer, kind, bad, is_avoided in zip(answers, kinds, worse, avoided.tolist(), strict=True):
        yield answer, preferences.judgement(kind, is_avoided, bad)


def turns(batch: Any) -> Array:
    """How many messages of each row the user or the assistant says (int32)."""
    roles = batch["messages"].flatten().field("role").to_numpy(zero_copy_only=False)
    said = np.concatenate([[0], np.cumsum(np.isin(roles, SPEAKERS))])
    offsets = _offsets(batch)
    return (said[offsets[1:]] - said[offsets[:-1]]).astype(np.int32)


def _turns(batch: Any) -> dict[str, Any]:
    return {"turns": turns(batch)}


def _languages(batch: Any) -> dict[str, Any]:
    asked, answers, _ = ends(batch)
    return {"language": np.array([*map(languages.of_turn, asked, answers)], object)}


def _parts(batch: Any) -> dict[str, Any]:
    _, answers, avoided = ends(batch)
    scores = zip(answers, avoided.tolist(), strict=True)
    found = [(quality.PARDONED if is_avoided else quality.score(answer)).parts for answer, is_avoided in scores]
    return {part: np.array([parts[part] for parts in found], np.float32) for part in PARTS}


def _studio(batch: Any) -> dict[str, Any]:
    asked, answers, avoided = ends(batch)
    scored = studio_quality.pardoned(studio_quality.score_batch(asked, answers), avoided.tolist())
    return {"studio": np.array(scored["quality"], float)}


MEASURES = {
    "turns": Measure((ROLE,), ("turns",), _turns),
    "languages": Measure(ENDS, ("language",), _languages),
    "parts": Measure((ROLE, CONTENT, "rejected"), PARTS, _parts),
    "studio": Measure(ENDS, ("studio",), _studio),
}
