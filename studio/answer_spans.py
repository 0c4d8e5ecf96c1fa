"""Where the answers stand in the text of a chat template, in characters, each with the token that ends it.

A template that does not mark them is asked twice: for the conversation up to an answer and for that including it. Where it
writes an answer otherwise as long as it is the last one (thinking, another beginning, the end of the text), a stand-in is
written in the answer's place: what stands around the one stands around the other. An answer's own words are never searched
for, for a label or a name stands in the question too.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

from studio.errors import InputError

Message = dict[str, str]
Span = tuple[int, int]
Render = Callable[[list[Message], bool], str]
"""Messages, and whether the model is to answer next, to the text of the template."""
STAND_IN = "\ue002answer\ue003"
"""Characters of the private use area, which no conversation holds."""
THOUGHT_END = "</think>"


def learned_spans(messages: Sequence[Message], spans: list[Span]) -> list[Span]:
    """Of the places of all answers in their order, those of the answers that are learned: one of weight 0 is only read."""
    if not any("weight" in message for message in messages):
        return spans
    answers = [message for message in messages if message["role"] == "assistant"]
    if len(spans) != len(answers):
        raise InputError(
            "The model's chat template marks answers in parts, so that one of weight 0 cannot be told from the others",
            f"{len(spans)} marks for {len(answers)} answers",
            "Choose another model, or leave out the rows with such an answer",
        )
    return [span for answer, span in zip(answers, spans, strict=True) if "weight" not in answer]


def last_parts(messages: Sequence[Message], spans: list[Span]) -> list[Span]:
    """Of the places of all answers in their order, those of the last: more than one where the template marks it in parts."""
    answers = sum(message["role"] == "assistant" for message in messages)
    first = len(spans) - 1
    while len(spans) > answers and first > 0 and spans[first - 1][1] == spans[first][0]:
        first -= 1
    return spans[max(0, first) :]


def check_marked(messages: Sequence[Message], text: str, spans: list[Span]) -> None:
    """Raises InputError where a template that marks answers has left out the words of the last one."""
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    if last is not None and not any(_holds(last, text, start, end) for start, end in reversed(spans)):
        raise _changed(last)


class AnswerFinder:
    """Finds the answers of one conversation in `text`, which is what `render` makes of it. `end_tokens` are the texts of the
    tokenizer's added tokens: one of them may end an answer."""

    def __init__(self, render: Render, messages: list[Message], text: str, end_tokens: Callable[[], list[str]]) -> None:
        self._render, self._messages, self._text, self._end_tokens = render, messages, text, end_tokens

    def spans(self) -> list[Span]:
        """The places of all answers in their order. Raises InputError where one cannot be told."""
        return [self.span(number) for number, message in enumerate(self._messages) if message["role"] == "assistant"]

    def span(self, number: int) -> Span:
        """The place of the answer that is the message of this number. Raises InputError where it cannot be told."""
        before = self._render(self._messages[:number], True) if number else ""
        if before and self._text.startswith(before):
            is_last = number + 1 == len(self._messages)
            including = self._text if is_last else self._render(self._messages[: number + 1], False)
            start, end = len(before), len(including.rstrip())
            same = len(including) > start and self._text.startswith(including)
            if same and _holds(self._messages[number], self._text, start, end):
                return start, end
        return self._around_stand_in(number)

    def _around_stand_in(self, number: int) -> Span:
        content = self._messages[number]["content"]
        thought = "".join(content.rpartition(THOUGHT_END)[:2])
        span = self._around(number, "") or (self._around(number, thought) if thought else None)
        if span is None:
            raise _changed(self._messages[number])
        return span[0], span[1] + self._ending(span[1])

    def _around(self, number: int, thought: str) -> Span | None:
        """The place of the answer by a stand-in behind what it thought, which stands before it as it is; None where the
        template writes the two otherwise."""
        stand_in = {"role": "assistant", "content": thought + STAND_IN}
        try:
            shown = self._render([*self._messages[:number], stand_in, *self._messages[number + 1 :]], False)
        except InputError:  # a template that takes a tool's result only behind a call
            return None
        before, found, behind = shown.partition(STAND_IN)
        start, end = len(before) - len(thought), len(self._text) - len(behind)
        around = found and start <= end and self._text.startswith(before) and self._text.endswith(behind)
        return (start, end) if around and self._is_answer(number, self._text[start:end].strip()) else None

    def _is_answer(self, number: int, written: str) -> bool:
        """Whether that is the answer: all of it, its tool calls, or without what it thought, which many templates leave out
        of all answers but the last."""
        message = self._messages[number]
        content = message["content"].strip()
        if written == content:
            return True
        if "tool_calls" in message:
            return written in self._render(self._messages[: number + 1], False)
        is_earlier = any(later["role"] == "assistant" for later in self._messages[number + 1 :])
        return is_earlier and bool(written) and content.endswith(written)

    def _ending(self, end: int) -> int:
        """How many characters from there on end the answer: those that end a last answer too, or one added token."""
        tokens = self._longest_first
        shared = _shared(self._closing, self._text[end : end + len(self._closing)]).rstrip()
        if shared == self._closing or shared.endswith(tokens):
            return len(shared)
        if not self._closing.startswith(tokens):
            return 0
        return next((len(token) for token in tokens if self._text.startswith(token, end)), 0)

    @cached_property
    def _closing(self) -> str:
        """What the template writes behind a last answer."""
        asked = [{"role": "user", "content": "a"}, {"role": "assistant", "content": STAND_IN}]
        return self._render(asked, False).partition(STAND_IN)[2].rstrip()

    @cached_property
    def _longest_first(self) -> tuple[str, ...]:
        return tuple(token for token in sorted(self._end_tokens(), key=len, reverse=True) if token)


def _shared(one: str, other: str) -> str:
    """How both begin."""
    return one[: next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(other))]


def _holds(answer: Message, text: str, start: int, end: int) -> bool:
    """Whether the answer's last word stands there: some templates leave answers out, or write them elsewhere."""
    last = answer["content"].rsplit(None, 1)[-1:]
    return "tool_calls" in answer or not last or text.find(last[0].strip(), start, end) >= 0


def _changed(answer: Message) -> InputError:
    return InputError(
        "The model's chat template changes answers, so that it cannot be told which words to learn",
        answer["content"][:60],
        "Choose another model, or leave out the rows with such an answer",
    )
