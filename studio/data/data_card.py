"""A page about a dataset for whoever gets the file: what is in it, where it comes from, how it was made."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from studio.data import companions
from studio.data.history import Change
from studio.examples import Dataset

HOLDS = {
    "openai": "messages and tools; ids and sources stand in the file beside it, since OpenAI refuses them in the rows",
    "alpaca": "system prompt, question and answer, ids and sources",
    "sharegpt": "messages, tools, ids and sources",
    "prompt-completion": "messages, tools, answers to avoid, ids and sources",
    "parquet": "everything: messages, tools, answers to avoid, ids, sources, token counts, scores, reasons and flags",
}


def text(dataset: Dataset, form: str, path: Path, history: Sequence[Change], steps: Iterable[str]) -> str:
    """The card in Markdown: `history` is what each step took away, `steps` the Python that made the dataset, the first
    first. Where somebody's home folder lies is not told."""
    summary = dataset.summary()
    kinds = dataset.columns("kind")["kind"].value_counts()
    quality = summary["mean_quality"]
    counts = [
        ("Examples", f"{summary['count']:,}"),
        *((f"of them {kind}s", f"{count:,}") for kind, count in kinds.items()),
        ("Tokens, mean (least to most)", f"{summary['mean_tokens']:.0f} ({summary['min_tokens']:,} to {summary['max_tokens']:,})"),
        ("Tokens counted with", str(summary["token_counter"])),
        ("Quality, mean", "not scored" if quality is None else f"{quality:.3f}"),
    ]  # fmt: skip
    files = [one for one in (path, companions.path_of(path)) if one.exists()]
    code = "\n".join(steps).replace(str(Path.home()), "~") or "# no step is known"
    taken = [
        (one.verb, one.reference, f"{one.before:,}", f"{one.after:,}", ", ".join(f"{reason} ({count:,})" for reason, count in one.reasons.items()))
        for one in history
    ]  # fmt: skip
    return "\n".join([
        f"# {dataset.name}, version {dataset.version}",
        "",
        f"Written by Fine-Tuning Studio as `{path.name}` in the form {form}. The file holds {HOLDS[form]}.",
        "",
        "## Counts",
        "",
        *_table(("what", "how many"), counts),
        "",
        "## Sources",
        "",
        *_table(("source", "examples"), [(name, f"{count:,}") for name, count in summary["sources"].items()]),
        "",
        "## Flags",
        "",
        *_table(("flag", "examples"), [(name, f"{count:,}") for name, count in summary["flags"].items()]),
        "",
        "## How it was made",
        "",
        *_table(("step", "made", "rows before", "rows after", "why rows went"), taken),
        "",
        "```python",
        code,
        "```",
        "",
        "## Files",
        "",
        *_table(
            ("file", "bytes", "SHA-256"), [(one.name, f"{one.stat().st_size:,}", sha256(one)) for one in files]
        ),
        *(_beside(path, form) if len(files) > 1 else ()),
        "",
    ])  # fmt: skip


def _beside(path: Path, form: str) -> Iterable[str]:
    holds = "ids and sources" if form == "openai" else "which rows have no system prompt"
    yield ""
    yield (
        f"`{companions.path_of(path).name}` holds {holds}, by line and digest of the row. Load both files together (or leave "
        "them in one folder), and the studio has every example as it was."
    )


def sha256(path: Path) -> str:
    """All 64 hex digits of the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    written = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    if not written:
        return ["none"]
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *written]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
