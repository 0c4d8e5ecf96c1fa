"""Four scores from 0 to 1 and their weighted sum (the guide's scorer, G3), and flags that need no score."""

import json
import re
from dataclasses import dataclass

import pandas as pd

from studio.errors import InputError
from studio.examples import Message

WEIGHTS = {"coherence": 0.30, "completeness": 0.25, "formatting": 0.20, "factual_consistency": 0.25}
PRESETS = ("guide",)
FLAGS = ("broken JSON", "TODO", "truncated", "short", "e-mail address", "phone number")
SHORT = 50
MARKERS = ("I cannot", "I'm not sure", "I don't know", "TODO", "TBD", "[placeholder]")
OPPOSITES = (("always", "never"), ("all", "none"), ("true", "false"))
LONG_ANSWER = 200
BROUGHT = "the score stood in the file"
EMAIL = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w")
PHONE = re.compile(r"(?<![\w-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){2,3}(?![\w-])")
PHONE_DIGITS = 9  # a date has eight
TODO = re.compile(r"\b(?:TODO|TBD|FIXME)\b|\[placeholder\]")
SENTENCE_ENDS = tuple(".!?)]}\"'`>:;…|*。！？")


@dataclass(frozen=True)
class Score:
    """`overall` is the weighted sum of `parts`; `reasons` names each penalty."""

    overall: float
    parts: dict[str, float]
    reasons: list[str]


def score(output: str) -> Score:
    """The guide's scorer on one answer, exactly as it states it (words are matched inside words too)."""
    parts = dict.fromkeys(WEIGHTS, 1.0)
    reasons: list[str] = []

    def penalise(part: str, by: float, reason: str) -> None:
        parts[part] = max(0.0, parts[part] - by)
        reasons.append(f"{reason} ({part} -{by})")

    stripped, words, lowered = output.strip(), output.split(), output.lower()
    if len(output) < SHORT:
        penalise("coherence", 0.5, "under 50 characters")
        penalise("completeness", 0.3, "under 50 characters")
    if stripped.endswith(("...", "[", "{")):
        penalise("coherence", 0.3, "ends in the middle")
    if len(words) > 10 and len(set(words)) / len(words) < 0.3:
        penalise("coherence", 0.4, "few different words")
    for marker in MARKERS:
        if marker.lower() in lowered:
            penalise("completeness", 0.2, f"says {marker!r}")
    if stripped.startswith("{") and not _is_json(stripped):
        penalise("formatting", 0.5, "not valid JSON")
    for pair in ("()", "[]"):
        if output.count(pair[0]) != output.count(pair[1]):
            penalise("formatting", 0.2, f"unbalanced {pair}")
    for first, second in OPPOSITES:
        if first in lowered and second in lowered:
            penalise("factual_consistency", 0.1, f"both {first!r} and {second!r}")
    overall = sum(weight * parts[part] for part, weight in WEIGHTS.items())
    return Score(round(overall, 6), parts, reasons)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def flags(messages: list[Message]) -> list[str]:
    """What is worth a look in one example, whatever its score; see FLAGS."""
    answer = messages[-1]["content"].strip()
    everything = "\n".join(message["content"] for message in messages)
    looks_like_json = answer.startswith(("{", "["))
    broken = looks_like_json and not _is_json(answer)
    cut = answer.endswith(("...", "…")) or (broken and not answer.endswith(("}", "]")))
    cut = cut or (len(answer) > LONG_ANSWER and not answer.endswith(SENTENCE_ENDS) and not answer[-1:].isdigit())
    found = {
        "broken JSON": broken,
        "TODO": bool(TODO.search(answer)),
        "truncated": cut,
        "short": len(answer) < SHORT,
        "e-mail address": bool(EMAIL.search(everything)),
        "phone number": any(sum(map(str.isdigit, match)) >= PHONE_DIGITS for match in PHONE.findall(everything)),
    }
    return [name for name, is_so in found.items() if is_so]


def score_dataset(examples: pd.DataFrame, preset: str = "guide") -> pd.DataFrame:
    """A copy with `quality` (where the row brought none), its `reasons` and `flags` filled in. Raises InputError for a
    preset that is not known."""
    if preset not in PRESETS:
        raise InputError("There is no such quality preset", repr(preset), f"Choose {' or '.join(PRESETS)}")
    scored = examples.copy()
    scores = [score(messages[-1]["content"]) for messages in examples["messages"]]
    brought = examples["quality"].astype(float)
    scored["quality"] = brought.fillna(pd.Series([found.overall for found in scores], examples.index, float))
    scored["reasons"] = [
        found.reasons if computed else [BROUGHT] for found, computed in zip(scores, brought.isna(), strict=True)
    ]
    scored["flags"] = [flags(messages) for messages in examples["messages"]]
    return scored
