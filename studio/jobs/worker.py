"""Runs one job by its kind: `python -m studio.jobs.worker JOB_FOLDER`. Told only its folder."""

import importlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from studio.errors import StudioError
from studio.jobs import queue
from studio.jobs.job import Job

KINDS = {
    "train": "studio.training.worker",
    "evaluate": "studio.evaluation.worker",
    "export": "studio.export.worker",
    "serve": "studio.inference.server",
}
HEARTBEAT = 2.0
STOP_GRACE = 120.0


def watch(job: Job) -> None:
    """Shows that the process lives, and ends it when a stop was asked for and the work does not answer."""
    asked = None
    while True:
        (job.folder / "heartbeat").touch()
        if asked is None and job.stop_requested():
            asked = time.monotonic()
        if asked is not None and time.monotonic() - asked > STOP_GRACE:
            print("the work did not answer to a stop; ending it", flush=True)
            os._exit(1)
        time.sleep(HEARTBEAT)


def explain(error: BaseException) -> tuple[str, str]:
    """What to say and what to do, for errors that are not the studio's own."""
    name, words = type(error).__name__, str(error)
    if isinstance(error, StudioError):
        return error.what + (f" (found: {error.found})" if error.found else ""), error.fix
    if isinstance(error, MemoryError) or "OutOfMemory" in name or "can't allocate memory" in words:
        return (
            "Out of memory",
            "Use qlora, a smaller batch with more accumulation, a shorter max_length, or a smaller model",
        )
    if (isinstance(error, OSError) and error.errno == 28) or "No space left" in words:
        return "The disk is full", "Free some space, then resume: the last whole checkpoint is kept"
    return f"{name}: {words}"[:500], "See the log for the whole story"


def main(folder: Path) -> None:
    job = Job(folder)
    home = job.home
    with queue.queue_lock(home):
        pass  # whoever started this process writes the first state under this lock
    threading.Thread(target=watch, args=[job], daemon=True).start()
    try:
        with queue.card_lock(home):
            importlib.import_module(KINDS[job.kind]).work(job)
        stopped = job.stop_requested()
        job.set_state(status="stopped" if stopped else "finished", ended=time.time())
    except BaseException as error:  # the last stop of the process: whatever it was goes to the log and the state
        traceback.print_exc()
        message, fix = explain(error)
        job.set_state(status="failed", error=message, fix=fix, ended=time.time())
    sys.stdout.flush()
    # the card is this process's until it ends, so the successor is started as its last act
    (home / "card.json").unlink(missing_ok=True)
    queue.start_next(home)
    os._exit(0)  # native threads of the libraries may not hold up the end


if __name__ == "__main__":
    main(Path(sys.argv[1]))
