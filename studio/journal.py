"""The steps of a project: each call of a public verb that made something, as the Python that repeats it."""

import datetime
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from studio import store
from studio.errors import StudioError

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

    def step(
        self,
        verb: str,
        inputs: dict[str, str],
        arguments: dict[str, Any],
        wanted: list[str],
        make: Callable[[], Any],
        results: Callable[[Any], list[str]],
        then: Callable[[Any], Any] = lambda made: made,
    ) -> Any:
        """Calls `make` and writes the call of the verb down; an error is written too, and raised.

        `inputs` maps parameters to results of earlier steps, `wanted` are names for what comes out, and
        `results(made)` says what they stand for. `then(made)` begins the work of a job, which is never without its step,
        whenever this process is killed; what it returns is returned.
        """
        try:
            made = make()
        except StudioError as error:
            self.failed(verb, inputs, arguments, wanted, error)
            raise
        self._add(verb, inputs, arguments, wanted, results(made))
        return then(made)

    def failed(
        self, verb: str, inputs: dict[str, str], arguments: dict[str, Any], wanted: list[str], error: StudioError
    ) -> None:
        """Writes a call down that came to nothing."""
        self._add(verb, inputs, arguments, wanted, [], error=str(error))

    def result_of(self, name: str) -> str:
        """What a name stands for; the name itself when no step gave it."""
        named = (
            dict(zip(step.outputs, step.results, strict=True))
            for step in reversed(self.steps())
            if step.state == "done"
        )
        return next((found[name] for found in named if name in found), name)

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

    def _add(
        self,
        verb: str,
        inputs: dict[str, str],
        arguments: dict[str, Any],
        wanted: list[str],
        results: list[str],
        error: str = "",
    ) -> None:
        plain = {key: value.model_dump() if hasattr(value, "model_dump") else value for key, value in arguments.items()}
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with FileLock(self.path.with_name(".journal.lock")):  # names and numbers are given once, whoever else is adding
            names = {parameter: self.name_of(result) or result for parameter, result in inputs.items()}
            outputs = [self.free_name(name) for name in wanted]
            given = [names[key] for key in inputs if key != "evaluation"]
            shown = [*given, *(_literal(key, value) for key, value in arguments.items())]
            shown += [f"evaluation={names['evaluation']}"] if "evaluation" in names else []
            code = f"{', '.join(outputs)} = project.{verb}({', '.join(shown)})"
            number, state = len(self.steps()) + 1, "failed" if error else "done"
            step = Step(number, verb, plain, names, [] if error else outputs, results, state, code, now, error)
            store.append_json_line(self.path, asdict(step))


def _literal(key: str, value: Any) -> str:
    """An argument as Python; a recipe shows only what differs from its defaults."""
    if hasattr(value, "differences"):
        return (
            f"{type(value).__name__}({', '.join(f'{name}={choice!r}' for name, choice in value.differences().items())})"
        )
    return repr(value) if key in ("source", "kind") else f"{key}={value!r}"
