"""What a dataset can teach: which of its rows each objective learns from, and what is said when it cannot.

An objective is what the training aims at: `sft` to write the answers (and passages) as they are, `dpo` to prefer the
better of two answers (Rafailov et al. 2023), `kto` to prefer answers judged good to answers judged bad (Ethayarajh et
al. 2024). Reads columns of the dataset, never a model: the page calls it.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from studio.errors import InputError
from studio.examples import Dataset

Objective = Literal["sft", "dpo", "kto"]
WORDS = {
    "conversations": "conversations",
    "passages": "passages",
    "pairs": "pairs of a better and a worse answer",
    "good": "answers judged good",
    "bad": "answers judged bad",
}
LEARNS: dict[str, tuple[str, ...]] = {
    "sft": ("conversations", "passages", "pairs", "good"),
    "dpo": ("pairs",),
    "kto": ("pairs", "good", "bad"),
}


@dataclass(frozen=True)
class Rows:
    """How many rows of each sort a dataset has; `with_tools` of them offer tools, `with_calls` call any."""

    conversations: int = 0
    passages: int = 0
    pairs: int = 0
    good: int = 0
    bad: int = 0
    with_tools: int = 0
    with_calls: int = 0

    @property
    def preferences(self) -> int:
        return self.pairs + self.good + self.bad

    @property
    def total(self) -> int:
        return self.conversations + self.passages + self.preferences

    def sorts(self) -> dict[str, int]:
        """The sorts (of WORDS) that are there, with their numbers."""
        return {name: count for name, count in asdict(self).items() if name in WORDS and count}

    def usable(self, objective: Objective) -> int:
        """How many rows the objective learns from."""
        return sum(count for name, count in self.sorts().items() if name in LEARNS[objective])

    def shown(self, objective: Objective) -> int:
        """How many examples one epoch shows: with kto a pair is two, its better and its worse answer."""
        return self.usable(objective) + (self.pairs if objective == "kto" else 0)


def count_rows(dataset: Dataset) -> Rows:
    """Reads no text: the kinds, whether there is an answer to avoid, the roles of preferences, and whether tools are called.
    The rows of a dataset never change, so those looked at lately are counted once."""
    return _counted(dataset.folder, dataset.name, dataset.version, dataset.written)


@lru_cache(64)
def _counted(folder: Path, name: str, version: int, written: int) -> Rows:
    import pyarrow.compute

    dataset = Dataset(folder, name, version)

    found = dict.fromkeys([*WORDS, "with_tools", "with_calls"], 0)
    parts = [f"messages.list.element.{name}" for name in ("role", "tool_calls")]
    for batch in dataset.record_batches("kind", "rejected", "tools", *parts):
        rows, there = batch.num_rows, set(batch.schema.names)
        found["with_calls"] += _calling(batch["messages"])
        if "tools" in there:
            found["with_tools"] += rows - batch["tools"].null_count
        if "kind" not in there:
            found["conversations"] += rows
            continue
        kinds = np.asarray(batch["kind"].to_pylist())
        found["passages"] += int((kinds == "passage").sum())
        preference = kinds == "preference"
        found["conversations"] += int((~preference & (kinds != "passage")).sum())
        if preference.any():
            avoided = ~np.asarray(pyarrow.compute.is_null(batch["rejected"])) & preference
            answered = _ends_with_answer(batch["messages"]) & preference
            found["pairs"] += int((avoided & answered).sum())
            found["bad"] += int((avoided & ~answered).sum())
            found["good"] += int((~avoided & answered).sum())
    return Rows(**found)


def _calling(messages: Any) -> int:
    """How many of the rows have a message that calls a tool."""
    import pyarrow.compute

    flat = messages.flatten()
    if "tool_calls" not in flat.type.names or flat.field("tool_calls").null_count == len(flat):
        return 0
    rows = pyarrow.compute.list_parent_indices(messages).filter(flat.field("tool_calls").is_valid())
    return len(pyarrow.compute.unique(rows))


def _ends_with_answer(messages: Any) -> "np.ndarray[Any, Any]":
    ends = np.cumsum(np.asarray(messages.value_lengths().fill_null(0)))
    return np.asarray(messages.flatten().field("role").take(np.maximum(ends - 1, 0)).to_pylist()) == "assistant"


def fitting(rows: Rows) -> tuple[Objective, str]:
    """The objective for these rows, and why."""
    if rows.pairs and rows.pairs == rows.total:
        return "dpo", "every row is a better and a worse answer"
    if rows.preferences and rows.preferences == rows.total and (rows.bad or rows.pairs):
        return "kto", "answers are judged one by one, good or bad"
    if rows.preferences:
        return "sft", "not every row is a preference, so the better answers are learned as they are"
    return "sft", "the answers are learned as they are"


def possible(rows: Rows) -> list[Objective]:
    """The objectives that `check` lets these rows have."""
    comparing = rows.preferences == rows.total
    found: list[Objective] = ["sft"] if rows.usable("sft") else []
    found += ["dpo"] if comparing and rows.pairs == rows.total > 0 else []
    found += ["kto"] if comparing and (rows.pairs or (rows.good and rows.bad)) else []
    return found


def check(dataset: Dataset, objective: Objective, evaluation: Dataset | None = None) -> None:
    """Raises InputError when the objective cannot learn from these datasets, with what they hold.

    With `sft` answers judged bad are left out (and counted by the run), for there is nothing in them to learn; the
    comparing objectives take preferences alone, so that nobody's conversations are passed over unseen."""
    _check_one(dataset, objective, "")
    if evaluation is not None:
        _check_one(evaluation, objective, "The evaluation: ")


def _check_one(dataset: Dataset, objective: Objective, whose: str) -> None:
    rows = count_rows(dataset)
    there = rows.sorts()
    if rows.total == 0:
        raise InputError(
            f"{whose}There is nothing to learn from", f"{dataset.reference} has no rows", "Choose another dataset"
        )
    found = f"{dataset.reference} has " + " and ".join(f"{count:,} {WORDS[name]}" for name, count in there.items())
    unusable = [name for name in there if name not in LEARNS[objective]]
    if unusable == list(there) and objective == "sft":
        raise InputError(
            f"{whose}Answers judged bad hold nothing to imitate",
            found,
            "Use the objective kto, with answers judged good",
        )
    if unusable and objective != "sft":
        raise InputError(
            f"{whose}The objective {objective} cannot learn from {' and '.join(WORDS[name] for name in unusable)}", found,
            f"Use the objective {fitting(rows)[0]}, or a dataset of one kind alone",
        )  # fmt: skip
    if objective == "kto" and not (rows.pairs or (rows.good and rows.bad)):
        raise InputError(
            f"{whose}The objective kto needs answers judged good and answers judged bad", found,
            "Add the other ones" + (", or use the objective sft" if rows.good else ""),
        )  # fmt: skip


def sentence(rows: Rows, objective: Objective) -> str:
    """What will be learned from these rows, in words."""
    there = rows.sorts()
    taken = [f"{there[name]:,} {WORDS[name]}" for name in LEARNS[objective] if name in there]
    said = f"Learns from {' and '.join(taken) or 'nothing'}."
    if objective == "sft" and (rows.pairs or rows.good):
        said += " Of preferences the better answer is imitated."
    if left := rows.total - rows.usable(objective):
        said += f" {left:,} rows are left out, which it cannot use."
    if rows.with_calls:
        said += f" {rows.with_calls:,} rows call tools: the model's chat template must write calls."
    return said
