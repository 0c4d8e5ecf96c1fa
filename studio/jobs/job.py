"""One long piece of work: a folder with job.json, state.json, progress.jsonl and log.txt, and the process that does it.

Everything here is read from the folder, so that any process can follow a job and none has to own it.
"""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from studio import store
from studio.errors import JobError, NotFoundError, StudioError
from studio.jobs import endings

FORMAT = 1
ACTIVE = ("running", "stopping")
ENDED = ("stopped", "finished", "failed", "interrupted")
DEAD = (b"Z", b"X", b"x")
"""Of a process in /proc: a zombie, or dead."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
HALF_SECOND = 0.5
JOB_PLACES = ("runs", "evaluations", "jobs")
"""Folders of a project."""


class Stopped(Exception):
    """The work ended early because a stop was asked for."""


@dataclass(frozen=True)
class State:
    """`status` is queued, running, stopping, stopped, finished, failed or interrupted; times are seconds since 1970.
    `process_started` is what the function of this name said; an older studio wrote seconds since 1970 on every system.
    `cause` is "memory" when there was not enough of it; `memory_kills` what endings.memory_kills said at the start."""

    status: str = "queued"
    pid: int | None = None
    process_started: str | float | None = None
    heartbeat: float | None = None
    message: str = ""
    error: str = ""
    fix: str = ""
    cause: str = ""
    memory_kills: int = 0
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Progress:
    done: float = 0.0
    of: float = 0.0
    note: str = ""
    seconds_left: float | None = None


def process_started(pid: int) -> str | float | None:
    """What tells the process from every other that had or will have its number; None when it is gone (or a zombie).

    On Linux the boot and the ticks from it to the start of the process (field 22 of /proc/PID/stat, proc_pid_stat(5)),
    which stay when the clock is set; elsewhere when it began, in seconds since 1970."""
    if psutil.LINUX:
        try:
            # the name, in brackets, may hold anything, brackets too
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] in DEAD else f"{_boot()} {int(fields[19])}"
    return _created(pid)


@cache
def _boot() -> str:
    """Which boot of the machine this is; empty where the kernel is told not to say so."""
    with suppress(OSError):
        return BOOT.read_text().strip()
    return ""


def _created(pid: int) -> float | None:
    """When the process began by the clock as it is now, in seconds since 1970; None when it is gone (or a zombie)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, started: str | float | None) -> bool:
    """Whether the process with this number is still the one of which `process_started` said so."""
    if pid is None or started is None:
        return False
    if isinstance(started, str):
        return process_started(pid) == started
    created = _created(pid)
    return created is not None and abs(created - started) <= 1


