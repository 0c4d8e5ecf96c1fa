"""A cheap sign of what runs there are, how each stands, and what waits: while it stays, nobody who follows them has to
look again, whoever starts, resumes, stops or deletes one."""

import os
from functools import lru_cache
from pathlib import Path

from studio.jobs import queue
from studio.jobs.job import ACTIVE, Job

Written = tuple[int, int, int]


def sign(home: Path, project_folder: Path) -> int:
    """Another number whenever a run of the project came, went, or is in another state than before, or another job waits
    for the card. Of a run whose state was not written since the last call no file is read."""
    runs = sorted((folder, _changed(folder)) for folder in _folders(project_folder / "runs"))
    return hash((*runs, str(project_folder), *(str(job.folder) for job in queue.waiting(home))))


def _folders(place: Path) -> list[str]:
    """As text: a path object costs more than all that is asked of one of many runs."""
    try:
        return [os.path.join(place, name) for name in os.listdir(place)]
    except FileNotFoundError:
        return []


def _changed(folder: str) -> Written | None:
    """Which writing of its state a run has; None where there is no run, as after it was deleted."""
    written = _written(folder)
    if written is None or not os.path.exists(os.path.join(folder, "job.json")):
        return None
    if _is_active(folder, written):
        _ = Job(Path(folder)).state  # writes that it is interrupted, where its process is gone
        written = _written(folder)
    return written


def _written(folder: str) -> Written | None:
    """Tells two writings apart: each is a file of its own, and the clock of a file system has steps of some ms."""
    try:
        found = os.stat(os.path.join(folder, "state.json"))
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


@lru_cache(maxsize=4096)
def _is_active(folder: str, written: Written) -> bool:
    """As its state says since it was written so."""
    return Job(Path(folder)).written_state.status in ACTIVE
