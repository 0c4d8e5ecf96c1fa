"""What the Look cell says: a dataset and its rows in words and small tables, and how far a long look is."""

import time
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from components.cell import duration, short, spoken, table, tiles

FIRST_SORT = "file"
SLOW = 0.4
"""Seconds after which what is under way shows how far it is."""


def query_of(
    search: str | None, regular: bool, flags: list[str], sources: list[str], languages: list[str], kinds: list[str], sort: str
) -> dict[str, Any]:  # fmt: skip
    """The boxes as the query of Project.rows."""
    return {
        "search": search or "", "regular": bool(regular), "flags": flags or [], "sources": sources or [], "languages": languages or [],
        "kinds": kinds or [], "sort": (sort or FIRST_SORT).split(" ")[0], "descending": (sort or "").endswith(" down"),
    }  # fmt: skip


def progress(steps: Iterator[tuple[int, int]]) -> Iterator[str]:
    """Runs through what takes long; after a moment says twice a second how far it is and what is left."""
    began = told = time.monotonic()
    for done, of in steps:
        now = time.monotonic()
        if now - told > SLOW:
            told, share = now, done / max(1, of)
            left = duration((now - began) * (1 - share) / max(share, 1e-6))
            bar = f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}"><i style="width:{share:.1%}"></i></div>'
            yield f'{bar}<p class="why">{done:,} of {of:,} rows looked at, {left} left</p>'


def stopped() -> str:
    """What is said after Stop, a moment later: the last step that was under way still tells how far it came."""
    time.sleep(2 * SLOW)
    return '<p class="why">Stopped. What is below belongs to the question before.</p>'


def summary_of(facts: Any, count: int) -> str:
    scored = facts.quality[~np.isnan(facts.quality)]
    words = {
        "examples": f"{count:,}",
        "tokens: mean": f"{facts.tokens.mean():,.0f}" if count else "none",
        "tokens: shortest to longest": f"{facts.tokens.min():,} to {facts.tokens.max():,}" if count else "none",
        "turns: mean": f"{facts.turns.mean():,.1f}" if count else "none",
        "mean score": f"{scored.mean():.2f}" if len(scored) else "none",
        "set aside": f"{facts.problems:,}",
    }
    flags = [(str(flag), f"{number:,}", f"{number / count:.1%}") for flag, number in facts.flags.items()]
    sources = ", ".join(f"{name} ({number:,})" for name, number in list(facts.sources.items())[:6])
    more = f" and {len(facts.sources) - 6:,} more" if len(facts.sources) > 6 else ""
    below = f'<p class="why">Sources: {escape(sources + more)}</p>' if sources else ""
    return tiles(words) + below + (table(["flag", "examples", "share"], flags) if flags else "")


def spoken_of(found: pd.DataFrame, count: int) -> str:
    looked_at = found.attrs["looked_at"]
    where = "" if looked_at == count else f" of a sample of {looked_at:,} examples; a filter by language looks at all"
    said = [(row.language, f"{row.count:,}", f"{row.share:.1%}") for row in found.itertuples(name="Spoken")]
    return f'<p class="why">Languages{where}.</p>' + table(["language", "examples", "share"], said)


def counted(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(f"{name} ({count:,})", name) for name, count in counts.items()]


def said_in(messages: list[dict[str, str]]) -> tuple[str, str]:
    """The last request and the last answer, cut to fit a table."""

    def last(role: str) -> str:
        return short(next((spoken(one) for one in reversed(messages) if one["role"] == role), ""))

    return last("user"), last("assistant")


def rounded(score: float) -> float | None:
    return None if np.isnan(score) else round(float(score), 3)


def rows_in_words(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def first_of(frame: pd.DataFrame, count: int, columns: list[str]) -> str:
    rows = [[short(str(row[name])) for name in columns] for _, row in frame.iterrows()]
    note = f'<p class="why">The first {len(frame):,} of {count:,}.</p>' if count > len(frame) else ""
    return note + table(columns, rows)
