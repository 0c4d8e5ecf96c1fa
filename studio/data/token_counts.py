"""Tokens of each example: counted one by one, or above some size counted on a part and estimated from it."""

import numpy as np

from studio.chat import TokenCounter
from studio.data.gathering import Gathered
from studio.data.turns import Turns
from studio.data.words import Array
from studio.example_tables import worse_side

COUNTED_ROWS = 20_000  # counted first of all; it takes about 3 s on two cores
COUNTED_THEN = 2000  # of those that follow every so many'th is counted, so that the estimate follows the data


def exact(gathered: "Gathered | Turns", counter: TokenCounter) -> Array:
    """The tokens (int64) of each row with the template's own; a passage is plain text, and of an answer to learn and one to
    avoid the longer counts."""
    return _counted(gathered, counter, range(len(gathered)))


def _counted(gathered: "Gathered | Turns", counter: TokenCounter, rows: "range | list[int]") -> Array:
    conversations = gathered.conversations(rows)
    is_passage = [gathered.kinds.get(at) == "passage" for at in rows]
    counts = iter(
        counter.count_many([messages for messages, plain in zip(conversations, is_passage, strict=True) if not plain])
    )
    tokens = np.array([
        counter.count_text(messages[0]["content"]) if plain else next(counts)
        for messages, plain in zip(conversations, is_passage, strict=True)
    ], np.int64)  # fmt: skip
    worse = [(place, bad) for place, at in enumerate(rows) if (bad := gathered.rejected.get(at)) is not None]
    others = counter.count_many([worse_side(conversations[place], bad) for place, bad in worse])
    for (place, _), count in zip(worse, others, strict=True):
        tokens[place] = max(tokens[place], count)
    return tokens


class TokenCounts:
    """Counts the rows of one load: the first COUNTED_ROWS and every COUNTED_THEN'th after them; the others get what a
    straight line of tokens over characters through those counted so far gives (least squares)."""

    def __init__(self, counter: TokenCounter, counted_rows: int = COUNTED_ROWS) -> None:
        self.counter, self._left = counter, counted_rows
        self._sums = np.zeros(5)  # rows, characters, tokens, characters squared, characters times tokens
        self.report: dict[str, float] = {}
        """Empty where all were counted, else `rows` estimated and their `mean_error` (a share, where it was checked)."""
        self._errors = np.zeros(2)

    def of(self, gathered: "Gathered | Turns") -> Array:
        """The tokens (int64) of each row of the next batch."""
        rows = len(gathered)
        if self.counter.name == "estimate" or rows <= self._left:
            self._left -= rows
            counts = exact(gathered, self.counter)
            self._learn(gathered.characters(), counts)
            return counts
        first = self._left
        self._left = 0
        chosen = [*range(first), *range(first, rows, COUNTED_THEN)]
        counted = _counted(gathered, self.counter, chosen)
        characters = gathered.characters()
        if self._sums[0]:
            guessed = self._guess(characters[chosen])
            self._errors += np.abs(guessed - counted).sum(), counted.sum()
        self._learn(characters[chosen], counted)
        counts = self._guess(characters)
        counts[chosen] = counted
        self.report["rows"] = self.report.get("rows", 0) + rows - len(chosen)
        self.report["mean_error"] = float(self._errors[0] / self._errors[1]) if self._errors[1] else 0.0
        return counts

    def add(self, report: dict[str, float]) -> None:
        """Takes in what was estimated elsewhere; the error of all is the mean by rows."""
        if report:
            before, rows = self.report.get("rows", 0), report["rows"]
            error = self.report.get("mean_error", 0.0) * before + report["mean_error"] * rows
            self.report.update(rows=before + rows, mean_error=error / max(1, before + rows))

    def _learn(self, characters: Array, tokens: Array) -> None:
        x, y = characters.astype(float), tokens.astype(float)
        self._sums += len(x), x.sum(), y.sum(), (x * x).sum(), (x * y).sum()

    def _guess(self, characters: Array) -> Array:
        rows, x, y, xx, xy = self._sums
        spread = rows * xx - x * x
        slope = (rows * xy - x * y) / spread if spread > 0 else y / max(x, 1.0)
        start = (y - slope * x) / rows if spread > 0 else 0.0
        return np.maximum(1, np.rint(start + slope * characters)).astype(np.int64)
