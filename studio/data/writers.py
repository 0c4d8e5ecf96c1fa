"""Datasets to files that others read. Every form gives back the same examples when it is loaded again."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from studio import example_tables, store
from studio.data import companions, data_card, quality
from studio.data.conversations import BadRowError
from studio.data.history import Change
from studio.errors import InputError
from studio.examples import Dataset, Message

KEPT = ("id", "source")
NAMES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "observation"}


def save_copy(dataset: Dataset, form: str, folder: Path, history: Sequence[Change], steps: Iterable[str]) -> Path:
    """Writes the dataset in a form of FORMS, beside it a data card of what each step took away and its code, and where the
    form has no place for all of a row its companion.

    Raises InputError for an unknown form, or with every kind of example that the form cannot hold."""
    if form not in FORMS:
        raise InputError("There is no such form", repr(form), f"Choose {', '.join(FORMS)}")
    suffix = ".parquet" if form == "parquet" else ".jsonl"
    stem = f"{dataset.name}-v{dataset.version}" + ("" if form == "openai" else f"-{form}")
    path = folder / f"{stem}{suffix}"
    write(dataset.batches(), path, form)
    store.write_text(folder / f"{stem}.md", data_card.text(dataset, form, path, history, steps))
    return path


def write(batches: Iterable[pd.DataFrame], path: Path, form: str) -> None:
    """Writes examples in a form of FORMS, whole or not at all; nothing when there is one that the form cannot hold. Beside
    lines of JSON stands their companion, where a row has no place for its id and source or no system prompt."""
    if form == "parquet":
        with store.replacing(path) as beside:
            example_tables.write(beside, batches, measured=False)
        return
    refused: Counter[str] = Counter()
    is_needed, line = form == "openai", 0
    with _writing(path) as file, _writing(companions.path_of(path)) as ids:
        ids.write(companions.header(path.name) + "\n")
        for batch in batches:
            for row in batch.to_dict("records"):
                try:
                    made = FORMS[form](dict(row))  # type: ignore[arg-type]
                except BadRowError as error:
                    refused[str(error)] += 1
                    continue
                told = {name: row[name] for name in KEPT if isinstance(row.get(name), str)}
                if row.get("reasons") == [quality.BROUGHT]:
                    told["quality"] = row["quality"]
                if form != "openai":  # whose readers know messages and tools
                    made |= told
                written, line = json.dumps(made, ensure_ascii=False), line + 1
                file.write(written + "\n")
                ids.write(companions.entry(line, written, told) + "\n")
                is_needed |= row["kind"] != "passage" and row["messages"][0]["role"] != "system"
        if refused:
            found = "; ".join(f"{count:,} with {reason}" for reason, count in refused.most_common())
            raise InputError(
                f"The form {form} cannot hold all examples", found, f"Choose {', '.join(_holding(form))}, which can"
            )
    if not is_needed:
        companions.path_of(path).unlink()


@contextmanager
def _writing(path: Path) -> Iterator[TextIO]:
    with store.replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="\n") as file:
        yield file


def _holding(form: str) -> list[str]:
    return ["prompt-completion", "parquet"] if form in ("openai", "alpaca", "sharegpt") else ["parquet"]


def _only(row: dict[str, Any], *kinds: str) -> None:
    if row["kind"] not in kinds:
        raise BadRowError({"preference": "an answer to avoid", "passage": "a passage and no question"}[row["kind"]])


def _openai(row: dict[str, Any]) -> dict[str, Any]:
    _only(row, "conversation")
    messages: list[dict[str, Any]] = []
    for message in row["messages"]:
        written: dict[str, Any] = dict(message)
        if "tool_calls" in message:
            written["tool_calls"] = json.loads(message["tool_calls"])
            written["content"] = message["content"] or None
        if "weight" in message:
            written["weight"] = int(message["weight"])
        messages.append(written)
    return {"messages": messages} | _tools(row)


def _alpaca(row: dict[str, Any]) -> dict[str, Any]:
    _only(row, "conversation")
    system, question, answer = _one_turn(row)
    made = {"instruction": question, "input": "", "output": answer}
    return made | ({"system": system} if system else {})


def _one_turn(row: dict[str, Any]) -> tuple[str, str, str]:
    """System prompt (or nothing), question and answer of a conversation of one turn in plain text."""
    messages = row["messages"]
    roles = [message["role"] for message in messages]
    if roles[-2:] != ["user", "assistant"] or roles[:-2] not in ([], ["system"]):
        raise BadRowError("more than one turn")
    if row["tools"] is not None or any(len(message) > 2 for message in messages):
        raise BadRowError("tools or names of speakers")
    texts = [message["content"] for message in messages]
    if not all(text.strip() for text in texts):
        raise BadRowError("an empty message")
    return (texts[0] if len(texts) == 3 else ""), texts[-2], texts[-1]


def _sharegpt(row: dict[str, Any]) -> dict[str, Any]:
    _only(row, "conversation")
    return {"conversations": [_turn(message) for message in row["messages"]]} | _tools(row)


def _turn(message: Message) -> dict[str, str]:
    only_calls = set(message) == {"role", "content", "tool_calls"} and not message["content"]
    if message["role"] == "assistant" and only_calls:
        return {"from": "function_call", "value": message["tool_calls"]}
    extras = {name: value for name, value in message.items() if name not in ("role", "content")}
    return {"from": NAMES[message["role"]], "value": message["content"], **extras}


def _prompt_completion(row: dict[str, Any]) -> dict[str, Any]:
    """Holds every kind: as plain text where one turn allows it, else as messages; preferences as prompt, chosen and
    rejected, or with a label; passages as text."""
    messages, rejected = row["messages"], row["rejected"]
    if row["kind"] == "passage":
        return {"text": messages[0]["content"]}
    if row["kind"] == "conversation":
        try:
            system, question, answer = _one_turn(row)
        except BadRowError:
            return {"prompt": messages[:-1], "completion": messages[-1:]} | _tools(row)
        return {"prompt": question, "completion": answer} | ({"system": system} if system else {})
    if messages[-1]["role"] != "assistant":
        return {"prompt": messages, "completion": _answer(rejected), "label": False} | _tools(row)
    if rejected is None:
        return {"prompt": messages[:-1], "completion": messages[-1:], "label": True} | _tools(row)
    return {"prompt": messages[:-1], "chosen": messages[-1:], "rejected": _answer(rejected)} | _tools(row)


def _answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _tools(row: dict[str, Any]) -> dict[str, Any]:
    return {} if row["tools"] is None else {"tools": json.loads(row["tools"])}


def _parquet(row: dict[str, Any]) -> dict[str, Any]:
    return row


FORMS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "openai": _openai,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "prompt-completion": _prompt_completion,
    "parquet": _parquet,
}
