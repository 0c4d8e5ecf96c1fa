"""Which rows stay and why the others go: one reason each, the first that holds."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from studio.data import duplicates, quality
from studio.errors import InputError


def _reasons(
    examples: pd.DataFrame, min_quality: float, preset: str, max_tokens: int, exact_duplicates: bool, drop_flags: Sequence[str]
) -> "np.ndarray[Any, Any]":  # fmt: skip
    """An array with the reason to drop each row, or an empty text."""
    mistakes = []
    if not 0 <= min_quality <= 1:
        mistakes.append(f"min_quality is {min_quality}, not from 0 to 1")
    if max_tokens < 1:
        mistakes.append(f"max_tokens is {max_tokens}, not at least 1")
    if unknown := [flag for flag in drop_flags if flag not in quality.FLAGS]:
        mistakes.append(f"there is no flag {', '.join(map(repr, unknown))}; there are {', '.join(quality.FLAGS)}")
    if preset not in quality.PRESETS:
        mistakes.append(f"there is no preset {preset!r}; there are {', '.join(quality.PRESETS)}")
    if mistakes:
        raise InputError("The filter cannot be applied", "; ".join(mistakes), "Correct it and run again")
    reason = np.full(len(examples), "", object)

    def drop(where: "np.ndarray[Any, Any]", words: Any) -> None:
        chosen = where & (reason == "")
        reason[chosen] = words[chosen] if isinstance(words, np.ndarray) else words

    if exact_duplicates:
        first = duplicates.first_of_each(examples).to_numpy(object)
        drop(first != examples["id"].to_numpy(object), np.array([f"the same as {row_id}" for row_id in first], object))
    for flag in drop_flags:
        drop(np.array([flag in found for found in examples["flags"]], bool), flag)
    tokens = examples["tokens"].to_numpy()
    drop(tokens > max_tokens, np.array([f"{count:,} tokens, over {max_tokens:,}" for count in tokens], object))
    scores = examples["quality"].to_numpy(float)
    drop(scores < min_quality, np.array([f"quality {found:.2f} under {min_quality:g}" for found in scores], object))
    return reason


def apply(
    examples: pd.DataFrame, min_quality: float = 0.7, preset: str = "guide", max_tokens: int = 4096,
    exact_duplicates: bool = True, drop_flags: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """The rows kept, and id and reason of the others; together they are all rows."""
    reason = _reasons(examples, min_quality, preset, max_tokens, exact_duplicates, drop_flags)
    gone = reason != ""
    dropped = pd.DataFrame({"id": examples["id"].to_numpy(object)[gone], "reason": reason[gone]}, dtype="str")
    return examples[~gone].reset_index(drop=True), dropped


def preview(
    examples: pd.DataFrame, min_quality: float = 0.7, preset: str = "guide", max_tokens: int = 4096,
    exact_duplicates: bool = True, drop_flags: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """What `apply` would do: kept, total, and reasons (counts by kind)."""
    reason = _reasons(examples, min_quality, preset, max_tokens, exact_duplicates, drop_flags)
    kinds = Counter(kind(words) for words in reason if words)
    return {"kept": int((reason == "").sum()), "total": len(reason), "reasons": dict(kinds)}


def kind(reason: str) -> str:
    """The kind of a reason, without what is particular to its row."""
    if reason.startswith("the same as"):
        return "exact duplicate"
    if reason.startswith("quality"):
        return "low quality"
    return "too long" if "tokens, over" in reason else reason
