"""Text that says the same again and again, by the measures of two published filters."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from studio.data import words as word_hashes
from studio.data.words import Array, Words

LEAST_WORDS = 50  # the least a document has in Gopher; the shares say nothing about a shorter text
LEAST_CHARACTERS = 100
LEAST_TIMES = 3  # a phrase that stands twice in a short text is no habit; the n-grams that stood before count it
_ROW_BITS = np.uint64(44)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Thresholds:
    """Shares of characters (n-grams), of lines or of n-grams, over which a text repeats itself.

    `top` n: share of the most frequent n-gram. `again` n: share in n-grams that stood earlier in the text.
    `lines`: share of lines that stood earlier. `ten_grams`: share of the 10-grams that occur more than once.
    """

    top: dict[int, float] = field(default_factory=dict)
    again: dict[int, float] = field(default_factory=dict)
    lines: float = 1.0
    ten_grams: float = 1.0


PRESETS = {
    # Rae et al. 2021, Scaling Language Models (Gopher), table A1; the same numbers in datatrove
    "gopher": Thresholds({2: 0.20, 3: 0.18, 4: 0.16}, {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}, 0.30),
    # Chen et al. 2023, Data-Juicer, word_repetition_filter
    "data-juicer": Thresholds(ten_grams=0.5),
}


def measure(text: str, thresholds: Thresholds) -> list[str]:
    """The measures over their threshold, in words; none for a text under LEAST_WORDS words."""
    found = _WORD.findall(text.lower())
    if len(found) < LEAST_WORDS:
        return []
    total = sum(map(len, found))
    over = []
    for n, limit in thresholds.top.items():
        gram, count = Counter(zip(*(found[at:] for at in range(n)), strict=False)).most_common(1)[0]
        if count >= LEAST_TIMES and count * sum(map(len, gram)) / total > limit:
            over.append(f"one {n}-gram is {count * sum(map(len, gram)) / total:.0%} of the text")
    widest = 1.0
    for n, limit in thresholds.again.items():
        if widest <= limit:
            continue  # what longer n-grams cover, the shorter ones cover too
        share = _again(found, n) / total
        widest = min(widest, share)
        if share > limit:
            over.append(f"{share:.0%} in {n}-grams that stood before")
            break
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 2 and 1 - len(set(lines)) / len(lines) > thresholds.lines:
        over.append(f"{1 - len(set(lines)) / len(lines):.0%} of the lines stood before")
    if thresholds.ten_grams < 1:
        grams = Counter(zip(*(found[at:] for at in range(10)), strict=False))
        repeated = sum(count for count in grams.values() if count > 1) / grams.total()
        if repeated > thresholds.ten_grams:
            over.append(f"{repeated:.0%} of the 10-grams occur again")
    return over


def _again(found: list[str], n: int) -> int:
    """Characters in n-grams that stood before, none counted twice."""
    seen: set[tuple[str, ...]] = set()
    at = characters = 0
    while at <= len(found) - n:
        gram = tuple(found[at : at + n])
        if gram in seen:
            characters += sum(map(len, gram))
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters


def suspects(texts: Sequence[str]) -> list[int]:
    """Positions of the texts worth measuring: the others cannot be over a threshold of PRESETS, or hardly so."""
    long = [at for at, text in enumerate(texts) if len(text) >= LEAST_CHARACTERS]
    chosen: list[int] = []
    for begin, part in word_hashes.chunks([texts[at] for at in long]):
        found = word_hashes.words(part)
        counts = np.diff(found.starts)
        worth = _repeated(found, 5) >= np.maximum(1, 0.02 * counts)
        for n, share in ((2, 0.05), (3, 0.02)):  # a frequent 4-gram has a frequent 3-gram in it
            worth |= _most_frequent(found, n) >= np.maximum(LEAST_TIMES, share * counts)
        worth |= np.array([text.count("\n") > 2 for text in part])
        chosen += [long[begin + at] for at in np.flatnonzero(worth & (counts >= LEAST_WORDS / 2)).tolist()]
    return chosen


def _sorted(found: Words, n: int) -> tuple[Array, Array]:
    """(key, row) of every n-gram, equal ones of one text side by side."""
    grams = word_hashes.grams(found, n)
    keys = np.sort((grams.rows.astype(np.uint64) << _ROW_BITS) | (grams.hashes >> np.uint64(64 - 44)))
    return keys, (keys >> _ROW_BITS).astype(np.int64)


def _most_frequent(found: Words, n: int) -> Array:
    keys, _ = _sorted(found, n)
    most = np.zeros(len(found.starts) - 1, np.int64)
    often = np.flatnonzero(keys[LEAST_TIMES - 1 :] == keys[: 1 - LEAST_TIMES])  # three or more in a row are equal
    if len(often):
        values, counts = np.unique(keys[often], return_counts=True)
        np.maximum.at(most, (values >> _ROW_BITS).astype(np.int64), counts + LEAST_TIMES - 1)
    return most


def _repeated(found: Words, n: int) -> Array:
    keys, rows = _sorted(found, n)
    return np.bincount(rows[1:][keys[1:] == keys[:-1]], minlength=len(found.starts) - 1)
