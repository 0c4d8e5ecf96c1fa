"""What of a file's rows is not read, so that it is named and nothing is lost in silence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.data import answer_choices, brought_scores, rendered_chats
from studio.data.columns import ANSWERS, LABELS, Choices, filled, plan
from studio.data.conversations import TEXTS, BadRowError, from_json
from studio.data.rows import is_absent
from studio.errors import InputError
from studio.example_tables import COLUMNS, KINDS, MEASURED, MESSAGE_EXTRAS

ABOUT = ("id", "source", "quality", "quality_score")
"""What is read of a row of any shape."""
IN_MESSAGES = ("role", "from", *TEXTS, *MESSAGE_EXTRAS, "function_call")
BESIDE_TEXT = (
    "label_text", "label_name", *LABELS, "labels", "category", "class", "sentiment", "intent", "emotion", "summary", "highlights",
    "translation", *ANSWERS,
)  # fmt: skip
"""Columns beside a text that are likelier the answer to it than a note on a passage, the likeliest first."""
MOST_NAMED = 12


def names(rows: Sequence[dict[str, Any]], choices: Choices) -> list[str]:
    """The columns of rows that are not read, in their order; fields of messages as in "thinking (in messages)", and
    what is called a score as in "quality (not a score from 0 to 1)"."""
    found: dict[str, None] = {}
    for row in rows:
        chosen = choices.columns_of(row)
        how = plan(filled(chosen), choices.shape)
        if how is None:
            continue
        used = {choices.columns.get(column, column) for column in how.columns.values()}
        used |= {*ABOUT} - {*choices.other_scales}
        if row.get("kind") in KINDS:
            used |= {*COLUMNS, *MEASURED}  # a table that the studio wrote: it is measured anew
        for name, value in row.items():
            if name not in used and not is_absent(value) and value not in ([], {}):
                found[_called(str(name), choices)] = None
        for name in used & set(row):
            found |= dict.fromkeys(f"{field} (in {name})" for field in _in_messages(row[name]))
    return list(found)


def _called(name: str, choices: Choices) -> str:
    return f"{name} ({brought_scores.UNUSED})" if name in choices.other_scales else name


def sentence(found: Sequence[str]) -> str:
    """These names in a sentence without its full stop; empty where there is none."""
    more = f" and {len(found) - MOST_NAMED} others" if len(found) > MOST_NAMED else ""
    return f"Columns that are not used: {', '.join(found[:MOST_NAMED])}{more}" if found else ""


def _in_messages(given: Any) -> Iterator[str]:
    try:
        messages = from_json(given, "")
    except BadRowError:
        return
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, Mapping) and ("role" in message or "from" in message):
            yield from (str(name) for name, value in message.items() if value and name not in IN_MESSAGES)


def beside_text(rows: Sequence[dict[str, Any]], choices: Choices) -> dict[str, str] | None:
    """The columns of question and answer of rows that would be read as texts alone, where most have what is likelier an
    answer beside the text. None where there is none, or the user has chosen."""
    if choices.shape is not None or choices.columns:
        return None
    texts: list[tuple[dict[str, Any], str]] = []
    for row in rows:
        how = plan(filled(row))
        if how is not None and how.shape == "text":
            texts.append((row, how.columns["text"]))
    named = {name.lower(): name for row, _ in texts for name in row}
    for name in (named[name] for name in BESIDE_TEXT if name in named):
        if 2 * sum(not is_absent(row.get(name)) for row, _ in texts) > len(rows):
            return {"prompt": texts[0][1], "completion": name}
    return None


def doubt(rows: Sequence[dict[str, Any]], choices: Choices) -> InputError | None:
    """The question to ask before something of the rows is lost: a whole chat in a text, an answer beside
    one, or a choice counted from 1."""
    if question := rendered_chats.doubt(rows, choices):
        return question
    if columns := beside_text(rows, choices):
        found = f"the columns {', '.join(map(repr, columns.values()))}"
        do = f'Give columns={columns!r} to learn the second as the answer to the first, or shape="text" for the texts alone'
        return InputError("It is not sure whether these are texts alone or questions with answers", found, do)
    pairs = []
    for row in rows:
        chosen = choices.columns_of(row)
        how = plan(filled(chosen), choices.shape)
        if how is not None and "choices" in how.columns and "answer" in how.columns:
            pairs.append((chosen[how.columns["choices"]], chosen[how.columns["answer"]]))
    return answer_choices.doubt(pairs)
