"""Datasets to files that others read."""

import json
from pathlib import Path

import pandas as pd

from studio import store


def openai_jsonl(examples: pd.DataFrame, path: Path) -> None:
    """One `{"messages": [...]}` a line: the form of OpenAI's chat fine-tuning."""
    lines = (json.dumps({"messages": messages}, ensure_ascii=False) for messages in examples["messages"])
    store.write_text(path, "".join(f"{line}\n" for line in lines))
