"""Why a process is gone: what its starter was told, and what the kernel says where it can be asked."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from studio.jobs import endings
from studio.jobs.job import Job, process_started

KERNEL = (
    "6,1170,5120937,-;oom-kill:constraint=CONSTRAINT_MEMCG,task=python,pid=4242,uid=0\n"
    "3,1171,5120938,-;Memory cgroup out of memory: Killed process 4242 (python) total-vm:9876543kB, anon-rss:8123456kB\n"
    "6,1172,5120939,-;Killed process 42 (other)\n"
)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files in which a kernel speaks, with what it wrote on a machine that ran out of memory."""
    log, group = tmp_path / "kmsg", tmp_path / "groups" / "session"
    log.write_text(KERNEL)
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\noom_group_kill 0\n")
    (tmp_path / "cgroup").write_text("0::/session\n")
    monkeypatch.setattr(endings, "KERNEL_LOG", log)
    monkeypatch.setattr(endings, "GROUPS", group.parent)
    monkeypatch.setattr(endings, "GROUPS_OF_PROCESS", tmp_path / "cgroup")
    return group / "memory.events"


def test_the_kernel_is_quoted(kernel: Path) -> None:
    words, cause = endings.why_gone(4242, None, 1)
    assert cause == endings.MEMORY
    assert "ran out of memory" in words and "Killed process 4242 (python) total-vm:9876543kB" in words


def test_a_count_that_has_risen_tells_as_much(kernel: Path) -> None:
    assert endings.memory_kills() == 1
    assert endings.why_gone(7, -signal.SIGKILL, 0) == (
        "the system ran out of memory and ended the process (signal 9)", endings.MEMORY,
    )  # fmt: skip
    assert endings.why_gone(7, None, 0)[1] == endings.MEMORY
    assert endings.why_gone(7, -signal.SIGTERM, 0) == ("the process was ended by signal 15 (SIGTERM)", "")
    assert endings.why_gone(7, -signal.SIGKILL, 1) == ("the process was ended by signal 9 (SIGKILL)", "")


def test_a_kernel_that_does_not_speak_leaves_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERNEL_LOG", "GROUPS", "GROUPS_OF_PROCESS"):
        monkeypatch.setattr(endings, name, tmp_path / "nothing")
    assert endings.memory_kills() == 0
    assert endings.why_gone(4242, None, 0) == (endings.WITHOUT_A_WORD, "")
    assert endings.why_gone(4242, 1, 0) == (endings.WITHOUT_A_WORD, "")


def test_the_starter_adds_what_it_was_told_to_what_others_saw(tmp_path: Path, kernel: Path) -> None:
    job = Job(tmp_path / "job")
    process = subprocess.Popen(["sleep", "60"])
    job.set_state(
        status="running", pid=process.pid, process_started=process_started(process.pid), started=1.0, memory_kills=1
    )
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # gone, but not yet told to who started it
    assert job.state.status == "interrupted" and job.state.message == endings.WITHOUT_A_WORD
    kernel.write_text("oom_kill 2\n")
    job.gone(process.pid, process.wait())
    assert "ran out of memory" in job.state.message and job.state.cause == endings.MEMORY and job.state.fix
    job.set_state(status="queued", pid=None)
    job.gone(process.pid, -9)  # too late: it was started again
    assert job.state.status == "queued"
