"""Four scores from 0 to 1 and their weighted sum (the guide's scorer, G3), and the flags of a row.

`score_columns(prompts, answers, others=None, calls=None) -> pyarrow.Table` gives everything for columns of text.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from studio.data import privacy, studio_quality

if TYPE_CHECKING:
    import pyarrow

WEIGHTS = {"coherence": 0.30, "completeness": 0.25, "formatting": 0.20, "factual_consistency": 0.25}
PRESETS = ("guide", "studio")
FLAGS = (
    "broken JSON", "TODO", "truncated", "short", *privacy.KINDS,
    *(flag for flag in studio_quality.FLAGS if flag not in ("broken JSON", "TODO", "truncated")),
)  # fmt: skip
SHORT = 50
MARKERS = ("I cannot", "I'm not sure", "I don't know", "TODO", "TBD", "[placeholder]")
OPPOSITES = (("always", "never"), ("all", "none"), ("true", "false"))
BROUGHT = "the score stood in the file"


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
    if stripped.startswith("{") and not studio_quality.is_json(stripped):
        penalise("formatting", 0.5, "not valid JSON")
    for pair in ("()", "[]"):
        if output.count(pair[0]) != output.count(pair[1]):
            penalise("formatting", 0.2, f"unbalanced {pair}")
    for first, second in OPPOSITES:
        if first in lowered and second in lowered:
            penalise("factual_consistency", 0.1, f"both {first!r} and {second!r}")
    overall = sum(weight * parts[part] for part, weight in WEIGHTS.items())
    return Score(round(overall, 6), parts, reasons)


def score_dataset(examples: pd.DataFrame) -> pd.DataFrame:
    """A copy with `quality` by the guide (where the row brought none), its `reasons` and `flags` filled in."""
    scored = examples.copy()
    scores = [score(messages[-1]["content"] or "") for messages in examples["messages"]]
    brought = examples["quality"].astype(float)
    scored["quality"] = brought.fillna(pd.Series([found.overall for found in scores], examples.index, float))
    reasons = [found.reasons if computed else [BROUGHT] for found, computed in zip(scores, brought.isna(), strict=True)]
    scored["reasons"] = pd.Series(reasons, examples.index, object)
    scored["flags"] = pd.Series(flags(list(examples["messages"])), examples.index, object)
    return scored


def flags(conversations: list[list[dict[str, str]]]) -> list[list[str]]:
    """For each conversation what is worth a look in it, whatever its score, in the order of FLAGS."""
    found = studio_quality.score_messages({"messages": conversations})["flags"]
    private = privacy.flags_of(conversations)
    short = [["short"] if len((messages[-1]["content"] or "").strip()) < SHORT else [] for messages in conversations]
    together = ({*one, *two, *three} for one, two, three in zip(found, private, short, strict=True))
    return [[flag for flag in FLAGS if flag in names] if names else [] for names in together]


def score_columns(
    prompts: "pyarrow.Array",
    answers: "pyarrow.Array",
    others: "pyarrow.Array | None" = None,
    calls: "pyarrow.Array | None" = None,
) -> "pyarrow.Table":
    """Both scores, their reasons and the flags of rows whose texts stand in Arrow columns (string or large_string).

    `prompts`: the last message of the user before the last message, or an empty text. `answers`: the content of the
    last message. `others`: a list<string> with the text of all other messages, or a string where there is one at most
    (only private details are looked for in it). `calls`: the tool calls of the last message as JSON, for the rows
    whose answer is empty. Nulls are empty texts, and all columns are of one length.

    Columns: guide_quality (float64), guide_reasons (list<string>), studio_quality (float64), studio_reasons
    (list<string>), flags (list<string>, in the order of FLAGS); one row for each given, in their order.
    """
    import pyarrow

    asked, said = _texts(prompts), _texts(answers)
    called = [one or two for one, two in zip(said, _texts(calls), strict=True)] if calls is not None else said
    rest = [[one] if isinstance(one, str) else one or [] for one in others.to_pylist()] if others is not None else []
    guide = [score(answer) for answer in said]
    studio = studio_quality.score_batch(asked, called)
    texts = [[one, two] for one, two in zip(asked, said, strict=True)]
    for row, more in zip(texts, rest, strict=False):
        row += more
    private = privacy.flags_of([[{"content": text} for text in row] for row in texts])
    short = [["short"] if len(answer.strip()) < SHORT else [] for answer in said]
    names = [{*one, *two, *three} for one, two, three in zip(studio["flags"], private, short, strict=True)]
    strings = pyarrow.list_(pyarrow.string())
    return pyarrow.table({
        "guide_quality": pyarrow.array([found.overall for found in guide], pyarrow.float64()),
        "guide_reasons": pyarrow.array([found.reasons for found in guide], strings),
        "studio_quality": pyarrow.array(studio["quality"], pyarrow.float64()),
        "studio_reasons": pyarrow.array(studio["reasons"], strings),
        "flags": pyarrow.array([[flag for flag in FLAGS if flag in found] for found in names], strings),
    })  # fmt: skip


def _texts(column: "pyarrow.Array") -> list[str]:
    return [text or "" for text in column.to_pylist()]
