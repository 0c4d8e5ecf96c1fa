"""Whole chats that were written into one text with the markers of a template: `### Human:`, `<|im_start|>user`, `[INST]`.

Learned as they stand they would be learned with their questions, and stand within the markers of another template.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from studio.data.columns import Choices, filled, plan
from studio.errors import InputError

LOOKED_AT = 1_000
"""Characters of a text in which its first marker must begin; what stands before it is taken for the system prompt."""
WHAT = "The texts are whole chats with the markers of a template"
NOTE = f"{WHAT}: as messages the answers alone are learned, as texts the questions and the markers too"
ROLES = {"instruction": "user", "response": "assistant"}


class _Form(NamedTuple):
    """The marker that opens a message and names its role, and the token that ends one."""

    opens: re.Pattern[str]
    ends: str = ""


_FORMS = (
    _Form(re.compile(r"<\|im_start\|>[ \t]*(\w+)[ \t]*\n"), "<|im_end|>"),
    _Form(re.compile(r"<\|start_header_id\|>[ \t]*(\w+)[ \t]*<\|end_header_id\|>"), "<|eot_id|>"),
    _Form(re.compile(r"<start_of_turn>[ \t]*(\w+)[ \t]*\n"), "<end_of_turn>"),
    _Form(re.compile(r"<\|(system|user|assistant)\|>")),
    _Form(re.compile(r"### ?(Human|User|Assistant|System):")),
    _Form(re.compile(r"^### ?(Instruction|Input|Response):", re.MULTILINE)),
)
_SYSTEM = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_AROUND = ("<s>", "</s>", "<bos>", "<eos>", "<|begin_of_text|>", "<|endoftext|>")


def turns(text: str) -> list[dict[str, str]] | None:
    """The messages of such a text, role and content; None where it is none: there must be a question and an answer."""
    found = _instructed(text) if "[INST]" in text[:LOOKED_AT] else _marked(text)
    found = [said for said in found if said["content"]]
    roles = {said["role"].lower() for said in found}
    return found if {"user", "human"} & roles and {"assistant", "model"} & roles else None


def read(given: Any) -> Any:
    """The messages of a text that is such a chat; anything else, such as their JSON, as it is."""
    if not isinstance(given, str) or (given.lstrip()[:1] in ("[", "{") and not given.lstrip().startswith("[INST]")):
        return given
    return turns(given) or given


def _marked(text: str) -> list[dict[str, str]]:
    for form in _FORMS:
        first = form.opens.search(text, 0, LOOKED_AT)
        if first is None:
            continue
        pieces = form.opens.split(text[first.start() :])
        found = [_message("system", text[: first.start()])]
        for named, said in zip(pieces[1::2], pieces[2::2], strict=True):
            content = said.partition(form.ends)[0] if form.ends else said
            if named == "Input":
                found[-1]["content"] += f"\n\nInput: {_stripped(content)}"
            else:
                found.append(_message(ROLES.get(named.lower(), named), content))
        return found
    return []


def _instructed(text: str) -> list[dict[str, str]]:
    begin, *rounds = text.split("[INST]")
    found = [_message("system", begin)]
    for asked, _, answer in (said.partition("[/INST]") for said in rounds):
        if system := _SYSTEM.match(asked):
            found.append(_message("system", system[1]))
            asked = asked[system.end() :]
        found += [_message("user", asked), _message("assistant", answer)]
    return found


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": _stripped(content)}


def _stripped(content: str) -> str:
    before = None
    while content != before:
        before = content
        for token in _AROUND:
            content = content.strip().removeprefix(token).removesuffix(token)
    return content


def column(rows: Sequence[dict[str, Any]], choices: Choices) -> str | None:
    """The column of rows that would be read as texts alone, most of which are such chats. None where they are not, or the
    user has chosen."""
    if choices.shape is not None or choices.columns:
        return None
    plans = [(row, plan(filled(row))) for row in rows]
    texts = [(row[how.columns["text"]], how.columns["text"]) for row, how in plans if how and how.shape == "text"]
    chats = [name for text, name in texts if isinstance(text, str) and turns(text)]
    return chats[0] if 2 * len(chats) > len(rows) else None


def doubt(rows: Sequence[dict[str, Any]], choices: Choices) -> InputError | None:
    """The question to ask before the questions of such chats are learned along with the answers."""
    name = column(rows, choices)
    if name is None:
        return None
    return InputError(
        WHAT,
        f"the column {name!r}",
        f'Give columns={ {"messages": name} } to read their messages, so that the answers alone are learned, or shape="text" '
        "to learn the texts whole, markers and questions too",
    )
