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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from studio import store
from studio.errors import JobError, StudioError
from studio.jobs import endings, launching
from studio.jobs.job import ACTIVE, FORMAT, Job, is_alive, process_started

SOURCE = Path(__file__).resolve().parents[2]
STRIDE, DIGITS = 1024, 12
"""How far apart the numbers of waiting jobs are at first, so that one can be moved between two; and how they are written."""
PARTS = 4
"""Of a job's path within a home: projects/NAME/runs/ID."""
LOOK_SECONDS = 1.0
ANEW = {
    "status": "queued", "pid": None, "process_started": None, "message": "", "error": "", "fix": "", "cause": "",
    "started": None, "ended": None,
}  # fmt: skip
SECRET_VARIABLE = "STUDIO_JOB_SECRET"
_secrets: dict[str, str] = {}  # by the job's folder, for as long as this process lives


def queue_lock(home: Path) -> FileLock:
    return FileLock(home / "queue.lock")


def card_lock(home: Path) -> FileLock:
    return FileLock(home / "card.lock")


@dataclass(frozen=True)
class Placed:
    """A new job with a folder and an id that is in no queue yet: the journal speaks of it before anybody works on it."""

    home: Path
    folder: Path
    kind: str
    request: dict[str, Any]

    @property
    def id(self) -> str:
        return self.folder.name

    def submit(self) -> Job:
        return submit(self.home, self.folder, self.kind, self.request)


def submit(home: Path, folder: Path, kind: str, request: dict[str, Any], again: bool = False) -> Job:
    """Puts a job at the end of the queue and starts it when the card is free. A folder that has run goes on; `again` says
    that it has, and raises NotFoundError when it was deleted meanwhile.

    A power cut after the entry leaves one of nothing that waits, which is dropped; after the description, a new job
    that waits, or one that has ended as it had."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder)
    with queue_lock(home):
        if again:
            job.check_there()
        _check_idle(job)
        numbers = [_number(path) for path in _entries(home)]
        store.write_json(_entry(home, max(numbers, default=0) + STRIDE), {"folder": str(folder)})
        store.write_json(folder / "job.json", {"format": FORMAT, "kind": kind, "home": str(home), "request": request})
        job.set_state(**ANEW)
    if start_next(home) is None:
        threading.Thread(target=_attend, args=[home], daemon=True).start()
    return job


def begin(home: Path, folder: Path, kind: str, request: dict[str, Any], secret: str | None = None) -> Job:
    """Starts a job that needs no card at once, whatever waits. A folder that has run goes on (resume)."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(folder)
    described = {"format": FORMAT, "kind": kind, "home": str(home), "request": request, "needs_card": False}
    with queue_lock(home):
        _check_idle(job)
        if secret is not None:
            _secrets[str(folder)] = secret
        # no queue knows of it: until its process is there it is this one's, and interrupted should this one go
        pid = os.getpid()
        job.set_state(**{**ANEW, "status": "running", "pid": pid, "process_started": process_started(pid)})
        try:
            store.write_json(folder / "job.json", described)
            _start(job)
        except BaseException as error:
            job.set_state(status="failed", error=f"It could not be started: {error}", ended=time.time())
            raise
    return job


def _check_idle(job: Job) -> None:
    if (job.folder / "state.json").exists() and job.state.status in (*ACTIVE, "queued"):
        raise JobError(f"{job.id} cannot be started", f"it is {job.state.status}", "Wait for it, or stop it first")
    for left in ("stop", "progress.jsonl"):  # how far it was when it ended is not how far it is
        (job.folder / left).unlink(missing_ok=True)


def knows_secret(job: Job) -> bool:
    """Whether this process was told the job's secret."""
    return str(job.folder) in _secrets


def _entries(home: Path) -> list[Path]:
    return sorted((path for path in (home / "queue").glob("*.json") if path.stem.isdigit()), key=_number)


def _entry(home: Path, number: int) -> Path:
    return home / "queue" / f"{number:0{DIGITS}d}.json"


def _folder_of(home: Path, entry: Path) -> Path:
    return _here(home, store.read_json(entry)["folder"])


def _here(home: Path, written: str) -> Path:
    """The folder of a job that is written down in this home: in this home, though it was another when it was written."""
    parts = Path(written).parts[-PARTS:]
    folder = home.joinpath(*parts)
    return folder if parts[0] == "projects" and folder.exists() else Path(written)


def _number(entry: Path) -> int:
    return int(entry.stem)


def waiting(home: Path) -> list[Job]:
    """The jobs that wait for the card, the next one first."""
    jobs = []
    for entry in _entries(home):
        try:
            job = Job(_folder_of(home, entry))
        except FileNotFoundError:
            continue  # started or removed meanwhile
        if _waits(job):
            jobs.append(job)
    return jobs


def _waits(job: Job) -> bool:
    """Not so where its project was deleted, or where a power cut came between the entry and the state."""
    return (job.folder / "job.json").exists() and job.written_state.status == "queued"


