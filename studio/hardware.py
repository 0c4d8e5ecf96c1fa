"""What this machine has. Asks the driver and the system, never torch, so that the page can call it at any time."""

import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

import psutil

GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    """Memory in bytes: of the GPU where one can be used, else of the computer."""

    device: str
    name: str
    cores: int
    memory_total: int
    memory_free: int
    ram_total: int
    ram_free: int
    gpu_problem: str | None

    def sentence(self) -> str:
        free, total = self.memory_free / GIB, self.memory_total / GIB
        if self.device == "cuda":
            return f"{self.name} · {free:.1f} of {total:.0f} GB free"
        return f"CPU only, {self.cores} cores · {free:.1f} of {total:.0f} GB free"


def machine() -> Machine:
    ram = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpu = _first_gpu()
    problem = (
        "torch is a CPU build: pip install --force-reinstall torch from the CUDA index"
        if gpu and _torch_is_cpu_build()
        else None
    )
    if gpu and not problem:
        name, total, free = gpu
        return Machine("cuda", name, cores, total, free, ram.total, ram.available, None)
    return Machine("cpu", "CPU", cores, ram.total, ram.available, ram.total, ram.available, problem)


def gpus() -> int:
    """How many NVIDIA GPUs there are."""
    return len(_gpu_lines())


def _first_gpu() -> tuple[str, int, int] | None:
    """Name, total and free bytes of the first NVIDIA GPU."""
    if not (lines := _gpu_lines()):
        return None
    name, total, free = (part.strip() for part in lines[0].split(","))
    return name, int(total) * 1024**2, int(free) * 1024**2


def _gpu_lines() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    command = [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []


@lru_cache
def _torch_is_cpu_build() -> bool:
    return importlib.metadata.version("torch").endswith("+cpu")
