"""Rows that are single messages of trees (message_id, parent_id, role, text), as in OpenAssistant's data (Köpf et al.
2023), put together into conversations: every path from a first message to its last answer, and where replies are ranked
the best of them alone."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from studio.data.columns import Choices
from studio.data.conversations import ROLES, TEXTS
from studio.data.rows import Problem, Row, is_absent, shown

NOTE = "The rows are single messages of trees, put together into conversations: every path from a first message to its last answer, of ranked replies the best"
JOINED = ("message_id", "parent_id", "message_tree_id", "role", "rank", *TEXTS)
BATCH = 2000
Batch = tuple[list[Row], list[Problem]]


def are_messages(rows: Sequence[dict[str, Any]], choices: Choices) -> bool:
    """Whether rows are such messages, and the user has not chosen how else to read them."""
    if choices.shape is not None or choices.columns:
        return False
    return any("parent_id" in row for row in rows) and all(
        "message_id" in row and "role" in row and _text(row) is not None for row in rows
    )


def joined_batches(batches: Iterator[Batch], choices: Choices, notes: list[str]) -> Iterator[Batch]:
    """The batches of a file, or where it holds such messages those of its conversations, and a note of it."""
    for rows, problems in batches:
        if not are_messages([row for _, row in rows], choices):
            yield rows, problems
            yield from batches
            return
        for some, unread in batches:  # a reply may stand anywhere
            rows += some
            problems += unread
        found, left = joined(rows)
        notes.append(f"{NOTE}. {len(rows):,} messages gave {len(found):,} conversations")
        yield [], problems + left
        yield from ((found[at : at + BATCH], []) for at in range(0, len(found), BATCH))


def joined(rows: Sequence[Row]) -> Batch:
    """The conversations, each with the line and the other fields of its last answer; and the messages of which none can
    be made."""
    problems: list[Problem] = []
    messages: dict[Any, Row] = {}
    for number, row in rows:
        name = row.get("message_id")
        if not isinstance(name, str | int) or name == "" or _text(row) is None:
            problems.append(_problem((number, row), "a message of a tree without its message_id or text"))
        elif name in messages:
            problems.append(_problem((number, row), f"message_id {name!r} stands a second time"))
        else:
            messages[name] = number, row
    replies: dict[Any, list[Any]] = defaultdict(list)
    for name, (_, row) in messages.items():
        replies[_parent(row)].append(name)
    reached = _below(replies, best_of=None)
    problems += [
        _problem(message, f"no first message leads to it: parent_id is {_parent(message[1])!r}")
        for name, message in messages.items()
        if name not in reached
    ]
    chosen = _below(replies, best_of=messages)
    is_ending: dict[Any, bool] = {}  # of messages with an answer at them or below, whether it is the last
    for name in reversed(chosen):
        is_over = not any(reply in is_ending for reply in replies[name])
        if not is_over or ROLES.get(str(messages[name][1]["role"]).strip().lower()) == "assistant":
            is_ending[name] = is_over
    problems += [
        _problem(messages[name], "the question has no answer") for name in replies[None] if name not in is_ending
    ]
    return [_conversation(name, messages) for name in chosen if is_ending.get(name)], problems


def _below(replies: dict[Any, list[Any]], best_of: dict[Any, Row] | None) -> dict[Any, None]:
    """The messages that are reached from the first ones, each after the one that it answers."""
    found: dict[Any, None] = {}
    waiting = [*reversed(replies[None])]
    while waiting:
        name = waiting.pop()
        found[name] = None
        here = replies.get(name, [])
        waiting += reversed(here if best_of is None else _best(here, best_of))
    return found


def _best(names: list[Any], messages: dict[Any, Row]) -> list[Any]:
    ranks = {
        name: rank for name in names if isinstance(rank := messages[name][1].get("rank"), int | float) and rank == rank
    }
    return [min(ranks, key=ranks.__getitem__)] if ranks else names


def _conversation(name: Any, messages: dict[Any, Row]) -> Row:
    number, last = messages[name]
    said: list[dict[str, Any]] = []
    while name is not None:
        row = messages[name][1]
        said.append({"role": row["role"], "content": _text(row)})
        name = _parent(row)
    own = {field: value for field, value in last.items() if field not in JOINED}
    return number, {"id": last["message_id"], **own, "messages": said[::-1]}


def _parent(row: dict[str, Any]) -> Any:
    """The message_id of what a message answers, None for a first one."""
    given = row.get("parent_id")
    return None if is_absent(given) else given if isinstance(given, str | int) else repr(given)


def _text(row: dict[str, Any]) -> Any:
    return next((row[name] for name in TEXTS if row.get(name) is not None), None)


def _problem(message: Row, reason: str) -> Problem:
    return message[0], reason, shown(repr(message[1]))
