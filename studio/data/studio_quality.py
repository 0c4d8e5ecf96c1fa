"""The preset "studio", right on labels and JSON as on long answers, and those that differ from it in the rule of
repetition alone: a score from 0 to 1, its reasons and flags.

Each function takes a batch (lists of texts) and gives plain lists, and knows neither machine nor table: it runs
unchanged under `datasets.map(batched=True)`, in several processes, and over a stream.
"""

import ast
import json
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from studio.data import code_blocks, repetition, screens
from studio.data.code_blocks import without_code
from studio.data.endings import is_cut_off
from studio.data.json_answers import INTERVAL, has_words_behind, is_broken_json, is_something_else, looks_like_json
from studio.data.language import other_language
from studio.data.placeholders import has_todo, is_empty
from studio.data.refusals import is_refusal
from studio.data.screens import Answers, Rows
from studio.data.text_column import TextColumn
from studio.data.words import Array
from studio.errors import InputError

UNSURE = re.compile(r"\bI(?:['’]m| am) not sure\b|\bI don['’]t know\b", re.IGNORECASE)
EMOTICON = re.compile(r"[:;=8xX]['^o-]?[()\[\]]+|(?<![(\[])[(\[]++['^o-]?[:;=8]|<3|:-?[)(]")
ENUMERATION = re.compile(r"(?:^|(?<=[\s,;]))\(?(?:[a-zA-Z]|[ivxIVX]{1,4}|\d{1,2})\)", re.MULTILINE)
ADDRESS = re.compile(r"(?<!\w)\w++://\S+")
INCHES = re.compile(r"\d\s?\"")
MOJIBAKE = re.compile(r"�|Ã[\x80-\xbf¤¶¼©¨ª±]|â€[™œ\x9d\x93\x94]")
COPY_LEAST = 20
COPIED_SHARE = 0.8


class Check(NamedTuple):
    """`reason` is what the row says, `penalty` comes off the score, `flag` (if any) marks the row as worth a look.
    `holds(question, answer)` decides; it is asked only of the rows that `worth` covers."""

    reason: str
    penalty: float
    flag: str
    holds: Callable[[str, str], bool]
    worth: Callable[[Rows], Array]


def is_broken_python(prompt: str, answer: str) -> bool:
    """A block marked as Python that doesn't parse; sessions, shell lines and sketches with gaps are no errors."""
    return any(
        name.lower() in ("python", "py", "python3") and not _parses(block) for name, block in code_blocks.blocks(answer)
    )


def _parses(block: str) -> bool:
    import textwrap

    block = textwrap.dedent(block)
    if re.search(r"^[^\S\n]*(?:>>>|[!%$]|\.\.\.$|In \[\d+\])|\.\.\.|print [^(=]", block, re.MULTILINE):
        return True
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(block)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def is_truncated(prompt: str, answer: str) -> bool:
    if not answer:
        return False
    if answer.endswith(("...", "…")) or ("`" in answer and answer.count("```") % 2):
        return True
    if looks_like_json(answer) and not is_something_else(prompt, answer):
        return answer[-1] not in "}]"
    return is_cut_off(answer)


def refuses(prompt: str, answer: str) -> bool:
    return is_refusal(answer)


def is_unsure(prompt: str, answer: str) -> bool:
    return UNSURE.search(answer) is not None


def is_copied(prompt: str, answer: str) -> bool:
    """The answer is the question again, or so much of it that nothing was answered."""
    return COPY_LEAST <= len(answer) >= COPIED_SHARE * len(prompt) and answer.casefold() in prompt.casefold()


def is_unbalanced(prompt: str, answer: str) -> bool:
    """Brackets and quotes that open and don't close, in prose; smileys, enumerations, intervals and inches aside."""
    if _balanced(answer) or (looks_like_json(answer) and not is_something_else(prompt, answer)):
        return False
    prose = without_code(answer)
    for pattern in (ADDRESS, INTERVAL, EMOTICON, ENUMERATION):
        if _balanced(prose):
            return False
        prose = pattern.sub(" ", prose)
    return not _balanced(INCHES.sub(" ", prose))


def _balanced(text: str) -> bool:
    count = text.count
    for first, last in ("()", "[]", "{}"):
        if (first in text or last in text) and count(first) != count(last):
            return False
    if '"' in text and count('"') % 2:
        return False
    if text.isascii():
        return True
    if any(count(first) != count(last) for first, last in ("「」", "『』", "（）", "【】")):
        return False
    if not (count("«") == count("»") or (not count("«") and count("»") % 2 == 0)):
        return False
    lower, left, right = count("„"), count("“"), count("”")
    if not lower and not left:
        return right % 2 == 0  # Swedish and Finnish open with what closes elsewhere, also with »
    return left + right == lower if lower else left == right


