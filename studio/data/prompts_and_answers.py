"""What stands in the field of a prompt or an answer: a text, messages, or a value that is itself the answer.

Messages are a list or one object, the JSON of a list in a table's cell, or a dialog of "Human:" and "Assistant:"."""

import json
import re
from typing import Any

from studio.data.conversations import ROLES, TEXTS, BadRowError, parse, text_of_blocks
from studio.data.rows import clean
from studio.example_tables import Message

SPACE = r"[ \t\r\n]*"
WITH_CALLS = ("tool_calls", "function_call")


def _key(*names: str) -> str:
    return rf"""["'](?:{"|".join(names)})["']{SPACE}:"""


MESSAGE_SIGNS = (
    rf"^{SPACE}(?:\[{SPACE}\{{|\{{{SPACE}(?:'|\"messages\"))",
    _key("role", "from"),
    _key(*TEXTS, *WITH_CALLS),
)
"""All of them stand in the text of messages, as JSON or as Python writes them; expressions of Python's and of RE2's."""
DIALOG = rf"(?s)^{SPACE}Human:.*\n\nAssistant:{SPACE}$"
SPANS = rf"(?s)^{SPACE}[\[{{].*{_key('answer_start')}"
HUMAN_AND_ASSISTANT = re.compile(r"\n\n(Human|Assistant): ?")
_MESSAGE_SIGNS, _DIALOG, _SPANS = [re.compile(sign) for sign in MESSAGE_SIGNS], re.compile(DIALOG), re.compile(SPANS)
_OPENINGS = "[{H \t\r\n"
_AS_PYTHON = re.compile(rf"{SPACE}\[?{SPACE}\{{{SPACE}'.*\}}{SPACE}\]?{SPACE}", re.DOTALL)


def is_more_than_text(prompt: str, answer: str) -> bool:
    """Whether one of two texts is perhaps messages, the prompt a dialog, or the answer the spans of SQuAD."""
    if prompt[:1] in _OPENINGS and (_has_signs(prompt) or is_dialog(prompt)):
        return True
    return answer[:1] in _OPENINGS and (_has_signs(answer) or _has_spans(answer))


def _has_signs(text: str) -> bool:
    begin, *inside = _MESSAGE_SIGNS
    return begin.match(text) is not None and all(sign.search(text) for sign in inside)


def _has_spans(text: str) -> bool:
    return "answer_start" in text and _SPANS.match(text) is not None


def messages_of(value: Any, name: str) -> list[Any] | None:
    """The messages, yet to be parsed, that a value or the JSON of a text holds; None where it is something else.

    Raises BadRowError for the text of messages as Python writes them."""
    if isinstance(value, str):
        return _messages_in(value, name)
    if isinstance(value, dict):
        if name == "prompt" and isinstance(value.get("messages"), list):
            return messages_of(value["messages"], name)
        return [value] if _is_message(value) else None
    if isinstance(value, list) and (not value or any(_is_message(one, any_role=True) for one in value)):
        return value
    return None


def _messages_in(text: str, name: str) -> list[Any] | None:
    if not _has_signs(text):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if _AS_PYTHON.fullmatch(text):
            raise BadRowError(
                f"{name} is text and not JSON: messages as Python writes them; write them as JSONL, or as Parquet"
            ) from None
        return None
    return messages_of(value, name) if isinstance(value, list) or "messages" in value else None


def tools_beside(prompt: Any) -> Any:
    """The tools on offer that stand in a prompt beside its messages, as OpenAI writes one to compare answers to."""
    if isinstance(prompt, str) and messages_of(prompt, "prompt"):
        prompt = json.loads(prompt)
    return prompt.get("tools") if isinstance(prompt, dict) and "messages" in prompt else None


def _is_message(value: Any, any_role: bool = False) -> bool:
    """Whether an object is a message: it has a role that is known, and says something. In a list one of `any_role` counts
    too that has the very fields of a message, so that the role which is not known can be named."""
    if not isinstance(value, dict):
        return False
    role = value.get("role") or value.get("from")
    if isinstance(role, str) and role.strip().lower() in ROLES:
        return any(name in value for name in (*TEXTS, *WITH_CALLS))
    return any_role and ({"role", "content"} <= set(value) or {"from", "value"} <= set(value))


