"""What of the test rows, or of a benchmark, was already learned from: the same text, nearly the same, or 13 words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from studio.data import near_duplicates
from studio.data import words as word_hashes
from studio.data.duplicates import system_of
from studio.data.near_duplicates import text
from studio.data.studio_quality import is_avoided
from studio.data.watching import tell
from studio.data.words import Array, Grams

RUN = 13  # Brown et al. 2020, Language Models are Few-Shot Learners, appendix C
PHRASE = 6
COMMON_ROWS = 10  # a phrase that more rows than these have is a way of speaking here, and no sign of a copy
ENOUGH = 0.3  # so much of a row's runs shared is a copy, however common its phrases are
READ, NEARED, PHRASED = 0.15, 0.4, 0.7  # of the whole work, when the rows are read, near ones and common phrases found
SAME, QUESTION, NEAR, OVERLAP = "same", "same question", "near duplicate", "13 words in a row"
KINDS = (SAME, QUESTION, NEAR, OVERLAP)
_HASH_BITS = np.uint64(44)  # of a hash beside the number of its row
COLUMNS = ["part", "train_id", "id", "kind", "similarity"]


@dataclass(frozen=True)
class Leakage:
    """`pairs`: part (test or benchmark), train_id, id, kind (of KINDS, the strongest that holds for the pair) and
    similarity (Jaccard of word triples; for 13 words the share of the row's runs that stand in the training row).
    `counts`: part to kind to the number of its rows that leak so, each under its strongest kind; `rows`: part to its
    size."""

    pairs: pd.DataFrame
    counts: dict[str, dict[str, int]]
    rows: dict[str, int]

    @classmethod
    def of(cls, pairs: pd.DataFrame, rows: dict[str, int]) -> "Leakage":
        """The counts from the pairs of all parts and the sizes of these."""
        counts = {}
        for name in rows:
            strongest = pairs[pairs["part"] == name].drop_duplicates("id")["kind"].value_counts()
            counts[name] = {kind: int(strongest.get(kind, 0)) for kind in KINDS}
        return cls(pairs, counts, rows)

    @property
    def leaked(self) -> dict[str, list[str]]:
        """For each part the ids of its rows that were learned from."""
        return {part: self.pairs.loc[self.pairs["part"] == part, "id"].drop_duplicates().tolist() for part in self.rows}

    def __str__(self) -> str:
        lines = [
            f"{len(self.leaked[part])} of {size} {part} rows stand in the training rows"
            + "".join(f"; {kind}: {count}" for kind, count in self.counts[part].items() if count)
            for part, size in self.rows.items()
        ]
        return "\n".join(lines)


def check(
    train: pd.DataFrame, test: pd.DataFrame, benchmark: pd.DataFrame | None = None, threshold: float = near_duplicates.THRESHOLD
) -> Leakage:  # fmt: skip
    """Compares every row of `test`, and of `benchmark` where there is one, with every row of `train`."""
    parts = {"test": test} | ({} if benchmark is None else {"benchmark": benchmark})
    pairs = pd.concat([of_part(name, train, part, threshold) for name, part in parts.items()], ignore_index=True)
    return Leakage.of(pairs, {name: len(part) for name, part in parts.items()})


def not_in(ids: Array, found: pd.DataFrame, asked: str) -> tuple[Array, pd.DataFrame]:
    """(for each id whether it is in no pair, id and reason of the others); `found` are the pairs of the rows with these
    ids, as a part, with the rows of the dataset called `asked`; see `of_part`."""
    strongest: dict[str, str] = dict(found.drop_duplicates("id")[["id", "kind"]].itertuples(index=False))
    stays = np.array([row_id not in strongest for row_id in ids], bool)
    gone = ids[~stays]
    reasons = [f"{strongest[row_id]} in {asked}" for row_id in gone]
    return stays, pd.DataFrame({"id": gone, "reason": reasons}, dtype="str")


def question(messages: Sequence[dict[str, Any]]) -> str:
    """Everything before the answer but the system prompt, in lower case and with single spaces; of a text alone all of it,
    which is the question where a benchmark brings no answers."""
    return _plain(text(messages if is_avoided(messages) or len(messages) == 1 else messages[:-1]))


def _plain(said: str) -> str:
    return " ".join(said.lower().split())


class _Asked:
    """The rows of one side: `said` (all of it), `questions` and `systems` of each."""

    def __init__(self, examples: pd.DataFrame) -> None:
        rows = list(examples["messages"])
        self.said, self.questions = [text(row) for row in rows], [question(row) for row in rows]
        self.systems = [_plain(system_of(row)) for row in rows]

    @property
    def has_different_systems(self) -> bool:
        return len(set(self.systems)) > 1

    def under(self, texts: list[str], with_systems: bool) -> list[str]:
        """The texts, under their system prompts where these are part of the question."""
        if not with_systems:
            return texts
        return [one and f"{system}\0{one}" for system, one in zip(self.systems, texts, strict=True)]

    def answer(self, at: int) -> str:
        return _plain(self.said[at])[len(self.questions[at]) :]


def _is_asked_of_another(learned: _Asked, at: int, asked: _Asked, of: int) -> bool:
    """Whether what two rows share is a question that their system prompts make two of; a long answer says that it is one."""
    if learned.questions[at] != asked.questions[of] or learned.systems[at] == asked.systems[of]:
        return False
    answer = asked.answer(of)
    return answer != learned.answer(at) or len(answer.split()) < RUN


def of_part(
    name: str, train: pd.DataFrame, part: pd.DataFrame, threshold: float = near_duplicates.THRESHOLD
) -> pd.DataFrame:
    """The pairs of one part, called `name`, with the training rows; see Leakage. Where the system prompts vary on both
    sides (a document or a person of each row's own) they are part of the question: the same words under another one are
    no leak. Where one side has the same throughout, or none, they are passed over."""
    every = len(train) + len(part)
    tell(every * READ, every, "rows read")
    both = _Asked(train), _Asked(part)
    learned, asked = (side.said for side in both)
    vary = all(side.has_different_systems for side in both)
    same = _equal(*(side.under([*map(_plain, side.said)], vary) for side in both))
    questions = _equal(*(side.under(side.questions, vary) for side in both))
    near = _near(learned, asked, threshold)
    tell(every * NEARED, every, "rows compared")
    rows = [
        *((at, of, SAME, 1.0) for at, of in same), *((at, of, QUESTION, 1.0) for at, of in questions),
        *((at, of, NEAR, value) for at, of, value in near), *((at, of, OVERLAP, share) for at, of, share in _overlap(learned, asked)),
    ]  # fmt: skip
    if vary:
        exact = (SAME, QUESTION)
        rows = [one for one in rows if one[2] in exact or not _is_asked_of_another(both[0], one[0], both[1], one[1])]
    table = pd.DataFrame(rows, columns=["train", "row", "kind", "similarity"])
    strength = table["kind"].map({kind: rank for rank, kind in enumerate(KINDS)})
    table = (
        table.assign(strength=strength)
        .sort_values(["row", "strength", "train"], kind="stable")
        .drop_duplicates(["train", "row"])
    )
    made: dict[str, Any] = {
        "part": name, "train_id": train["id"].to_numpy(object)[table["train"].to_numpy(int)],
        "id": part["id"].to_numpy(object)[table["row"].to_numpy(int)], "kind": table["kind"].to_numpy(object),
        "similarity": table["similarity"].to_numpy(float),
    }  # fmt: skip
    return pd.DataFrame(made, columns=COLUMNS)


def _equal(learned: list[str], asked: list[str]) -> list[tuple[int, int]]:
    """(first training row, row) of the texts that are the same and not empty."""
    place: dict[str, int] = {}
    for at, one in enumerate(learned):
        place.setdefault(one, at)
    return [(place[one], of) for of, one in enumerate(asked) if one and one in place]


def _near(learned: list[str], asked: list[str], threshold: float) -> list[tuple[int, int, float]]:
    """(first training row, row, similarity) of the pairs across; copies within a part are looked at once."""
    codes, different = pd.factorize(np.array(asked, object))
    first_learned = list({one: at for at, one in reversed(list(enumerate(learned)))}.items())
    found = near_duplicates.pairs([*(one for one, _ in first_learned), *different.tolist()], threshold)
    across = (found.first < len(first_learned)) & (found.second >= len(first_learned))
    rows_of: dict[int, list[int]] = {}
    for row, code in enumerate(codes.tolist()):
        rows_of.setdefault(code, []).append(row)
    return [
        (first_learned[first][1], row, value)
        for first, second, value in zip(*(column[across].tolist() for column in found), strict=True)
        for row in rows_of[second - len(first_learned)]
    ]


def _overlap(learned: list[str], asked: list[str]) -> list[tuple[int, int, float]]:
    """(training row, row, share) for each row that shares a run of 13 words, with the training row that shares most.

    Sentences of a template meet by chance: a pair counts only when one of its runs has no common phrase in it, or when
    ENOUGH of the row is shared. Runs that begin or end with what a tenth of the training rows say count for nothing.
    """
    if not learned:
        return []
    template, common = near_duplicates.template(learned, PHRASE), _common_phrases(learned, asked)
    asked_parts = [(begin, _long_runs(part, template, common)) for begin, part in word_hashes.chunks(asked)]
    hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for _, (part, _) in asked_parts)])
    rows = np.concatenate([np.zeros(0, np.int64), *(part.rows + begin for begin, (part, _) in asked_parts)])
    sizes = np.bincount(rows, minlength=len(asked))
    order = np.argsort(hashes, kind="stable")
    hashes, rows = hashes[order], rows[order]
    sieve = _Sieve(hashes)
    shared = [np.zeros((0, 3), np.int64)]
    rows_in_all = len(learned) + len(asked)
    for begin, part in word_hashes.chunks(learned):
        tell(rows_in_all * (PHRASED + (1 - PHRASED) * begin / len(learned)), rows_in_all, "rows compared")
        found, is_own = _long_runs(part, template, common, sieve)
        low, high = np.searchsorted(hashes, found.hashes), np.searchsorted(hashes, found.hashes, "right")
        counts = high - low
        inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = (
            rows[np.repeat(low, counts) + inside],
            np.repeat(found.rows + begin, counts),
            np.repeat(is_own, counts),
        )
        shared.append(np.column_stack(columns))
    every = np.concatenate(shared)
    pairs, place, hits = np.unique(every[:, :2], axis=0, return_inverse=True, return_counts=True)
    share = hits / sizes[pairs[:, 0]]
    counts_as_one = (np.bincount(place.ravel(), every[:, 2], len(pairs)) > 0) | (share >= ENOUGH)
    pairs, share = pairs[counts_as_one], share[counts_as_one]
    best = np.lexsort((pairs[:, 1], -share, pairs[:, 0]))
    first = best[np.unique(pairs[best, 0], return_index=True)[1]].tolist()
    return [(int(pairs[at, 1]), int(pairs[at, 0]), float(share[at])) for at in first]


def _common_phrases(learned: Sequence[str], asked: Sequence[str]) -> Array:
    """The hashes (sorted) of the phrases of `asked` that stand in more than COMMON_ROWS different rows of both."""
    phrases = (word_hashes.grams(word_hashes.words(part), PHRASE).hashes for _, part in word_hashes.chunks(asked))
    there = np.unique(np.concatenate([np.zeros(0, np.uint64), *phrases]))
    rows_with, sieve = np.zeros(len(there), np.int64), _Sieve(there)
    texts = list(dict.fromkeys([*learned, *asked]))
    every = len(learned) + len(asked)
    for begin, part in word_hashes.chunks(texts) if len(there) else ():
        tell(every * (NEARED + (PHRASED - NEARED) * begin / len(texts)), every, "rows compared")
        found = word_hashes.grams(word_hashes.words(part), PHRASE)
        known = sieve.passes(found.hashes)
        known[known] = near_duplicates.contains(there, found.hashes[known])
        hashes = found.hashes[known]
        each = hashes[_different(hashes, found.rows[known])]
        rows_with += np.bincount(np.searchsorted(there, each), minlength=len(there))
    return there[rows_with > COMMON_ROWS]


def _different(hashes: Array, rows: Array) -> Array:
    """The places of the different hashes of each row, those of a row together."""
    # one sort of numbers that hold row and hash is several times as quick as a sort by two columns
    order = np.argsort((rows.astype(np.uint64) << _HASH_BITS) | (hashes >> (np.uint64(64) - _HASH_BITS)))
    hashes, rows = hashes[order], rows[order]
    new = np.ones(len(rows), bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    places: Array = order[new]
    return places


class _Sieve:
    """Lets the hashes that it was made of pass, and few others: far quicker than to search each among them."""

    def __init__(self, hashes: Array) -> None:
        bits = min(27, max(16, (32 * len(hashes)).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._holes = np.zeros(1 << bits, bool)
        self._holes[hashes >> self._shift] = True

    def passes(self, hashes: Array) -> Array:
        passed: Array = self._holes[hashes >> self._shift]
        return passed


def _long_runs(
    texts: Sequence[str], template: Array, common: Array, sieve: _Sieve | None = None
) -> tuple[Grams, Array]:
    """The different runs of 13 words of each text of a chunk that neither begin nor end with a phrase of the template
    (and pass the sieve), and for each whether there is no common phrase in it."""
    found = word_hashes.words(texts)
    long, phrases = word_hashes.grams(found, RUN), word_hashes.grams(found, PHRASE)
    last = RUN - PHRASE

    def begins(known: Array) -> Array:
        """For each word whether a phrase of `known` begins with it."""
        is_one = np.zeros(len(found.hashes), bool)
        if len(known):
            is_one[phrases.first] = near_duplicates.contains(known, phrases.hashes)
        return is_one

    of_template = begins(template)
    kept = ~(of_template[long.first] | of_template[long.first + last])
    if sieve is not None:
        kept &= sieve.passes(long.hashes)
    first = long.first[kept]
    before = np.concatenate([[0], np.cumsum(begins(common))])
    is_own = before[first + last + 1] == before[first]
    hashes, rows = long.hashes[kept], long.rows[kept]
    places = _different(hashes, rows)
    return Grams(hashes[places], rows[places], np.zeros(0, np.int64)), is_own[places]
