"""The fenced blocks of code in a text, and the text without its code."""

import re
from collections.abc import Iterator

FENCE = "```"
INLINE_CODE = re.compile(r"`[^`\n]*`")
_NAME = re.compile(r"[ \t]*([\w+-]*)")


def blocks(text: str) -> list[tuple[str, str]]:
    """(name of the language as it stands there, what is inside) of each fenced block; the last may have no end."""
    return [(name, text[begin:end]) for _, name, begin, end, _ in _fenced(text)]


def without_code(text: str) -> str:
    """The prose alone: a space for each fenced block and for inline code."""
    if "`" not in text:
        return text
    prose, at = [], 0
    for begin, _, _, _, end in _fenced(text):
        prose.append(text[at:begin])
        at = end
    return INLINE_CODE.sub(" ", " ".join([*prose, text[at:]]))


def _fenced(text: str) -> Iterator[tuple[int, str, int, int, int]]:
    """(where it begins, its name, where its inside begins and ends, where it ends) of each block. Not by a pattern: that
    takes time with the square of a line that is full of fences."""
    at = text.find(FENCE)
    while at >= 0:
        line_end = text.find("\n", at)
        if line_end < 0:
            return
        closing = text.find(FENCE, line_end + 1)
        inside, end = (len(text), len(text)) if closing < 0 else (closing, closing + len(FENCE))
        named = _NAME.match(text, at + len(FENCE), line_end)
        yield at, named[1] if named else "", line_end + 1, inside, end
        at = text.find(FENCE, end)
