"""Exact duplicates: examples whose question and answer are the same to the letter, under the same system prompt and with
the same tools on offer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from xxhash import xxh3_64_intdigest, xxh3_128, xxh3_128_digest

from studio.chat import DEFAULT_SYSTEM
from studio.data.words import Array
from studio.example_tables import Message, complete

if TYPE_CHECKING:
    import pandas as pd

NO_TOOLS = "[]"


def fingerprint_of(messages: Sequence[Message], rejected: str | None = None, tools: str | None = None) -> bytes:
    """XXH3 (128 bits) over all that is asked, called and answered, and the answer to avoid, begun with the system prompt
    and the tools on offer: the same question under another one, or with other tools, is another question. What all rows
    share so changes nothing, and the usual system prompt is as good as none, as is an empty list of tools.

    Two rows that differ share it by chance once in 10^38 pairs; nobody gains by making two that do."""
    parts = [_part(message) for message in messages if message["role"] != "system"]
    said = "".join(parts) if rejected is None else "".join([*parts, "\x1d", rejected])
    return _digest(said, seed_of(system_of(messages), tools))


def beginnings_of(messages: Sequence[Message], tools: str | None = None) -> list[bytes]:
    """What `fingerprint_of` gives for each part of a conversation that ends with an answer before its last message, the
    shortest first."""
    found, hashed = [], xxh3_128(seed=seed_of(system_of(messages), tools))
    for message in messages[:-1]:
        if message["role"] != "system":
            hashed.update(_part(message).encode("utf-8", "replace"))
        if message["role"] == "assistant":
            found.append(hashed.digest())
    return found


def _part(message: Message) -> str:
    return f"{message['role']}\x1f{message['content']}\x1e{message.get('tool_calls', '')}"


def fingerprint_of_turn(asked: str, answer: str, system: str = "") -> bytes:
    """The same of one question and its answer."""
    return _digest("".join(parts_of_turn(asked, answer)), seed_of(system))


def system_of(messages: Sequence[Message]) -> str:
    """The system prompt; empty where there is none or the usual one."""
    said = messages[0]["content"] if messages and messages[0]["role"] == "system" else ""
    return "" if said == DEFAULT_SYSTEM else said


def seed_of(system: str, tools: str | None = None) -> int:
    """What the hash of a row under this system prompt, with these tools on offer, begins with."""
    given = "" if system == DEFAULT_SYSTEM else system
    if tools and tools != NO_TOOLS:
        given = f"{given}\x1d{tools}"
    return xxh3_64_intdigest(given.encode("utf-8", "replace")) if given else 0


def parts_of_turn(asked: Any, answer: Any) -> tuple[Any, ...]:
    """What the fingerprint of a question and its answer is over, one after the other; both may be columns of them."""
    return "user\x1f", asked, "\x1eassistant\x1f", answer, "\x1e"


def _digest(text: str, seed: int) -> bytes:
    return xxh3_128_digest(text.encode("utf-8", "replace"), seed)


def fingerprints(examples: "pd.DataFrame") -> Any:
    """An Arrow array with the fingerprint of each row of a frame."""
    import pyarrow

    there = complete(examples, ["messages", "rejected", "tools"])
    made = [*map(fingerprint_of, there["messages"], there["rejected"], there["tools"])]
    return pyarrow.array(made, pyarrow.binary(16))


def first_of_each(prints: Any) -> Array:
    """For each row the place of the first row with the same fingerprint; its own when it is the first. `prints` is an
    Arrow array of 16 bytes each, without nulls."""
    import pyarrow

    if not prints.type.equals(pyarrow.binary(16)):
        prints = prints.cast(pyarrow.binary(16))
    from studio.data import same_rows

    return same_rows.first_of_each(np.frombuffer(b"".join(_bytes(prints)), np.uint64).reshape(-1, 2))


def _bytes(prints: Any) -> list[bytes]:
    chunks = prints.chunks if hasattr(prints, "chunks") else [prints]
    return [
        chunk.buffers()[1].to_pybytes()[16 * chunk.offset : 16 * (chunk.offset + len(chunk))] for chunk in chunks if len(chunk)
    ]  # fmt: skip
