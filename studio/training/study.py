"""The Optuna study of a search, in a file of JSON lines like the studio's others.

A line that a kill cut short is passed over, and the system frees the lock of a process that is killed. Optuna's own
journal file cannot be read any more after such a line, and its lock outlives the process by half a minute; SQLite would
hold too, but whoever looks would load SQLAlchemy and take its lock.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages.journal import BaseJournalBackend

from studio import store

NAME = "llm_fine_tuning"


class Lines(BaseJournalBackend):
    """Where Optuna writes what happens: one JSON line each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return store.read_json_lines(self.path)[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        with FileLock(self.path.with_name(".study.lock")):
            for line in logs:
                store.append_json_line(self.path, line)


def open_study(path: Path, startup: int | None = None) -> optuna.Study:
    """The study in that file. With `startup`, the number of trials that are never pruned, it is made when absent."""
    storage = optuna.storages.JournalStorage(Lines(path))
    if startup is None:
        return optuna.load_study(study_name=NAME, storage=storage)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=startup)
    return optuna.create_study(
        study_name=NAME, storage=storage, direction="minimize", pruner=pruner, load_if_exists=True
    )
