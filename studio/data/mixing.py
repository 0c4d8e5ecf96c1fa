"""One dataset from several: general data in a share so that a model forgets less, sources or labels in balance."""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from studio.errors import InputError
from studio.examples import Dataset

FIELD = "label:"
BALANCES = ("source", "label", f"{FIELD}FIELD")


def mix(
    tables: Mapping[str, pd.DataFrame],
    shares: Sequence[float] | None = None,
    rows: int | None = None,
    balance: str | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The mixed examples in a random order, and how many came from each table or group.

    `shares` says how much of each table (any positive numbers; equal when absent); or `balance` how much of each source,
    of each answer ("label") or of each value of a field in answers that are JSON ("label:FIELD"), by `weights` (equal
    when absent; a value without a weight is left out). Nothing is taken twice: without `rows` the mix is as large as
    that allows. The same seed gives the same rows. Raises InputError with all mistakes at once, and when there are too
    few rows.
    """
    _check(tables, shares, rows, balance, weights)
    named = [table.assign(_table=name) for name, table in tables.items()]
    together = pd.concat(named, ignore_index=True)
    if balance is None:
        groups = together["_table"].to_numpy(object)
        given = shares if shares is not None else [1.0] * len(tables)
        wanted = dict(zip(tables, map(float, given), strict=True))
    else:
        groups = _groups(together, balance)
        names = sorted({name for name in groups if name is not None})
        if unknown := sorted(set(weights or {}) - set(names)):
            found = f"{', '.join(map(repr, unknown))}; there are {', '.join(map(repr, names))}"[:300]
            raise InputError("A weight is for what is not there", found, "Correct `weights`")
        wanted = {name: float(weight) for name, weight in (weights or dict.fromkeys(names, 1.0)).items()}
    if not wanted:
        raise InputError("There is nothing to balance", f"no row has a {balance}", f"Choose {', '.join(BALANCES)}")
    there = {name: np.flatnonzero(groups == name) for name in wanted if wanted[name] > 0}
    counts = _counts({name: len(places) for name, places in there.items()}, wanted, rows)
    random = np.random.default_rng(seed)
    chosen = [random.permutation(there[name])[: counts[name]] for name in there]
    order = random.permutation(np.concatenate(chosen))
    mixed = together.iloc[order].drop(columns="_table").reset_index(drop=True)
    return mixed.assign(id=_different(mixed["id"])), counts


def mix_datasets(datasets: Sequence[Dataset], **choices: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The same from datasets, with what the description of the mixed one says: counts per dataset or group, per source,
    and what was mixed."""
    tables = {dataset.reference: dataset.examples for dataset in datasets}
    if len(tables) < len(datasets):
        raise InputError(
            "A dataset is given twice", ", ".join(one.reference for one in datasets), "Raise its share instead"
        )
    mixed, counts = mix(tables, **choices)
    counters = {dataset.description.get("token_counter") for dataset in datasets}
    return mixed, {
        "verb": "mix",
        "mixed_from": list(tables),
        "counts": counts,
        "sources": {str(name): int(count) for name, count in mixed["source"].value_counts().items()},
        "token_counter": counters.pop() if len(counters) == 1 else "several",
    }


def _check(
    tables: Mapping[str, pd.DataFrame], shares: Sequence[float] | None, rows: int | None, balance: str | None,
    weights: Mapping[str, float] | None,
) -> None:  # fmt: skip
    mistakes = []
    if not tables:
        mistakes.append("there is no dataset")
    if shares is not None and len(shares) != len(tables):
        mistakes.append(f"there are {len(tables)} datasets and {len(shares)} shares")
    for name, numbers in (("share", shares or ()), ("weight", tuple((weights or {}).values()))):
        if any(not np.isfinite(number) or number < 0 for number in numbers) or (numbers and not sum(numbers)):
            mistakes.append(f"a {name} is below 0, or all are 0: {', '.join(map(str, numbers))}")
    if rows is not None and rows < 1:
        mistakes.append(f"rows is {rows}, not at least 1")
    if balance is not None and balance not in ("source", "label") and not balance.startswith(FIELD):
        mistakes.append(f"balance is {balance!r}; there are {', '.join(BALANCES)}")
    if balance is not None and shares is not None:
        mistakes.append("shares and balance are both given: mix first, then balance the mix")
    if weights is not None and balance is None:
        mistakes.append("there are weights and no balance")
    if mistakes:
        raise InputError("The mix cannot be made", "; ".join(mistakes), "Correct it and run again")


def _groups(examples: pd.DataFrame, balance: str) -> "np.ndarray[Any, Any]":
    """The name of each row's group, None where it has none."""
    if balance == "source":
        return examples["source"].to_numpy(object)
    answers = [messages[-1]["content"].strip() for messages in examples["messages"]]
    if balance == "label":
        return np.array(answers, object)
    return np.array([_field(answer, balance.removeprefix(FIELD)) for answer in answers], object)


def _field(answer: str, name: str) -> str | None:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return str(value[name]) if isinstance(value, dict) and isinstance(value.get(name), str | int | float) else None


def _counts(there: Mapping[str, int], wanted: Mapping[str, float], rows: int | None) -> dict[str, int]:
    """How many of each, so that they add up to `rows` (the most that is there when None): the largest remainders."""
    total = sum(Fraction(wanted[name]) for name in there)
    share = {name: Fraction(wanted[name]) / total for name in there}
    most = min(int(there[name] / share[name]) for name in there)
    size = most if rows is None else rows
    exact = {name: share[name] * size for name in there}
    counts = {name: int(part) for name, part in exact.items()}
    rest = sorted(there, key=lambda name: (counts[name] - exact[name], name))
    for name in rest[: size - sum(counts.values())]:
        counts[name] += 1
    if short := [
        f"{name}: {counts[name]:,} wanted, {there[name]:,} there" for name in there if counts[name] > there[name]
    ]:
        if rows is None:  # rounding up one row too many
            return _counts(there, wanted, size - 1)
        raise InputError(
            "There are too few rows", "; ".join(short), f"Ask for at most {most:,} rows, or change the shares"
        )
    if not sum(counts.values()):
        raise InputError(
            "The mix would be empty", f"{sum(there.values()):,} rows", "Give the smaller part a smaller share"
        )
    return counts


def _different(ids: pd.Series) -> list[str]:
    """The ids, with a number where datasets had the same."""
    taken: set[str] = set()
    made = []
    for wanted in ids:
        chosen, number = wanted, 2
        while chosen in taken:
            chosen, number = f"{wanted}-{number}", number + 1
        taken.add(chosen)
        made.append(chosen)
    return made
