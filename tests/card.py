"""The card in the hands of a job that computes nothing, so that others wait for as long as a test wants."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from studio import Project, Recipe, store
from studio.jobs import queue
from studio.jobs.job import Job, process_started
from tests.waiting import until


@contextmanager
def taken(home: Path) -> Iterator[Job]:
    """A training of another project, whose process is this one. Who had the card before is asked to stop."""
    folder = Project.open("busy", home=home).folder / "runs" / "run-001"
    store.write_text(folder / "recipe.json", Recipe().to_json())
    store.write_json(folder / "job.json", {"format": 1, "kind": "train", "home": str(home), "request": {}})
    process = {"pid": os.getpid(), "process_started": process_started(os.getpid())}
    if (holder := queue.holder(home)) is not None:
        holder.stop()
        until(lambda: queue.holder(home) is None)
    job = Job(folder)
    job.set_state(status="running", **process)
    store.write_json(home / "card.json", {"folder": str(folder), **process})
    try:
        yield job
    finally:
        job.set_state(status="finished")
        (home / "card.json").unlink()
