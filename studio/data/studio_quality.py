"""The preset "studio": a score from 0 to 1, its reasons and flags, right on labels and JSON as on long answers.

Each function takes a batch (lists of texts) and gives plain lists, and knows neither machine nor table: it runs
unchanged under `datasets.map(batched=True)`, in several processes, and over a stream.
"""

import ast
import json
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from studio.data import repetition
from studio.data.language import other_language

FENCE = re.compile(r"```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
JSON_START = re.compile(r'\s*(?:\{\s*(?:["\'{}]|\w+"?\s*:)|\[\s*(?:[\[{"\]]|(?:-?\d[\d.eE+-]*|true|false|null)\s*,))')
TODO = re.compile(
    r"\b(?:TODO|TBD|TBA|FIXME)\b|\[(?i:placeholder|(?:insert|enter|fill in|add)\b[^\]\n]{0,60}|your (?:answer|response|output|text)\b[^\]\n]{0,40})\]"
    r"|<(?i:placeholder|insert\b[^>\n]{0,60}|your (?:answer|response|output|text)\b[^>\n]{0,40})>"
    r"|\{\{\s*(?i:answer|output|response|completion|placeholder|text)\s*\}\}|\b(?i:lorem ipsum)\b"
)
SENTENCE_ENDS = tuple(".!?)]}\"'`>:;…|*_~。！？」』”’»:)")
CUT_ENDS = (",", " -", " –", "(", "[", "{", "=", "+", "“", "„", "«")
LIST_LINE = re.compile(r"\s*(?:[-*•+#>|]|\d{1,3}[.)]|\w[.)]\s)")
WHOLE_SENTENCE = re.compile(r"[a-zà-ÿ0-9)][a-zà-ÿ0-9)][.!?][\"”)]?\s+[\"“(]?[A-ZÀ-Þ0-9]|[。！？]")
OPEN_WORDS = frozenset(
    "a an the of to and or but with for from in on at by as is are was were that which because if when than into your "
    "their its der die das und oder mit für von zu im le la les des et ou avec pour el los las y o con para".split()
)
REFUSAL = re.compile(
    r"(?:(?:i['’]?m|i am) (?:very |so |really )?sorry,? (?:but )?(?:i|as)\b|sorry,? (?:but )?i (?:can|am|cannot)|(?:unfortunately,? )?i (?:can['’]?t|cannot|am unable to|['’]?m unable to|"
    r"am not able to|won['’]?t|will not) (?:help|assist|provide|answer|fulfil|fulfill|comply|do that|create|generate|write|discuss)\b"
    r"|as an? (?:ai|artificial intelligence|(?:large )?language model)\b)",
    re.IGNORECASE,
)
REFUSAL_STARTS = tuple("IiSsUuAa")
UNSURE = re.compile(r"\bI(?:['’]m| am) not sure\b|\bI don['’]t know\b", re.IGNORECASE)
EMPTY = frozenset("n/a na none null nan nil undefined unknown ... … - -- ? . answer output response".split()) - {
    "unknown",
    "none",
    "?",
}
EMOTICON = re.compile(r"[:;=8xX]['^o-]?[()\[\]]+|[(\[]+['^o-]?[:;=8]|<3|:-?[)(]")
ENUMERATION = re.compile(r"(?:^|(?<=[\s,;]))\(?(?:[a-zA-Z]|[ivxIVX]{1,4}|\d{1,2})\)", re.MULTILINE)
INTERVAL = re.compile(r"[\[(]\s*[-+\w.∞]+\s*[,;]\s*[-+\w.∞]+\s*[\])]")
ADDRESS = re.compile(r"\w+://\S+")
INCHES = re.compile(r"\d\s?\"")
MOJIBAKE = re.compile(r"�|Ã[\x80-\xbf¤¶¼©¨ª±]|â€[™œ\x9d\x93\x94]")
COPY_LEAST = 20
COPIED_SHARE = 0.8


class Check(NamedTuple):
    """`reason` is what the row says, `penalty` comes off the score, `flag` (if any) marks the row as worth a look.
    `holds(question, answer)` decides; it is asked only where the pattern `sign` (RE2) stands in the answer."""

    reason: str
    penalty: float
    flag: str
    holds: Callable[[str, str], bool]
    sign: str = ""


def looks_like_json(answer: str) -> bool:
    return answer[:1] in ("{", "[") and JSON_START.match(answer) is not None


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def without_code(answer: str) -> str:
    """The prose alone: no fenced blocks, no inline code."""
    if "`" not in answer:
        return answer
    return INLINE_CODE.sub(" ", FENCE.sub(" ", answer))


def is_empty(prompt: str, answer: str) -> bool:
    return not answer or (len(answer) < 12 and answer.lower() in EMPTY)


def has_todo(prompt: str, answer: str) -> bool:
    return TODO.search(without_code(answer)) is not None


def is_broken_json(prompt: str, answer: str) -> bool:
    if looks_like_json(answer) and not is_json(answer):
        return True
    blocks = FENCE.findall(answer) if "`" in answer else []
    return any(name.lower() == "json" and not is_json(block) for name, block in blocks)


def is_broken_python(prompt: str, answer: str) -> bool:
    """A block marked as Python that doesn't parse; sessions, shell lines and sketches with gaps are no errors."""
    return any(
        name.lower() in ("python", "py", "python3") and not _parses(block) for name, block in FENCE.findall(answer)
    )


def _parses(block: str) -> bool:
    import textwrap

    block = textwrap.dedent(block)
    if re.search(r"^\s*(?:>>>|[!%$]|\.\.\.$|In \[\d+\])|\.\.\.|print [^(=]", block, re.MULTILINE):
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
    if looks_like_json(answer):
        return answer[-1] not in "}]" and not is_json(answer)
    if answer[-1] in SENTENCE_ENDS:
        return False
    if len(answer) < 20 or "://" in answer[-60:] or answer[-1].isdigit():
        return False
    if answer.endswith(CUT_ENDS):
        return True
    last_line = answer[answer.rfind("\n") + 1 :]
    last_word = last_line[last_line.rfind(" ") + 1 :]
    if last_word in OPEN_WORDS and len(last_line) > len(last_word):
        return True
    return not LIST_LINE.match(last_line) and WHOLE_SENTENCE.search(last_line) is not None


def is_refusal(prompt: str, answer: str) -> bool:
    return answer[:1] in REFUSAL_STARTS and REFUSAL.match(answer) is not None


def is_unsure(prompt: str, answer: str) -> bool:
    return UNSURE.search(answer) is not None


def is_copied(prompt: str, answer: str) -> bool:
    """The answer is the question again, or so much of it that nothing was answered."""
    return COPY_LEAST <= len(answer) >= COPIED_SHARE * len(prompt) and answer.casefold() in prompt.casefold()


def is_unbalanced(prompt: str, answer: str) -> bool:
    """Brackets and quotes that open and don't close, in prose; smileys, enumerations, intervals and inches aside."""
    if looks_like_json(answer) or _balanced(answer):
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
    if any(count(first) != count(last) for first, last in ("«»", "「」", "『』", "（）", "【】")):
        return False
    lower, left, right = count("„"), count("“"), count("”")
    return left + right == lower if lower else left == right


def has_broken_signs(prompt: str, answer: str) -> bool:
    return not answer.isascii() and MOJIBAKE.search(answer) is not None


CHECKS = (
    Check("the answer is empty or a placeholder", 1.0, "empty", is_empty),
    Check("something is left to fill in", 0.5, "TODO", has_todo, TODO.pattern),
    Check("not valid JSON", 0.5, "broken JSON", is_broken_json),
    Check("the Python code doesn't parse", 0.4, "broken code", is_broken_python, "```[pP]y"),
    Check("ends in the middle", 0.4, "truncated", is_truncated),
    Check("refuses to answer", 0.4, "refusal", is_refusal),
    Check("repeats the question", 0.4, "copied question", is_copied),
    Check("in another language than the question", 0.2, "other language", other_language),
    Check("broken characters", 0.2, "broken characters", has_broken_signs),
    Check("brackets or quotes that don't close", 0.15, "", is_unbalanced),
    Check("says that it is not sure", 0.1, "", is_unsure, "not sure|t know"),
)
REPETITION_PENALTIES = {"gopher": 0.2, "data-juicer": 0.4}
FEATURES = {"quality": "float64", "reasons": ["string"], "flags": ["string"]}
FLAGS = (*(check.flag for check in CHECKS if check.flag), "repetition")


def score_batch(prompts: Sequence[str], answers: Sequence[str]) -> dict[str, list[Any]]:
    """For each pair of question and answer: quality (float, 1 less the penalties, not under 0), reasons (list of str,
    each with its penalty) and flags (list of str, of FLAGS)."""
    columns: dict[str, list[Any]] = {"quality": [], "reasons": [], "flags": []}
    stripped = [answer.strip() for answer in answers]
    repeated = _repetition([without_code(answer) for answer in stripped])
    always = [(check.holds, check) for check in CHECKS if not check.sign]
    signed = _signed(stripped)
    for at, (prompt, answer) in enumerate(zip(prompts, stripped, strict=True)):
        found = [check for holds, check in always if holds(prompt, answer)]
        if signed[at]:
            found += [check for check in CHECKS if check.sign and check.holds(prompt, answer)]
        reasons = [f"{check.reason} (-{check.penalty:g})" for check in found]
        flags = [check.flag for check in found if check.flag]
        penalty = sum(check.penalty for check in found)
        if at in repeated:
            worst, words = repeated[at]
            reasons.append(f"repeats itself: {words} (-{worst:g})")
            flags.append("repetition")
            penalty += worst
        columns["quality"].append(round(max(0.0, 1.0 - penalty), 6))
        columns["reasons"].append(reasons)
        columns["flags"].append(flags)
    return columns


def _signed(answers: Sequence[str]) -> list[bool]:
    """Whether an answer has any sign of CHECKS; one pass over the text instead of one for each."""
    import pyarrow
    import pyarrow.compute

    pattern = "|".join(check.sign for check in CHECKS if check.sign)
    texts = pyarrow.array([answer.encode("utf-8", "replace") for answer in answers], pyarrow.large_binary())
    found: list[bool] = pyarrow.compute.match_substring_regex(texts, pattern).to_pylist()
    return found


def _repetition(answers: Sequence[str]) -> dict[int, tuple[float, str]]:
    """For the positions of those that repeat themselves the penalty and what was measured."""
    found = {}
    for at in repetition.suspects(answers):
        if looks_like_json(answers[at]):
            continue
        over = {name: repetition.measure(answers[at], limits) for name, limits in repetition.PRESETS.items()}
        if worst := max((REPETITION_PENALTIES[name] for name, words in over.items() if words), default=0.0):
            found[at] = worst, "; ".join(words for found_words in over.values() for words in found_words)
    return found


def question_and_answer(messages: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The text of the last question and of the last message; an answer that calls tools is the call as JSON."""
    last = messages[-1]
    answer = last.get("content") or _called(last.get("tool_calls"))
    questions = [message.get("content") or "" for message in messages[:-1] if message["role"] == "user"]
    return questions[-1] if questions else "", answer


def _called(tools: Any) -> str:
    return tools if isinstance(tools, str) else json.dumps(tools) if tools else ""


def score_messages(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """`score_batch` over a batch with a column `messages`, as `datasets.map(batched=True)` calls it. Give `map` the
    features FEATURES says too: a first batch without any reason doesn't show what its lists hold."""
    both = [question_and_answer(messages) for messages in batch["messages"]]
    return score_batch([question for question, _ in both], [answer for _, answer in both])