def _moved(request: dict[str, Any], before: str | None, now: str) -> dict[str, Any]:
    """The same request with each path of the project where the project is now."""
    if before is None or before == now:
        return request
    within = before + os.sep
    return {
        name: now + value.removeprefix(before) if isinstance(value, str) and (value == before or value.startswith(within)) else value
        for name, value in request.items()
    }  # fmt: skip


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._reported = 0.0

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def description(self) -> dict[str, Any]:
        """What it was asked. Where it lies in a project, it is of that project and that home, wherever they were when it
        was written: a project may be moved with all that is in it. Raises NotFoundError when it is deleted."""
        self.check_there()
        said = store.read_description(self.folder / "job.json", FORMAT, f"Job {self.id}")
        project = self.folder.absolute().parent.parent
        if self.folder.parent.name in JOB_PLACES and (project / "project.json").exists():
            if project.parent.name == "projects":
                said["home"] = str(project.parent.parent)
            said["request"] = _moved(said["request"], said["request"].get("project_folder"), str(project))
        return said

    @property
    def is_deleted(self) -> bool:
        """Its folder stays when it is deleted, so that no later one gets its id."""
        return not (self.folder / "job.json").exists()

    def check_there(self) -> None:
        """Raises NotFoundError when it is deleted."""
        if self.is_deleted:
            raise NotFoundError(
                f"{self.id} is deleted", "its files are gone for good", "Choose another, or start a new one"
            )

    @property
    def kind(self) -> str:
        return str(self.description["kind"])

    @property
    def needs_card(self) -> bool:
        """Whether it waits for the card; what only reads and writes files does not."""
        return bool(self.description.get("needs_card", True))

    @property
    def home(self) -> Path:
        return Path(self.description["home"])

    @property
    def request(self) -> dict[str, Any]:
        return dict(self.description["request"])

    @property
    def state(self) -> State:
        """The state on disk; a job whose process is gone without a final state is interrupted."""
        state = self.written_state
        if state.status in ACTIVE and not is_alive(state.pid, state.process_started):
            state = self.gone(state.pid, None)
        if state.status == "running" and self.stop_requested():
            state = State(**{**asdict(state), "status": "stopping"})
        beat = self.folder / "heartbeat"
        return State(**{**asdict(state), "heartbeat": beat.stat().st_mtime if beat.exists() else None})

    @property
    def written_state(self) -> State:
        """What state.json says, whether its process lives or not."""
        path = self.folder / "state.json"
        return State(**store.read_json(path)) if path.exists() else State()

    def gone(self, pid: int | None, returned: int | None) -> State:
        """Writes that the process is gone without a final state; `returned` as its starter was told it, None for others.
        The starter knows more than who only sees it gone, and may add to what such a one wrote."""

        def is_open(state: State) -> bool:
            told = state.status == "interrupted" and returned is not None and returned < 0
            return state.pid == pid and (state.status in ACTIVE or told)

        before = self.written_state
        if not is_open(before):
            return before
        message, cause = endings.why_gone(pid, returned, before.memory_kills)
        ended = before.ended or time.time()
        fix = "Free some memory and resume, or start again with settings that need less" if cause else ""
        changes = {"status": "interrupted", "message": message, "cause": cause, "fix": fix, "ended": ended}
        try:
            return self.set_state_if(is_open, **changes)
        except (OSError, StudioError):  # a full disk: it is interrupted all the same
            return State(**{**asdict(before), **changes})

    def set_state(self, **changes: Any) -> State:
        """Changes these fields, and returns what stands now."""
        return self.set_state_if(lambda before: True, **changes)

    def set_state_if(self, holds: Callable[[State], bool], /, **changes: Any) -> State:
        """Changes these fields when `holds` of the state as it is, whoever else changes it; returns what stands now."""
        with FileLock(self.folder / ".state.lock"):
            before = self.written_state
            if not holds(before):
                return before
            state = State(**{**asdict(before), **changes})
            store.write_json(self.folder / "state.json", asdict(state))
            return state

    @property
    def progress(self) -> Progress:
        lines = store.read_json_lines(self.folder / "progress.jsonl")
        return Progress(**lines[-1]) if lines else Progress()

    def report(self, done: float, of: float, note: str = "", known: float = 0.0, left: float | None = None) -> None:
        """Appends progress, at most twice a second but always the last one. `known` of what is done was there before
        this process began, and tells nothing of how quick it is. `left`: the seconds that are left, where the caller
        knows better than by what is done of all."""
        now = time.time()
        if now - self._reported < HALF_SECOND and done < of:
            return
        self._reported = now
        started = self.state.started or now
        if left is None and done > known:
            left = (now - started) / (done - known) * (of - done)
        store.append_json_line(self.folder / "progress.jsonl", asdict(Progress(done, of, note, left)), on_disk=False)

    def stop_requested(self) -> bool:
        return (self.folder / "stop").exists()

    def stop(self) -> None:
        """Asks a running job to save and end. The worker ends itself when the work does not answer in two minutes."""
        if self.state.status in ENDED:
            raise JobError(
                f"{self.id} cannot be stopped", f"it is {self.state.status}", "Resume it, or start a new one"
            )
        (self.folder / "stop").touch()
        if self.state.status == "queued":
            from studio.jobs import queue

            queue.remove(self.home, self)

    def wait(self, timeout: float | None = None) -> str:
        """Returns the final status. Raises JobError when the job failed or was interrupted, or is not done in time (s)."""
        from studio.jobs import queue

        deadline = None if timeout is None else time.monotonic() + timeout
        while (state := self.state).status not in ENDED:
            if deadline is not None and time.monotonic() > deadline:
                raise JobError(f"{self.id} is not done yet", state.status, "Wait longer, or stop it")
            if state.status == "queued":
                queue.start_next(self.home)
            time.sleep(0.2)
        if state.status in ("failed", "interrupted"):
            raise JobError(
                f"{self.id} {'failed' if state.status == 'failed' else 'was interrupted'}",
                state.error or state.message,
                state.fix,
            )
        return state.status

    def log_tail(self, lines: int = 50) -> str:
        path = self.folder / "log.txt"
        if not path.exists():
            return ""
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class JobView:
    """What a job is to the person who started it: its state in a word, waiting and stopping. A run and an evaluation
    are such views, each with the results of its kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.job = Job(self.folder)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {self.state}>"

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def state(self) -> str:
        """queued, running, stopping, stopped, finished, failed, interrupted or deleted."""
        return "deleted" if self.job.is_deleted else self.job.state.status

    def wait(self, timeout: float | None = None) -> str:
        """Blocks until it has ended (at most `timeout` seconds) and returns its state. Raises JobError when it failed, and
        NotFoundError when it is deleted."""
        self.job.check_there()
        return self.job.wait(timeout)

    def stop(self) -> None:
        """Asks it to save what can go on later, and to end. Raises NotFoundError when it is deleted."""
        self.job.check_there()
        self.job.stop()

    @property
    def bytes_on_disk(self) -> int:
        """Of all its files; one that vanishes meanwhile counts nothing."""
        found = 0
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError):
                found += path.lstat().st_size if path.is_file() else 0
        return found

    def delete(self) -> int:
        """Removes its files for good and returns how many bytes they had. Its empty folder stays, so that no later one
        gets this id: the journal speaks of both. Raises JobError while it waits or works, NotFoundError when it is
        deleted already."""
        from studio.jobs import queue

        self.job.check_there()
        freed = self.bytes_on_disk
        with queue.queue_lock(self.job.home):  # nobody resumes it meanwhile, and from then on nobody can
            self.job.check_there()
            if self.state not in ENDED:
                raise JobError(f"{self.id} cannot be deleted", f"it is {self.state}", "Stop it first")
            (self.folder / "job.json").unlink()  # first: without it there is none, whatever else is left
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return freed
