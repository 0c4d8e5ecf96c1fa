"""Jobs whose processes do nothing, for tests of what is around them."""

import subprocess
from collections.abc import Iterator

import pytest

from studio.jobs import queue
from studio.jobs.job import Job


class Sleepers:
    """In place of the workers: real processes that do nothing, until all of them are killed."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []

    def spawn(self, job: Job) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(["sleep", "600"])
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes.clear()


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sleepers]:
    """Nobody attends to their end: only who looks starts the next."""
    found = Sleepers()
    monkeypatch.setattr(queue, "_spawn", found.spawn)
    monkeypatch.setattr(queue, "_attend", lambda *_: None)
    yield found
    found.end()
