"""Rows of a dataset to look at: searched, filtered and sorted, a page at a time, and what all of them are like.

Only the columns that a query asks for are read, and of the conversations only those on the page: a million rows take
no more memory than a few arrays of a million numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from studio.data import languages, quality, row_facts, search, studio_quality
from studio.data.measures import Measures
from studio.data.row_facts import SCORES
from studio.data.words import Array
from studio.errors import InputError, NotFoundError
from studio.examples import KINDS, Dataset

PAGE_ROWS = 50
LARGEST_PAGE = 1_000
SAMPLE, BLOCK = 2_000, 20
"""Rows whose language is found for the overview, in blocks of neighbours spread evenly over the dataset."""
SORTS = ("file", "tokens", "turns", *SCORES, "source", "kind", "id", "language")


@dataclass(frozen=True)
class Query:
    """Which rows, in which order: a row has the text (ignoring case), one of the flags, one of the sources and so on;
    an empty choice is no condition."""

    search: str = ""
    regular: bool = False
    """`search` is a regular expression (RE2) and not plain text"""
    flags: Sequence[str] = ()
    sources: Sequence[str] = ()
    languages: Sequence[str] = ()
    """by name, as in "English"; see Project.languages"""
    kinds: Sequence[str] = ()
    sort: str = "file"
    """one of SORTS; rows that are equal stay in the order of the file, and those without a score come last"""
    descending: bool = False

    def check(self) -> None:
        """Raises InputError that names every mistake."""
        mistakes = [f"sort is {self.sort!r}; there are {', '.join(SORTS)}"] if self.sort not in SORTS else []
        for name, given, known in (("flag", self.flags, quality.FLAGS), ("kind", self.kinds, KINDS)):
            if unknown := [value for value in given if value not in known]:
                mistakes.append(f"there is no {name} {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
        for name in ("flags", "sources", "languages", "kinds"):
            if isinstance(getattr(self, name), str):
                mistakes.append(f"{name} is one text, not a list of texts")
        if self.search:
            try:
                search.check(self.search, self.regular)
            except InputError as error:
                mistakes.append(
                    f"the search {error.found} is no regular expression of RE2, which has no look-around and no backreference"
                )
        if mistakes:
            raise InputError("The rows cannot be looked up", "; ".join(mistakes), "Correct it and look again")

    @property
    def plain(self) -> tuple[Any, ...]:
        """The same for two queries that ask for the same."""
        lists = (tuple(getattr(self, name)) for name in ("flags", "sources", "languages", "kinds"))
        return (self.search, self.regular and bool(self.search), *lists, self.sort, self.descending)


@dataclass(frozen=True)
class Page:
    """`rows` has the columns of Dataset.examples and position (from 0, in the file), turns (of user and assistant) and
    score (by what they are sorted, else the guide's); `total` rows were found on `pages` pages of up to `size`."""

    rows: pd.DataFrame
    total: int
    page: int
    pages: int
    size: int


@dataclass(frozen=True)
class Overview:
    """What all rows are like; `tokens`, `turns` and `quality` (NaN where there is no score) have a value a row."""

    tokens: Array
    turns: Array
    quality: Array
    sources: dict[str, int]
    kinds: dict[str, int]
    flags: dict[str, int]
    flagged: int
    problems: int
    dropped: int
    first_problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    first_dropped: pd.DataFrame = field(default_factory=pd.DataFrame)


_orders = search.Remembered()


def preparing(dataset: Dataset, **query: Any) -> Iterator[tuple[int, int]]:
    """Does what of `rows` takes long (searches, measures what is not kept yet); yields (rows done, rows in all)."""
    asked = Query(**query)
    asked.check()
    names: tuple[str, ...] = ("languages",) if asked.languages or asked.sort == "language" else ()
    names += ("turns",) if asked.sort == "turns" else row_facts.needed_for(dataset, asked.sort)
    yield from row_facts.measuring(dataset, names)
    if asked.search:
        yield from search.searching(dataset, asked.search, asked.regular)


def rows(dataset: Dataset, page: int = 1, size: int = PAGE_ROWS, **query: Any) -> Page:
    """One page of the rows that a Query asks for. A page behind the last is the last. Raises InputError."""
    if page < 1 or not 1 <= size <= LARGEST_PAGE:
        found = f"page {page} of {size} rows"
        raise InputError("There is no such page", found, f"Pages begin with 1 and have 1 to {LARGEST_PAGE:,} rows")
    order = positions(dataset, **query)
    pages = max(1, -(-len(order) // size))
    page = min(page, pages)
    shown = order[(page - 1) * size : page * size]
    taken = dataset.take(shown)
    said = [sum(message["role"] in row_facts.SPEAKERS for message in messages) for messages in taken["messages"]]
    sort = Query(**query).sort
    scored = row_facts.scores(dataset, sort)[shown] if sort in SCORES else taken["quality"].to_numpy(float)
    return Page(
        taken.assign(position=shown, turns=np.array(said, np.int64), score=scored), len(order), page, pages, size
    )


def positions(dataset: Dataset, **query: Any) -> Array:
    """The positions (from 0) of all rows that a Query asks for, in its order (int32)."""
    asked = Query(**query)
    asked.check()
    key = (search.key_of(dataset), asked.plain)
    known = _orders.get(key)
    return known if known is not None else _orders.put(key, _ordered(dataset, asked))


def _ordered(dataset: Dataset, asked: Query) -> Array:
    stays = np.ones(len(dataset), bool)
    if asked.flags:
        stays &= Measures.of(dataset).holds("flags", *asked.flags)
    for column, wanted in (("source", asked.sources), ("kind", asked.kinds)):
        if wanted:
            codes, names = _codes(dataset, column)
            stays &= np.isin(codes, [at for at, name in enumerate(names) if name in wanted])
    if asked.languages:
        stays &= row_facts.measured(dataset, "languages")["language"].isin(list(asked.languages)).to_numpy()
    found = np.flatnonzero(stays).astype(np.int32)
    if asked.search:
        found = np.intersect1d(found, search.positions(dataset, asked.search, asked.regular), assume_unique=True)
    if asked.sort == "file":
        return found[::-1] if asked.descending else found
    values = _values(dataset, asked.sort)[found]
    return found[np.argsort(-values if asked.descending else values, kind="stable")]


def _values(dataset: Dataset, sort: str) -> Array:
    """A number a row that sorts as the column does."""
    if sort in SCORES:
        return row_facts.scores(dataset, sort)
    if sort == "turns":
        return row_facts.measured(dataset, "turns")["turns"].to_numpy(np.int64)
    if sort == "tokens":
        return np.asarray(dataset.table("tokens")["tokens"], np.int64)
    if sort == "language":
        values, names = pd.factorize(row_facts.measured(dataset, "languages")["language"])
        codes, found = np.asarray(values), [str(name) for name in names]
    else:
        codes, found = _codes(dataset, sort)
    rank = np.empty(len(found), np.int64)
    rank[sorted(range(len(found)), key=found.__getitem__)] = np.arange(len(found))
    return rank[codes] if len(found) else np.zeros(len(codes), np.int64)


def _codes(dataset: Dataset, column: str) -> tuple[Array, list[str]]:
    """A column of text as a number a row and the text of each number."""
    table = dataset.table(column)
    if column not in table.column_names:  # an older format knows conversations only
        return np.zeros(len(dataset), np.int64), [KINDS[0]]
    encoded = table[column].combine_chunks().fill_null("").dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "chunks") else encoded
    return np.asarray(encoded.indices, np.int64), [str(name) for name in encoded.dictionary.to_pylist()]


# ---- one row


def position_of(dataset: Dataset, row_id: str) -> int:
    """Where a row stands (from 0). Raises NotFoundError."""
    import pyarrow.compute

    begin = 0
    for batch in dataset.record_batches("id", size=100_000):
        at = pyarrow.compute.index(batch["id"], row_id).as_py()
        if at >= 0:
            return int(begin + at)
        begin += batch.num_rows
    raise NotFoundError("There is no such example", f"{row_id} in {dataset.reference}", "Choose another row")


def row(dataset: Dataset, row_id: str) -> pd.Series:
    """One example by its id, as a row of Dataset.examples. Raises NotFoundError."""
    return dataset.take([position_of(dataset, row_id)]).iloc[0]


def neighbour(dataset: Dataset, row_id: str, by: int, **query: Any) -> str:
    """The id of the row so many places after (before, if negative) in the order of a query; the first or last at its
    ends, and the same where the query does not have the row."""
    order = positions(dataset, **query)
    at = np.flatnonzero(order == position_of(dataset, row_id))
    if not len(at):
        return row_id
    wanted = int(np.clip(at[0] + by, 0, len(order) - 1))
    return str(dataset.take([int(order[wanted])])["id"].iloc[0])


def worst(dataset: Dataset, score: str = "guide", count: int = 20) -> pd.DataFrame:
    """The rows with the lowest score of one kind (see SCORES): the columns of Page.rows, and penalties (list of str:
    what took that score down). Rows without a score are left out. Raises InputError for another kind of score."""
    if score not in SCORES:
        raise InputError("There is no such score", repr(score), f"Choose {', '.join(SCORES)}")
    found = rows(dataset, 1, count, sort=score).rows
    found = found[found["score"].notna()].reset_index(drop=True)
    penalties = [_penalties(example, score) for _, example in found.iterrows()]
    return found.assign(penalties=pd.Series(penalties, dtype=object))


def _penalties(example: pd.Series, score: str) -> list[str]:
    question, answer = studio_quality.question_and_answer(example["messages"], example["rejected"])
    is_avoided = studio_quality.is_avoided(example["messages"])
    if score in row_facts.PARTS and is_avoided:
        return [studio_quality.AVOIDED]
    if score in row_facts.PARTS:
        return [reason for reason in quality.score(answer).reasons if f"({score} -" in reason]
    if score == "guide" or quality.BROUGHT in example["reasons"]:
        return list(example["reasons"])
    scored = studio_quality.pardoned(studio_quality.score_batch([question], [answer]), [is_avoided])
    return list(scored["reasons"][0])


# ---- all rows


def overview(dataset: Dataset, first: int = 100) -> Overview:
    """See Overview; with the `first` rows set aside while loading, and dropped by a filter."""
    import pyarrow.compute

    flags = dataset.table("flags")["flags"].combine_chunks()
    counts = {found["values"]: found["counts"] for found in pyarrow.compute.value_counts(flags.flatten()).to_pylist()}
    problems, dropped = (_first(dataset, name, first) for name in ("problems", "dropped"))
    return Overview(
        np.asarray(dataset.table("tokens")["tokens"], np.int64), turns(dataset), row_facts.scores(dataset, "guide"),
        _counted(dataset, "source"), _counted(dataset, "kind"), dict(sorted(counts.items(), key=lambda item: -item[1])),
        int(np.count_nonzero(np.asarray(flags.value_lengths()))), problems[0], dropped[0], problems[1], dropped[1],
    )  # fmt: skip


def _counted(dataset: Dataset, column: str) -> dict[str, int]:
    codes, names = _codes(dataset, column)
    counts = np.bincount(codes, minlength=len(names))
    return {names[at]: int(counts[at]) for at in np.argsort(-counts, kind="stable") if counts[at]}


def _first(dataset: Dataset, name: str, rows: int) -> tuple[int, pd.DataFrame]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(dataset.folder / f"{name}.parquet") as file:
        batch = next(file.iter_batches(rows), None)
        return file.metadata.num_rows, batch.to_pandas() if batch is not None else pd.DataFrame()


def turns(dataset: Dataset) -> Array:
    """The messages of user and assistant in each conversation, in the order of the rows (int64)."""
    return row_facts.measured(dataset, "turns")["turns"].to_numpy(np.int64)


def language_counts(dataset: Dataset) -> pd.DataFrame:
    """language, count, share of `looked_at` rows (in `.attrs`), the most frequent first: all rows where a filter by
    language has measured them or they are few, else an even sample of SAMPLE."""
    if len(dataset) <= SAMPLE or row_facts.is_measured(dataset, "languages"):
        found = row_facts.measured(dataset, "languages")["language"]
    else:
        found = row_facts.kept_sample(dataset, lambda: _sampled(dataset))["language"]
    counts = found.value_counts()
    table = pd.DataFrame({"language": counts.index.astype(str), "count": counts.to_numpy(np.int64)})
    table["share"] = table["count"] / max(1, len(found))
    table.attrs["looked_at"] = len(found)
    return table


def _sampled(dataset: Dataset) -> pd.DataFrame:
    starts = np.linspace(0, len(dataset) - BLOCK, SAMPLE // BLOCK).astype(np.int64)
    taken = dataset.take(np.unique((starts[:, None] + np.arange(BLOCK)).ravel()))
    both = zip(taken["messages"], taken["rejected"], strict=True)
    return pd.DataFrame({"language": [languages.of_conversation(*one) for one in both]})
