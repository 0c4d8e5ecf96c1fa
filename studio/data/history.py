"""How a dataset came to be: the steps from what was loaded, what each took away, and what differs between two.

Nothing is ever deleted: a step that is left out means a new version made from the steps that stay.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from studio.data import filters
from studio.errors import InputError
from studio.examples import Dataset
from studio.journal import Step

ANSWER = "answer"
REPEATABLE = ("filter", "redact", "drop_duplicates", "drop_leaked")


@dataclass(frozen=True)
class Change:
    """One step on the way to a dataset: `position` counts the steps that can be left out, from 1 (None where it
    cannot); rows before and after, and how many went for which kind of reason."""

    position: int | None
    reference: str
    verb: str
    arguments: dict[str, Any]
    before: int
    after: int
    reasons: dict[str, int]


@dataclass(frozen=True, eq=False)
class Remade(Dataset):
    """A dataset that a replay of steps gave. `passed_over` names the steps that had nothing to do this time, and why, as
    in "2 drop_duplicates: There are no duplicates to drop"."""

    passed_over: tuple[str, ...] = ()


def lineage(steps: Sequence[Step], reference: str) -> list[tuple[Step, str]]:
    """The done steps that led to the dataset `reference`, in the order of the journal, each with the dataset that it gave
    to the next. Before a mix stand the steps of all that went into it."""
    done = [step for step in steps if step.state == "done"]
    made_by = {result: step for step in done for result in step.results}
    stands_for = _names(done)
    found: dict[str, Step] = {}
    waiting = [reference]
    while waiting:
        at = waiting.pop()
        if at in made_by and at not in found:
            found[at] = made_by[at]
            waiting += _sources(made_by[at], stands_for)
    return [(step, at) for at, step in sorted(found.items(), key=lambda item: item[1].number)]


def _names(steps: Sequence[Step]) -> dict[str, str]:
    """What each name of the journal stands for."""
    return {name: result for step in steps for name, result in zip(step.outputs, step.results, strict=True)}


def _sources(step: Step, stands_for: dict[str, str]) -> list[str]:
    """The datasets whose rows went into what the step made; a benchmark that it was held against is none of them."""
    return [stands_for.get(name, name) for key, name in step.inputs.items() if key.split("_")[0] == "dataset"]


def repeatable(chain: Sequence[tuple[Step, str]]) -> list[Step]:
    """The steps of a lineage that can be left out: those behind the last load, split or mix, in order."""
    firm = max((place for place, (step, _) in enumerate(chain) if step.verb not in REPEATABLE), default=-1)
    return [step for step, _ in chain[firm + 1 :]]


def changes(chain: Sequence[tuple[Step, str]], datasets: Sequence[Dataset]) -> list[Change]:
    """What each step of a lineage did; `datasets` are what they made, in the same order."""
    listed: list[Change] = []
    positions = {step.number: position for position, step in enumerate(repeatable(chain), start=1)}
    rows = {made.reference: len(made) for made in datasets}
    stands_for = _names([step for step, _ in chain])
    for (step, _), made in zip(chain, datasets, strict=True):
        sources = [rows[source] for source in _sources(step, stands_for) if source in rows]
        before = sum(sources) if sources else len(made) + len(made.problems)
        reasons = Counter(filters.kind(str(reason)) for reason in made.dropped["reason"])
        if step.verb == "load" and len(made.problems):
            reasons["could not be read"] = len(made.problems)
        listed.append(
            Change(
                positions.get(step.number), made.reference, step.verb, step.arguments, before, len(made), dict(reasons.most_common())
            )
        )  # fmt: skip
    return listed


def kept_steps(chain: Sequence[tuple[Step, str]], leave_out: Sequence[int]) -> list[tuple[int, Step]]:
    """The steps to repeat, with their positions, when those in `leave_out` are off. Raises InputError for a wrong one."""
    steps = repeatable(chain)
    wrong = [position for position in leave_out if not 1 <= position <= len(steps)]
    if wrong:
        raise InputError(
            "There is no such step to leave out", ", ".join(map(str, wrong)), f"The steps are numbered 1 to {len(steps)}"
        )  # fmt: skip
    return [(position, step) for position, step in enumerate(steps, start=1) if position not in leave_out]


def difference(before: pd.DataFrame, after: pd.DataFrame, reasons: dict[str, str] | None = None) -> pd.DataFrame:
    """One row for each example that is in one of two datasets only or that reads otherwise. Columns: id, change
    ("only in the first", "only in the second", "changed"), reason, first and second: the answers, or empty; of a changed
    one the first part that differs, named where it is not the answer."""
    reasons = reasons or {}
    first, second = _parts_of(before), _parts_of(after)
    rows = []
    for row_id in [*first, *(other for other in second if other not in first)]:
        texts = first.get(row_id, {}), second.get(row_id, {})
        if row_id not in second:
            change, part = "only in the first", ANSWER
        elif row_id not in first:
            change, part = "only in the second", ANSWER
        elif texts[0] != texts[1]:
            change = "changed"
            part = next(name for name in texts[0] | texts[1] if texts[0].get(name) != texts[1].get(name))
        else:
            continue
        shown = [f"{part}: {text[part]}" if part != ANSWER and part in text else text.get(part, "") for text in texts]
        rows.append((row_id, change, reasons.get(row_id, ""), *shown))
    return pd.DataFrame(rows, columns=["id", "change", "reason", "first", "second"], dtype="str")


def _parts_of(examples: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Of each id the texts that an example is made of, by name, the answer first."""
    columns = [examples[name] for name in ("id", "messages", "rejected", "tools")]
    return {row_id: _parts(*rest) for row_id, *rest in zip(*columns, strict=True)}


def _parts(messages: Sequence[dict[str, str]], rejected: Any, tools: Any) -> dict[str, str]:
    """A preference without a better answer has none to name."""
    said: dict[str, str] = {}
    for at, message in enumerate(messages, start=1):
        is_answer = at == len(messages) and message["role"] != "user"
        more = [f"{name}: {value}" for name, value in message.items() if name not in ("role", "content")]
        said[ANSWER if is_answer else f"message {at}, {message['role']}"] = "\n".join(
            [message["content"], *more] if message["content"] else more
        )
    first = {ANSWER: said.pop(ANSWER)} if ANSWER in said else {}
    beside = {"answer to avoid": rejected, "tools": tools}
    return first | said | {name: text for name, text in beside.items() if isinstance(text, str)}
