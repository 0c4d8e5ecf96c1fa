"""Four scores from 0 to 1 and their weighted sum (the guide's scorer, G3), and the flags of a row.

`score_columns(prompts, answers, others=None, calls=None) -> pyarrow.Table` gives everything for columns of text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from studio.data import privacy, screens, studio_quality
from studio.data.json_answers import is_json
from studio.data.screens import Answers, Rows
from studio.data.text_column import TextColumn
from studio.data.words import Array

if TYPE_CHECKING:
    import pyarrow

WEIGHTS = {"coherence": 0.30, "completeness": 0.25, "formatting": 0.20, "factual_consistency": 0.25}
PRESETS = ("guide", *studio_quality.REPETITION_PENALTIES)
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


PARDONED = Score(1.0, dict.fromkeys(WEIGHTS, 1.0), [studio_quality.AVOIDED])
"""Of an answer that is to be avoided, and meant to be bad."""


class Rule(NamedTuple):
    """`holds(answer, the same in lower case)` decides whether each of `penalties` (part, by how much) comes off;
    `covers` is a mask of all answers for which it may hold, and of no others where it `is_exact`."""

    reason: str
    penalties: tuple[tuple[str, float], ...]
    holds: Callable[[str, str], bool]
    covers: Callable[[Answers], Array]
    is_exact: bool = False


def _has_few_different_words(output: str, lowered: str) -> bool:
    words = output.split()
    return len(words) > 10 and len(set(words)) / len(words) < 0.3


def _is_broken_json(output: str, lowered: str) -> bool:
    stripped = output.strip()
    return stripped.startswith("{") and not is_json(stripped)


def _ends_open(answers: Answers) -> Array:
    last = answers.closing(1)
    return screens.ends_in_dots(answers) | (last == ord("[")) | (last == ord("{"))


def _says(words: str, part: str, by: float) -> Rule:
    return Rule(f"says {words!r}", ((part, by),), lambda output, lowered: words.lower() in lowered, screens.guide_words)


def _unbalanced(pair: str) -> Rule:
    return Rule(
        f"unbalanced {pair}", (("formatting", 0.2),), lambda output, lowered: output.count(pair[0]) != output.count(pair[1]),
        lambda answers: answers.count(pair[0]) != answers.count(pair[1]), is_exact=True,
    )  # fmt: skip


def _opposites(first: str, second: str) -> Rule:
    return Rule(
        f"both {first!r} and {second!r}", (("factual_consistency", 0.1),),
        lambda output, lowered: first in lowered and second in lowered, screens.guide_words,
    )  # fmt: skip


RULES = (
    Rule(
        "under 50 characters", (("coherence", 0.5), ("completeness", 0.3)), lambda output, lowered: len(output) < SHORT,
        lambda answers: answers.characters < SHORT, is_exact=True,
    ),
    Rule(
        "ends in the middle", (("coherence", 0.3),), lambda output, lowered: output.strip().endswith(("...", "[", "{")),
        _ends_open, is_exact=True,
    ),
    Rule("few different words", (("coherence", 0.4),), _has_few_different_words, screens.few_different_words),
    *(_says(marker, "completeness", 0.2) for marker in MARKERS),
    Rule("not valid JSON", (("formatting", 0.5),), _is_broken_json, screens.json_start),
    *map(_unbalanced, ("()", "[]")),
    *(_opposites(first, second) for first, second in OPPOSITES),
)  # fmt: skip


def score(output: str) -> Score:
    """The guide's scorer on one answer, exactly as it states it (words are matched inside words too)."""
    lowered = output.lower()
    return _scored(sum(1 << place for place, rule in enumerate(RULES) if rule.holds(output, lowered)))


def _scored(held: int) -> Score:
    """The score of an answer for which the rules hold whose bits (1 << their place in RULES) are in `held`."""
    parts = dict.fromkeys(WEIGHTS, 1.0)
    reasons: list[str] = []
    for place, rule in enumerate(RULES):
        if held >> place & 1:
            for part, by in rule.penalties:
                parts[part] = max(0.0, parts[part] - by)
                reasons.append(f"{rule.reason} ({part} -{by})")
    overall = sum(weight * parts[part] for part, weight in WEIGHTS.items())
    return Score(round(overall, 6), parts, reasons)


def _held_rules(answers: Answers) -> Array:
    """For each answer the sum of the bits of the rules that hold."""
    held, worth = np.zeros((2, len(answers)), np.int64)
    covered: dict[Callable[[Answers], Array], Array] = {}
    for place, rule in enumerate(RULES):
        if rule.covers not in covered:
            covered[rule.covers] = rule.covers(answers).astype(np.int64)
        of_rule = covered[rule.covers] << place
        held, worth = (held | of_rule, worth) if rule.is_exact else (held, worth | of_rule)
    for at in np.flatnonzero(worth).tolist():
        output, of_row = answers.text(at), int(worth[at])
        lowered = output.lower()
        held[at] |= sum(
            1 << place for place, rule in enumerate(RULES) if of_row >> place & 1 and rule.holds(output, lowered)
        )
    return held


