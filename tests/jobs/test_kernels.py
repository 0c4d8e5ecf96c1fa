"""The memory of a job that multiplies matrices of ever other sizes, as batches of other lengths are."""

import os
import subprocess
import sys

import pytest

from studio.jobs.launching import environment

MULTIPLIES = """
import ctypes, torch

class Heap(ctypes.Structure):  # mallinfo2 of glibc's malloc.h
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks used free top".split()]

ask = ctypes.CDLL(None).mallinfo2
ask.restype = Heap
weight = torch.randn(128, 128, dtype=torch.bfloat16)
before = ask().used
for rows in range(400):
    x = torch.randn(33 + rows, 128, dtype=torch.bfloat16)
    x @ weight, torch.nn.functional.linear(x, weight), torch.mm(x.t(), x)
print((ask().used - before) / 1024**2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no mallinfo2")
def test_a_job_keeps_few_kernels() -> None:
    """Without a limit 540 MB were in use after these 1,200 multiplications; with it, 136."""
    done = subprocess.run(
        [sys.executable, "-c", MULTIPLIES], env=environment({**os.environ, "OMP_NUM_THREADS": "1"}, {}), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 200


def test_who_says_how_many_is_heard() -> None:
    assert environment({"LRU_CACHE_CAPACITY": "9"}, {})["LRU_CACHE_CAPACITY"] == "9"
