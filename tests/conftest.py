"""Every test has a home of its own, and a real browser where one is asked for."""

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio import store
from studio.jobs import job as jobs
from studio.jobs import queue, worker
from studio.jobs.job import Job


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("studio-home")))
    for name in ("SPACE_ID", "STUDIO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser; a test that needs it fails on CI, and is skipped elsewhere, when there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and CI must have it: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    return Path(found)


@pytest.fixture
def jobs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs do their work in the test's own process, at once: for tests of the work, where a process of its own adds
    nothing but the seconds in which it imports torch. An error of the work is the test's to see."""
    import torch

    torch.set_num_threads(1)  # so small a model gains nothing from more, and two busy processes would block each other

    def submit(home: Path, folder: Path, kind: str, request: dict[str, Any]) -> Job:
        job = Job(folder)
        store.write_json(
            folder / "job.json", {"format": jobs.FORMAT, "kind": kind, "home": str(home), "request": request}
        )
        job.set_state(status="running", pid=os.getpid(), process_started=psutil.Process().create_time())
        importlib.import_module(worker.KINDS[kind]).work(job)
        job.set_state(status="finished")
        return job

    monkeypatch.setattr(queue, "submit", submit)
