"""The process that reads a large source, so that the page can be followed, stopped and closed meanwhile."""

from contextlib import suppress
from pathlib import Path

from studio import models
from studio.chat import TokenCounter
from studio.data import loading
from studio.jobs.job import Job, Stopped
from studio.journal import Journal


def work(job: Job) -> None:
    """Writes the dataset of job.request and its step; a stop leaves neither."""
    request = job.request
    folder = Path(request["project_folder"])
    watched = loading.Watch(lambda done, of, note: job.report(done, of, note), job.stop_requested)
    with suppress(Stopped):
        loading.load(folder, Journal(folder), TokenCounter(models.STARTER), request["demo"], watched, **request["load"])
