"""Which column of a file is which: the shapes by the names of their fields, and the reader's own mapping."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from studio.chat import DEFAULT_SYSTEM
from studio.data.rows import is_absent
from studio.errors import InputError

ACCEPTED = "instruction/input/output, prompt/completion, question/answer, messages, conversations, prompt/chosen/rejected, or text"
ANSWERS = ("completion", "output", "response", "answer", "target")
LABELS = ("label", "kto_tag")
SHAPES: dict[str, dict[str, tuple[str, ...]]] = {
    "preference": {
        "chosen": ("chosen", "preferred", "preferred_output"),
        "rejected": ("rejected", "dispreferred", "non_preferred_output"),
    },
    "messages": {"messages": ("messages",)},
    "sharegpt": {"messages": ("conversations", "conversation")},
    "tool-calls": {"query": ("query",), "answers": ("answers",), "tools": ("tools",)},
    "feedback": {
        "prompt": ("prompt", "instruction", "question", "query", "input"),
        "completion": ANSWERS,
        "label": LABELS,
    },
    "alpaca": {"instruction": ("instruction",), "output": ("output", "response", "answer", "completion")},
    "question-answer": {
        "question": ("question",),
        "answer": ("answer", "answers", "response", "output", "answerkey", "answer_key"),
    },
    "prompt-completion": {"prompt": ("prompt", "query", "input"), "completion": ANSWERS},
    "text": {"text": ("text", "content", "document", "passage", "body")},
}
"""For each shape the fields that it needs and the names that a column of each may have, the usual one first."""
ALSO: dict[str, dict[str, tuple[str, ...]]] = {
    "preference": {"prompt": ("prompt", "question", "instruction", "input", "messages", "conversations")},
    "feedback": {"input": ("input", "context"), "history": ("history",)},
    "alpaca": {"input": ("input", "context"), "history": ("history",)},
    "question-answer": {"context": ("context", "passage"), "choices": ("choices", "options")},
    "prompt-completion": {"history": ("history",)},
}
ANY: dict[str, tuple[str, ...]] = {"system": ("system", "system_prompt"), "tools": ("tools", "functions")}
ABOUT = ("id", "source", "quality", "quality_score", "kind", "rejected", "title", "url", "meta", "metadata", "language")
LESS_SURE = 0.9
TEXT_AMONG_OTHERS = 0.5


@dataclass(frozen=True)
class Plan:
    """How rows with certain columns are read: the shape, which column is which field, how sure that is (0-1)."""

    shape: str
    columns: dict[str, str]
    certainty: float


@dataclass(frozen=True)
class Choices:
    """What the user says about a source: its shape, {field: column}, the system prompt of rows without one, and which list
    of a JSON file holds the rows. `other_scales` are columns that are called a score and, as the first rows show, are none.

    Raises InputError with all mistakes when a shape or field is not known."""

    shape: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    system: str = DEFAULT_SYSTEM
    array: str | None = None
    other_scales: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        fields = known_fields(self.shape) if self.shape is None or self.shape in SHAPES else known_fields(None)
        mistakes = [
            f"there is no field {name!r}; there are {', '.join(fields)}" for name in self.columns if name not in fields
        ]
        if self.shape is not None and self.shape not in SHAPES:
            mistakes.append(f"there is no shape {self.shape!r}; there are {', '.join(SHAPES)}")
        if mistakes:
            raise InputError("The file cannot be read so", "; ".join(mistakes), "Correct it and load again")

    @classmethod
    def of(
        cls, shape: str | None, columns: Mapping[str, str] | None, system: str | None, array: str | None = None
    ) -> "Choices":
        """The choices with the defaults where nothing is said."""
        return cls(shape, columns or {}, DEFAULT_SYSTEM if system is None else system, array)

    def check(self, rows: Iterable[dict[str, Any]]) -> None:
        """Raises InputError for mapped columns that no row has."""
        there = dict.fromkeys(key for row in rows for key in row)
        if missing := [column for column in self.columns.values() if column not in there]:
            found = f"no column {', '.join(map(repr, missing))}; there are {', '.join(map(repr, there))}"[:300]
            raise InputError("A mapped column is not in the file", found, "Correct `columns` and load again")

    def columns_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row under the names of the fields; without a mapping the row itself."""
        if not self.columns:
            return row
        about = {key: value for key, value in row.items() if key.lower() in (*ABOUT, "system", "tools")}
        return about | {name: row[column] for name, column in self.columns.items() if column in row}


def filled(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns where something stands, and a label in any case: an answer whose verdict is missing is not a plain one."""
    return tuple(name for name, value in row.items() if not is_absent(value) or name.lower() in LABELS)


def known_fields(shape: str | None) -> list[str]:
    """The fields that a column can be mapped to, of one shape or of all."""
    chosen = SHAPES if shape is None else {shape: SHAPES[shape]}
    every = [*(names for one in chosen for names in (SHAPES[one], ALSO.get(one, {}))), ANY]
    return list(dict.fromkeys(name for names in every for name in names))


@lru_cache(maxsize=4096)
def plan(columns: tuple[str, ...], shape: str | None = None) -> Plan | None:
    """How a row with these columns is read, None when no shape fits. One of whose fields a part is there still fits, so
    that the reason can name the part that is missing."""
    there: dict[str, str] = {}
    for column in columns:
        there.setdefault(column.lower(), column)
    for name in SHAPES if shape is None else (shape,):
        if name == "text" and shape is None and (begun := _begun(there)):
            return begun
        needed = {wanted: _first(names, there) for wanted, names in SHAPES[name].items()}
        if all(needed.values()) and len(set(needed.values())) == len(needed):
            found = _plan(name, needed, there)
            if shape is None and "messages" in needed and (label := _first(LABELS, there)):
                found.columns["label"] = label  # of the last answer
            return found
    if shape is not None:
        return _plan(shape, {wanted: _first(names, there) for wanted, names in SHAPES[shape].items()}, there, 0.0)
    return _begun(there)


def _plan(shape: str, needed: dict[str, str | None], there: dict[str, str], certainty: float | None = None) -> Plan:
    also = {wanted: _first(names, there) for wanted, names in {**ALSO.get(shape, {}), **ANY}.items()}
    used = {wanted: column for wanted, column in {**also, **needed}.items() if column}
    if certainty is None:
        usual = all(column and column.lower() == SHAPES[shape][wanted][0] for wanted, column in needed.items())
        certainty = 1.0 if usual else LESS_SURE
        if shape == "text" and set(there) - set(ABOUT) - {column.lower() for column in used.values()}:
            certainty = TEXT_AMONG_OTHERS
    return Plan(shape, used, certainty)


def _begun(there: dict[str, str]) -> Plan | None:
    """The shape of which the usual name of one field is there."""
    for name in ("preference", "alpaca", "prompt-completion", "question-answer"):
        needed = {wanted: _first(names[:1], there) for wanted, names in SHAPES[name].items()}
        if any(needed.values()):
            return _plan(name, needed, there, 0.0)
    return None


def _first(names: tuple[str, ...], there: dict[str, str]) -> str | None:
    return next((there[name] for name in names if name in there), None)
