"""One example opened to read: its facts, what took its score down, the conversation with what was searched for marked."""

import json
import math
from collections.abc import Callable, Iterable
from html import escape

import pandas as pd

from components.cell import spoken

LONGEST = 20_000
"""Characters of a message that are shown; the copy has all."""
MARK = '<mark style="background:color-mix(in srgb, var(--look) 32%, transparent);color:inherit;border-radius:3px">'
Pieces = Callable[[str], Iterable[tuple[str, bool]]]
"""A text in pieces, each with whether it was searched for."""

# The whole example as JSON stands beside what is shown of it, so that a press copies it without asking the server. A
# page that is not on this machine and has no certificate has no clipboard: there the older way is taken.
COPY = """() => {
  const text = document.querySelector("#data-look-example [data-json]")?.dataset.json;
  if (!text) return;
  const button = document.querySelector("button#data-look-copy, #data-look-copy button");
  const said = (words) => { const before = button.textContent; button.textContent = words; setTimeout(() => button.textContent = before, 1500); };
  const older = () => {
    const area = Object.assign(document.createElement("textarea"), {value: text});
    document.body.append(area); area.select();
    said(document.execCommand("copy") ? "Copied" : "Your browser does not let me copy"); area.remove();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => said("Copied"), older); else older();
}"""
# j and k go to the next and the previous row when nobody is typing and an example is open.
KEYS = """() => {
  if (window.lookKeys) return;
  window.lookKeys = true;
  const buttons = {j: "#data-look-next-row", k: "#data-look-previous-row"};
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, [contenteditable]")) return;
    const button = buttons[event.key] && document.querySelector(buttons[event.key]);
    if (button && button.offsetParent) { event.preventDefault(); button.click(); }
  });
}"""


def example_html(row: pd.Series, pieces: Pieces = lambda text: [(text, False)]) -> str:
    """`row` is a row of Dataset.examples."""
    facts = [
        str(row["id"]),
        *(str(row[name]) for name in ("kind", "source") if row.get(name)),
        f"{row['tokens']:,} tokens",
    ]
    facts += [] if math.isnan(row["quality"]) else [f"score {row['quality']:.3f}"]
    facts += [", ".join(row["flags"])] if row["flags"] else []
    parts = [_turn(message["role"], spoken(message), pieces) for message in row["messages"]]
    if rejected := row.get("rejected"):
        parts.append(_turn("rejected answer", rejected, pieces))
    if tools := row.get("tools"):
        parts.insert(0, f"<details><summary>Tools on offer</summary>{_turn('tools', tools, pieces)}</details>")
    line = f'<p class="why" data-row="{escape(str(row["id"]))}" data-json="{escape(as_json(row))}">{escape(" · ".join(facts))}</p>'
    return line + _penalties(row.get("reasons")) + "".join(parts)


def as_json(row: pd.Series) -> str:
    """All that is known of an example, as JSON text; what it does not have is left out."""
    whole = {name: value for name, value in row.items() if isinstance(value, list | str) and value}
    numbers = {"tokens": int(row["tokens"]), "quality": None if math.isnan(row["quality"]) else float(row["quality"])}
    return json.dumps({**whole, **numbers}, ensure_ascii=False, indent=2)


def _turn(role: str, said: str, pieces: Pieces) -> str:
    shown = "".join(f"{MARK}{escape(text)}</mark>" if hit else escape(text) for text, hit in pieces(said[:LONGEST]))
    cut = f'<p class="why">The first {LONGEST:,} of {len(said):,} characters.</p>' if len(said) > LONGEST else ""
    return f'<div class="turn"><b>{escape(role)}</b><pre>{shown}</pre>{cut}</div>'


def _penalties(reasons: list[str] | None) -> str:
    """What the scorer took off, one line a penalty."""
    if not reasons:
        return ""
    lines = "".join(f"<li>{escape(str(reason))}</li>" for reason in reasons)
    return f'<div class="note">Why the score is not 1<ul>{lines}</ul></div>'
