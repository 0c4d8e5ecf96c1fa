"""Which tokens of an example are trained on, shown as text, without the model's library: the page may call it.

The same rule as `chat.encode`: the assistant's words and the token that ends them. A template that marks them itself
is asked through its marks; for one that does not, see `answer_spans`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.answer_spans import AnswerFinder, Message, Span, learned_spans
from studio.chat import TokenCounter, for_template, template_of, without_system
from studio.errors import InputError

WORD = 200
"""Characters behind a part of a text that are cut into tokens with it: its last tokens are then those of the whole."""
BEGINS, ENDS = "\ue000", "\ue001"
"""Characters of the private use area, which stand for the template's marks while it renders."""


@dataclass(frozen=True)
class ShownToken:
    """A piece of the rendered text; `trained` when its loss counts, `cut` when it lies behind the maximum length."""

    text: str
    trained: bool
    cut: bool


@dataclass(frozen=True)
class TokenView:
    """The tokens of a conversation in order; their texts joined are what was read of the rendered conversation, of which
    `unread` characters follow."""

    tokens: list[ShownToken]
    unread: int


class TokenViewer:
    """Made for one model folder; raises InputError when that has no tokenizer.json."""

    def __init__(self, model_folder: Path) -> None:
        self._counter = TokenCounter(model_folder)
        if self._counter.name == "estimate":
            raise InputError(
                "This model's tokens cannot be shown", f"no tokenizer.json in {model_folder}", "Use another model"
            )
        self._marked, self._special, self._marks_itself = template_of(model_folder, marks=(BEGINS, ENDS))
        self._tools: list[Any] | None = None

    def view(
        self,
        messages: Sequence[Message],
        max_length: int | None = None,
        tools: str | None = None,
        characters: int | None = None,
    ) -> TokenView:
        """The tokens of the conversation, all or those of the first `characters` of its rendered text: a million characters
        take seconds. `tools` is the JSON text of the tools on offer, which the template shows where it can."""
        self._tools = json.loads(tools) if tools else None
        text, spans = self._rendered([*messages], characters)
        read = len(text) if characters is None else min(characters, len(text))
        shown, at, begun = list[ShownToken](), 0, 0
        for number, (start, end) in enumerate(self._counter.offsets(text[: read + WORD])):
            if end > read:
                break
            while at < len(spans) and spans[at][1] <= start:
                at += 1
            inside = at < len(spans) and spans[at][0] <= start and end <= spans[at][1]
            cut = max_length is not None and number >= max_length
            shown.append(ShownToken(text[start:end], inside, cut))
            begun = end
        return TokenView(shown, len(text) - begun if read < len(text) else 0)

    def _rendered(self, messages: list[Message], characters: int | None) -> tuple[str, list[tuple[int, int]]]:
        """The text and where the learned answers stand in it; of those behind so many characters, that they do."""
        if self._marks_itself:
            text, spans = _without_marks(self._render(messages))
            return text, learned_spans(messages, spans)
        text, spans = self._render(messages), list[Span]()
        finder = AnswerFinder(self._render, messages, text, self._counter.added_tokens)
        for number, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            if characters is not None and spans and spans[-1][1] > characters + WORD:
                spans.append((len(text), len(text)))
                continue
            spans.append(finder.span(number))
        return text, learned_spans(messages, spans)

    def _render(self, messages: list[Message], add_generation_prompt: bool = False) -> str:
        from jinja2 import TemplateError

        problem = ""
        for candidate in (messages, without_system(messages)):
            try:
                values: dict[str, Any] = {
                    "messages": for_template(candidate),
                    "tools": self._tools,
                    "add_generation_prompt": add_generation_prompt,
                }
                return str(self._marked.render(**values, **self._special))
            except TemplateError as error:
                problem = str(error)
        raise InputError(
            "The model's chat template refuses this conversation", problem, "Roles alternate: user, then assistant"
        )


def _without_marks(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without the marks, and where in it they enclosed something."""
    spans: list[tuple[int, int]] = []
    plain, begun = "", 0
    for position, part in enumerate(text.split(BEGINS)):
        if position == 0:
            plain = part
            continue
        inside, _, behind = part.partition(ENDS)
        begun = len(plain)
        plain += inside
        spans.append((begun, len(plain)))
        plain += behind
    return plain, spans
