"""One card, one lease: jobs wait on disk in STUDIO_HOME, in order, for all projects and all studios of this machine.

queue/NUMBER.json names a waiting job; card.json the one that has the card. queue.lock guards both for an instant;
card.lock is held by the worker for as long as it computes, and the system frees it however the worker ends.
A job's secret (a key that was typed) is in no file: who was told it keeps it in memory, and hands it to the worker by its
environment.
"""

import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from studio import store
from studio.errors import JobError
from studio.jobs import launching
from studio.jobs.job import ACTIVE, FORMAT, Job, process_started

SOURCE = Path(__file__).resolve().parents[2]
SECRET_VARIABLE = "STUDIO_JOB_SECRET"
_secrets: dict[str, str] = {}  # by the job's folder, for as long as this process lives


def queue_lock(home: Path) -> FileLock:
    return FileLock(home / "queue.lock")


def card_lock(home: Path) -> FileLock:
    return FileLock(home / "card.lock")


def submit(home: Path, folder: Path, kind: str, request: dict[str, Any]) -> Job:
    """Puts a job at the end of the queue and starts it when the card is free. A folder that has run goes on (resume)."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder)
    with queue_lock(home):
        _describe(job, {"format": FORMAT, "kind": kind, "home": str(home), "request": request})
        numbers = [int(path.stem) for path in _entries(home)]
        # before the state: a crash between the two leaves a job that starts, not one that waits for ever
        store.write_json(home / "queue" / f"{max(numbers, default=0) + 1:08d}.json", {"folder": str(folder)})
        _anew(job)
    start_next(home)
    return job


def begin(home: Path, folder: Path, kind: str, request: dict[str, Any], secret: str | None = None) -> Job:
    """Starts a job that needs no card at once, whatever waits. A folder that has run goes on (resume)."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder)
    described = {"format": FORMAT, "kind": kind, "home": str(home), "request": request, "needs_card": False}
    with queue_lock(home):
        _describe(job, described)
        if secret is not None:
            _secrets[str(folder)] = secret
        _anew(job)
        _start(job)
    return job


def _describe(job: Job, description: dict[str, Any]) -> None:
    if (job.folder / "state.json").exists() and job.state.status in (*ACTIVE, "queued"):
        raise JobError(f"{job.id} cannot be started", f"it is {job.state.status}", "Wait for it, or stop it first")
    store.write_json(job.folder / "job.json", description)
    (job.folder / "stop").unlink(missing_ok=True)


def _anew(job: Job) -> None:
    job.set_state(
        status="queued", pid=None, process_started=None, message="", error="", fix="", started=None, ended=None
    )  # fmt: skip


def knows_secret(job: Job) -> bool:
    """Whether this process was told the job's secret."""
    return str(job.folder) in _secrets


def _entries(home: Path) -> list[Path]:
    return sorted(path for path in (home / "queue").glob("*.json") if path.stem.isdigit())


def waiting(home: Path) -> list[Job]:
    jobs = []
    for entry in _entries(home):
        try:
            jobs.append(Job(Path(store.read_json(entry)["folder"])))
        except FileNotFoundError:
            continue  # started or removed meanwhile
    return jobs


def holder(home: Path) -> Job | None:
    """The job that has the card now."""
    path = home / "card.json"
    if not path.exists():
        return None
    card = store.read_json(path)
    if not _lives(card) or not Path(card["folder"]).exists():
        return None
    return Job(Path(card["folder"]))


def remove(home: Path, job: Job) -> None:
    """Takes a waiting job out of the queue; it can be started again."""
    with queue_lock(home):
        for entry in _entries(home):
            if store.read_json(entry)["folder"] == str(job.folder):
                entry.unlink()
                job.set_state(status="stopped", message="removed from the queue", ended=time.time())


def start_next(home: Path) -> Job | None:
    """Starts the first waiting job when nobody has the card. Called by whoever looks; safe from anywhere at once."""
    if not _entries(home):
        return None
    with queue_lock(home):
        entries = _entries(home)
        if holder(home) is not None or not entries:
            return None
        job = Job(Path(store.read_json(entries[0])["folder"]))
        if not (job.folder / "job.json").exists():
            entries[0].unlink()  # its project was deleted
            return None
        pid, started = _start(job)
        store.write_json(home / "card.json", {"folder": str(job.folder), "pid": pid, "process_started": started})
        entries[0].unlink()
        return job


def _start(job: Job) -> tuple[int, float]:
    """The process of a job: its number and when it started."""
    process = _spawn(job)
    threading.Thread(target=_attend, args=[process, job.home], daemon=True).start()
    started = process_started(process.pid) or time.time()
    job.set_state(status="running", pid=process.pid, process_started=started, started=time.time())
    return process.pid, started


def _attend(process: "subprocess.Popen[bytes]", home: Path) -> None:
    """So that the end of a process leaves no zombie, and that of one that was killed no queue that stands still."""
    process.wait()
    with suppress(OSError, ValueError, LookupError):  # the home itself may be gone by now
        start_next(home)


def _lives(process: dict[str, Any]) -> bool:
    started = process_started(process["pid"])
    return started is not None and abs(started - process["process_started"]) <= 1


def _spawn(job: Job) -> "subprocess.Popen[bytes]":
    """A process of its own session: it outlives the page, the studio and the terminal."""
    path = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {name: value for name, value in os.environ.items() if name != SECRET_VARIABLE} | {"PYTHONPATH": path}
    if knows_secret(job):
        environment[SECRET_VARIABLE] = _secrets[str(job.folder)]
    request = job.request
    with open(job.folder / "log.txt", "ab") as log:
        return subprocess.Popen(
            launching.command(job.folder, request), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, env=launching.environment(environment, request),
        )  # fmt: skip
