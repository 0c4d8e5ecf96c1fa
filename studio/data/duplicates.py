"""Exact duplicates: examples whose question and answer are the same to the letter."""

import hashlib

import pandas as pd

from studio.examples import Message


def fingerprint(messages: list[Message]) -> str:
    """SHA-256 over all that is asked and answered, the system prompt left out."""
    digest = hashlib.sha256()
    for message in messages:
        if message["role"] != "system":
            digest.update(message["role"].encode() + b"\x1f" + message["content"].encode("utf-8", "replace") + b"\x1e")
    return digest.hexdigest()


def first_of_each(examples: pd.DataFrame) -> pd.Series:
    """For each row the id of the first row that is the same; its own id when it is the first."""
    prints = pd.Series([fingerprint(messages) for messages in examples["messages"]], examples.index, str)
    return examples["id"].groupby(prints).transform("first") if len(examples) else examples["id"]
