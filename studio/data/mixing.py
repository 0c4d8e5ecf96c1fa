"""One dataset from several: general data in a share so that a model forgets less, sources or labels in balance."""

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from studio import example_tables
from studio.data import preferences
from studio.data.words import Array
from studio.errors import InputError
from studio.examples import Dataset

FIELD = "label:"
BALANCES = ("source", "label", f"{FIELD}FIELD")
PART_ROWS = 20_000  # of a mix that are in memory at once
PLACE = "place"


class Drawn(NamedTuple):
    """`order`: the positions, in the tables one after the other, of the rows of a mix, in its order; `counts` how many
    of each table or group, and `there` how many there are to draw from."""

    order: Array
    counts: dict[str, int]
    there: dict[str, int]


def mix(
    tables: Mapping[str, pd.DataFrame],
    shares: Sequence[float] | None = None,
    rows: int | None = None,
    balance: str | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The mixed examples in a random order, and how many came from each table or group; see `draw`."""
    check(list(tables), shares, rows, balance, weights)
    names = {name: _names(name, table, balance) for name, table in tables.items()}
    drawn = draw(names, shares, rows, balance, weights, seed)
    whole = pd.concat(tables.values(), ignore_index=True)
    mixed = whole.assign(id=_different(whole["id"])).iloc[drawn.order].reset_index(drop=True)
    return mixed, drawn.counts


def draw(
    names: Mapping[str, Array],
    shares: Sequence[float] | None = None,
    rows: int | None = None,
    balance: str | None = None,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Drawn:
    """Which rows a mix is made of. `names` holds, for each table, the name of each row's group (None for none).

    `shares` says how much of each table (any positive numbers; equal when absent); or `balance` how much of each source,
    of each answer ("label"; of good and bad ones where answers were judged) or of each value of a field in answers that are JSON ("label:FIELD"), by `weights` (equal
    when absent; a value without a weight is left out). Nothing is taken twice: without `rows` the mix is as large as
    that allows. The same seed gives the same rows. Raises InputError with all mistakes at once, and when there are too
    few rows.
    """
    check(list(names), shares, rows, balance, weights)
    groups = np.concatenate([np.zeros(0, object), *names.values()])
    if balance is None:
        given = shares if shares is not None else [1.0] * len(names)
        wanted = dict(zip(names, map(float, given), strict=True))
    else:
        known = sorted({name for name in groups if name is not None})
        if unknown := sorted(set(weights or {}) - set(known)):
            found = f"{', '.join(map(repr, unknown))}; there are {', '.join(map(repr, known))}"[:300]
            raise InputError("A weight is for what is not there", found, "Correct `weights`")
        wanted = {name: float(weight) for name, weight in (weights or dict.fromkeys(known, 1.0)).items()}
    if not wanted:
        raise InputError("There is nothing to balance", f"no row has a {balance}", f"Choose {', '.join(BALANCES)}")
    codes, different = pd.factorize(groups)
    number = {name: code for code, name in enumerate(different)}
    there = {name: np.flatnonzero(codes == number.get(name, len(number))) for name in wanted if wanted[name] > 0}
    sizes = {name: len(places) for name, places in there.items()}
    counts = _counts(sizes, wanted, rows)
    random = np.random.default_rng(seed)
    chosen = [random.permutation(there[name])[: counts[name]] for name in there]
    return Drawn(random.permutation(np.concatenate(chosen)), counts, sizes)


def mix_datasets(datasets: Sequence[Dataset], **choices: Any) -> tuple[Iterator[Any], dict[str, Any]]:
    """The same from datasets, as tables that are read and written a part at a time, with what the description of the
    mixed one says: counts per dataset or group, per source, and what was mixed."""
    drawn, facts = _drawn(datasets, **choices)
    counters = {dataset.description.get("token_counter") for dataset in datasets}
    return _in_order(datasets, drawn.order, facts["id"].to_list()), {
        "verb": "mix",
        "mixed_from": [dataset.reference for dataset in datasets],
        "counts": drawn.counts,
        "sources": {str(name): int(count) for name, count in facts["source"].value_counts().items()},
        "token_counter": counters.pop() if len(counters) == 1 else "several",
    }


def preview(datasets: Sequence[Dataset], **choices: Any) -> pd.DataFrame:
    """What would come out: columns group (a dataset, or a group to balance), there, rows, share (of the rows), tokens.
    Raises InputError as `draw` does."""
    drawn, facts = _drawn(datasets, **choices)
    tokens = facts["tokens"].groupby(facts["group"]).sum()
    made: dict[str, Any] = {
        "group": list(drawn.counts), "there": [drawn.there[name] for name in drawn.counts], "rows": list(drawn.counts.values()),
        "share": [count / len(drawn.order) for count in drawn.counts.values()],
        "tokens": [int(tokens.get(name, 0)) for name in drawn.counts],
    }  # fmt: skip
    return pd.DataFrame(made)


def _drawn(datasets: Sequence[Dataset], **choices: Any) -> tuple[Drawn, pd.DataFrame]:
    """What is drawn, and id, source, tokens and group of each of its rows, in the order of the mix."""
    references = [dataset.reference for dataset in datasets]
    if len(set(references)) < len(references):
        raise InputError("A dataset is given twice", ", ".join(references), "Raise its share instead")
    balance = choices.get("balance")
    check(references, choices.get("shares"), choices.get("rows"), balance, choices.get("weights"))
    names = {dataset.reference: _names_of(dataset, balance) for dataset in datasets}
    drawn = draw(names, **choices)
    facts = pd.concat([dataset.columns("id", "source", "tokens") for dataset in datasets], ignore_index=True)
    chosen = facts.assign(id=_different(facts["id"])).iloc[drawn.order].reset_index(drop=True)
    return drawn, chosen.assign(group=np.concatenate(list(names.values()))[drawn.order])


def _in_order(datasets: Sequence[Dataset], order: Array, ids: Sequence[str]) -> Iterator[Any]:
    """The rows at the positions `order` (in the datasets one after the other) with the new `ids`, as tables in that
    order. They are put down in parts of PART_ROWS first, so that never more than one part is in memory."""
    import pyarrow

    place = np.full(sum(map(len, datasets)), -1, np.int64)
    place[order] = np.arange(len(order))
    new_ids = pyarrow.array(ids, pyarrow.string())
    with tempfile.TemporaryDirectory(prefix="studio-") as folder, ExitStack() as stack:
        schema = example_tables.schema().append(pyarrow.field(PLACE, pyarrow.int64()))
        paths = [Path(folder) / f"{part}.arrow" for part in range(math.ceil(len(order) / PART_ROWS))]
        files = [stack.enter_context(pyarrow.ipc.new_stream(path, schema)) for path in paths]
        begin = 0
        for table in (table for dataset in datasets for table in dataset.tables()):
            at = place[begin : begin + table.num_rows]
            begin += table.num_rows
            chosen = example_tables.conformed(table.filter(pyarrow.array(at >= 0))).append_column(PLACE, [at[at >= 0]])
            parts = at[at >= 0] // PART_ROWS
            for part in np.unique(parts).tolist():
                files[part].write_table(chosen.filter(pyarrow.array(parts == part)))
        stack.close()
        for part, path in enumerate(paths):
            with pyarrow.memory_map(str(path)) as source:
                table = pyarrow.ipc.open_stream(source).read_all().sort_by(PLACE).drop_columns(PLACE)
                own = new_ids.slice(part * PART_ROWS, table.num_rows)
                yield table.set_column(table.column_names.index("id"), "id", own)


def check(
    tables: Sequence[str], shares: Sequence[float] | None, rows: int | None, balance: str | None,
    weights: Mapping[str, float] | None,
) -> None:  # fmt: skip
    """Raises InputError that names every choice that cannot be; `tables` are their names."""
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


def _names(table: str, examples: pd.DataFrame, balance: str | None) -> Array:
    """The name of each row's group, None where it has none; that of the table without a balance."""
    if balance is None:
        return np.full(len(examples), table, object)
    if balance == "source":
        return examples["source"].to_numpy(object)
    labels = preferences.labels(examples)
    if balance == "label":
        return np.array([judged or answer.strip() for answer, judged in labels], object)
    return np.array([_field(answer, balance.removeprefix(FIELD)) for answer, _ in labels], object)


def _names_of(dataset: Dataset, balance: str | None) -> Array:
    """The same of a dataset, of which no more is read than is needed."""
    if balance is None or balance == "source":
        return _names(dataset.reference, dataset.columns("source"), balance)
    parts = [_names(dataset.reference, batch, balance) for batch in dataset.batches()]
    return np.concatenate([np.zeros(0, object), *parts])


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


def _different(ids: "pd.Series[str]") -> "pd.Series[str]":
    """The ids of all rows that a mix is drawn from, with a number where an earlier one is the same: a row has its id of
    before, and never that of another, whatever is drawn."""
    made = ids.astype(object).to_numpy(copy=True)
    taken = set(made)
    for place in np.flatnonzero(ids.duplicated()).tolist():
        number = 2
        while (chosen := f"{made[place]}-{number}") in taken:
            number += 1
        taken.add(chosen)
        made[place] = chosen
    return pd.Series(made, ids.index, dtype="str")
