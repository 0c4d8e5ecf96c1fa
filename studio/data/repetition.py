"""Text that says the same again and again: by the measures of two published filters, and caught in a loop."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from studio.data import words as word_hashes
from studio.data.words import Array

LEAST_WORDS = 50  # the least a document has in Gopher; the shares say nothing about a shorter text
LEAST_TOP_SHARE = (
    0.08  # the least share of the characters in a pair of words, where a 2-, 3- or 4-gram is over its threshold
)
LEAST_AGAIN_SHARE = 0.10
LEAST_RUNS_SHARE = 0.25  # where over half of the 10-grams occur again
LEAST_IN_A_ROW = 0.25  # of the letters and digits; see `in_a_row`, which asks for a long word or some that are the same
FEWEST_WORDS, LONGEST_PLAIN_WORD = 4, 32
LEAST_TIMES = 3  # a phrase that stands twice in a short text is no habit; the n-grams that stood before count it
_WORD = re.compile(r"\w+")
_PARAGRAPHS = re.compile(r"\n(?:[^\S\n]*\n)+")


@dataclass(frozen=True)
class Thresholds:
    """Shares over which a text repeats itself.

    `top` n: of the characters in the most frequent n-gram. `again` n: of the characters in n-grams that stood earlier in
    the text. `lines` and `paragraphs`: of those that stood earlier. `line_characters` and `paragraph_characters`: of the
    characters in these. `ten_grams`: of the 10-grams that occur more than once. `in_a_row`: of the characters in a loop, of
    texts of any length. None is over 1: a character that stands in several n-grams is counted once.
    """

    top: dict[int, float] = field(default_factory=dict)
    again: dict[int, float] = field(default_factory=dict)
    lines: float = 1.0
    line_characters: float = 1.0
    paragraphs: float = 1.0
    paragraph_characters: float = 1.0
    ten_grams: float = 1.0
    in_a_row: float = 1.0


PRESETS = {
    # Rae et al. 2021, Scaling Language Models (Gopher), table A1; the same numbers in datatrove's GopherRepetitionFilter
    "datatrove": Thresholds(
        {2: 0.20, 3: 0.18, 4: 0.16}, {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}, 0.30, 0.20, 0.30, 0.20
    ),
    # Chen et al. 2023, Data-Juicer, word_repetition_filter
    "data-juicer": Thresholds(ten_grams=0.5),
    "studio": Thresholds(in_a_row=LEAST_IN_A_ROW),
}


def measure(text: str, thresholds: Thresholds) -> list[str]:
    """The measures over their threshold, in words; for a text under LEAST_WORDS words none but that of loops."""
    found = _WORD.findall(text.lower())
    if thresholds.in_a_row < 1:
        return _loops(text, found, thresholds.in_a_row)
    if len(found) < LEAST_WORDS:
        return []
    total = sum(map(len, found))
    over = []
    for n, limit in thresholds.top.items():
        gram, count = Counter(zip(*(found[at:] for at in range(n)), strict=False)).most_common(1)[0]
        if count >= LEAST_TIMES and count * sum(map(len, gram)) / total > limit:
            share = _covered(found, gram) / total
            if share > limit:
                over.append(f"one {n}-gram is {share:.0%} of the text")
    widest = 1.0
    for n, limit in thresholds.again.items():
        if widest <= limit:
            continue  # what longer n-grams cover, the shorter ones cover too
        share = _again(found, n) / total
        widest = min(widest, share)
        if share > limit:
            over.append(f"{share:.0%} in {n}-grams that stood before")
            break
    over += [words for words, share, limit in _parts_again(text, thresholds) if share > limit][:1]
    if thresholds.ten_grams < 1:
        grams = Counter(zip(*(found[at:] for at in range(10)), strict=False))
        repeated = sum(count for count in grams.values() if count > 1) / grams.total()
        if repeated > thresholds.ten_grams:
            over.append(f"{repeated:.0%} of the 10-grams occur again")
    return over


def _loops(text: str, found: list[str], limit: float) -> list[str]:
    """The longest loop, in words. In one of several words each stands four times at least, and less than a third of it is
    cut off at its ends."""
    often = sum(len(word) * count for word, count in Counter(found).items() if count > 3)
    if max(map(len, found), default=0) < LONGEST_PLAIN_WORD and often < 0.6 * limit * sum(map(len, found)):
        return []
    from studio.data import in_a_row

    loop = in_a_row.loop_of(text, limit)
    return [f"“{loop.piece}” stands {loop.times} times in a row"] if loop else []


def _covered(found: list[str], gram: tuple[str, ...]) -> int:
    """Characters in the n-gram wherever it stands, none counted twice."""
    characters = covered_to = 0
    for at, word in enumerate(found):
        if word == gram[0] and tuple(found[at : at + len(gram)]) == gram:
            characters += sum(map(len, found[max(at, covered_to) : at + len(gram)]))
            covered_to = at + len(gram)
    return characters


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


def says_lines_again(text: str) -> bool:
    """Whether its lines or paragraphs are over a threshold of a preset."""
    return any(share > limit for limits in PRESETS.values() for _, share, limit in _parts_again(text, limits))


def _parts_again(text: str, thresholds: Thresholds) -> list[tuple[str, float, float]]:
    """(words, share, threshold) for lines and paragraphs that stood before; of two lines alone nothing is said."""
    if thresholds.lines >= 1:
        return []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 3 or len(set(lines)) == len(lines):
        return []
    paragraphs = [part.strip() for part in _PARAGRAPHS.split(text) if part.strip()]
    found = []
    for name, parts, limit, limit_of_characters in (
        ("lines", lines, thresholds.lines, thresholds.line_characters),
        ("paragraphs", paragraphs, thresholds.paragraphs, thresholds.paragraph_characters),
    ):
        different = set(parts)
        again = 1 - len(different) / len(parts)
        characters = 1 - sum(map(len, different)) / sum(map(len, parts))
        found.append((f"{again:.0%} of the {name} stood before", again, limit))
        found.append((f"{characters:.0%} of the text is in {name} that stood before", characters, limit_of_characters))
    return found


def suspects(texts: Sequence[str]) -> Array:
    """Whether each text is worth measuring but for its lines: the others are under every threshold of PRESETS.

    The words are given to `word_look` with one byte for each letter, so that its shares are shares of letters."""
    from studio.data import word_look

    worth = np.zeros(len(texts), bool)
    for begin, part in word_hashes.chunks(texts):
        plain = [" ".join(_WORD.findall(text.lower())) + " " for text in part]
        letters = np.frombuffer("".join(plain).encode("utf-32-le", "surrogatepass"), np.uint32)
        data = np.where(letters < 0x80, letters, 0x80 | (letters ^ (letters >> 7)) & 0x7F).astype(np.uint8)
        bounds = np.append(0, np.cumsum([len(text) for text in plain]))
        worth[begin : begin + len(part)] = word_look.look(data, bounds, bounds[:-1], FEWEST_WORDS, (), 0).again
    return worth
