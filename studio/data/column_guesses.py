"""Guesses of which column is which where the names are not those in use: by words in the names, and by what stands there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from studio.data.rows import is_number

GUESSED = 0.3
Guess = tuple[str, dict[str, str], float]
"""A shape, {field: column}, and how sure that is (0-1)."""
ABOUT = ("id", "source", "url", "title", "date", "created_at", "language", "quality")
WORDS: dict[str, tuple[str, ...]] = {
    "rejected": ("reject", "worse", "bad", "dispreferred", "lose", "negative"),
    "chosen": ("chosen", "better", "best", "good", "prefer", "win", "positive"),
    "label": ("label", "kto", "thumb", "verdict", "rating", "feedback", "good"),
    "messages": ("message", "conversation", "dialog", "chat", "turns"),
    "context": ("context", "input", "passage", "document", "article"),
    "completion": ("completion", "answer", "response", "output", "reply", "target", "antwort"),
    "prompt": ("prompt", "question", "query", "instruction", "input", "ask", "frage"),
    "text": ("text", "content", "article", "document", "body", "passage"),
}
"""Words in the name of a column that make it likely a field's, the likeliest first; a field above takes its column first."""
TRANSLATED = ("source", "target")
LIKE = {
    "instruction": "prompt",
    "question": "prompt",
    "query": "prompt",
    "answers": "completion",
    "output": "completion",
    "answer": "completion",
    "input": "context",
}
"""Fields of several shapes that stand for the same."""


def by_name(wanted: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """The columns of these fields by the words in their names, each taken once; a field without one is left out."""
    found: dict[str, str] = {}
    order = list(WORDS)
    for field in sorted(wanted, key=lambda wish: order.index(LIKE.get(wish) or wish)):
        free = [column for column in columns if column not in found.values() and not is_number_of_row(column)]
        words = (field, *WORDS[LIKE.get(field, field)])
        column = next((column for word in words for column in free if word in column.lower()), None)
        if column is not None:
            found[field] = column
    return {field: found[field] for field in wanted if field in found}


def renamed(wanted: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of a shape under the fields of another that stand for the same."""
    same = {LIKE.get(field, field): column for field, column in columns.items()}
    return {field: same[LIKE.get(field, field)] for field in wanted if LIKE.get(field, field) in same}


def is_number_of_row(column: str) -> bool:
    """Whether a name is that of what counts or names rows."""
    return column.lower() in ABOUT or column.lower().endswith(("_id", " id")) or column.lower() in ("nr", "no", "index")


def guesses(rows: Sequence[dict[str, Any]]) -> list[Guess]:
    """By what stands in the columns: the one with the longest texts, and one before it that may be the question; a better
    and a worse answer by their names, and a text with its translation."""
    lengths: dict[str, list[int]] = {}
    numbers: Counter[str] = Counter()
    for row in rows:
        for name, value in row.items():
            if isinstance(value, str) and value.strip() and not is_number(value):
                lengths.setdefault(name, []).append(len(value))
            elif isinstance(value, int | float) or (isinstance(value, str) and value.strip()):
                numbers[name] += 1
    frequent = [name for name, found in lengths.items() if len(found) >= len(rows) / 2]
    often = [name for name in frequent if not is_number_of_row(name)]
    if not often:
        return []
    named = {name.lower(): name for name in frequent}
    if set(TRANSLATED) <= set(named):  # what else is called source says where a row is from
        source, target = (named[name] for name in TRANSLATED)
        return [
            ("prompt-completion", {"prompt": source, "completion": target}, GUESSED),
            ("text", {"text": target}, GUESSED / 2),
        ]
    mean = {name: sum(lengths[name]) / len(lengths[name]) for name in often}
    longest = sorted(often, key=lambda name: -mean[name])
    passage = ("text", {"text": longest[0]}, GUESSED)
    if len(often) == 1:  # a number beside it may be its label
        labels = [name for name, count in numbers.items() if count >= len(rows) / 2 and not is_number_of_row(name)]
        mapped = {"prompt": often[0], "completion": labels[-1]} if labels else {}
        return [passage, ("prompt-completion", mapped, GUESSED / 2)] if mapped else [passage]
    prompt, completion = sorted(longest[:2], key=often.index)
    plain = [
        ("prompt-completion", {"prompt": prompt, "completion": completion}, GUESSED),
        ("text", {"text": longest[0]}, GUESSED / 2),
    ]
    pair = by_name(("chosen", "rejected"), often)
    if len(pair) < 2:
        return plain
    left = [name for name in often if name not in pair.values()]
    asked = by_name(("prompt",), left) or dict(zip(["prompt"], left, strict=False))
    return [("preference", asked | pair, GUESSED), *((name, columns, GUESSED / 2) for name, columns, _ in plain)]
