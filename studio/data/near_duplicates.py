"""Near duplicates: rows whose runs of words are mostly the same, found by MinHash and confirmed by counting."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from studio.data import words as word_hashes
from studio.data.words import Array, Grams
from studio.errors import InputError
from studio.examples import Message

THRESHOLD = 0.8
WORDS_IN_A_RUN = 3
SEED = 1
TEMPLATE_SHARE = 0.1
TEMPLATE_ROWS = 20
TEMPLATE_SAMPLE = 2000
FOUND = 0.995  # a pair at the threshold is a candidate with at least this chance
NEIGHBOURS = 50  # compared with each row of a bucket: more than these are chained
PAIRS_AT_ONCE = 20_000
_PAIR_BITS = np.uint64(44)


class Pairs(NamedTuple):
    """Positions of two texts each (`first` < `second`) and their true Jaccard `similarity`, in the order of first."""

    first: Array
    second: Array
    similarity: Array


def text(messages: Sequence[Message]) -> str:
    """All that is asked and answered, the system prompt left out."""
    return "\n".join(message["content"] or "" for message in messages if message["role"] != "system")


def pairs(texts: Sequence[str], threshold: float = THRESHOLD, run: int = WORDS_IN_A_RUN) -> Pairs:
    """All pairs of texts whose sets of runs of `run` words have a Jaccard similarity of at least `threshold`.

    Candidates share a band of MinHash values (Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of
    Massive Datasets, 3.4); each is confirmed by counting, so that none is wrong, and at most one in 200 at the threshold
    is missed. Of texts that are the same to the letter each is paired with the first alone. Runs that stand in over a tenth of the rows (and over 20) are a template and don't count; a text of
    nothing else is taken whole. Raises InputError for a threshold or run that cannot be.
    """
    check(threshold, run)
    codes, unique = pd.factorize(np.array(texts, object))
    different = unique.tolist()
    place = pd.Series(np.arange(len(texts))).groupby(codes).first().to_numpy()
    if not different:
        return Pairs(*(np.zeros(0, np.int64),) * 2, np.zeros(0))
    common = template(different, run)
    near = _confirmed(different, _candidates(different, threshold, run, common), threshold, run, common)
    copies = np.flatnonzero(place[codes] != np.arange(len(texts)))
    first = np.concatenate([place[near.first], place[codes[copies]]])
    second = np.concatenate([place[near.second], copies])
    similarity = np.concatenate([near.similarity, np.ones(len(copies))])
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], similarity[order])


def check(threshold: float, run: int = WORDS_IN_A_RUN) -> None:
    """Raises InputError for a threshold or a length of runs that cannot be."""
    mistakes = [] if 0 < threshold <= 1 else [f"a threshold of {threshold:g}, not over 0 and up to 1"]
    mistakes += [] if 1 <= run <= 50 else [f"runs of {run} words, not from 1 to 50"]
    if mistakes:
        raise InputError("Near duplicates cannot be searched", "; ".join(mistakes), "0.8 and 3 are usual")


def template(texts: Sequence[str], run: int) -> Array:
    """The hashes (sorted) of the runs that so many texts have that they say nothing about one of them."""
    chosen = range(len(texts))
    if len(texts) > TEMPLATE_SAMPLE:
        chosen = np.random.default_rng(SEED).choice(len(texts), TEMPLATE_SAMPLE, replace=False).tolist()
    seen = [sets([texts[at] for at in chosen], run, np.zeros(0, np.uint64)).hashes]
    hashes, counts = np.unique(np.concatenate(seen), return_counts=True)
    limit = max(TEMPLATE_SHARE * len(chosen), TEMPLATE_ROWS * len(chosen) / len(texts))
    return hashes[counts > limit]


def runs(texts: Sequence[str], run: int, common: Array) -> Grams:
    """The runs of one chunk of texts without the `common` ones; a text shorter than a run gives its words, and one of
    common runs alone gives them all."""
    found = word_hashes.words(texts)
    grams = word_hashes.grams(found, run)
    short = np.diff(found.starts) < run
    if short.any():
        single = word_hashes.grams(found, 1)
        of_short = short[single.rows]
        order = np.argsort(rows := np.concatenate([grams.rows, single.rows[of_short]]), kind="stable")
        parts = ((grams.hashes, single.hashes), (grams.first, single.first))
        hashes, first = (np.concatenate([many, few[of_short]])[order] for many, few in parts)
        grams = Grams(hashes, rows[order], first)
    if not len(common) or not len(grams.hashes):
        return grams
    own = ~contains(common, grams.hashes)
    own |= np.bincount(grams.rows[own], minlength=len(texts))[grams.rows] == 0
    return Grams(grams.hashes[own], grams.rows[own], grams.first[own])


def contains(among: Array, hashes: Array) -> Array:
    """For each hash whether it is one of `among` (sorted, not empty)."""
    at = np.searchsorted(among, hashes)
    return among[np.minimum(at, len(among) - 1)] == hashes


def bands(threshold: float) -> tuple[int, int]:
    """(bands, values in each): as many values as still find a pair at the threshold with the chance FOUND."""
    permutations = 64 if threshold >= 0.7 else 128
    for values in range(16, 1, -1):
        if 1 - (1 - threshold**values) ** (permutations // values) >= FOUND:
            return permutations // values, values
    return permutations, 1


def _candidates(texts: Sequence[str], threshold: float, run: int, common: Array) -> Array:
    """Pairs of positions, one a row, that share a band."""
    from rensa import RMinHash

    count, values = bands(threshold)
    keys = np.zeros((count, len(texts)), np.uint64)
    has_words = np.zeros(len(texts), bool)
    for begin, part in word_hashes.chunks(texts):
        found = runs(part, run, common)
        sizes = np.bincount(found.rows, minlength=len(part))
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(found.hashes, offsets, count * values, SEED)
        digests = np.array(matrix.to_rows(), np.uint64).reshape(len(part), count, values)
        mixed = np.zeros((len(part), count), np.uint64)
        for value in range(values):
            mixed = (mixed ^ digests[:, :, value]) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
        keys[:, begin : begin + len(part)] = mixed.T
        has_words[begin : begin + len(part)] = sizes > 0
    return _sharing(keys, np.flatnonzero(has_words))


def _sharing(keys: Array, present: Array) -> Array:
    together: list[Array] = []
    for band in keys[:, present]:
        order = np.argsort(band, kind="stable")
        band, at = band[order], present[order]
        for lag in range(1, min(NEIGHBOURS, len(band) - 1) + 1):
            same = np.flatnonzero(band[lag:] == band[:-lag])
            if not len(same):
                break
            together.append((at[same].astype(np.int64) << 32) | at[same + lag])
    both = np.unique(np.concatenate([np.zeros(0, np.int64), *together]))
    return np.column_stack([both >> 32, both & 0xFFFFFFFF])


def distinct(found: Grams) -> Grams:
    """The different hashes of each text, sorted within each; the first words are left out."""
    order = np.lexsort((found.hashes, found.rows))
    hashes, rows = found.hashes[order], found.rows[order]
    new = np.ones(len(rows), bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return Grams(hashes[new], rows[new], np.zeros(0, np.int64))


def sets(texts: Sequence[str], run: int, common: Array) -> Grams:
    """The different runs of each text, sorted within each."""
    parts = [(begin, distinct(runs(part, run, common))) for begin, part in word_hashes.chunks(texts)]
    hashes = np.concatenate([np.zeros(0, np.uint64), *(part.hashes for _, part in parts)])
    rows = np.concatenate([np.zeros(0, np.int64), *(part.rows + begin for begin, part in parts)])
    return Grams(hashes, rows, np.zeros(0, np.int64))


def _confirmed(texts: Sequence[str], candidates: Array, threshold: float, run: int, common: Array) -> Pairs:
    kept: list[tuple[Array, Array, Array]] = []
    for begin in range(0, len(candidates), PAIRS_AT_ONCE):
        block = candidates[begin : begin + PAIRS_AT_ONCE]
        members, local = np.unique(block, return_inverse=True)
        similarity = _jaccard(sets([texts[at] for at in members], run, common), local.reshape(-1, 2), len(members))
        near = similarity >= threshold
        kept.append((block[near, 0], block[near, 1], similarity[near]))
    if not kept:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Pairs(*(np.concatenate(column) for column in zip(*kept, strict=True)))


def _jaccard(sets: Grams, both: Array, rows: int) -> Array:
    """What two sets share over what they have together, for each pair; counted by sorting (pair, hash)."""
    sizes = np.bincount(sets.rows, minlength=rows)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    sides = []
    for side in (both[:, 0], both[:, 1]):
        lengths = sizes[side]
        pair = np.repeat(np.arange(len(side)), lengths)
        inside = np.arange(len(pair)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        hashes = sets.hashes[starts[side][pair] + inside]
        sides.append((pair.astype(np.uint64) << _PAIR_BITS) | (hashes >> np.uint64(64 - 44)))
    keys = np.sort(np.concatenate(sides))
    shared = np.bincount((keys[1:][keys[1:] == keys[:-1]] >> _PAIR_BITS).astype(np.int64), minlength=len(both))
    return shared / (sizes[both[:, 0]] + sizes[both[:, 1]] - shared)


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
    best_first = able[np.lexsort((able, -np.nan_to_num(quality[able])))].tolist()
    best: dict[int, int] = {}
    for at in best_first:
        best.setdefault(int(classes[at]), at)
    near: dict[int, list[tuple[int, float]]] = {}
    for first, second, value in zip(
        classes[found.first].tolist(), classes[found.second].tolist(), found.similarity.tolist(), strict=True
    ):
        if first != second and first in best and second in best:
            near.setdefault(first, []).append((second, value))
            near.setdefault(second, []).append((first, value))
    settled: dict[int, tuple[int, float]] = {}
    for one in best:  # in the order of their best rows
        if one not in settled:
            settled[one] = best[one], 1.0
            settled |= {other: (best[one], value) for other, value in near.get(one, ()) if other not in settled}
    for at in best_first:
        instead[at], similarity[at] = settled[int(classes[at])]
    return instead, similarity


def groups(examples: pd.DataFrame, found: Pairs) -> pd.DataFrame:
    """One row for each example that is in a pair: group (from 1), id, keep (bool), instead (the id kept in its place, its
    own when it is kept) and similarity to that one; groups in the order of their first row."""
    instead, similarity = keepers(examples["quality"].to_numpy(float), found)
    ids: Array = examples["id"].to_numpy(object)
    labels = components(len(ids), found)
    member = np.flatnonzero(np.bincount(labels, minlength=1)[labels] > 1) if len(ids) else np.zeros(0, np.int64)
    table: dict[str, Any] = {
        "group": pd.factorize(labels[member])[0] + 1, "id": ids[member], "keep": instead[member] == member,
        "instead": ids[instead[member]], "similarity": similarity[member],
    }  # fmt: skip
    return pd.DataFrame(table).sort_values("group", kind="stable", ignore_index=True)
