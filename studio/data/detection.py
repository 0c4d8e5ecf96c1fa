"""Which shape a source has, how sure that is, and what its first examples would be."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.data import brought_scores, feedback, message_trees, questions_alone, rendered_chats, shapes, unused
from studio.data.column_guesses import GUESSED, by_name, guesses, renamed
from studio.data.columns import LABELS, TEXT_AMONG_OTHERS, Choices, filled, plan
from studio.data.conversations import BadRowError

SAMPLE_ROWS = 500
PREVIEWED = 3
SURE = 0.8


@dataclass(frozen=True)
class Detection:
    """`shape` is None when there is not even a guess; `confidence` runs from 0 to 1. Under `SURE` the columns are best
    shown to the user, who may give others to `load(columns=...)`.

    `columns` maps fields to the file's columns; `preview` holds up to three {kind, messages, rejected}; `alternatives`
    are (shape, columns, confidence), the likeliest first; `shapes` counts the sampled rows by shape, `reasons` those
    that are no example by why; `fields` are all columns of the sampled rows, of which any may be mapped. Where nobody said
    which of several lists of a JSON file is meant, `arrays` counts the objects of each, and the rows are of `array`.
    `unused` names what is not read: columns, and fields of messages as in "thinking (in messages)". `notes`
    are sentences without their full stop on how the rows are read."""

    shape: str | None
    confidence: float
    columns: dict[str, str]
    preview: list[dict[str, Any]]
    alternatives: list[tuple[str, dict[str, str], float]]
    shapes: dict[str, int]
    reasons: dict[str, int] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)
    arrays: dict[str, int] = field(default_factory=dict)
    array: str = ""
    unused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_sure(self) -> bool:
        """Whether the shape need not be asked for."""
        return self.confidence >= SURE

    @property
    def unused_said(self) -> str:
        """The same as a sentence without its full stop."""
        return unused.sentence(self.unused)

    def columns_for(self, shape: str, wanted: Sequence[str]) -> dict[str, str]:
        """The likeliest columns of these fields of a shape, whichever shape this is; those that nobody can tell are left
        out."""
        own = renamed(wanted, self.columns)
        guessed = next((columns for name, columns, _ in self.alternatives if name == shape), {})
        found = own if shape == self.shape else renamed(wanted, guessed)
        left = [name for name in self.fields if name not in found.values()]
        found = found | by_name([name for name in wanted if name not in found], left)
        spare = {name: column for name, column in own.items() if column not in found.values()}
        return {name: column for name in wanted if (column := found.get(name) or spare.get(name))}


def detect(rows: Sequence[dict[str, Any]], choices: Choices | None = None) -> Detection:
    """The shape of most of `rows`. Rows of other shapes are read by their own fields all the same.

    Raises InputError for mapped columns that no row has, and for labels that are a scale and were chosen, or without which
    the rows have no shape."""
    choices = choices or Choices()
    if message_trees.are_messages(rows, choices):
        found = detect([row for _, row in message_trees.joined([*enumerate(rows, start=1)])[0]], choices)
        return replace(found, columns={}, fields=list(rows[0]), notes=[message_trees.NOTE])
    found = _detect(rows, choices)
    mapped = choices if choices.columns or choices.shape else _as_found(found, choices)
    mapped = replace(mapped, other_scales=brought_scores.other_scales(rows))
    return replace(found, unused=unused.names(rows[:SAMPLE_ROWS], mapped))


def _as_found(found: Detection, choices: Choices) -> Choices:
    """The choices with the columns that are proposed for rows whose own names do not say which is which."""
    return choices if found.is_sure or found.shapes else Choices(found.shape, found.columns, choices.system)


def _detect(rows: Sequence[dict[str, Any]], choices: Choices) -> Detection:
    if choices.columns and rows:
        choices.check(rows)
    if question := feedback.doubt(rows[:SAMPLE_ROWS], choices):
        plainly = feedback.without_labels(rows, choices)
        if choices.shape is not None or plainly.shape is None:
            raise question
        return _as_plain(rows, choices, plainly, f"{question.what}: {question.found}")
    found: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    certainty: dict[str, float] = {}
    columns: dict[str, dict[str, str]] = {}
    preview: dict[str, list[dict[str, Any]]] = {}
    fields = list(dict.fromkeys(str(name) for row in rows[:SAMPLE_ROWS] for name in row))
    for row in rows[:SAMPLE_ROWS]:
        how = plan(filled(choices.columns_of(row)), choices.shape)
        try:
            made = shapes.parts(row, choices)
        except (BadRowError, RecursionError) as error:
            reasons[str(error)] += 1
            continue
        assert how is not None  # parts has found one
        shape = how.shape
        found[shape] += 1
        certainty[shape] = min(certainty.get(shape, 1.0), 1.0 if choices.columns or choices.shape else how.certainty)
        columns[shape] = columns.get(shape, {}) | how.columns
        shown = preview.setdefault(shape, [])
        if len(shown) < PREVIEWED:
            shown.append({"kind": made.kind, "messages": made.messages, "rejected": made.rejected})
    if alone := questions_alone.choices(rows[:SAMPLE_ROWS], choices):
        examples = _preview(rows, {**alone.columns}, choices)
        return Detection(
            "text", GUESSED, {**alone.columns}, examples, [], {}, {questions_alone.NOTE: len(rows)}, fields
        )
    if chats := rendered_chats.column(rows[:SAMPLE_ROWS], choices):
        examples, others = _preview(rows, {"messages": chats}, choices), [("text", {"text": chats}, GUESSED / 2)]
        return Detection(
            "messages", GUESSED, {"messages": chats}, examples, others, {}, {rendered_chats.NOTE: len(rows)}, fields
        )
    if beside := unused.beside_text(rows[:SAMPLE_ROWS], choices):
        examples = _preview(rows, beside, choices)
        others = [("text", columns["text"], TEXT_AMONG_OTHERS)] if "text" in columns else []
        return Detection(
            "prompt-completion", GUESSED, beside, examples, others, {}, dict(reasons.most_common()), fields
        )
    sampled = min(len(rows), SAMPLE_ROWS)
    guessed = guesses(rows[:SAMPLE_ROWS]) if not choices.columns and not choices.shape else []
    if not found:
        if not guessed:
            return Detection(choices.shape, 0.0, {**choices.columns}, [], [], {}, dict(reasons.most_common()), fields)
        guess, mapping, confidence = guessed[0]
        examples = _preview(rows, mapping, choices)
        return Detection(guess, confidence, mapping, examples, guessed[1:], {}, dict(reasons.most_common()), fields)
    best = found.most_common(1)[0][0]
    others = [(name, columns[name], round(count / sampled, 3)) for name, count in found.most_common()[1:]]
    if certainty[best] < SURE:
        others += [guess for guess in guessed if guess[0] != best]
    return Detection(
        best,
        round(found.total() / sampled * certainty[best], 3),
        {name: choices.columns.get(name, column) for name, column in columns[best].items()},
        preview[best],
        others,
        dict(found.most_common()),
        dict(reasons.most_common()),
        fields,
    )


def _as_plain(rows: Sequence[dict[str, Any]], choices: Choices, plainly: Choices, question: str) -> Detection:
    """Rows with labels that are hardly verdicts: likelier plain answers than answers to avoid, but surely to be asked."""
    plain = detect(rows, plainly)
    label = choices.columns.get("label") or next(name for name in plain.fields if name.lower() in LABELS)
    other = ("feedback", renamed(("prompt", "completion"), plain.columns) | {"label": label}, GUESSED / 2)
    return replace(
        plain, confidence=min(plain.confidence, GUESSED), alternatives=[other], reasons={question: len(rows)}
    )


def _preview(rows: Sequence[dict[str, Any]], mapping: dict[str, str], choices: Choices) -> list[dict[str, Any]]:
    guessed = Choices(columns=mapping, system=choices.system)
    shown: list[dict[str, Any]] = []
    for row in rows:
        try:
            made = shapes.parts(row, guessed)
        except BadRowError:
            continue
        shown.append({"kind": made.kind, "messages": made.messages, "rejected": made.rejected})
        if len(shown) == PREVIEWED:
            break
    return shown
