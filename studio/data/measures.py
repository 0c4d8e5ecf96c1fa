"""What is measured on a dataset (scores of a preset, duplicates): stored with its rows or kept beside them once it was
measured, and held in memory while someone moves a threshold."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from studio import collector, store
from studio.data import (
    duplicates,
    leakage,
    near_duplicates,
    presidio,
    privacy,
    quality,
    same_conversation,
    studio_quality,
)
from studio.data.near_duplicates import Pairs
from studio.data.studio_quality import is_avoided, question_and_answer
from studio.data.texts import DatasetTexts, ListTexts
from studio.data.watching import telling
from studio.data.words import Array
from studio.errors import InputError
from studio.example_tables import complete
from studio.examples import Dataset

VERSION = 10  # one up where what is measured changes: what was kept of an older one is measured again
HELD = 4  # datasets whose columns (some 50 bytes a row) stay in memory


class Measures:
    """The measures of a table of examples; with a `folder` they are kept in files there and read again."""

    def __init__(self, examples: pd.DataFrame | Dataset, folder: Path | None = None) -> None:
        self._of, self.folder = examples, folder

    @staticmethod
    def of(dataset: Dataset) -> "Measures":
        """Reads the dataset's examples only where something has to be measured; a dataset never changes, so that what
        was read of it is held for the next time."""
        written = (dataset.folder / "description.json").stat()
        return _held(dataset.folder, dataset.name, dataset.version, (written.st_mtime_ns, written.st_ino))

    def __len__(self) -> int:
        return len(self._of)

    @property
    def examples(self) -> pd.DataFrame:
        return self._of.examples if isinstance(self._of, Dataset) else self._of

    def scores(self, preset: str) -> pd.DataFrame:
        """Columns quality (0 to 1) and reasons (list of str) by one of `quality.PRESETS`, in the order of the examples; a
        score that the row brought stays in all. Raises InputError for another preset."""
        if preset not in quality.PRESETS:
            known = " or ".join(quality.PRESETS)
            raise InputError("There is no such quality preset", repr(preset), f"Choose {known}")
        if preset == "guide":
            return self._columns("quality", "reasons")
        if preset != "studio":
            return self._scores_by(preset)
        stored = self._stored("studio_reasons")
        if stored is not None:
            reasons = _lists(stored["studio_reasons"])
        else:
            made = self.kept("studio-scores", self._studio_scores)
            reasons = pd.Series([words.split("\n") if words else [] for words in made["reasons"]], dtype=object)
        if self._brought.any():
            reasons = reasons.where(~self._brought, self._columns("reasons")["reasons"])
        return pd.DataFrame({"quality": self.values("studio"), "reasons": reasons})

    def values(self, preset: str) -> Array:
        """The column quality of `scores` alone, which a threshold that is moved wants again and again."""
        if preset in ("guide", "studio"):
            return self._guide if preset == "guide" else self._studio
        if preset not in self._by_preset:
            self._by_preset[preset] = self.scores(preset)["quality"].to_numpy(float)
        return self._by_preset[preset]

    @cached_property
    def _by_preset(self) -> dict[str, Array]:
        return {}

    def _scores_by(self, preset: str) -> pd.DataFrame:
        """Those of the studio, but that rows that repeat themselves are scored again by the thresholds of the preset."""
        found = self.scores("studio")
        again = self.flagged("repetition") & ~self._brought

        def measure() -> pd.DataFrame:
            return _to_keep(studio_quality.score_messages(self._said(again), preset))

        made = self.kept(f"{preset}-scores", measure)
        qualities, reasons = found["quality"].to_numpy(float).copy(), found["reasons"].to_numpy(object).copy()
        qualities[again] = made["quality"].to_numpy(float)
        for at, words in zip(np.flatnonzero(again).tolist(), made["reasons"].tolist(), strict=True):
            reasons[at] = words.split("\n") if words else []
        return pd.DataFrame({"quality": qualities, "reasons": pd.Series(reasons, dtype=object)})

    def _said(self, wanted: Array) -> dict[str, list[Any]]:
        """The messages and the answers to avoid of the rows where `wanted` is true."""
        chosen = [row for row, is_wanted in zip(self._rows(), wanted.tolist(), strict=True) if is_wanted]
        return {"messages": [messages for messages, _ in chosen], "rejected": [worse for _, worse in chosen]}

    def _rows(self) -> Iterator[tuple[Any, str | None]]:
        """Messages and the answer to avoid, or None, of each row."""
        for part in self._of.batches() if isinstance(self._of, Dataset) else [self._of]:
            yield from zip(part["messages"], complete(part, ["rejected"])["rejected"], strict=True)

    @cached_property
    def _guide(self) -> Array:
        return self._columns("quality")["quality"].to_numpy(float)

    @cached_property
    def _studio(self) -> Array:
        stored = self._stored("studio_quality")
        if stored is not None:
            made: Array = stored["studio_quality"].to_numpy()
        else:
            made = self._kept("studio-scores", self._studio_scores, ["quality"])["quality"].to_numpy(float)
        return np.where(self._brought, self._guide, made)

    @cached_property
    def _brought(self) -> Array:
        return self.holds("reasons", quality.BROUGHT)

    def ids(self) -> Array:
        """The ids (objects)."""
        return self._ids

    @cached_property
    def _ids(self) -> Array:
        return self._columns("id")["id"].to_numpy(object)

    def sources(self) -> Array:
        """The sources (objects)."""
        sources: Array = self._columns("source")["source"].to_numpy(object)
        return sources

    def tokens(self) -> Array:
        """Tokens of each row."""
        return self._tokens

    @cached_property
    def _tokens(self) -> Array:
        return self._columns("tokens")["tokens"].to_numpy(np.int64)

    def flagged(self, flag: str) -> Array:
        """For each row whether it has the flag."""
        if flag not in self._flags:
            self._flags[flag] = self.holds("flags", flag)
        return self._flags[flag]

    @cached_property
    def _flags(self) -> dict[str, Array]:
        return {}

    def first_of_each(self) -> Array:
        """For each row the place of the first that is the same to the letter; see `duplicates.first_of_each`."""
        return self._first

    @cached_property
    def _first(self) -> Array:
        return duplicates.first_of_each(self._prints())

    def _prints(self) -> Any:
        stored = self._stored("fingerprint")
        return duplicates.fingerprints(self.examples) if stored is None else stored["fingerprint"]

    def answers(self) -> tuple[list[str], Array]:
        """The answer of each row and whether it is one to avoid; see `studio_quality.question_and_answer`."""
        found = [(question_and_answer(*row)[1], is_avoided(row[0])) for row in self._rows()]
        return [answer for answer, _ in found], np.array([is_one for _, is_one in found], bool)

    def pairs(self, threshold: float = near_duplicates.THRESHOLD, run: int = near_duplicates.WORDS_IN_A_RUN) -> Pairs:
        """The near duplicates: of what `near_duplicates.search` finds the pairs whose answers are alike too, but for those
        that read the same under another system prompt or with other tools on offer."""
        found = self._read_alike(threshold, run)
        return _pairs_of(found[found["duplicate"].to_numpy(bool)])

    def _read_alike(self, threshold: float, run: int) -> pd.DataFrame:
        """Columns of Pairs and `duplicate` (bool), for each pair that is nearly the same text and not two questions."""

        def measure() -> pd.DataFrame:
            usual = (threshold, run) == (near_duplicates.THRESHOLD, near_duplicates.WORDS_IN_A_RUN)
            signed = near_duplicates.signatures_in(self.folder) if usual and self.folder is not None else None
            texts = DatasetTexts(self._of) if isinstance(self._of, Dataset) else ListTexts.of(self._of)
            found, alike = near_duplicates.search(texts, threshold, run, self.first_of_each(), signed)
            return self._asked_alike(pd.DataFrame({**found._asdict(), "duplicate": alike}))

        near_duplicates.check(threshold, run)
        return self._kept(near_name(threshold, run), measure)

    def _asked_alike(self, found: pd.DataFrame) -> pd.DataFrame:
        """Where two rows read the same but for their system prompts or the tools on offer they are no duplicates; and for
        their system prompts they are two questions, but where the answer is so long that it would be known."""
        first = self.first_of_each()
        one, other = found["first"].to_numpy(), found["second"].to_numpy()
        same = np.flatnonzero((found["similarity"] == 1) & (first[one] != first[other]))
        rows = np.unique([one[same], other[same]])
        examples = self._of.take(rows) if isinstance(self._of, Dataset) else complete(self._of.iloc[rows])
        systems = np.array([*map(duplicates.system_of, examples["messages"])], object)
        tools = np.array([duplicates.seed_of("", offered) for offered in examples["tools"]], object)
        said = map(question_and_answer, examples["messages"], examples["rejected"])
        is_long = np.array([len(answer.split()) >= leakage.RUN for _, answer in said], bool)
        left, right = np.searchsorted(rows, one[same]), np.searchsorted(rows, other[same])
        is_of_two, stays = systems[left] != systems[right], np.ones(len(found), bool)
        stays[same] = ~is_of_two | is_long[left]
        is_one = found["duplicate"].to_numpy(bool).copy()
        is_one[same] &= ~is_of_two & (tools[left] == tools[right])
        return found.assign(duplicate=is_one)[stays]

    def together(self) -> Pairs:
        """What no split should part: nearly the same texts, whatever is answered, and rows of one conversation; see
        `same_conversation.pairs`."""
        near = _pairs_of(self._read_alike(near_duplicates.THRESHOLD, near_duplicates.WORDS_IN_A_RUN))
        preferences = self._columns("kind")["kind"].to_numpy() == "preference"
        talks = same_conversation.pairs(self._of, self._prints(), self.first_of_each(), preferences)
        return Pairs(*(np.concatenate(both) for both in zip(near, talks, strict=True)))

    def leakage(self, name: str, train: Dataset) -> pd.DataFrame:
        """The pairs of these examples, as the part `name`, with the training rows; see `leakage.of_part`."""
        return self._kept(
            leakage_name(name, train.reference), lambda: leakage.of_part(name, train.examples, self.examples)
        )

    def private_details(self, kinds: Sequence[str]) -> dict[str, int]:
        """How many there are of each kind; see `privacy.count`."""

        def count() -> pd.DataFrame:
            parts = self._of.batches() if isinstance(self._of, Dataset) else [self._of]
            found = [privacy.count(part, kinds) for part in telling(parts, len(self), "rows looked through")]
            return pd.DataFrame({"kind": [*kinds], "count": [sum(part[kind] for part in found) for kind in kinds]})

        privacy.check_kinds(kinds)
        counted = self._kept(private_name(kinds), count)
        times = dict(zip(counted["kind"], counted["count"].tolist(), strict=True))
        return {kind: times[kind] for kind in kinds}

    def _columns(self, *names: str) -> pd.DataFrame:
        if isinstance(self._of, Dataset):
            return self._of.columns(*names)
        return self._of[[*names]].reset_index(drop=True)

    def _stored(self, *names: str) -> Any:
        """The stored columns as an Arrow table; None where they were not measured when the dataset was made."""
        if not isinstance(self._of, Dataset):
            return None
        table = self._of.table(*names)
        return None if set(names) - set(table.column_names) or any(table[name].null_count for name in names) else table

    def holds(self, column: str, *words: str) -> Array:
        """For each row whether its list in `column` (flags or reasons) holds one of the words."""
        import pyarrow
        import pyarrow.compute

        if not isinstance(self._of, Dataset):
            return np.array([not set(words).isdisjoint(found) for found in self._of[column]], bool)
        there = np.zeros(len(self), bool)
        table = self._of.table(column)
        begin = 0
        for chunk in table[column].chunks if column in table.column_names else ():
            inside = pyarrow.compute.is_in(chunk.flatten(), pyarrow.array(words, pyarrow.string()))
            there[begin + np.asarray(pyarrow.compute.list_parent_indices(chunk))[np.asarray(inside)]] = True
            begin += len(chunk)
        return there

    def _studio_scores(self) -> pd.DataFrame:
        return _to_keep(studio_quality.score_messages(self._said(np.ones(len(self), bool))))

    def knows(self, name: str) -> bool:
        """Whether something is kept under `name`."""
        return self.folder is not None and self._place(name).exists()

    def _place(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{name}.{VERSION}.parquet"

    def kept(self, name: str, measure: Callable[[], pd.DataFrame], columns: list[str] | None = None) -> pd.DataFrame:
        """What was kept under `name`, else what `measure` gives, kept from then on."""
        return self._kept(name, measure, columns)

    def _kept(
        self, name: str, measure: Callable[[], pd.DataFrame], columns: list[str] | None = None
    ) -> pd.DataFrame:  # fmt: skip
        if self.folder is None:
            return measure()
        path = self._place(name)
        if not path.exists():
            made, content = measure(), io.BytesIO()
            made.to_parquet(content, index=False)
            path.parent.mkdir(exist_ok=True)
            store.write_bytes(path, content.getvalue())
            return made
        return pd.read_parquet(path, columns=columns)


def _pairs_of(found: pd.DataFrame) -> Pairs:
    return Pairs(*(found[name].to_numpy() for name in Pairs._fields))


def _to_keep(scored: dict[str, list[Any]]) -> pd.DataFrame:
    """Scores and their reasons, a line each."""
    reasons = pd.Series(["\n".join(words) for words in scored["reasons"]], dtype="str")
    return pd.DataFrame({"quality": np.array(scored["quality"], float), "reasons": reasons})


def near_name(threshold: float, run: int) -> str:
    """What the near duplicates are kept as; so the next two."""
    return f"near-{threshold:g}-{run}"


def leakage_name(part: str, train: str) -> str:
    return f"leakage-{part}-{train}"


def private_name(kinds: Sequence[str]) -> str:
    known = (*privacy.KINDS, *presidio.KINDS)
    places = "-".join(str(at) for at, kind in enumerate(known) if kind in kinds)
    return f"private-{places}" + (f"-{presidio.model()}" if set(kinds) & set(presidio.KINDS) else "")


def _lists(column: Any) -> pd.Series:
    """An Arrow column of lists as Python's; most are empty, and an empty one is quickly made."""
    import pyarrow.compute

    with collector.held_back():
        lists: list[list[str]] = [[] for _ in range(len(column))]
    some = np.flatnonzero(pyarrow.compute.list_value_length(column).to_numpy())
    for at, words in zip(some.tolist(), column.take(some).to_pylist(), strict=True):
        lists[at] = words
    return pd.Series(lists, dtype=object)


@lru_cache(maxsize=HELD)
def _held(folder: Path, name: str, version: int, written: tuple[int, int]) -> Measures:
    return Measures(Dataset(folder, name, version), folder / "measures")
