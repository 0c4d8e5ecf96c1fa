"""Tools as Anthropic writes them, used and answered in blocks of a message's content, to the form of OpenAI."""

import json
from collections.abc import Mapping
from typing import Any

BLOCKS = {"assistant": "tool_use", "user": "tool_result"}


def as_openai(message: Any) -> list[Any]:
    """A message as one with its calls beside the content; or, for the user's with results, as a message of the tool for
    each and one of the user for what is said beside them. Any other message as it is."""
    if not isinstance(message, Mapping) or not isinstance(content := message.get("content"), list):
        return [message]
    kind = BLOCKS.get(str(message.get("role")).lower(), "")
    blocks = [block for block in content if _is(block, kind)]
    if not blocks:
        return [message]
    said = [block for block in content if not _is(block, kind) and block != {"type": "text", "text": ""}]
    if kind == "tool_use":
        return [{**message, "content": said or "", "tool_calls": [_call(block) for block in blocks]}]
    results = [
        {"role": "tool", "content": block.get("content") or "", "tool_call_id": block.get("tool_use_id")}
        for block in blocks
    ]
    return [*results, {**message, "content": said}] if said else results


def tool(offered: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool on offer; any other form as it is."""
    if "function" in offered or "input_schema" not in offered:
        return offered
    function = {name: value for name, value in offered.items() if name in ("name", "description")}
    return {"type": "function", "function": {**function, "parameters": offered["input_schema"]}}


def _is(block: Any, kind: str) -> bool:
    return isinstance(block, Mapping) and bool(kind) and block.get("type") == kind


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    if not block.get("name"):
        return {}
    arguments = json.dumps(block.get("input") or {}, ensure_ascii=False, default=str)
    made = {"type": "function", "function": {"name": block.get("name"), "arguments": arguments}}
    return {"id": block["id"], **made} if block.get("id") else made
