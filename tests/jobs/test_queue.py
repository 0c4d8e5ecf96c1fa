"""The queue and the state of jobs, with real processes. A job that fails at once is a quick real job."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from studio import JobError, store
from studio.jobs import queue
from studio.jobs.job import Job, process_started


def missing_run(home: Path, name: str) -> Job:
    """A job that fails by itself: it exports a run that is not there."""
    request = {"project_folder": str(home / "projects" / "none"), "run_id": "run-404", "kind": "adapter"}
    return queue.submit(home, home / "projects" / "none" / "jobs" / name, "export", request)


def test_a_failed_job_says_why_and_the_queue_goes_on(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    first, second = missing_run(home, "export-001"), missing_run(home, "export-002")
    assert queue.holder(home) is not None
    for job in (first, second):
        with pytest.raises(JobError, match="run-404"):
            job.wait(timeout=60)
    assert first.state.ended is not None and second.state.started is not None
    assert second.state.started >= first.state.ended - 0.5
    assert "Traceback" in first.log_tail(200)
    assert queue.waiting(home) == []


def test_two_starts_of_one_job_at_once_are_refused(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    job = missing_run(home, "export-001")
    with pytest.raises(JobError, match="cannot be started"):
        queue.submit(home, job.folder, "export", job.request)
    with pytest.raises(JobError):
        job.wait(timeout=60)


def test_a_waiting_job_can_be_removed(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    first, second = missing_run(home, "export-001"), missing_run(home, "export-002")
    second.stop()
    assert second.state.status == "stopped"
    assert queue.waiting(home) == []
    with pytest.raises(JobError):
        first.wait(timeout=60)
    assert second.state.status == "stopped"


def test_a_killed_worker_is_interrupted_and_frees_the_card(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    job = missing_run(home, "export-001")
    pid = job.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while process_started(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job.state.status == "interrupted"
    with pytest.raises(JobError, match="interrupted"):
        job.wait()
    assert queue.holder(home) is None


def test_a_process_that_took_the_same_number_is_not_mistaken(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.set_state(status="running", pid=os.getpid(), process_started=psutil.Process().create_time() - 100)
    assert job.state.status == "interrupted"


def test_progress_and_a_line_cut_short(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.set_state(
        status="running", pid=os.getpid(), process_started=psutil.Process().create_time(), started=time.time() - 10
    )
    job.report(1, 2, "half")
    assert job.progress.seconds_left == pytest.approx(10, abs=1)
    with open(tmp_path / "progress.jsonl", "ab") as file:
        file.write(b'{"done": 2, "of"')
    assert job.progress.note == "half"
    job.report(2, 2, "whole")
    assert job.progress.note == "whole"
