"""Messages of every form in use (OpenAI, Anthropic, ShareGPT, with tool calls) to the studio's own: role, content and, where a
tool is called, `tool_calls` as JSON text."""

import json
from collections.abc import Sequence
from typing import Any

from studio.data import tool_blocks
from studio.data.rows import as_text, clean, not_text
from studio.example_tables import MESSAGE_EXTRAS, UNLEARNED, Message

ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
    "claude": "assistant", "model": "assistant", "bot": "assistant", "agent": "assistant", "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "tool_response": "tool", "function_response": "tool",
}  # fmt: skip
CALLS = ("function_call", "tool_call")
TEXTS = ("content", "value", "text")
TEXT_BLOCKS = {"text", "input_text", "output_text"}
NO_TEXT = {"image", "image_url", "input_image", "audio", "input_audio", "video", "document", "file"}
"""Kinds of blocks that a tool may give and that are no text."""


class BadRowError(Exception):
    """The reason why one row is no example."""


def from_json(given: Any, name: str) -> Any:
    """A list or object that a table holds as JSON text; anything else as it is."""
    if not isinstance(given, str) or given.lstrip()[:1] not in ("[", "{"):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise BadRowError(f"{name} is text and not JSON") from None


def parse(given: Any, name: str = "messages") -> list[Message]:
    """The messages of a list, or of one message. Raises BadRowError with the first that is none."""
    given = from_json(given, name)
    if isinstance(given, dict):
        given = [given]
    if isinstance(given, str):
        raise BadRowError(f"{name} is text, and neither JSON nor a chat with markers")
    if not isinstance(given, list) or not given:
        raise BadRowError(f"{name} is not a list with messages")
    return [
        _message(message, place)
        for place, written in enumerate(given, start=1)
        for message in tool_blocks.as_openai(written)
    ]


def _message(given: Any, place: int) -> Message:
    if not isinstance(given, dict):
        raise BadRowError(f"message {place} is not an object")
    said = given.get("role") or given.get("from")
    role = ROLES.get(said.strip().lower()) if isinstance(said, str) else None
    if role is None:
        raise BadRowError(f"message {place} has the role {_short(said)}; known are {', '.join(ROLES)}")
    content = next((given[name] for name in TEXTS if given.get(name) is not None), None)
    is_call = str(said).lower() in CALLS and given.get("tool_calls") is None
    calls = content if is_call else given.get("tool_calls") or given.get("function_call")
    if is_call or (content is None and calls):
        content = ""
    message = {"role": role, "content": _text(content, place, role)}
    if len(given) == 2 and not is_call and not calls:
        return message
    if is_call or calls:
        message["tool_calls"] = tool_calls(calls, place)
    for extra in MESSAGE_EXTRAS:
        if extra not in ("tool_calls", "weight") and given.get(extra):
            message[extra] = clean(str(given[extra]))
    if given.get("weight") is not None and role == "assistant" and _is_unlearned(given["weight"], place):
        message["weight"] = UNLEARNED
    return message


def _is_unlearned(weight: Any, place: int) -> bool:
    """Whether a weight says that an answer is not to be learned."""
    try:
        number = float(weight)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if number not in (0, 1):
        raise BadRowError(f"message {place} has the weight {_short(weight)}; known are 0 and 1")
    return number == 0


def learned(messages: list[Message]) -> list[Message]:
    """The messages up to the last answer that is to be learned: what follows it would teach nothing, and be taken for the
    answer. Raises BadRowError when there is none."""
    if "weight" not in messages[-1]:
        return messages
    for end in range(len(messages), 0, -1):
        if messages[end - 1]["role"] == "assistant" and "weight" not in messages[end - 1]:
            return messages[:end]
    raise BadRowError("every answer has weight 0: there is nothing to learn")


def text_of_blocks(content: Any) -> str | None:
    """The text of a list of blocks that are all text; None for anything else."""
    if not isinstance(content, list) or not content:
        return None
    is_text = all(
        isinstance(block, dict) and block.get("type") in TEXT_BLOCKS and isinstance(block.get("text"), str)
        for block in content
    )
    return "\n".join(block["text"] for block in content) if is_text else None


def _text(content: Any, place: int, role: str) -> str:
    text = content if isinstance(content, str) else text_of_blocks(content)
    if text is None and isinstance(content, list) and content and all(isinstance(block, dict) for block in content):
        kinds = {_short(block.get("type")) for block in content}
        if role != "tool" or kinds & set(map(_short, NO_TEXT)):
            raise BadRowError(f"message {place} holds {', '.join(sorted(kinds))}; only text can be learned from")
    if text is None:
        text = as_text(content, objects=role == "tool")
    if text is None:
        raise BadRowError(f"message {place} " + (not_text(content) if isinstance(content, float) else "has no text"))
    return clean(text)


def tool_calls(given: Any, place: int) -> str:
    """The calls as the JSON text of OpenAI's list."""
    value = from_json(given, f"the tool call of message {place}")
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, dict) and (call.get("function") or call.get("name")) for call in calls):
        raise BadRowError(f"the tool call of message {place} names no function")
    wrapped = [_wrapped(call) for call in calls]
    return clean(json.dumps(wrapped, ensure_ascii=False))


def _wrapped(call: dict[str, Any]) -> dict[str, Any]:
    if "function" in call:
        return {name: value for name, value in call.items() if value is not None}
    arguments = call.get("arguments", call.get("parameters", {}))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", "function": {"name": call["name"], "arguments": text}}


def wrapped_tools(tools: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tools as OpenAI's list has them: one that stands there bare is wrapped, and parameters that are named without more
    are made its properties."""
    return [tool if "function" in tool else {"type": "function", "function": _with_schema(tool)} for tool in tools]


def _with_schema(tool: dict[str, Any]) -> dict[str, Any]:
    parameters = tool.get("parameters")
    if not isinstance(parameters, dict) or "properties" in parameters:
        return tool
    return {**tool, "parameters": {"type": "object", "properties": parameters}}


def check_order(messages: Sequence[Message], answered: bool = True) -> None:
    """Raises BadRowError unless a user speaks first (after a system prompt) and, when `answered`, the assistant last."""
    roles = [message["role"] for message in messages]
    if answered and roles[-1] != "assistant":
        raise BadRowError(f"the last message is of the {roles[-1]}, not of the assistant")
    if not answered and roles[-1] == "assistant":
        raise BadRowError("the prompt ends with the assistant's answer")
    if "user" not in roles:
        raise BadRowError("there is no message of the user")
    if next(role for role in roles if role != "system") != "user":
        raise BadRowError(f"the first message is of the {roles[0]}, not of the user")
    if "system" in roles[1:]:
        raise BadRowError("a system message stands after the first place")
    if answered and not messages[-1]["content"].strip() and "tool_calls" not in messages[-1]:
        raise BadRowError("the answer is empty")


def with_system(messages: list[Message], system: str) -> list[Message]:
    """The messages after the system prompt, unless they bring their own or it is empty."""
    if not system or messages[0]["role"] == "system":
        return messages
    return [{"role": "system", "content": system}, *messages]


def _short(value: Any) -> str:
    return repr(value)[:40]
