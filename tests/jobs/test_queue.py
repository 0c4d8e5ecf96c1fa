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

from studio import ForbiddenError, InputError, JobError, NotFoundError, Project, store
from studio.jobs import queue, worker
from studio.jobs.job import Job, JobView, process_started
from tests.jobs.conftest import Sleepers
from tests.waiting import until


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


AT_ONCE = """
import sys, time
from pathlib import Path
from studio.jobs import queue
home, name, when = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
request = {"project_folder": str(home / "projects" / "none"), "run_id": "run-404", "kind": "adapter"}
time.sleep(when - time.time())
for number in (1, 2):
    queue.submit(home, home / "projects" / "none" / "jobs" / f"{name}-{number}", "export", request)
"""


def test_of_studios_that_start_at_once_one_computes_and_the_others_wait_in_order(tmp_path: Path) -> None:
    home, root = store.studio_home(tmp_path), Path(__file__).resolve().parents[2]
    when = str(time.time() + 3)
    studios = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, str(home), name, when], cwd=root) for name in ("one", "other")
    ]
    assert [studio.wait(timeout=60) for studio in studios] == [0, 0]
    jobs = [
        Job(home / "projects" / "none" / "jobs" / f"{name}-{number}") for name in ("one", "other") for number in (1, 2)
    ]
    for job in jobs:
        with pytest.raises(JobError, match="run-404"):
            job.wait(timeout=60)
    ordered = sorted(jobs, key=lambda job: job.state.started or 0)
    times = [moment for job in ordered for moment in (job.state.started, job.state.ended)]
    assert times == sorted(times)  # type: ignore[type-var]
    for name in ("one", "other"):
        assert [job.id for job in ordered if job.id.startswith(name)] == [f"{name}-1", f"{name}-2"]


def test_a_waiting_job_is_moved(tmp_path: Path, sleepers: Sleepers) -> None:
    home = store.studio_home(tmp_path)
    first, second, third, fourth = (missing_run(home, f"export-00{number}") for number in range(1, 5))

    def order() -> list[str]:
        return [job.id[-1] for job in queue.waiting(home)]

    assert order() == ["2", "3", "4"]
    queue.move(home, fourth, -1)
    assert order() == ["2", "4", "3"]
    queue.move(home, third, -9)
    assert order() == ["3", "2", "4"]
    queue.move(home, third, 9)
    assert order() == ["2", "4", "3"]
    queue.move(home, second, 0)
    for _ in range(40):  # until no number is left between two, and all get new ones
        last = queue.waiting(home)[-1]
        queue.move(home, last, -1)
    assert sorted(order()) == ["2", "3", "4"]
    expected = order()
    with pytest.raises(JobError, match="cannot be moved.*running"):
        queue.move(home, first, 1)
    for name in expected:
        sleepers.end()
        started = queue.start_next(home)
        assert started is not None and started.id[-1] == name


def test_a_job_whose_process_cannot_be_started_keeps_nobody_waiting(
    tmp_path: Path, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = store.studio_home(tmp_path)
    _, second, third = (missing_run(home, f"export-00{number}") for number in range(1, 4))
    sleepers.end()

    def spawn(job: Job) -> "subprocess.Popen[bytes]":
        if job.id == second.id:
            raise OSError(11, "Resource temporarily unavailable")
        return sleepers.spawn(job)

    monkeypatch.setattr(queue, "_spawn", spawn)
    started = queue.start_next(home)
    assert started is not None and started.id == third.id
    assert second.state.status == "failed" and "temporarily unavailable" in second.state.error


def test_a_studio_attends_to_what_waits_though_nobody_looks(tmp_path: Path, sleepers: Sleepers) -> None:
    home = store.studio_home(tmp_path)
    first, second = missing_run(home, "export-001"), missing_run(home, "export-002")
    assert (first.written_state.status, second.written_state.status) == ("running", "queued")
    sleepers.end()
    queue.attend(home)
    until(lambda: second.written_state.status == "running", 30)


def test_a_visitor_of_the_demo_does_not_move_the_queue(tmp_path: Path, sleepers: Sleepers) -> None:
    missing_run(store.studio_home(tmp_path), "export-001")
    waiting = missing_run(store.studio_home(tmp_path), "export-002")
    demo = Project.open("visit", home=tmp_path, demo=True)
    with pytest.raises(ForbiddenError):
        demo.move_waiting(waiting, -1)
    Project.open("mine", home=tmp_path).move_waiting(waiting, -1)


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


def test_a_job_is_deleted_or_goes_on_and_never_both(
    tmp_path: Path, sleepers: Sleepers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One studio deletes what another resumes at the same instant."""
    home = store.studio_home(tmp_path)
    job = missing_run(home, "export-001")
    job.set_state(status="stopped")
    view, request = JobView(job.folder), job.request
    monkeypatch.setattr(
        JobView, "bytes_on_disk", property(lambda _: queue.begin(home, job.folder, "export", request) and 0)
    )
    with pytest.raises(JobError, match="cannot be deleted.*it is running"):
        view.delete()
    assert job.request == request
    sleepers.end()
    job.set_state(status="stopped")
    monkeypatch.setattr(JobView, "bytes_on_disk", 0)
    view.delete()
    with pytest.raises(NotFoundError, match="is deleted"):  # it was still there when this resume was asked for
        queue.submit(home, job.folder, "export", request, again=True)
    assert list(job.folder.iterdir()) == [] and queue.waiting(home) == []


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
