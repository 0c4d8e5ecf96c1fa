"""Rows to Examples: alpaca (instruction, input, output), prompt/completion, and chat messages (OpenAI)."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

from studio.chat import DEFAULT_SYSTEM, TokenCounter
from studio.data.readers import RAW_SHOWN, Problem, Row
from studio.errors import InputError
from studio.examples import COLUMNS, Message

ACCEPTED = "instruction/input/output, prompt/completion, or messages"
ROLES = ("system", "user", "assistant", "tool")


class BadRowError(Exception):
    """The reason why one row is no example."""


def to_examples(
    rows: list[Row], source: str, counter: TokenCounter, system: str = DEFAULT_SYSTEM
) -> tuple[pd.DataFrame, list[Problem]]:  # fmt: skip
    """The table of examples (see studio.examples) and (line, reason, raw) of the rows that are none.

    A row's own `source` and `quality` are kept. Raises InputError when no row has a shape that is known.
    """
    examples: list[dict[str, Any]] = []
    problems: list[Problem] = []
    known = 0
    for number, row in rows:
        try:
            shape = _shape(row)
            known += 1
            messages = shape(row, system)
            examples.append({
                "id": f"r{number:06d}",
                "messages": messages,
                "source": _clean(str(row.get("source") or source)),
                "tokens": counter.count(messages),
                "quality": _quality(row),
                "flags": [],
                "reasons": [],
            })  # fmt: skip
        except BadRowError as error:
            raw = json.dumps(row, ensure_ascii=False, default=str)[:RAW_SHOWN]
            problems.append((number, _clean(str(error)), _clean(raw)))
    if rows and not known:
        columns = ", ".join(map(str, rows[0][1]))[:200]
        raise InputError(
            "No known shape of examples", f"{source} with the fields {columns}", f"Rename them to {ACCEPTED}"
        )
    if rows and not examples:
        line, reason, _ = problems[0]
        raise InputError(
            "No row of the file is an example",
            f"{source}, {len(rows)} rows; line {line}: {reason}",
            f"Needed are {ACCEPTED}",
        )
    return pd.DataFrame(examples, columns=COLUMNS), problems


def _shape(row: dict[str, Any]) -> Callable[[dict[str, Any], str], list[Message]]:
    fields = {str(key).lower() for key in row}
    if "messages" in fields:
        return _from_messages
    if {"prompt", "completion"} & fields:
        return _from_prompt
    if {"instruction", "output"} & fields:
        return _from_alpaca
    raise BadRowError(f"no known shape: the fields are {', '.join(map(str, row))[:100]}; needed are {ACCEPTED}")


def _field(row: dict[str, Any], name: str, required: bool = True) -> str:
    value = next((content for key, content in row.items() if str(key).lower() == name), None)
    if value is None or (isinstance(value, float) and value != value):
        if required:
            raise BadRowError(f"{name} is missing")
        return ""
    if not isinstance(value, str):
        raise BadRowError(f"{name} is not text but {type(value).__name__}")
    if required and not value.strip():
        raise BadRowError(f"{name} is empty")
    return _clean(value)


def _clean(text: str) -> str:
    """Lone surrogates cannot be written to any file; nothing else is changed."""
    return text.encode("utf-8", errors="replace").decode()


def _turns(system: str, user: str, answer: str) -> list[Message]:
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": user}, {"role": "assistant", "content": answer}]


def _from_alpaca(row: dict[str, Any], system: str) -> list[Message]:
    instruction, given, output = _field(row, "instruction"), _field(row, "input", False), _field(row, "output")
    return _turns(
        _field(row, "system", False) or system,
        f"{instruction}\n\nInput: {given}" if given.strip() else instruction,
        output,
    )


def _from_prompt(row: dict[str, Any], system: str) -> list[Message]:
    return _turns(_field(row, "system", False) or system, _field(row, "prompt"), _field(row, "completion"))


def _from_messages(row: dict[str, Any], system: str) -> list[Message]:
    given = next(content for key, content in row.items() if str(key).lower() == "messages")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            raise BadRowError("messages is text and not JSON") from None
    if not isinstance(given, list) or not given:
        raise BadRowError("messages is not a list with messages")
    messages: list[Message] = []
    for place, message in enumerate(given, start=1):
        if not isinstance(message, dict):
            raise BadRowError(f"message {place} is not an object")
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise BadRowError(f"message {place} has the role {role!r}; known are {', '.join(ROLES)}")
        if not isinstance(content, str):
            raise BadRowError(f"message {place} has no text")
        messages.append({"role": str(role), "content": _clean(content)})
    roles = [message["role"] for message in messages]
    if roles[-1] != "assistant":
        raise BadRowError(f"the last message is of the {roles[-1]}, not of the assistant")
    if "user" not in roles:
        raise BadRowError("there is no message of the user")
    if next(role for role in roles if role != "system") != "user":
        raise BadRowError(f"the first message is of the {roles[0]}, not of the user")
    if "system" in roles[1:]:
        raise BadRowError("a system message stands after the first place")
    if not messages[-1]["content"].strip():
        raise BadRowError("the answer is empty")
    return messages if roles[0] == "system" or not system else [{"role": "system", "content": system}, *messages]


def _quality(row: dict[str, Any]) -> float:
    value = row.get("quality", row.get("quality_score"))
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")
    return number if 0 <= number <= 1 else float("nan")
