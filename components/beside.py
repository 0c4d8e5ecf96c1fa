"""Rows next to each other (under each other where it is narrow), with the words in which they differ marked."""

import difflib
import re
from collections.abc import Sequence
from html import escape

from components.cell import spoken

LONGEST = 1200
"""characters of a text that are compared and shown"""
WORDS = re.compile(r"\s+|\w+|\W")


def said(messages: Sequence[dict[str, str]]) -> str:
    """What is asked and answered, to read and to compare; the system prompt left out."""
    text = "\n\n".join(spoken(message) for message in messages if message["role"] != "system")
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def differences(before: str, after: str) -> str:
    """`after` as HTML, with the words that `before` has not underlined, and those that only it has struck through."""
    left, right = WORDS.findall(before), WORDS.findall(after)
    parts = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        gone, new = escape("".join(left[a:b])), escape("".join(right[c:d]))
        if kind == "equal":
            parts.append(new)
            continue
        parts += [f"<del>{gone}</del>"] if gone.strip() else []
        parts += [f"<ins>{new}</ins>"] if new.strip() else [new]
    return "".join(parts)


def card(title: str, why: str, inner: str, kept: bool = False) -> str:
    """One row: a title and a line on it (both are escaped), and its text (HTML)."""
    kind = "card kept" if kept else "card"
    return (
        f'<article class="{kind}"><h5>{escape(title)}</h5><p class="why">{escape(why)}</p><pre>{inner}</pre></article>'
    )


def beside(title: str, cards: Sequence[str], note: str = "") -> str:
    """A group of cards under a title (escaped)."""
    below = f'<p class="why">{escape(note)}</p>' if note else ""
    return f'<section class="group"><h4>{escape(title)}</h4><div class="beside">{"".join(cards)}</div>{below}</section>'
