"""How a dataset came to be: the steps from what was loaded, what each took away, and what differs between two.

Nothing is ever deleted: a step that is left out means a new version made from the steps that stay.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from studio.data import filters
from studio.errors import InputError
from studio.examples import Dataset
from studio.journal import Step

ANSWER = "answer"
REPEATABLE = ("filter", "redact", "drop_duplicates", "drop_leaked")
DONE_AGAIN = (*REPEATABLE, "split", "mix")
"""What is done again when a step before it is left out; of the others (models that write examples) only the result stays."""


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
    in "2 drop_duplicates: There are no duplicates to drop"; `parts` are the other parts of the splits that were made
    again, as in "test@v2": a test part of before may hold rows that are learned from now."""

    passed_over: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """One step of a replay: its `position` (see `Change`; None where it has none), what goes into it by parameter, as it
    was (references), and whether it is left out this time."""

    step: Step
    position: int | None
    inputs: dict[str, str]
    is_off: bool


def lineage(steps: Sequence[Step], reference: str) -> list[tuple[Step, str]]:
    """The done steps that led to the dataset `reference`, in the order of the journal, each with the dataset that it gave
    to the next. Before a mix stand the steps of all that went into it."""
    return _behind(steps, reference, _sources)


def _behind(
    steps: Sequence[Step], reference: str, before: Callable[[Step, dict[str, str]], list[str]]
) -> list[tuple[Step, str]]:
    """The same by another rule of what a step was made from."""
    done = [step for step in steps if step.state == "done"]
    made_by = {result: step for step in done for result in step.results}
    stands_for = _names(done)
    found: dict[str, Step] = {}
    waiting = [reference]
    while waiting:
        at = waiting.pop()
        if at in made_by and at not in found:
            found[at] = made_by[at]
            waiting += before(made_by[at], stands_for)
    return [(step, at) for at, step in sorted(found.items(), key=lambda item: item[1].number)]


def _names(steps: Sequence[Step]) -> dict[str, str]:
    """What each name of the journal stands for."""
    return {name: result for step in steps for name, result in zip(step.outputs, step.results, strict=True)}


def _sources(step: Step, stands_for: dict[str, str]) -> list[str]:
    """The datasets whose rows went into what the step made; a benchmark that it was held against is none of them."""
    return [stands_for.get(name, name) for key, name in step.inputs.items() if key.split("_")[0] == "dataset"]


def _inputs(step: Step, stands_for: dict[str, str]) -> list[str]:
    """All datasets that the step was given."""
    return [stands_for.get(name, name) for name in step.inputs.values()]


def repeatable(chain: Sequence[tuple[Step, str]]) -> list[Step]:
    """The steps of a lineage that can be left out, in order: those behind which nothing stands that is not done again."""
    stands_for = _names([step for step, _ in chain])
    firm: set[str] = set()
    for step, at in reversed(chain):
        if step.verb not in DONE_AGAIN or at in firm:
            firm |= set(_sources(step, stands_for))
    return [step for step, at in chain if step.verb in REPEATABLE and at not in firm]


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
        if step.verb in ("mix", "split") and before > len(made):
            others = ", ".join(result for result in step.results if result != made.reference)
            reasons["not drawn" if step.verb == "mix" else f"in {others}"] = before - len(made)
        listed.append(
            Change(
                positions.get(step.number), made.reference, step.verb, step.arguments, before, len(made), dict(reasons.most_common())
            )
        )  # fmt: skip
    return listed


def plan(steps: Sequence[Step], reference: str, leave_out: Sequence[int]) -> list[Repeat]:
    """What to do again, in order, for the dataset `reference` without the steps at the positions in `leave_out`.

    It begins behind the last load, split or mix before a step that is left out (before the dataset itself when none is);
    from there on all is done again that was made of what is made again: both parts of a split, a mix, and the benchmark
    that rows are held against. Raises InputError for a position that is not there.
    """
    chain = lineage(steps, reference)
    positions = {step.number: position for position, step in enumerate(repeatable(chain), start=1)}
    _check(chain, list(positions.values()), reference, leave_out)
    left_out = [at for step, at in chain if positions.get(step.number) in leave_out]
    new = {_start(lineage(steps, at), at) for at in left_out or [reference]}
    everything = _behind(steps, reference, _inputs)
    stands_for = _names([step for step, _ in everything])
    found: dict[int, Repeat] = {}
    for step, _ in everything:
        if step.verb in DONE_AGAIN and step.number not in found and new & set(_inputs(step, stands_for)):
            inputs = {key: stands_for.get(name, name) for key, name in step.inputs.items()}
            position = positions.get(step.number)
            found[step.number] = Repeat(step, position, inputs, position is not None and position in leave_out)
            new |= set(step.results)
    return list(found.values())


def _start(chain: Sequence[tuple[Step, str]], reference: str) -> str:
    """The dataset of the lineage of `reference` behind which all steps can be left out."""
    return next((at for step, at in reversed(chain) if step.verb not in REPEATABLE), reference)


def _check(
    chain: Sequence[tuple[Step, str]], positions: Sequence[int], reference: str, leave_out: Sequence[int]
) -> None:
    wrong = [position for position in leave_out if position not in positions]
    if not wrong:
        return
    found = ", ".join(map(str, wrong))
    if positions:
        raise InputError("There is no such step to leave out", found, f"The steps are numbered 1 to {len(positions)}")
    verbs = ", ".join(dict.fromkeys(step.verb for step, _ in chain)) or "no step"
    if any(step.verb in REPEATABLE for step, _ in chain):
        firm = next(step.verb for step, _ in reversed(chain) if step.verb not in DONE_AGAIN)
        raise InputError(
            f"No step behind {reference} can be left out", f"{found}; there are {verbs}",
            f"What {firm} made is not made again: leave the step out of the dataset that went into it, and go on from there",
        )  # fmt: skip
    raise InputError(
        f"No step behind {reference} can be left out", f"{found}; there are {verbs}", f"Only these can be: {', '.join(REPEATABLE)}"
    )  # fmt: skip


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
