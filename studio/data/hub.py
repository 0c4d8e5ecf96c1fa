"""A dataset of the Hugging Face Hub, streamed: as many rows as wanted and no more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from studio.data.filled_nulls import without
from studio.errors import InputError, NotFoundError, StudioError

PREFIX = "hub:"
MOST_ROWS = 100_000
SECONDS = 10


def is_hub(source: object) -> bool:
    return isinstance(source, str) and source.startswith(PREFIX)


@contextmanager
def downloaded(
    source: str, folder: Path, config: str | None = None, split: str = "train", rows: int | None = None
) -> Iterator[Path]:
    """Yields a JSONL file in `folder` with the first `rows` rows (MOST_ROWS at most) of hub:owner/name.

    Raises NotFoundError when there is no such dataset, configuration or split, or no way to the Hub.
    """
    wanted = source.removeprefix(PREFIX).strip("/")
    if not wanted or wanted.count("/") > 1 or ".." in wanted:
        raise InputError("This is no dataset of the Hub", source, "Write hub:owner/name")
    limit = MOST_ROWS if rows is None else min(rows, MOST_ROWS)
    path = folder / ("-".join([*wanted.split("/"), *([config] if config else []), split]) + ".jsonl")
    _check_there(wanted)
    try:
        with open(path, "wb") as file:
            for place, row in enumerate(_stream(wanted, config, split)):
                if place >= limit:
                    break
                file.write(
                    orjson.dumps(without(row), default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
                )
    except StudioError:
        raise
    except Exception as error:  # whatever the Hub, its files or the way to it make the library raise
        raise NotFoundError(
            "The dataset of the Hub cannot be read",
            f"{wanted}, configuration {config or 'default'}, split {split}: {str(error)[:200]}",
            "Check the configuration and the split, or download it as Parquet and load that",
        ) from None
    yield path


def _check_there(wanted: str) -> None:
    """One short question, so that nobody waits through a library's many tries."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        HfApi().dataset_info(wanted, timeout=SECONDS)
    except RepositoryNotFoundError:
        raise NotFoundError(
            "There is no such dataset on the Hub", wanted, "Check its name; a private one needs HF_TOKEN"
        ) from None
    except Exception as error:  # no network, offline mode, a proxy, the Hub itself
        raise NotFoundError(
            "The Hub cannot be reached",
            f"{wanted}: {type(error).__name__}",
            "Check the network, or load a file that you have",
        ) from None


def _stream(wanted: str, config: str | None, split: str) -> Iterator[dict[str, Any]]:
    import datasets

    yield from datasets.load_dataset(wanted, config, split=split, streaming=True)
