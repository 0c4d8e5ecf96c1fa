"""Jobs that do their work in the test's own process, at once: for tests of the work, where a process of its own adds
nothing but the seconds in which it imports torch. An error of the work is the test's to see."""

import importlib
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio import store
from studio.jobs import job as jobs
from studio.jobs import queue, worker
from studio.jobs.job import Job


def work_here(patch: pytest.MonkeyPatch) -> None:
    import torch

    torch.set_num_threads(1)  # so small a model gains nothing from more, and two busy processes would block each other

    def submit(home: Path, folder: Path, kind: str, request: dict[str, Any], **_: Any) -> Job:
        job = Job(folder)
        store.write_json(
            folder / "job.json", {"format": jobs.FORMAT, "kind": kind, "home": str(home), "request": request}
        )
        job.set_state(status="running", pid=os.getpid(), process_started=psutil.Process().create_time())
        importlib.import_module(worker.KINDS[kind]).work(job)
        job.set_state(status="finished")
        return job

    patch.setattr(queue, "submit", submit)
