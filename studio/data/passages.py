"""Documents to examples: cut into passages by tokens, and each passage to rows by a generator.

A generator is any callable from a passage's text to rows in a shape that the studio reads (see `columns`). What it made is
kept in a file, so that a second run goes on where the first stopped and nothing is generated twice.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from studio import store
from studio.chat import TokenCounter
from studio.data import shapes
from studio.data.columns import Choices
from studio.data.rows import Problem, clean, shown
from studio.errors import InputError

Generator = Callable[[str], Iterable[dict[str, Any]]]
PIECES = re.compile(r".+?(?:\n\s*\n|(?<=[.!?。！？])\s+|\Z)", re.DOTALL)
WORDS = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True)
class Template:
    """A generator without a model: `prompt` and `completion` with {passage}, {first} (its first sentence) and {rest}.

    A passage of one sentence gives nothing when the template asks for the rest."""

    prompt: str = "Continue this text:\n\n{first}"
    completion: str = "{rest}"

    def __call__(self, passage: str) -> Iterator[dict[str, Any]]:
        pieces = PIECES.findall(passage.strip())
        filled = {"{passage}": passage.strip(), "{first}": pieces[0].strip(), "{rest}": "".join(pieces[1:]).strip()}
        if filled["{rest}"] or "{rest}" not in self.prompt + self.completion:
            yield {"prompt": _filled(self.prompt, filled), "completion": _filled(self.completion, filled)}


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], text)


def cut(text: str, counter: TokenCounter, tokens: int = 512, overlap: int = 64) -> list[str]:
    """The text in passages of at most `tokens` tokens, cut between sentences; each begins with the last sentences of the
    one before it, up to `overlap` tokens. A sentence that is too long is cut between words, a word never.

    Raises InputError when the numbers cannot be."""
    if tokens < 1 or not 0 <= overlap < tokens:
        found = f"tokens {tokens}, overlap {overlap}"
        raise InputError("The text cannot be cut so", found, "Give at least 1 token, and an overlap that is smaller")
    passages: list[str] = []
    held: list[tuple[str, int]] = []
    for piece, count in _pieces(text, counter, tokens):
        if held and sum(size for _, size in held) + count > tokens:
            passages.append("".join(part for part, _ in held).strip())
            held = _last(held, min(overlap, tokens - count))
        held.append((piece, count))
    last = "".join(part for part, _ in held).strip()
    return [passage for passage in [*passages, last] if passage]


def _pieces(text: str, counter: TokenCounter, tokens: int) -> Iterator[tuple[str, int]]:
    for piece in PIECES.findall(text):
        count = counter.count_text(piece)
        if count <= tokens:
            yield piece, count
        else:
            yield from ((word, counter.count_text(word)) for word in WORDS.findall(piece))


def _last(held: list[tuple[str, int]], overlap: int) -> list[tuple[str, int]]:
    chosen: list[tuple[str, int]] = []
    for piece, count in reversed(held[1:]):
        if sum(size for _, size in chosen) + count > overlap:
            break
        chosen.insert(0, (piece, count))
    return chosen


def to_examples(
    documents: pd.DataFrame, generator: Generator, counter: TokenCounter, kept: Path, choices: Choices | None = None,
    tokens: int = 512, overlap: int = 64,
) -> Iterator[tuple[pd.DataFrame, list[Problem]]]:  # fmt: skip
    """For each passage of the documents (examples of the kind passage) the examples made from it, and the problems.

    An example's `source` is the document's with the passage's place behind it, as in handbook.pdf#3; a problem's line
    is the place. `kept` (JSON lines) holds what was generated. An error of the generator costs its passage alone, and
    is tried again the next time."""
    before = {entry["passage"]: entry["rows"] for entry in store.read_json_lines(kept)}
    taken: set[str] = set()
    passages = documents[documents["kind"] == "passage"]
    for source, messages in zip(passages["source"], passages["messages"], strict=True):
        for place, passage in enumerate(cut(messages[0]["content"], counter, tokens, overlap), start=1):
            key = hashlib.sha256(f"{source}\0{place}\0{passage}".encode()).hexdigest()
            if key not in before:
                try:
                    rows_made = [dict(row) for row in generator(passage)]
                    store.append_json_line(kept, {"passage": key, "rows": rows_made})
                except Exception as error:  # a generator is anybody's code
                    reason = clean(f"{source}: the generator failed: {type(error).__name__} {error}"[:300])
                    yield pd.DataFrame(), [(place, reason, shown(passage))]
                    continue
                before[key] = rows_made
            rows = [(place, {**row, "source": f"{source}#{place}"}) for row in before[key]]
            yield shapes.batch(rows, f"{source}#{place}", counter, choices or Choices(), taken)
