"""Preference rows: a better and a worse answer to one prompt (DPO), or one answer judged good or bad (KTO).

An answer to learn is the last message; an answer to avoid is `rejected`. An answer judged bad therefore leaves the
messages without an answer: nobody learns it by mistake."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from studio.data.conversations import BadRowError, check_order, from_json, parse, with_system
from studio.data.rows import clean
from studio.data.studio_quality import is_avoided, question_and_answer
from studio.example_tables import Message, complete

if TYPE_CHECKING:
    import pandas as pd

GOOD, BAD = "good", "bad"
HUMAN_AND_ASSISTANT = re.compile(r"\n\n(Human|Assistant): ?")


def pair(prompt: Any, chosen: Any, rejected: Any, system: str) -> tuple[list[Message], str]:
    """The conversation up to the better answer, and the worse answer.

    `chosen` and `rejected` are texts, messages, or whole conversations with the prompt in them."""
    better, worse = _conversation(prompt, chosen, "chosen"), _conversation(prompt, rejected, "rejected")
    for messages in (better, worse):
        check_order(messages)
    if better[:-1] != worse[:-1]:
        raise BadRowError("chosen and rejected differ in more than the last answer")
    if "tool_calls" in worse[-1]:
        raise BadRowError("the rejected answer calls a tool; only text can be compared")
    if better[-1] == worse[-1]:
        raise BadRowError("chosen and rejected are the same")
    return with_system(better, system), worse[-1]["content"]


def judged(prompt: Any, answer: Any, is_good: bool, system: str) -> tuple[list[Message], str | None]:
    """The conversation with a good answer; or without its bad one, and that."""
    messages = _conversation(prompt, answer, "completion")
    check_order(messages)
    if is_good:
        return with_system(messages, system), None
    if "tool_calls" in messages[-1]:
        raise BadRowError("the answer to avoid calls a tool; only text can be compared")
    check_order(messages[:-1], answered=False)
    return with_system(messages[:-1], system), messages[-1]["content"]


def judgement(kind: str | None, is_avoided: bool, rejected: str | None) -> str | None:
    """How the one answer of a row was judged: GOOD or BAD, or None where it was not, or there are two to compare."""
    if is_avoided:
        return BAD
    return GOOD if kind == "preference" and rejected is None else None


def labels(examples: "pd.DataFrame") -> Iterator[tuple[str, str | None]]:
    """The answer of each example, and how it was judged where it was; see `judgement`."""
    rows = complete(examples, ["messages", "rejected", "kind"]).itertuples(index=False)
    for messages, rejected, kind in rows:
        answer = question_and_answer(messages, rejected)[1]
        yield answer, judgement(kind, is_avoided(messages), rejected)


def _conversation(prompt: Any, answer: Any, name: str) -> list[Message]:
    if answer is None:
        raise BadRowError(f"{name} is missing")
    before, after = prompt_messages(prompt), answer_messages(answer, name)
    after[-1].pop("weight", None)  # it is judged: that says what is learned of it
    if after[0]["role"] != "assistant":
        return after
    if not before:
        raise BadRowError("prompt is missing")
    return before + after


def prompt_messages(prompt: Any) -> list[Message]:
    """The messages of a prompt: a text, or messages; none when it is absent."""
    if prompt is None or (isinstance(prompt, str) and not prompt.strip()):
        return []
    if isinstance(prompt, str) and not _holds_messages(prompt):
        return [{"role": "user", "content": clean(prompt)}]
    return parse(prompt, "prompt")


def answer_messages(answer: Any, name: str) -> list[Message]:
    """The messages of an answer: a text, messages, or a text with "Human:" and "Assistant:" in turn."""
    if not isinstance(answer, str):
        return parse(answer, name)
    if _holds_messages(answer):
        return parse(answer, name)
    parts = HUMAN_AND_ASSISTANT.split(answer)
    if len(parts) > 2 and not parts[0].strip() and parts[1] == "Human":
        roles = ("user" if speaker == "Human" else "assistant" for speaker in parts[1::2])
        return [{"role": role, "content": clean(said)} for role, said in zip(roles, parts[2::2], strict=True)]
    return [{"role": "assistant", "content": clean(answer)}]


def _holds_messages(text: str) -> bool:
    """Whether a text is the JSON of messages: a table's cell. An answer that is JSON itself is not."""
    if not text.lstrip().startswith(("[{", "[ {", "[\n")):
        return False
    try:
        value = from_json(text, "")
    except BadRowError:
        return False
    messages = value if isinstance(value, list) else []
    return bool(messages) and all(isinstance(one, dict) and ({"role", "from"} & set(one)) for one in messages)
