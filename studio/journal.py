"""The steps of a project: each call of a public verb that made something, as the Python that repeats it."""

import datetime
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studio import store

FILE = "journal.jsonl"
FORMAT = 1


@dataclass(frozen=True)
class Step:
    """`arguments` are plain values; `inputs` maps a parameter to the name of an earlier output; `outputs` are the
    names given here and `results` what they stand for (a dataset's name@vN, a run's id ...), in the same order."""

    number: int
    verb: str
    arguments: dict[str, Any]
    inputs: dict[str, str]
    outputs: list[str]
    results: list[str]
    state: str
    code: str
    made: str
    error: str = ""
    format: int = field(default=FORMAT)


class Journal:
    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def steps(self) -> list[Step]:
        return [Step(**value) for value in store.read_json_lines(self.path)]

    def name_of(self, result: str) -> str | None:
        """The name that stands for `result` now: later steps may have taken an earlier one's name."""
        named = {
            name: value
            for step in self.steps()
            if step.state == "done"
            for name, value in zip(step.outputs, step.results, strict=True)
        }
        return next((name for name, value in named.items() if value == result), None)

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with the first number that makes it new."""
        taken = {name for step in self.steps() for name in step.outputs}
        numbered = (f"{wanted}_{number}" for number in range(2, len(taken) + 3))
        return next(name for name in (wanted, *numbered) if name not in taken)

    def add(
        self, verb: str, arguments: dict[str, Any], inputs: dict[str, str], outputs: list[str], results: list[str],
        code: str, error: str = "",
    ) -> Step:  # fmt: skip
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        state = "failed" if error else "done"
        step = Step(len(self.steps()) + 1, verb, arguments, inputs, outputs, results, state, code, now, error)
        store.append_json_line(self.path, asdict(step))
        return step