def has_broken_signs(prompt: str, answer: str) -> bool:
    return not answer.isascii() and MOJIBAKE.search(answer) is not None


CHECKS = (
    Check("the answer is empty or a placeholder", 1.0, "empty", is_empty, screens.empty),
    Check("not valid JSON", 0.5, "broken JSON", is_broken_json, screens.broken_json),
    Check("ends in the middle", 0.4, "truncated", is_truncated, screens.truncated),
    Check("refuses to answer", 0.4, "refusal", refuses, screens.refusal),
    Check("repeats the question", 0.4, "copied question", is_copied, lambda rows: screens.copied(rows, COPY_LEAST, COPIED_SHARE)),
    Check("in another language than the question", 0.2, "other language", other_language, screens.other_language),
    Check("broken characters", 0.2, "broken characters", has_broken_signs, screens.broken_signs),
    Check("brackets or quotes that don't close", 0.15, "", is_unbalanced, screens.unbalanced),
    Check("something is left to fill in", 0.5, "TODO", has_todo, screens.to_fill_in),
    Check("the Python code doesn't parse", 0.4, "broken code", is_broken_python, screens.broken_python),
    Check("says that it is not sure", 0.1, "", is_unsure, screens.unsure),
)  # fmt: skip
REPETITION_PENALTIES = {
    "studio": {"datatrove": 0.2, "data-juicer": 0.4, "studio": 0.4},
    "datatrove": {"datatrove": 0.2},
    "data-juicer": {"data-juicer": 0.2},
}
"""For each preset with these checks whose thresholds of repetition it asks, and what comes off over one of them. Alone
they mark a row, which by this penalty does not fall under the usual 0.7."""
FEATURES = {"quality": "float64", "reasons": ["string"], "flags": ["string"]}
FLAGS = (
    "empty", "TODO", "broken JSON", "broken code", "truncated", "refusal", "copied question", "other language",
    "broken characters", "repetition",
)  # fmt: skip
AVOIDED = "an answer to avoid: only an empty or unreadable one counts against its row"
UNUSABLE = ("empty", "broken characters")


class Verdict(NamedTuple):
    """Quality (1 less the penalties, not under 0), reasons (each with its penalty) and flags (of FLAGS) of a row."""

    quality: float
    reasons: list[str]
    flags: list[str]


def verdict(held: int, repeated: tuple[float, str] | None = None) -> Verdict:
    """Of a row for which the checks hold whose bits (1 << their place in CHECKS) are in `held`, and that repeats itself."""
    found = [check for at, check in enumerate(CHECKS) if held >> at & 1]
    reasons = [f"{check.reason} (-{check.penalty:g})" for check in found]
    flags = [check.flag for check in found if check.flag]
    penalty = sum(check.penalty for check in found)
    if repeated:
        worst, words = repeated
        reasons.append(f"repeats itself: {words} (-{worst:g})")
        flags.append("repetition")
        penalty += worst
    return Verdict(round(max(0.0, 1.0 - penalty), 6), reasons, flags)


def score_rows(rows: Rows, preset: str = "studio") -> tuple[Array, list[Verdict]]:
    """(for each row the number of its verdict, the verdicts): most rows share a few, and number 0 has no penalty."""
    held = held_checks(rows)
    kinds, numbers = kinds_of(held)
    verdicts = [verdict(int(kind)) for kind in kinds]
    for at, found in repetitions(rows.answers, preset).items():
        numbers[at] = len(verdicts)
        verdicts.append(verdict(int(held[at]), found))
    return numbers, verdicts


def kinds_of(marks: Array) -> tuple[Array, Array]:
    """(the different ones, 0 and then those that stand there; for each the number of its kind), of numbers that are mostly
    0: several times as quick as sorting all of them."""
    at = np.flatnonzero(marks)
    numbers = np.zeros(len(marks), np.int64)
    kinds, numbers[at] = np.unique(marks[at], return_inverse=True)
    numbers[at] += 1
    return np.append(0, kinds), numbers


def held_checks(rows: Rows) -> Array:
    """For each row the sum of the bits of the checks that hold."""
    held = np.zeros(len(rows.answers), np.int64)
    worth = np.zeros(len(rows.answers), np.int64)
    for place, check in enumerate(CHECKS):
        worth |= check.worth(rows).astype(np.int64) << place
    for at in np.flatnonzero(worth).tolist():
        asked, said, of_row = rows.prompts.text(at), rows.answers.stripped(at), int(worth[at])
        held[at] = sum(
            1 << place for place, check in enumerate(CHECKS) if of_row >> place & 1 and check.holds(asked, said)
        )
    return held


