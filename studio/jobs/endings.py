"""Why a process is gone that said nothing of its end: the signal that its starter saw, and the kernel's own words where
they can be read."""

import os
import re
import signal
from pathlib import Path

KERNEL_LOG = Path("/dev/kmsg")
"""One record a read; readable by few users, and in few containers."""
GROUPS_OF_PROCESS = Path("/proc/self/cgroup")
GROUPS = Path("/sys/fs/cgroup")
WITHOUT_A_WORD = "the process ended without a word"
NOT_ENOUGH = ("outofmemory", "out of memory", "allocate memory", "bad_alloc", "alloc_failed")
"""What torch, CUDA, cuBLAS and the system say in lower case when memory runs out."""
MEMORY = "memory"
"""The cause of an end: there was not enough of it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Also torch's own errors, of a card and of its allocator on a CPU, and one that the studio raised because of such."""
    words = f"{type(error).__name__} {error}".lower()
    if isinstance(error, MemoryError) or any(said in words for said in NOT_ENOUGH):
        return True
    return error.__cause__ is not None and is_out_of_memory(error.__cause__)


def memory_kills() -> int:
    """How many processes of this one's control group the kernel has ended for lack of memory so far; 0 where it does
    not say (cgroup v2, memory.events)."""
    try:
        group = GROUPS_OF_PROCESS.read_text().rpartition("::")[2].strip().lstrip("/")
        counts = (GROUPS / group / "memory.events").read_text()
    except OSError:
        return 0
    return int(dict(line.split() for line in counts.splitlines()).get("oom_kill", 0))


def kernel_words(pid: int) -> str:
    """What the kernel's log says of having killed this process; empty where nobody may read it, or it says nothing."""
    said = ""
    try:
        opened = os.open(KERNEL_LOG, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return said
    try:
        while record := os.read(opened, 8192):
            for line in record.decode(errors="replace").splitlines():
                if re.search(rf"Killed process {pid} \(", line):
                    said = line.rpartition(";")[2]
    except OSError:
        pass  # BlockingIOError: the end of the log
    finally:
        os.close(opened)
    return said


def why_gone(pid: int | None, returned: int | None, kills_before: int) -> tuple[str, str]:
    """In words, and the cause ("memory" or none known). `returned` is what its starter was told, None for others:
    minus the number of the signal that ended it. `kills_before` is what `memory_kills` said when it began."""
    told = kernel_words(pid) if pid else ""
    was_killed = returned is None or returned == -signal.SIGKILL
    for_memory = bool(told) or (was_killed and memory_kills() > kills_before)
    if for_memory:
        return f"the system ran out of memory and ended the process ({told or 'signal 9'})", MEMORY
    if returned is None or returned >= 0:
        return WITHOUT_A_WORD, ""
    return f"the process was ended by signal {-returned} ({signal.Signals(-returned).name})", ""