def holder(home: Path) -> Job | None:
    """The job that has the card now."""
    try:
        card = store.read_json(home / "card.json")
    except FileNotFoundError:  # also when its worker gives it up this instant
        return None
    folder = _here(home, card["folder"])
    return Job(folder) if is_alive(card["pid"], card["process_started"]) and folder.exists() else None


def remove(home: Path, job: Job) -> None:
    """Takes a waiting job out of the queue; it can be started again."""
    with queue_lock(home):
        for entry in _entries(home):
            if _folder_of(home, entry) == job.folder:
                job.set_state_if(
                    lambda state: state.status == "queued",
                    status="stopped", message="removed from the queue", ended=time.time(),
                )  # fmt: skip
                entry.unlink()  # last: an entry of a job that does not wait is dropped, a job without one waits for ever


def move(home: Path, job: Job, places: int) -> None:
    """Moves a waiting job so many places towards the end of the queue, or towards its front when negative, as far as
    there are any. Raises JobError when it does not wait."""
    with queue_lock(home):
        entries = _entries(home)
        at = next((at for at, entry in enumerate(entries) if _folder_of(home, entry) == job.folder), None)
        if at is None:
            raise JobError(f"{job.id} cannot be moved", f"it is {job.state.status}", "Only what waits has a place")
        moved = entries.pop(at)
        place = min(max(at + places, 0), len(entries))
        if place == at:
            return
        before, after = _around(entries, place)
        if after is not None and after - before < 2:  # no number is left between the two
            entries = _spread(home, entries, moved)
            moved = entries.pop(at)
            before, after = _around(entries, place)
        number = before + STRIDE if after is None else (before + after) // 2
        # one rename, so that a power cut leaves the old order or the new
        os.replace(moved, _entry(home, number))
        store.sync_names(home / "queue")


def _around(entries: list[Path], place: int) -> tuple[int, int | None]:
    """The numbers before and after a place between the entries."""
    return (_number(entries[place - 1]) if place else 0), (_number(entries[place]) if place < len(entries) else None)


def _spread(home: Path, entries: list[Path], moved: Path) -> list[Path]:
    """Gives all waiting jobs numbers far from each other, in their order: behind all others, the first one first, so
    that whoever comes first at any instant is one of those that came first before."""
    every = sorted([*entries, moved], key=_number)
    highest = _number(every[-1])
    spread = [_entry(home, highest + STRIDE * place) for place in range(1, len(every) + 1)]
    for old, new in reversed(list(zip(every, spread, strict=True))):
        os.replace(old, new)
    return spread


def start_next(home: Path) -> Job | None:
    """Starts the first waiting job when nobody has the card. Called by whoever looks; safe from anywhere at once."""
    if not _entries(home):
        return None
    with queue_lock(home):
        if holder(home) is not None:
            return None
        for entry in _entries(home):
            job = Job(_folder_of(home, entry))
            if not _waits(job):
                entry.unlink()
                continue
            try:
                _start(job)
            except OSError as error:  # of its process: the next one is not to wait for it
                job.set_state(status="failed", error=f"It could not be started: {error}", ended=time.time())
                entry.unlink()
                continue
            entry.unlink()
            return job
        return None


def attend(home: Path) -> None:
    """For as long as this process lives what waits is started when the card is free, though nobody looks at its page: the
    worker that would have started it may have been killed."""

    def look() -> None:
        while True:
            with suppress(OSError, ValueError, LookupError, StudioError):
                start_next(home)
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=look, daemon=True).start()


def claim(job: Job, pid: int) -> bool:
    """Whether this process is the one that was started for the job. Asked by the process itself before it works: whoever
    started it may have been killed before it was written down, and then the job still waits, or is another's."""
    with queue_lock(job.home):
        if job.written_state.pid != pid:
            return False
        for entry in _entries(job.home):  # its starter was killed before it could
            if _folder_of(job.home, entry) == job.folder:
                entry.unlink()
        return True


def _start(job: Job) -> None:
    """Its process, and then who has the card, before the state: a job that says that it runs has what it needs."""
    process = _spawn(job)
    try:
        started = process_started(process.pid)
        if job.needs_card:
            card = {"folder": str(job.folder), "pid": process.pid, "process_started": started}
            store.write_json(job.home / "card.json", card)
        kills = endings.memory_kills()
        job.set_state(
            status="running", pid=process.pid, process_started=started, started=time.time(), memory_kills=kills
        )
    except BaseException:
        process.kill()  # nobody would know of it
        process.wait()
        raise
    threading.Thread(target=_attend, args=[job.home, process, job], daemon=True).start()


def _attend(home: Path, process: "subprocess.Popen[bytes] | None" = None, job: Job | None = None) -> None:
    """So that the end of a process leaves no zombie, and says why where it did not itself; and that, while jobs wait and
    this process lives, none that was killed lets the queue stand still."""
    if process is not None and job is not None:
        returned = process.wait()
        with suppress(OSError, ValueError, LookupError, StudioError):  # the home itself may be gone by now
            job.gone(process.pid, returned)
    with suppress(OSError, ValueError, LookupError, StudioError):
        while _entries(home):
            start_next(home)
            time.sleep(LOOK_SECONDS)


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
