"""The queue and the state of jobs, with real processes. A job that fails at once is a quick real job."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from studio import InputError, JobError, store
from studio.jobs import queue, worker
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


def test_the_queue_goes_on_after_a_killed_worker_though_nobody_looks(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    first, second = missing_run(home, "export-001"), missing_run(home, "export-002")
    assert first.state.pid is not None
    os.kill(first.state.pid, signal.SIGKILL)
    ended, deadline = second.folder / "state.json", time.monotonic() + 60
    while store.read_json(ended)["status"] == "queued":  # the file alone: whoever asks a job starts the next
        assert time.monotonic() < deadline, "nobody started it"
        time.sleep(0.1)
    with pytest.raises(JobError, match="run-404"):
        second.wait(timeout=60)
    assert first.state.status == "interrupted"


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


def test_a_kill_while_others_wait_costs_the_killed_one_alone(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    killed, second, third = (missing_run(home, f"export-00{number}") for number in (1, 2, 3))
    assert [job.id for job in queue.waiting(home)] == [second.id, third.id]
    pid = killed.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    for job in (second, third):
        with pytest.raises(JobError, match="run-404"):
            job.wait(timeout=60)
    assert killed.state.status == "interrupted"
    assert third.state.started >= second.state.ended  # type: ignore[operator]
    assert queue.waiting(home) == []


AT_ONCE = """
import sys, time
from pathlib import Path
from studio.jobs import queue
home, name, when = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
request = {"project_folder": str(home / "projects" / "none"), "run_id": "run-404", "kind": "adapter"}
time.sleep(when - time.time())
queue.submit(home, home / "projects" / "none" / "jobs" / name, "export", request)
"""


def test_of_two_studios_that_start_at_once_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    home, root = store.studio_home(tmp_path), Path(__file__).resolve().parents[2]
    names, when = ("export-001", "export-002"), str(time.time() + 3)
    studios = [subprocess.Popen([sys.executable, "-c", AT_ONCE, str(home), name, when], cwd=root) for name in names]
    assert [studio.wait(timeout=60) for studio in studios] == [0, 0]
    jobs = [Job(home / "projects" / "none" / "jobs" / name) for name in names]
    for job in jobs:
        with pytest.raises(JobError, match="run-404"):
            job.wait(timeout=60)
    first, second = sorted((job.state for job in jobs), key=lambda state: state.started or 0)
    assert first.started <= first.ended <= second.started <= second.ended  # type: ignore[operator]


def test_one_of_many_resumes_at_once_is_taken(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    job = missing_run(home, "export-001")
    with pytest.raises(JobError):
        job.wait(timeout=60)
    blocker = missing_run(home, "export-002")

    def resume(_: int) -> str:
        try:
            queue.submit(home, job.folder, "export", job.request)
        except JobError as error:
            return error.what
        return "taken"

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(resume, range(6)))
    assert sorted(answers) == [*["export-001 cannot be started"] * 5, "taken"]
    assert len(queue.waiting(home)) <= 1
    for ended in (blocker, job):
        with pytest.raises(JobError):
            ended.wait(timeout=60)


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
    Job(tmp_path).report(6, 10, "half", known=4)  # four were there before: two took ten seconds
    assert job.progress.seconds_left == pytest.approx(20, abs=2)
    with open(tmp_path / "progress.jsonl", "ab") as file:
        file.write(b'{"done": 2, "of"')
    assert job.progress.note == "half"
    job.report(2, 2, "whole")
    assert job.progress.note == "whole"


FULL = "The disk is full"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), FULL),
        (OSError(27, "File too large"), FULL),
        (
            RuntimeError("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file data/3"),
            FULL,
        ),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), FULL),
        (MemoryError(), "Out of memory"),
        (InputError("There is no such file", "x.csv", "Check the path"), "There is no such file"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_what_went_wrong_is_said_with_what_to_do(error: Exception, words: str) -> None:
    message, fix = worker.explain(error)
    assert words in message and fix
