"""A process is known by what no setting of the clock moves: a job goes on however often that is set."""

import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from studio import JobError, store
from studio.jobs import job as jobs
from studio.jobs import queue
from studio.jobs.job import Job, is_alive, process_started
from tests.jobs.conftest import Sleepers

only_linux = pytest.mark.skipif(not psutil.LINUX, reason="elsewhere only psutil says when a process began")


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds forward, as `date -s` does it: Linux says from then on that it was booted so much later."""
    pslinux = pytest.importorskip("psutil._pslinux")
    before = pslinux.boot_time
    monkeypatch.setattr(pslinux, "boot_time", lambda: before() + 5)


def working(home: Path) -> Job:
    store.studio_home(home)
    return queue.submit(home, home / "projects" / "one" / "runs" / "run-001", "train", {})


@only_linux
def test_a_job_runs_on_when_the_clock_is_set(
    tmp_path: Path, sleepers: Sleepers, request: pytest.FixtureRequest
) -> None:
    job = working(tmp_path)
    created = psutil.Process(job.state.pid).create_time()
    request.getfixturevalue("set_clock")
    assert psutil.Process(job.state.pid).create_time() == pytest.approx(created + 5)
    holder = queue.holder(tmp_path)
    assert job.state.status == "running" and holder is not None and holder.folder == job.folder
    with pytest.raises(JobError, match="it is running"):
        queue.submit(tmp_path, job.folder, "train", {}, again=True)
    assert len(sleepers.processes) == 1
    sleepers.end()
    assert queue.holder(tmp_path) is None and job.state.status == "interrupted"


@only_linux
def test_the_boot_and_the_ticks_tell_one_process_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = process_started(os.getpid())
    assert isinstance(mine, str) and is_alive(os.getpid(), mine)
    boot, ticks = mine.split()
    assert not is_alive(os.getpid(), f"{boot} {int(ticks) - 1}")
    jobs._boot.cache_clear()
    monkeypatch.setattr(jobs, "BOOT", Path("/nowhere"))  # as where the kernel is told not to say
    assert process_started(os.getpid()) == f" {ticks}"
    jobs._boot.cache_clear()


def test_one_that_has_ended_has_not_begun(tmp_path: Path) -> None:
    name = tmp_path / "a ) Z 1 (name"
    name.symlink_to("/bin/sleep")
    process = subprocess.Popen([name, "600"])
    try:
        started = process_started(process.pid)
        assert started is not None and is_alive(process.pid, started)
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            pass
        assert process_started(process.pid) is None and not is_alive(process.pid, started)
    finally:
        process.kill()
        process.wait()
    assert process_started(process.pid) is None and not is_alive(process.pid, None) and not is_alive(None, started)


def test_what_an_older_studio_wrote_is_followed_on(tmp_path: Path) -> None:
    """Seconds since 1970, in the state of a job and of who has the card."""
    job, began = Job(tmp_path / "projects" / "one" / "runs" / "run-001"), psutil.Process().create_time()
    store.write_json(tmp_path / "card.json", {"folder": str(job.folder), "pid": os.getpid(), "process_started": began})
    for started, status in ((began, "running"), (began - 100, "interrupted")):  # another process took the number
        store.write_json(
            job.folder / "state.json", {"status": "running", "pid": os.getpid(), "process_started": started}
        )
        assert job.state.status == status
    assert queue.holder(tmp_path) is not None
    card = json.loads((tmp_path / "card.json").read_text())
    store.write_json(tmp_path / "card.json", {**card, "process_started": began - 100})
    assert queue.holder(tmp_path) is None
