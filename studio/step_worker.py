"""The process that does one step or look of many rows, so that the page can be followed, stopped and closed meanwhile."""

import _thread
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from studio.data import watching
from studio.jobs.job import Job
from studio.project import Project

LOOK_SECONDS = 0.3


def work(job: Job) -> None:
    """A stop leaves neither the step nor what it would have made."""
    asked = job.request
    project = Project.open(asked["project"], home=job.home, demo=asked["demo"])
    datasets = [project.dataset(reference) for reference in asked["datasets"]]
    with watching.watched_by(lambda done, of, what: job.report(done, of, f"{done:,.0f} of {of:,.0f} {what}")):
        unless_stopped(job, lambda: _do(project, asked["verb"], datasets, asked["arguments"]))


def _do(project: Project, verb: str, datasets: list[Any], arguments: dict[str, Any]) -> None:
    """And what the page shows of it: looked for here, it is known there."""
    made = getattr(project, verb)(*datasets, **arguments)
    if verb == "split":
        project.check_leakage(*made)
    if verb == "redact":
        for one in (*datasets, made):
            project.private_details(one, arguments["kinds"])


def unless_stopped(job: Job, work: Callable[[], None]) -> None:
    """Does the work in the main thread; a stop interrupts it wherever it is, and what it had begun to write goes again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    lock, over = threading.Lock(), threading.Event()

    def watch() -> None:
        while not over.is_set():
            if job.stop_requested():
                with lock:
                    if not over.is_set():
                        _thread.interrupt_main()
                return
            time.sleep(LOOK_SECONDS)

    try:
        try:
            threading.Thread(target=watch, daemon=True).start()  # a stop may be there already
            work()
        finally:
            with lock:
                over.set()
    except KeyboardInterrupt:
        if not job.stop_requested():
            raise
