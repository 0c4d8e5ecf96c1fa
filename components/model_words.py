"""A model and what it asks of this machine, in the reader's words."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from components.cell import duration, size, table
from studio import NotFoundError, Project, Recipe, StudioError, machine

WHERE = {"starter": "comes with the studio", "cache": "on this machine", "folder": "a folder of this machine", "hub": "on the Hub, not here yet"}  # fmt: skip
METHOD = {
    "qlora": ("4-bit", "QLoRA keeps the base in 4 bits and trains a small adapter: the least memory."),
    "lora": ("bf16", "LoRA keeps the base in 16 bits and trains a small adapter."),
    "full": ("32-bit", "Full training changes every weight, which takes several times the memory."),
}
MEANS = {
    "4-bit": "QLoRA's base (NF4, double quantisation, computed in bf16)",
    "8-bit": "QLoRA's base, nearer the original, with base bits 8 in the recipe",
    "bf16": "LoRA's base on a GPU, and what trained weights are saved in",
    "fp16": "not used where bf16 works",
    "32-bit": "LoRA's base and full training without a GPU",
}
LONGEST_FILE = 200_000
SLOW = "Training without a GPU is slow"
BEARABLE = 10 * 60
"""Seconds of training that need no warning."""
TEXT = "white-space: pre-wrap; overflow-wrap: anywhere; max-height: 340px; overflow: auto; font-size: 12.5px; background: transparent; margin: 6px 0"


def choice(known: Any) -> tuple[str, str]:
    """A model on this machine as the list names it, and its name in a recipe."""
    return (known.model if known.where == "starter" else f"{known.model} · {WHERE[known.where]}, {size(known.bytes)}", known.model)  # fmt: skip


def found_choice(found: Any) -> tuple[str, str]:
    """The same for one that the Hub has."""
    marks = "".join(f", {mark}" for mark, on in (("gated", found.gated), ("private", found.private)) if on)
    return f"{found.model} · Hub, {_count(found.downloads)} downloads{marks}", found.model


def _count(number: int) -> str:
    for amount, word in ((1e6, " M"), (1e3, " k")):
        if number >= amount:
            return f"{number / amount:.1f}{word}"
    return str(number)


def report_words(found: Any) -> str:
    """What is known of the model: facts in a line, then what stands in the way, then its template."""
    facts = [found.family, _parameters(found.parameters), f"{size(found.bytes)} of weights" if found.bytes else "", WHERE[found.where]]  # fmt: skip
    facts += [mark for mark, on in (("gated", found.gated), ("private", found.private)) if on]
    line = f"<p><b>{escape(found.model)}</b> · {escape(' · '.join(fact for fact in facts if fact))}</p>"
    wrong = found.problem or (f"This model cannot be trained here: {found.why_not}." if found.why_not else "")
    if wrong:
        return line + f'<div class="message" role="alert">{escape(wrong)}</div>'
    return line + _template_words(found)


def _parameters(count: int | None) -> str:
    if not count:
        return ""
    return f"{count / 1e9:.1f} B parameters" if count >= 1e8 else f"{count / 1e6:.1f} M parameters"


def _template_words(found: Any) -> str:
    if found.brings_template is None:
        return ""
    sample = (
        f'<pre style="{TEXT}">{escape(found.sample)}</pre>'
        if found.sample
        else "<p>It is made for other conversations.</p>"
    )
    if found.brings_template:
        return f'<details><summary class="why">What a conversation looks like to it</summary>{sample}</details>'
    words = "This base model brings no chat template, so it gets plain headings, and its end token after each answer:"
    return f'<div class="note">{words}{sample}</div>'


def machine_words(project: Project, model: str, method: str, reference: str | None) -> str:
    """What the machine is, what the weights take of it, and without a GPU what training means in time."""
    here = machine()
    bits, how = METHOD[method]
    bits = "32-bit" if method == "lora" and here.device != "cuda" else bits
    how = how.replace("16 bits", "32 bits, for there is no GPU,") if bits == "32-bit" and method == "lora" else how
    try:
        takes = f" Its weights take about {size(project.weights_in_memory(model)[bits])} of memory."
    except StudioError:  # a model that is not here, or none at all: the report of it says so
        takes = ""
    first = f"<p>{escape(here.sentence())}. {escape(how + takes)}</p>"
    if here.device == "cuda":
        return first
    try:
        return first + time_words(project, model, method, reference)
    except StudioError:  # a model of unknown size, or rows that cannot teach: the cell of the recipe says so
        return first + f'<p class="look">! {SLOW}.</p>'


def time_words(project: Project, model: str, method: str, reference: str | None) -> str:
    """What it means to train without a GPU, with this data where there is some."""
    if not reference:
        return f'<p class="look">! {SLOW}; how slow is said when there is data to learn from.</p>'
    dataset = project.dataset(reference)
    recipe = Recipe.recommended(dataset, model=model, method=method)  # type: ignore[arg-type]
    cost = project.cost(recipe, dataset)
    if cost["measured"]:
        high, took = cost["seconds"], f"about {_long(cost['seconds'])} here ({cost['text']})"
    else:
        tokens = float(dataset.columns("tokens")["tokens"].clip(upper=recipe.max_length).sum()) * recipe.epochs
        low, high = project.time_without_gpu(model, tokens)
        took = f"roughly {_long(low)} to {_long(high)} here, until a run tells better"
    words = (
        f"{'a run with the recommended recipe' if cost['measured'] else 'a first run'} over {reference} takes {took}."
    )
    if high < BEARABLE:
        return f'<p class="why">{escape(f"Without a GPU {words}")}</p>'
    return f'<p class="look">! {escape(f"{SLOW}: {words}")}</p>'


def _long(seconds: float) -> str:
    return f"{seconds / 86_400:,.0f} days" if seconds >= 2 * 86_400 else duration(seconds)


def machine_table(project: Project, model: str) -> str:
    """Each precision: whether it works here, what it is for, and what this model's weights take in it."""
    try:
        takes: Mapping[str, float] = project.weights_in_memory(model)
    except NotFoundError:
        takes = {}
    rows = [
        [one.name, ("✓ " if one.works else "✗ ") + one.words, MEANS[one.name], size(takes[one.name]) if takes else ""]
        for one in project.precisions()
    ]
    libraries = [[one.name, one.version or "missing", f"{one.least} ✓" if one.will_do else f"{one.least}: update it"] for one in project.libraries()]  # fmt: skip
    return table(["weights held in", "on this machine", "what for", "this model's weights"], rows) + table(
        ["library", "installed", "needed at least"], libraries
    )


def code_words(model: str, code: Mapping[str, str], consent: str) -> str:
    """The files of code to read, and what allowing them means."""
    state = {
        "needed": "nobody allowed it yet", "changed": "it has changed since it was allowed", "allowed": "it is allowed"
    }[consent]  # fmt: skip
    words = (
        f"<p><b>{escape(model)} needs Python code of its own: {state}.</b> It would run as you, with all your files and your "
        "network. Allow it only if you have read it or trust who wrote it. Allowed is exactly this code, for this model, on "
        "this machine; when a file changes, it is asked again.</p>"
    )
    files = "".join(
        f'<details><summary>{escape(name)} · {len(text.splitlines()):,} lines</summary><pre style="{TEXT}">{escape(text[:LONGEST_FILE])}</pre></details>'
        for name, text in code.items()
    )
    return f'<div class="note">{words}{files}</div>'


def consents_table(given: Sequence[Any]) -> str:
    if not given:
        return '<p class="why">No model\'s own code is allowed on this machine.</p>'
    rows = [[one.model, one.commit[:12] or "a folder", one.given[:10], ", ".join(one.files)] for one in given]
    return table(["code that may run", "commit", "allowed on", "files"], rows)
