"""Near duplicates: rows whose runs of words are mostly the same, found by MinHash and confirmed by counting, and whose
answers and questions are alike by themselves."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from studio.data import words as word_hashes
from studio.data.text_column import TextColumn
from studio.data.texts import ListTexts, Texts
from studio.data.texts import text as text
from studio.data.texts import texts_of as texts_of
from studio.data.words import Array
from studio.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 0.8
WORDS_IN_A_RUN = 3
SEED = 1
TEMPLATE_SHARE = 0.1
TEMPLATE_ROWS = 20
TEMPLATE_SAMPLE = 2000
PART_ALIKE = 0.5
QUESTION_ENDS = ("?", "？", "؟")
FOUND = 0.995  # a pair at the threshold is a candidate with at least this chance
MOST_VALUES = 48
NEIGHBOURS = 50  # compared with each row of a bucket: more than these are chained
PAIRS_READ = 200_000  # of which the texts are in memory at once
STRETCH = 50
SIGNED = 5  # one up where a signature changes


class Pairs(NamedTuple):
    """Positions of two texts each (`first` < `second`) and their true Jaccard `similarity`, in the order of first."""

    first: Array
    second: Array
    similarity: Array


def pairs(
    texts: Sequence[str] | Texts, threshold: float = THRESHOLD, run: int = WORDS_IN_A_RUN, first: Array | None = None,
    signatures: "Signatures | None" = None,
) -> Pairs:  # fmt: skip
    """All pairs of texts whose sets of runs of `run` words have a Jaccard similarity of at least `threshold`.

    Candidates share a band of MinHash values (Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of
    Massive Datasets, 3.4); each is confirmed by counting, so that none is wrong, and at most one in 200 at the threshold
    is missed. Of texts that are the same to the letter each is paired with the first alone; `first` has the place of
    that one for each text where it is known, and `signatures` what was signed while the texts were read. Runs that
    stand in over a tenth of the rows (and over 20) are a template and don't count; a text of nothing else is taken
    whole. Raises InputError for a threshold or run that cannot be.
    """
    return search(texts, threshold, run, first, signatures)[0]


def search(
    texts: Sequence[str] | Texts, threshold: float = THRESHOLD, run: int = WORDS_IN_A_RUN, first: Array | None = None,
    signatures: "Signatures | None" = None,
) -> tuple[Pairs, Array]:  # fmt: skip
    """`pairs`, and for each whether what is asked and answered is alike too (bool), without which none is a duplicate: two
    questions about one passage are nearly the same text. Where texts are not known as such all are alike.

    The answers are alike when at least PART_ALIKE of their different words are in both, and so are the questions (lines
    that end with a question mark) where both have some. Where two texts are the same (similarity 1), all words of the
    answers are in both, so that what is the same as one text is the same as another that is.
    """
    check(threshold, run)
    if not len(texts):
        return Pairs(*(np.zeros(0, np.int64),) * 2, np.zeros(0)), np.zeros(0, bool)
    if isinstance(texts, list | tuple):
        import pandas as pd

        codes, _ = pd.factorize(np.array(texts, object))
        first = pd.Series(np.arange(len(texts))).groupby(codes).transform("first").to_numpy()
    read = _read(texts)
    known = np.arange(len(read)) if first is None else first
    different = np.flatnonzero(known == np.arange(len(read)))
    if signatures is None:
        signatures = sign(read, template(read, run, different), threshold, run)
    candidates = _sharing(signatures.keys, different[signatures.present[different]])
    near, alike = _confirmed(read, candidates, threshold, run, signatures.common)
    copies = np.flatnonzero(known != np.arange(len(read)))
    one = np.concatenate([near.first, known[copies]])
    other = np.concatenate([near.second, copies])
    similarity = np.concatenate([near.similarity, np.ones(len(copies))])
    order = np.lexsort((other, one))
    is_alike = np.append(alike, np.ones(len(copies), bool))
    return Pairs(one[order], other[order], similarity[order]), is_alike[order]


def _read(texts: Sequence[str] | Texts) -> Texts:
    return ListTexts(texts) if isinstance(texts, list | tuple) else texts  # type: ignore[return-value]


def check(threshold: float, run: int = WORDS_IN_A_RUN) -> None:
    """Raises InputError for a threshold or a length of runs that cannot be."""
    mistakes = [] if 0 < threshold <= 1 else [f"a threshold of {threshold:g}, not over 0 and up to 1"]
    mistakes += [] if 1 <= run <= 50 else [f"runs of {run} words, not from 1 to 50"]
    if mistakes:
        raise InputError("Near duplicates cannot be searched", "; ".join(mistakes), "0.8 and 3 are usual")


def template(texts: Sequence[str] | Texts, run: int, different: Array | None = None) -> Array:
    """The same as `common_runs` of the texts at the places `different`, from TEMPLATE_SAMPLE of them where there are more:
    stretches from all over, so that only a few parts of a large dataset are read."""
    read = _read(texts)
    places = np.arange(len(read)) if different is None else different
    if len(places) > TEMPLATE_SAMPLE:
        begins = np.random.default_rng(SEED).choice(len(places) // STRETCH, TEMPLATE_SAMPLE // STRETCH, replace=False)
        chosen = (np.sort(begins)[:, None] * STRETCH + np.arange(STRETCH)).ravel()
        return common_runs(read.some(places[chosen]), run, len(places))
    return common_runs(read.some(places), run)


def common_runs(sample: Sequence[str], run: int, rows: int | None = None) -> Array:
    """The hashes (sorted) of the runs that so many texts have that they say nothing about one of them; the sample stands
    for `rows` texts."""
    hashes, counts = np.unique(sets(sample, run, np.zeros(0, np.uint64))[0], return_counts=True)
    limit = max(TEMPLATE_SHARE * len(sample), TEMPLATE_ROWS * len(sample) / (rows or len(sample) or 1))
    return hashes[counts > limit]


def _lowered(column: TextColumn) -> TextColumn:
    """The texts in lower case but for the letters of ASCII, which are folded where the words are read."""
    return column if column.is_all_ascii else TextColumn.of([text.lower() for text in column.texts()])


def contains(among: Array, hashes: Array) -> Array:
    """For each hash whether it is one of `among` (sorted, not empty)."""
    at = np.searchsorted(among, hashes)
    return among[np.minimum(at, len(among) - 1)] == hashes


def bands(threshold: float) -> tuple[int, int]:
    """(bands, values in each): as many values as still find a pair at the threshold with the chance FOUND, for at most
    MOST_VALUES in all: more values let fewer wrong candidates through, but each is signed for every row."""
    for values in range(16, 0, -1):
        count = 1 if threshold == 1 else math.ceil(math.log(1 - FOUND) / math.log1p(-(threshold**values)))
        if count * values <= MOST_VALUES or values == 1:
            return min(count, 128), values
    raise AssertionError("a band has a value")


class Signatures(NamedTuple):
    """`keys` (uint32, a row a text): two texts that share a value in a column share that band of MinHash values;
    `present` (bool): whether a text has any words; `common`: the hashes of the template that was left out."""

    keys: Array
    present: Array
    common: Array


def file_name(part: str, number: int | None = None) -> str:
    """The file beside a dataset with one part of its Signatures for the usual threshold and run."""
    return f"signatures.{SIGNED}.{part}{'' if number is None else f'-{number:03d}'}.npy"


def signatures_in(folder: Path) -> Signatures | None:
    """The signatures that were kept in a folder while a dataset was loaded, if they were."""
    parts = {part: sorted(folder.glob(file_name(part).replace(".npy", "-*.npy"))) for part in ("keys", "present")}
    if not parts["keys"]:
        return None
    keys, present = (np.concatenate([np.load(path) for path in parts[part]]) for part in ("keys", "present"))
    return Signatures(keys, present, np.load(folder / file_name("common")))


def sign(texts: Texts, common: Array, threshold: float = THRESHOLD, run: int = WORDS_IN_A_RUN) -> Signatures:
    """The signatures of all texts."""
    keys = np.zeros((len(texts), bands(threshold)[0]), np.uint32)
    present = np.zeros(len(texts), bool)
    for begin, part in texts.chunks():
        keys[begin : begin + len(part)], present[begin : begin + len(part)] = sign_some(
            TextColumn.of(part), common, threshold, run
        )
    return Signatures(keys, present, common)


def sign_some(
    texts: TextColumn, common: Array, threshold: float = THRESHOLD, run: int = WORDS_IN_A_RUN
) -> tuple[Array, Array]:  # fmt: skip
    """(keys, present) of one chunk of texts."""
    from studio.data import word_runs

    column = _lowered(texts)
    return word_runs.signatures(column.data, column.starts, column.ends, run, common, *bands(threshold))


def _sharing(keys: Array, present: Array) -> Array:
    """Pairs of the places `present`, one a row, that share a band."""

    from studio.data import same_rows

    def of_band(column: int) -> Array:
        band = (keys[present, column].astype(np.uint64) << np.uint64(32)) | present.astype(np.uint64)
        band.sort()
        return same_rows.neighbours(band, NEIGHBOURS)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # NumPy sorts without Python's lock
        both = np.concatenate([*threads.map(of_band, range(keys.shape[1]))])
    both.sort()
    both = both[np.append(True, both[1:] != both[:-1])[: len(both)]]
    return np.column_stack([both >> 32, both & 0xFFFFFFFF])


def sets(texts: Sequence[str], run: int, common: Array, begins: Array | None = None) -> tuple[Array, Array]:
    """(hashes, bounds: those of text `i` stand from `bounds[i]` to `bounds[i + 1]`) of the different runs of each text,
    sorted, without the `common` ones; a text shorter than a run gives its words, and one of common runs alone gives them
    all. Of each text only what stands from the character `begins[i]` on, where they are given."""
    from studio.data import word_runs

    def of_chunk(part: tuple[int, Sequence[str]]) -> tuple[Array, Array]:
        at, some = part
        skipped = np.zeros(len(some), np.int64) if begins is None else begins[at : at + len(some)]
        column = TextColumn.of(some)
        if not column.is_all_ascii and skipped.any():  # there a character is more than a byte
            column = TextColumn.of([text[begin:] for text, begin in zip(some, skipped.tolist(), strict=True)])
            skipped = np.zeros(len(some), np.int64)
        column = _lowered(column)
        return word_runs.runs(column.data, column.starts + skipped, column.ends, run, common)

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # compiled loops go without Python's lock
        parts = [*threads.map(of_chunk, word_hashes.chunks(texts))]
    hashes = np.concatenate([np.zeros(0, np.uint64), *(part for part, _ in parts)])
    counts = np.concatenate([np.zeros(1, np.int64), *(np.diff(bounds) for _, bounds in parts)])
    return hashes, np.cumsum(counts)


def _confirmed(
    texts: Texts, candidates: Array, threshold: float, run: int, common: Array
) -> tuple[Pairs, Array]:  # fmt: skip
    from studio.data import word_runs

    kept: list[tuple[Array, ...]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool))]
    for begin in range(0, len(candidates), PAIRS_READ):
        block = candidates[begin : begin + PAIRS_READ]
        members, local = np.unique(block, return_inverse=True)
        said, begins = texts.answered(members)
        hashes, bounds = sets(said, run, common)
        local = local.reshape(-1, 2)
        similarity = word_runs.jaccard(hashes, bounds, *local.T.copy())
        chosen = np.flatnonzero(similarity >= threshold)
        alike = np.ones(len(chosen), bool)
        if begins is not None:
            alike = _are_parts_alike(said, begins, local[chosen], similarity[chosen] == 1)
        kept.append((block[chosen, 0], block[chosen, 1], similarity[chosen], alike))
    *found, alike = (np.concatenate(column) for column in zip(*kept, strict=True))
    return Pairs(*found), alike


def _are_parts_alike(said: Sequence[str], begins: Array, pairs: Array, same: Array) -> Array:
    """For each pair of texts whether answers and questions are alike; see `search`."""
    members, local = np.unique(pairs, return_inverse=True)
    local, begins = local.reshape(-1, 2), begins[members]
    texts = [said[at] for at in members.tolist()]
    alike = _shared(texts, local, begins) >= np.where(same, 1, PART_ALIKE)
    questions = [*map(_questions, texts, begins.tolist())]
    are_asked = np.array([*map(bool, questions)], bool)[local].all(axis=1)
    asked = np.flatnonzero(alike & are_asked & ~same)
    if len(asked):
        alike[asked] = _shared(questions, local[asked], np.zeros(len(questions), np.int64)) >= PART_ALIKE
    return alike


def _questions(text: str, answer_begins: int) -> str:
    """The lines with questions before the answer."""
    if not any(map(text.__contains__, QUESTION_ENDS)):
        return ""
    return "\n".join(line for line in text[:answer_begins].splitlines() if line.rstrip().endswith(QUESTION_ENDS))


def _shared(texts: Sequence[str], pairs: Array, begins: Array) -> Array:
    """The Jaccard similarity of the words of each pair of texts, from the character on at which each begins; where none
    has any 1 when they are the same."""
    from studio.data import word_runs

    hashes, bounds = sets(texts, 1, np.zeros(0, np.uint64), begins)
    one, other = pairs.T.copy()
    shared: Array = word_runs.jaccard(hashes, bounds, one, other)
    empty = np.diff(bounds) == 0
    for at in np.flatnonzero(empty[one] & empty[other]).tolist():
        shared[at] = texts[one[at]][begins[one[at]] :].strip() == texts[other[at]][begins[other[at]] :].strip()
    return shared


def components(count: int, found: Pairs) -> Array:
    """For each of `count` rows the number of its group: rows joined by a chain of pairs are in one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(found.first), np.int8)
    labels: Array = connected_components(coo_array((ones, (found.first, found.second)), (count, count)), False)[1]
    return labels


