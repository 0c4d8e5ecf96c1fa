"""Runs one job by its kind: `python -m studio.jobs.worker JOB_FOLDER`. Told only its folder."""

import errno
import importlib
import os
import sys
import threading
import time
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from studio.errors import StudioError
from studio.jobs import endings, launching, queue
from studio.jobs.job import ACTIVE, Job

KINDS = {
    "train": "studio.training.worker",
    "evaluate": "studio.evaluation.worker",
    "export": "studio.export.worker",
    "load": "studio.data.load_worker",
    "download": "studio.catalogue.download",
    "generate": "studio.data.generation_worker",
    "semantic": "studio.data.semantic",
    "search": "studio.training.search_worker",
    "step": "studio.step_worker",
    "rent": "studio.training.cloud.worker",
    "serve": "studio.inference.server",
}
HEARTBEAT = 2.0
STOP_GRACE = 120.0


def watch(job: Job) -> None:
    """Shows that the process lives, and ends it when a stop was asked for and the work does not answer."""
    parent = None if job.needs_card else job.request.get("parent")
    asked, launcher = None, parent or launcher_of(job)
    while True:
        (job.folder / "heartbeat").touch()
        if launcher:
            end_without(launcher)
        if asked is None and job.stop_requested():
            asked = time.monotonic()
        if asked is not None and time.monotonic() - asked > STOP_GRACE:
            print("the work did not answer to a stop; ending it", flush=True)
            os._exit(1)
        time.sleep(HEARTBEAT)


def launcher_of(job: Job) -> int | None:
    """The process that started this one of several: the job's own. None for a process that is alone. (Its parent cannot
    be asked: where the launcher went before the question, that is another.)"""
    return job.written_state.pid if launching.is_launched() else None


def end_without(launcher: int) -> None:
    """One of several processes, and the trial of a search, end when the one that started them has gone, and with it
    whoever would end them and holds the card for them."""
    if os.getppid() != launcher:
        print("the process that started this one has gone; ending", flush=True)
        os._exit(1)


def explain(error: BaseException) -> tuple[str, str]:
    """What to say and what to do, for errors that are not the studio's own."""
    name, words = type(error).__name__, str(error).strip()
    if isinstance(error, StudioError):
        return error.what + (f" (found: {error.found})" if error.found else ""), error.fix
    if endings.is_out_of_memory(error):
        return (
            "Out of memory",
            "Use qlora, a smaller batch with more accumulation, a shorter max_length, or a smaller model",
        )
    if _disk_is_full(error):
        return f"The disk is full ({words[:200]})", "Free some space, then resume: the last whole checkpoint is kept"
    if launching.is_launched() and any(said in words for said in ("closed by peer", "reset by peer", "NCCL")):
        return "Another process of this run has ended", "See the log for why; Resume goes on from the last checkpoint"
    return f"{name}: {words}"[:500], "See the log for the whole story"


def _disk_is_full(error: BaseException) -> bool:
    """Also a quota, a limit on the size of files, and torch's own words for a write that was cut short."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    return any(words in str(error) for words in ("No space left", "File too large", "PytorchStreamWriter failed"))


def main(folder: Path) -> None:
    job = Job(folder)
    if not queue.claim(job, os.getppid() if launching.is_launched() else os.getpid()):
        print("this process was not written down as the one of this job; ending", flush=True)
        if launching.rank() == 0:
            queue.start_next(job.home)
        os._exit(0)
    if launching.rank() > 0:
        accompany(Quiet(folder))
    threading.Thread(target=watch, args=[job], daemon=True).start()
    try:
        with queue.card_lock(job.home) if job.needs_card else nullcontext():
            end = _work(job)
        end_with(job, end)
    except BaseException:  # a disk too full even for the state: the next look finds the job interrupted
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(0)  # native threads of the libraries may not hold up the end


def end_with(job: Job, end: dict[str, str]) -> None:
    """Writes how it ended and gives the card to the next: it is this process's until it ends, so that is its last act."""
    job.set_state(**end, ended=time.time())
    if job.needs_card:
        (job.home / "card.json").unlink(missing_ok=True)
        queue.start_next(job.home)


class Quiet(Job):
    """Where several processes work on a job the first one reports for all."""

    def report(self, done: float, of: float, note: str = "", known: float = 0.0, left: float | None = None) -> None:
        pass


def accompany(job: Quiet) -> NoReturn:
    """One of a job's processes that is not the first: it computes, and says nothing but what went wrong with it. Its
    launcher then ends the others."""

    launcher = launcher_of(job)

    def watch_launcher() -> None:
        while launcher:
            end_without(launcher)
            time.sleep(HEARTBEAT)

    threading.Thread(target=watch_launcher, daemon=True).start()
    end = _work(job)
    failed = end["status"] == "failed"
    if failed and job.state.status in ACTIVE:
        job.set_state(**end | {"error": f"{end['error']} (process {launching.rank() + 1})"}, ended=time.time())
    sys.stdout.flush()
    os._exit(int(failed))


def _work(job: Job) -> dict[str, str]:
    """Does the work and returns how it ended, for the state; whatever went wrong goes to the log whole."""
    try:
        importlib.import_module(KINDS[job.kind]).work(job)
    except BaseException as error:
        traceback.print_exc()
        message, fix = explain(error)
        cause = endings.MEMORY if endings.is_out_of_memory(error) else ""
        return {"status": "failed", "error": message, "fix": fix, "cause": cause}
    return {"status": "stopped" if job.stop_requested() else "finished"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