def score_batch(
    prompts: Sequence[str], answers: Sequence[str], preset: str = "studio"
) -> dict[str, list[Any]]:  # fmt: skip
    """For each pair of question and answer: quality, reasons and flags, as Verdict says. `preset` is one of
    REPETITION_PENALTIES; raises InputError for another."""
    if preset not in REPETITION_PENALTIES:
        known = ", ".join(REPETITION_PENALTIES)
        raise InputError("There is no such preset of these checks", repr(preset), f"Choose one of {known}")
    numbers, verdicts = score_rows(Rows(TextColumn.of(prompts), Answers.of(answers)), preset)
    found = [verdicts[number] for number in numbers.tolist()]
    return {
        "quality": [one.quality for one in found],
        "reasons": [[*one.reasons] for one in found],
        "flags": [[*one.flags] for one in found],
    }


def repetitions(answers: Answers, preset: str = "studio") -> dict[int, tuple[float, str]]:
    """For the positions of those that repeat themselves the penalty and what was measured."""
    worth = answers.look.again.copy()
    differs = np.flatnonzero(screens.prose_differs(answers)).tolist()
    worth[differs] = repetition.suspects([without_code(answers.stripped(at)) for at in differs])
    for at in np.flatnonzero(screens.lines(answers) & ~worth).tolist():
        worth[at] = repetition.says_lines_again(without_code(answers.stripped(at)))
    found = {at: repeated(answers.stripped(at), preset) for at in np.flatnonzero(worth).tolist()}
    return {at: one for at, one in found.items() if one}


def repeated(answer: str, preset: str = "studio") -> tuple[float, str] | None:
    """The penalty and what was measured, of an answer that says the same again and again."""
    prose = without_code(answer)
    if looks_like_json(prose) and not has_words_behind(prose):
        return None
    penalties = REPETITION_PENALTIES[preset]
    over = {name: repetition.measure(prose, repetition.PRESETS[name]) for name in penalties}
    worst = max((penalties[name] for name, words in over.items() if words), default=0.0)
    return (worst, "; ".join(words for found_words in over.values() for words in found_words)) if worst else None


def question_and_answer(messages: Sequence[dict[str, Any]], rejected: str | None = None) -> tuple[str, str]:
    """The text of the last question and of the answer to it; an answer that calls tools is the call as JSON.

    Where the messages end without an answer (one that was judged bad, see `preferences.judged`), `rejected` is the
    answer, and without it there is none: an empty text."""
    if messages[-1]["role"] == "assistant":
        before, answer = messages[:-1], messages[-1].get("content") or _called(messages[-1].get("tool_calls"))
    else:
        before, answer = messages, rejected or ""
    questions = [message.get("content") or "" for message in before if message["role"] == "user"]
    return questions[-1] if questions else "", answer


def is_avoided(messages: Sequence[dict[str, Any]]) -> bool:
    """Whether the answer to the messages is one to avoid: they end without one."""
    return bool(messages[-1]["role"] != "assistant")


def pardon(found: Verdict) -> Verdict:
    """What counts against an answer to avoid. It is there because it is bad: to refuse, to break off or to be wrong is what
    is learned from it, so that only what makes its row useless (UNUSABLE) takes from the score and marks the row."""
    kept = verdict(
        sum(1 << at for at, check in enumerate(CHECKS) if check.flag in UNUSABLE and check.flag in found.flags)
    )
    return Verdict(kept.quality, [AVOIDED, *kept.reasons], kept.flags)


def pardoned(scored: dict[str, list[Any]], avoided: Sequence[bool]) -> dict[str, list[Any]]:
    """What `score_batch` gives, with `pardon` for the answers that are `avoided`."""
    columns = {name: list(values) for name, values in scored.items()}
    for at in (at for at, is_one in enumerate(avoided) if is_one):
        found = pardon(Verdict(*(columns[name][at] for name in Verdict._fields)))
        for name, value in found._asdict().items():
            columns[name][at] = value
    return columns


def _called(tools: Any) -> str:
    return tools if isinstance(tools, str) else json.dumps(tools) if tools else ""


def score_messages(batch: dict[str, list[Any]], preset: str = "studio") -> dict[str, list[Any]]:
    """`score_batch` over a batch with a column `messages`, as `datasets.map(batched=True)` calls it (a preset goes into
    its `fn_kwargs`), and `rejected` where there is one. Give `map` the features FEATURES says too: a first batch without
    any reason doesn't show what its lists hold."""
    rejected = batch["rejected"] if "rejected" in batch else [None] * len(batch["messages"])
    both = [question_and_answer(messages, worse) for messages, worse in zip(batch["messages"], rejected, strict=True)]
    scored = score_batch([question for question, _ in both], [answer for _, answer in both], preset)
    return pardoned(scored, [is_avoided(messages) for messages in batch["messages"]])