def keepers(quality: Array, found: Pairs, stays: Array | None = None) -> tuple[Array, Array]:
    """(for each row the position of the row kept in its place, their similarity); a kept row stands for itself.

    The best by quality is kept, then the first; a row goes only when it is itself near to one that is kept, so that a
    chain of small changes doesn't lose its far end. Rows where `stays` is false are neither kept nor replaced.
    """
    instead, similarity = np.arange(len(quality)), np.ones(len(quality))
    same = found.similarity == 1  # the same runs of words: one class, of which the best stands for all
    classes = components(len(quality), Pairs(found.first[same], found.second[same], found.similarity[same]))
    in_pairs = np.unique(np.concatenate([found.first, found.second]))
    able = in_pairs if stays is None else in_pairs[stays[in_pairs]]
    best_first = able[np.lexsort((able, -np.nan_to_num(quality[able])))]
    chosen, first_place = np.unique(classes[best_first], return_index=True)
    chosen = chosen[np.argsort(first_place)]  # classes in the order of their best rows
    best = np.full(len(quality), -1)
    best[chosen] = best_first[np.sort(first_place)]
    one, other = (classes[np.concatenate(ends)] for ends in (found[:2], found[1::-1]))
    apart = np.flatnonzero((one != other) & (best[one] >= 0) & (best[other] >= 0))
    apart = apart[np.argsort(one[apart], kind="stable")]
    starts = np.searchsorted(one[apart], np.arange(len(quality) + 1))
    neighbours, values = other[apart], np.tile(found.similarity, 2)[apart]
    settled, value_of = np.full(len(quality), -1), np.ones(len(quality))
    for at in chosen.tolist():
        if settled[at] < 0:
            near, near_values = (column[starts[at] : starts[at + 1]] for column in (neighbours, values))
            is_free = settled[near] < 0
            settled[near[is_free]], value_of[near[is_free]] = best[at], near_values[is_free]
            settled[at] = best[at]
    instead[best_first], similarity[best_first] = settled[classes[best_first]], value_of[classes[best_first]]
    return instead, similarity


def groups(quality: Array, found: Pairs) -> "pd.DataFrame":
    """One row for each row that is in a pair: group (from 1), position, keep (bool), instead (the position kept in its
    place, its own when it is kept) and similarity to that one; groups in the order of their first row."""
    import pandas as pd

    instead, similarity = keepers(quality, found)
    labels = components(len(quality), found)
    member = np.flatnonzero(np.bincount(labels, minlength=1)[labels] > 1) if len(quality) else np.zeros(0, np.int64)
    table: dict[str, Any] = {
        "group": pd.factorize(labels[member])[0] + 1, "position": member, "keep": instead[member] == member,
        "instead": instead[member], "similarity": similarity[member],
    }  # fmt: skip
    return pd.DataFrame(table).sort_values("group", kind="stable", ignore_index=True)
