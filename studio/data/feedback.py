"""What a label says of the answer beside it: good, bad, or neither. One misread teaches what is to be avoided."""

from collections.abc import Sequence
from typing import Any

from studio.data.columns import LABELS, Choices, filled, plan
from studio.data.rows import is_absent, is_number
from studio.errors import InputError

GOOD = {
    "true", "1", "yes", "good", "desirable", "desired", "chosen", "preferred", "accepted", "liked", "like", "thumbs up", "thumb up", "up",
    "upvote", "👍",
}  # fmt: skip
BAD = {
    "false", "0", "-1", "no", "bad", "undesirable", "undesired", "rejected", "dispreferred", "disliked", "dislike", "thumbs down",
    "thumb down", "down", "downvote", "👎",
}  # fmt: skip
KNOWN = "true/false, 1/0, 1/-1, yes/no, good/bad, desirable/undesirable, chosen/rejected, thumbs up/down"
SLIPS = 0.05
"""The share of labels that may say neither: where there are more, the column is no verdict but a category or a scale."""
SHOWN = 5
NO_WORD = "\0"  # what stands for a label that is no text and no verdict


def verdict(label: Any) -> bool | None:
    """Whether a label says good or bad; None when it says neither."""
    said = _word(label)
    return True if said in GOOD else False if said in BAD else None


def unclear(label: Any) -> str:
    """The reason why a row is no example whose label is missing or says neither."""
    if is_absent(label):
        return "label is missing: whether the answer is good or bad is not said"
    return f"label {_shown(label)} says neither good nor bad; known are {KNOWN}"


def doubt(rows: Sequence[dict[str, Any]], choices: Choices) -> InputError | None:
    """The question to ask before rows are judged by a column that is no verdict: a category, whose answers are all to be
    learned, or a scale, of which a 1 may be the worst. None where the labels are clear, or are chosen and are words."""
    labels: list[Any] = []
    missing, plain = 0, ""
    for row in rows:
        how = plan(filled(chosen := choices.columns_of(row)), choices.shape)
        if how is None or "label" not in how.columns:
            continue
        plain = plain or _shape_without(chosen)
        if is_absent(label := chosen[how.columns["label"]]):
            missing += 1
        else:
            labels.append(label)
    words = [_word(label) for label in labels]
    signs = {"-1", "0", "1"} <= set(words)  # then 0 is what lies between
    unknown = [
        label
        for label, word in zip(labels, words, strict=True)
        if (verdict(label) is None or (signs and word == "0"))
        and (choices.shape is None or word == NO_WORD or is_number(word))
    ]
    if len(unknown) <= SLIPS * len(labels) and (labels or not missing):
        return None
    seen = list(dict.fromkeys(map(_shown, unknown)))
    more = f" and {len(seen) - SHOWN} others" if len(seen) > SHOWN else ""
    found = f"{', '.join(seen[:SHOWN])}{more} in {len(unknown)} of the first {len(labels)}" if labels else "none"
    return InputError(
        "The labels do not say which answers are good",
        f"{found}; known are {KNOWN}",
        (f'Give shape="{plain}" to learn every answer and pass over the labels, or write' if plain and not choices.shape else "Write")
        + " true for a good answer and false for a bad one",
    )  # fmt: skip


def without_labels(rows: Sequence[dict[str, Any]], choices: Choices) -> Choices:
    """The choices that pass over the labels of rows, so that every answer is learned."""
    columns = {name: column for name, column in choices.columns.items() if name != "label"}
    shape = next((found for row in rows if (found := _shape_without(choices.columns_of(row)))), None)
    return Choices(shape, columns, choices.system)


def _shape_without(row: dict[str, Any]) -> str:
    how = plan(tuple(name for name in filled(row) if name.lower() not in LABELS))
    return how.shape if how is not None and how.certainty > 0 else ""


def _word(label: Any) -> str:
    """A label as one writing of many: 1 for True, 1.0, "+1" and "1.00"; words small and with spaces."""
    if not isinstance(label, str):
        return next((str(number) for number in (1, 0, -1) if label == number), "" if is_absent(label) else NO_WORD)
    text = label.strip().lower()
    if is_number(text):
        return f"{float(text) + 0:g}"
    return text.replace("_", " ").replace("-", " ").rstrip("\ufe0f")


def _shown(label: Any) -> str:
    return repr(label)[:40]
