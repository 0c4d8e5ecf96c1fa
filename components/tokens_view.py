"""An example as the model reads it: its tokens, coloured by whether their loss counts, and what a length cuts."""

from html import escape
from itertools import groupby
from typing import Any

MARKS = {(True, False): "trained", (False, False): "read", (True, True): "trained cut", (False, True): "read cut"}
READ = 100_000
"""Characters that are cut into tokens: a cell may have ten million, which take a minute."""
LONGEST = 4_000
"""Tokens drawn; more than that nobody reads, and the browser would be slow."""


def tokens_html(view: Any, max_length: int, missing: str = "") -> str:
    """The tokens of one example (a studio.loss_mask.TokenView) with a legend in words: never by colour alone.
    `missing` says what of the example is not among them."""
    tokens, partly = view.tokens, view.unread > 0
    trained = sum(token.trained and not token.cut for token in tokens)
    cut = sum(token.cut for token in tokens)
    parts = []
    for mark, run in groupby(tokens[:LONGEST], key=lambda token: MARKS[token.trained, token.cut]):
        pieces = "".join(f"<span>{escape(token.text)}</span>" for token in run)
        parts.append(f'<span class="{mark}">{pieces}</span>')
    first = "The first " if partly else ""
    words = f"{first}{len(tokens):,} tokens: {trained:,} are trained on (underlined), the others are only read"
    none = "none of these lies" if partly else "none lies"
    words += (
        f"; {cut:,} lie behind {max_length:,} and are cut (struck through)."
        if cut
        else f"; {none} behind {max_length:,}."
    )
    if partly:
        words += f" The {view.unread:,} characters that follow are not counted." + (
            " All that follows is cut, too." if cut else ""
        )
    left_out = f'<p class="why">The first {LONGEST:,} are shown.</p>' if len(tokens) > LONGEST else ""
    warning = f'<div class="message">{escape(missing)}</div>' if missing else ""
    return f'{warning}<p class="why">{words}</p><pre class="tokens">{"".join(parts)}</pre>{left_out}'