def answer_in(value: Any) -> Any:
    """What of a value is the answer: the first text of SQuAD's struct, the text of blocks, the only text of a list, else the
    value; None where it holds no text at all."""
    if isinstance(value, dict) and "answer_start" in value and "text" in value:
        return _first_text(value["text"] if isinstance(value["text"], list) else [value["text"]])
    if not isinstance(value, list) or not value:
        return value
    if (text := text_of_blocks(value)) is not None:
        return text
    if all(isinstance(one, dict) and "answer_start" in one and "text" in one for one in value):
        return _first_text([one["text"] for one in value])
    if (len(value) == 1 and isinstance(value[0], str)) or all(one is None or one == "" for one in value):
        return _first_text(value)
    return value


def _first_text(texts: list[Any]) -> str | None:
    return next((text for text in texts if isinstance(text, str) and text.strip()), None)


def spans_in(text: str, name: str) -> Any:
    """SQuAD's answers of the JSON of a table's cell; any other text as it is. Raises BadRowError where it is not JSON."""
    if not _has_spans(text):
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRowError(f"{name} is text and not JSON") from None
    found = answer_in(value)
    return text if found is value else found


def conversation(prompt: Any, answer: Any, name: str) -> list[Message]:
    """The messages of a prompt and, behind them, those of its answer, which may repeat some or all of the prompt.

    A system prompt of the answer's own goes before the prompt's. Raises BadRowError when one of the two is missing."""
    if answer is None:
        raise BadRowError(f"{name} is missing")
    if isinstance(answer, str) and is_dialog(prompt) and messages_of(answer, name) is None and not _dialog(answer):
        return _dialog(f"\n\n{prompt.strip()}{answer}")
    before, after = _prompt_messages(prompt), _answer_messages(answer, name)
    if after[0]["role"] == "assistant":
        if not before:
            raise BadRowError("prompt is missing")
        return before + after
    return _joined(before, after) if before and (not isinstance(prompt, str) or is_dialog(prompt)) else after


def _joined(before: list[Message], after: list[Message]) -> list[Message]:
    """Both, with what they share once: the whole of the first anywhere in the second, or where one ends and the other
    begins."""
    system = _systems(after) or _systems(before)
    before, after = before[len(_systems(before)) :], after[len(_systems(after)) :]
    said, again = _said(before), _said(after)
    if any(again[at : at + len(said)] == said for at in range(len(again) - len(said) + 1)):
        return system + after
    shared = next(
        count for count in range(min(len(said), len(again)), -1, -1) if said[len(said) - count :] == again[:count]
    )
    return system + before + after[shared:]


def _systems(messages: list[Message]) -> list[Message]:
    return messages[:1] if messages[0]["role"] == "system" else []


def _said(messages: list[Message]) -> list[tuple[str, str, str | None]]:
    return [(message["role"], message["content"].strip(), message.get("tool_calls")) for message in messages]


def _prompt_messages(prompt: Any) -> list[Message]:
    if prompt is None or (isinstance(prompt, str) and not prompt.strip()):
        return []
    messages = messages_of(prompt, "prompt")
    if messages is None and isinstance(prompt, str):
        return (
            _dialog(f"\n\n{prompt.strip()}")[:-1] if is_dialog(prompt) else [{"role": "user", "content": clean(prompt)}]
        )
    return parse(prompt if messages is None else messages, "prompt")


def _answer_messages(answer: Any, name: str) -> list[Message]:
    messages = messages_of(answer, name)
    if messages is None and isinstance(answer, str):
        return _dialog(answer) or [{"role": "assistant", "content": clean(answer)}]
    return parse(answer if messages is None else messages, name)


def is_dialog(prompt: Any) -> bool:
    """Whether a prompt is a text with "Human:" and "Assistant:" in turn, which the assistant is to continue."""
    return isinstance(prompt, str) and _DIALOG.match(prompt) is not None


def _dialog(text: str) -> list[Message]:
    """The messages of a text with "Human:" and "Assistant:" in turn; none where it does not begin so."""
    parts = HUMAN_AND_ASSISTANT.split(text)
    if len(parts) < 3 or parts[0].strip() or parts[1] != "Human":
        return []
    roles = ("user" if speaker == "Human" else "assistant" for speaker in parts[1::2])
    return [{"role": role, "content": clean(said)} for role, said in zip(roles, parts[2::2], strict=True)]
