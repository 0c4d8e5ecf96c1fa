"""Whether a chat template writes the tools that a row calls and those on offer. One that does not leaves them out without
a word, so that a model would learn to answer nothing where it should call."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.chat import Message, for_template, template_of

NAME = "find_parcel_by_number"
TOOL = {"type": "function", "function": {"name": NAME, "description": "Finds it.", "parameters": {"type": "object", "properties": {"number": {"type": "string"}}}}}  # fmt: skip
CALL = {"id": "a1b2c3d4e", "type": "function", "function": {"name": NAME, "arguments": '{"number": "7"}'}}
ASKED: list[Message] = [{"role": "user", "content": "Where is parcel 7?"}]
CALLED: list[Message] = [*ASKED, {"role": "assistant", "content": "", "tool_calls": json.dumps([CALL])}]
Render = Callable[[list[dict[str, Any]], list[Any] | None], str]
"""Messages as templates read them, and tools on offer or None, to the text of the template."""


def are_written(model_folder: Path) -> bool:
    """Whether the template of a model's folder writes calls."""
    template, special, _ = template_of(model_folder)
    return written_by(_renders(template, special), _source(model_folder))


def offers_are_written(model_folder: Path) -> bool:
    """Whether it writes the tools on offer."""
    template, special, _ = template_of(model_folder)
    return NAME in (_tried(_renders(template, special), ASKED, [TOOL]) or "")


def written_by(render: Render, source: str) -> bool:
    """Whether a template writes calls: it is given one. Where it fails at that one, `source`, its text, tells."""
    texts = [_tried(render, CALLED, tools) for tools in (None, [TOOL])]
    if any(text is not None and NAME in text for text in texts):
        return True
    return None in texts and "tool_calls" in source


def _renders(template: Any, special: dict[str, str]) -> Render:
    return lambda messages, tools: str(template.render(messages=messages, tools=tools, add_generation_prompt=False, **special))  # fmt: skip


def _tried(render: Render, messages: list[Message], tools: list[Any] | None) -> str | None:
    from jinja2 import TemplateError

    try:
        return render(for_template(messages), tools)
    except (TemplateError, TypeError, ValueError, KeyError, AttributeError):  # what a template of anybody may end with
        return None


def _source(model_folder: Path) -> str:
    files = (model_folder / name for name in ("chat_template.jinja", "tokenizer_config.json"))
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file())