def columns(
    conversations: list[list[dict[str, Any]]], rejected: Sequence[str | None] | None = None
) -> tuple["pyarrow.Array", "pyarrow.Array", "pyarrow.Array", "pyarrow.Array", Array]:
    """What `score_columns` takes. `rejected` has the answer to avoid of each conversation, where there is one."""
    import pyarrow

    worse = [None] * len(conversations) if rejected is None else rejected
    both = [
        studio_quality.question_and_answer(messages, bad) for messages, bad in zip(conversations, worse, strict=True)
    ]
    avoided = np.array([studio_quality.is_avoided(messages) for messages in conversations], bool)
    last = [
        both[at][1] if avoided[at] else messages[-1].get("content") or "" for at, messages in enumerate(conversations)
    ]
    others = [[message.get("content") or "" for message in messages[:-1]] for messages in conversations]
    bounds = np.append(0, np.cumsum([len(texts) for texts in others], dtype=np.int64))
    return (
        _encoded([question for question, _ in both]), _encoded(last),
        pyarrow.LargeListArray.from_arrays(bounds, _encoded([text for texts in others for text in texts])),
        _encoded([answer for _, answer in both]), avoided,
    )  # fmt: skip


def _encoded(texts: Sequence[str]) -> "pyarrow.Array":
    return TextColumn.of(texts).array


def score_columns(
    prompts: "pyarrow.Array | TextColumn",
    answers: "pyarrow.Array | Answers",
    others: "pyarrow.Array | None" = None,
    calls: "pyarrow.Array | None" = None,
    avoided: Array | None = None,
) -> "pyarrow.Table":
    """Both scores, their reasons and the flags of rows whose texts stand in Arrow columns (string or large_string).

    `prompts`: the last message of the user before the answer, or an empty text. `answers`: the content of the answer.
    `others`: a list<string> with the text of all other messages, or a string where there is one at most (only private
    details are looked for in it). `calls`: the tool calls of the answer as JSON, for the rows whose answer is empty.
    `avoided`: for each row (bool) whether its answer is one to avoid, which is meant to be bad: nothing of the guide's
    rules counts against it, and of the studio's what `studio_quality.pardon` says. Nulls are empty texts, and all
    columns are of one length.

    Columns: guide_quality (float64), guide_reasons (list<string>), studio_quality (float64), studio_reasons
    (list<string>), flags (list<string>, in the order of FLAGS); one row for each given, in their order.
    """
    import pyarrow
    import pyarrow.compute as compute

    asked = prompts if isinstance(prompts, TextColumn) else TextColumn(prompts)
    said = answers if isinstance(answers, Answers) else Answers(answers)
    called = said
    if calls is not None:
        other = TextColumn(calls)
        is_called = (said.ends == said.starts) & (other.ends > other.starts)
        if is_called.any():
            called = Answers(compute.if_else(pyarrow.array(is_called), other.array, said.array))
    guide_kinds, guide_numbers = studio_quality.kinds_of(_held_rules(said))
    guide = [_scored(int(kind)) for kind in guide_kinds]
    studio_numbers, studio = studio_quality.score_rows(Rows(asked, called))
    is_short = said.stripped_characters < SHORT
    if avoided is not None and avoided.any():
        guide_numbers[avoided] = len(guide)
        guide.append(PARDONED)
        own, numbers = np.unique(studio_numbers[avoided], return_inverse=True)
        studio_numbers[avoided] = numbers + len(studio)
        studio += [studio_quality.pardon(studio[number]) for number in own.tolist()]
        is_short = is_short & ~avoided
    place = {flag: 1 << at for at, flag in enumerate(FLAGS)}
    marks = np.array([sum(place[flag] for flag in one.flags) for one in studio], np.int64)[studio_numbers]
    marks |= np.where(is_short, place["short"], 0)
    for kinds, at in _private(asked, said, others):
        marks[at] |= sum(place[kind] for kind in kinds)
    mark_kinds, mark_numbers = studio_quality.kinds_of(marks)
    flags = [[flag for flag in FLAGS if kind & place[flag]] for kind in mark_kinds.tolist()]
    return pyarrow.table({
        "guide_quality": np.array([one.overall for one in guide], float)[guide_numbers],
        "guide_reasons": _lists([one.reasons for one in guide], guide_numbers),
        "studio_quality": np.array([one.quality for one in studio], float)[studio_numbers],
        "studio_reasons": _lists([one.reasons for one in studio], studio_numbers),
        "flags": _lists(flags, mark_numbers),
    })  # fmt: skip


def _private(asked: TextColumn, said: Answers, others: "pyarrow.Array | None") -> Iterator[tuple[set[str], int]]:
    """(kinds of private details, row) for each text that has any."""
    yield from _found(asked, privacy.suspects(asked))
    yield from _found(said, said.with_sign(privacy.SUSPECT))
    if others is not None:
        import pyarrow

        is_list = not pyarrow.types.is_string(others.type) and hasattr(others, "flatten")
        texts = TextColumn(others.flatten() if is_list else others)
        rows = others.value_parent_indices() if is_list else None
        for kinds, at in _found(texts, privacy.suspects(texts)):
            yield kinds, rows[at].as_py() if rows is not None else at


def _found(column: TextColumn, worth: Array) -> Iterator[tuple[set[str], int]]:
    for at, details in privacy.find_in(column, worth):
        yield {detail.kind for detail in details}, at


def _lists(kinds: list[list[str]], numbers: Array) -> "pyarrow.Array":
    import pyarrow

    return pyarrow.array(kinds, pyarrow.list_(pyarrow.string())).take(pyarrow.array(numbers))
