"""Every text of a row that may be changed: what its messages say, and beside it, in few rows, the answer to avoid, the
name of a speaker, and each value of the tool calls and of the tools on offer, which are kept as JSON."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.data.rows import clean
from studio.example_tables import Message

if TYPE_CHECKING:
    import pandas as pd

IN_MESSAGE = ("tool_calls", "name")
IN_ROW = ("rejected", "tools")
JSON = ("tool_calls", "tools")
STRUCTURE = ("id", "type", "name")  # of a call or a tool, by which others know it
GIVEN = ("arguments", "parameters", "input")  # in it everything is what somebody said
DEEPEST = 60  # what lies deeper in JSON is looked at as it is written
PRIVATE_KEY = re.compile(r"@|\d{4}")  # a key that may be more than the name of its value
Change = Callable[[str, str], str]
"""(the words of the key, a text) to the text that stands there instead."""


class RowTexts:
    """`texts` are those of some examples (a frame): the contents of all messages, then the others, the same ones once.

    A value of JSON has the words of its key before it, for "phone: 5550123" says more than the number alone;
    `before[at]` characters of `texts[at]` are such words.
    """

    def __init__(self, examples: "pd.DataFrame") -> None:
        self._examples = examples
        conversations: list[list[Message]] = list(examples["messages"])
        sizes = [len(messages) for messages in conversations]
        self.texts = [message.get("content") or "" for messages in conversations for message in messages]
        self._row_of_content = np.repeat(np.arange(len(sizes)), sizes)
        self.before: dict[int, int] = {}
        self._places: dict[tuple[str, Any], list[tuple[int, int]]] = {}
        for row, messages in enumerate(conversations):
            for place, message in enumerate(messages):
                if len(message) > 2:
                    for name in IN_MESSAGE:
                        if isinstance(value := message.get(name), str) and value:
                            self._places.setdefault((name, value), []).append((row, place))
        for name in IN_ROW:
            is_anywhere = name in examples and examples[name].notna().any()
            for row, value in enumerate(examples[name] if is_anywhere else ()):
                if isinstance(value, str) and value:
                    self._places.setdefault((name, value), []).append((row, -1))
        self._unit_of: list[tuple[str, Any]] = []
        for unit in self._places:
            for words, text in texts_in(*unit):
                self.before[len(self.texts)] = len(words)
                self.texts.append(words + text)
                self._unit_of.append(unit)

    def rows_with(self, at: int) -> list[int]:
        """The rows with the text `at`, once for each time that it stands there."""
        beside = at - len(self._row_of_content)
        if beside < 0:
            return [int(self._row_of_content[at])]
        return [row for row, _ in self._places[self._unit_of[beside]]]

    def written(self, texts: Sequence[str]) -> "pd.DataFrame":
        """A copy of the examples with these in place of `texts`."""
        import pandas as pd

        one = iter(texts)
        conversations = [
            [message | {"content": content} if (content := next(one)) or message.get("content") else message for message in messages]
            for messages in self._examples["messages"]
        ]  # fmt: skip
        columns = {name: list(self._examples[name]) for name in IN_ROW if name in self._examples}
        for (name, value), places in self._places.items():
            made = changed(name, value, lambda words, _: next(one)[len(words) :])
            for row, place in places:
                if place < 0:
                    columns[name][row] = made
                else:
                    conversations[row][place] = conversations[row][place] | {name: made}
        written = self._examples.copy()
        for name, values in {"messages": conversations, **columns}.items():
            written[name] = pd.Series(values, self._examples.index, object)
        return written


def texts_in(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """(the words of its key with a space behind them, or nothing; the text) for each text in a field of a row or message."""
    found: list[tuple[str, str]] = []

    def note(words: str, text: str) -> str:
        found.append((words, text))
        return text

    changed(name, value, note)
    return iter(found)


def changed(name: str, value: Any, change: Change) -> Any:
    """What stands in the field `name` when each of its texts is changed; those of JSON one after the other."""
    if name not in JSON:
        return change("", value)
    inner = _parsed(value)
    if inner is None:
        return change("", value)
    made = _changed(inner, change, "", False, 0)
    return value if made == inner else clean(json.dumps(made, ensure_ascii=False))


def _changed(value: Any, change: Change, key: str, is_given: bool, depth: int) -> Any:
    is_given = is_given or key in GIVEN
    if isinstance(value, dict | list) and depth > DEEPEST:
        text = json.dumps(value, ensure_ascii=False)
        written = change("", text)
        return value if written == text else written
    if isinstance(value, list):
        return [_changed(inner, change, key, is_given, depth + 1) for inner in value]
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for name, inner in value.items():
            written = change("", name) if PRIVATE_KEY.search(name) else name
            while written in made:  # two keys of which the same is left
                written += "_"
            made[written] = _changed(inner, change, name, is_given, depth + 1)
        return made
    if type(value) is int:
        written = change(_words(key), str(value))
        return value if written == str(value) else int(written) if written.isdecimal() else written
    if not isinstance(value, str) or (key in STRUCTURE and not is_given):
        return value
    inner = _parsed(value)
    if inner is None:
        return change(_words(key), value)
    of_inner = _changed(inner, change, key, is_given, depth + 1)
    return value if of_inner == inner else json.dumps(of_inner, ensure_ascii=False)


def _parsed(text: str) -> Any:
    """The object or list of which this is the JSON; None where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@lru_cache(4096)
def _words(key: str) -> str:
    """A key as words with a space behind them, without digits, so that nothing private can begin in it."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W\d_]+", " ", key).strip()
    return f"{words} " if words else ""
