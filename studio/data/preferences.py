"""Preference rows: a better and a worse answer to one prompt (DPO), or one answer judged good or bad (KTO).

An answer to learn is the last message; an answer to avoid is `rejected`. An answer judged bad therefore leaves the
messages without an answer: nobody learns it by mistake."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from studio.data.conversations import BadRowError, check_order, with_system
from studio.data.prompts_and_answers import conversation
from studio.data.studio_quality import is_avoided, question_and_answer
from studio.example_tables import Message, complete

if TYPE_CHECKING:
    import pandas as pd

GOOD, BAD = "good", "bad"


def pair(prompt: Any, chosen: Any, rejected: Any, system: str) -> tuple[list[Message], str]:
    """The conversation up to the better answer, and the worse answer.

    `chosen` and `rejected` are texts, messages, or whole conversations with the prompt in them."""
    better, worse = conversation(prompt, chosen, "chosen"), conversation(prompt, rejected, "rejected")
    for messages in (better, worse):
        messages[-1].pop("weight", None)  # it is judged: that says what is learned of it
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
    messages = conversation(prompt, answer, "completion")
    messages[-1].pop("weight", None)
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
