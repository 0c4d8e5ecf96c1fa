"""What this machine has. Asks the driver and the system, never torch, so that the page can call it at any time."""

import importlib.metadata
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

import psutil

GIB = 1024**3


LEAST = {
    "torch": "2.1", "transformers": "4.36", "peft": "0.7", "bitsandbytes": "0.41", "datasets": "2.15", "accelerate": "0.25", "wandb": "0.16",
    "trl": "0.7",
}  # fmt: skip
"""The versions that training needs at least (G4); those that are tested together stand in requirements.txt."""


@dataclass(frozen=True)
class Precision:
    """One way to hold weights: whether it works on this machine, and in words how well or why not."""

    name: str
    works: bool
    words: str


@dataclass(frozen=True)
class Library:
    """A library of training: the installed version ("" when it is missing) and the least that will do."""

    name: str
    version: str
    least: str

    @property
    def will_do(self) -> bool:
        return _numbers(self.version) >= _numbers(self.least)


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


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:2]]


def precisions() -> list[Precision]:
    """4-bit, 8-bit, bf16, fp16 and 32-bit on this machine.

    By the GPU's compute capability, as bitsandbytes 0.50 asks (4-bit from 6.0, 8-bit from 7.5) and CUDA has it (bf16 from
    8.0); without a GPU as measured here: 4-bit trains, 8-bit fails in its first pass.
    """
    found = machine()
    if found.device != "cuda":
        quick = "quick: the processor computes in it" if _processor_has("avx512_bf16", "amx_bf16") else "works, slowly"
        return [
            Precision("4-bit", True, "works without a GPU too, slowly"),
            Precision("8-bit", False, "needs a GPU"),
            Precision("bf16", True, quick),
            Precision("fp16", False, "needs a GPU to train"),
            Precision("32-bit", True, "what LoRA and full training use without a GPU"),
        ]
    level = _compute_capability()
    known = f"{found.name}, compute capability {level}" if level else f"{found.name}, whose driver does not say its compute capability"  # fmt: skip

    def from_level(name: str, least: float, works: str) -> Precision:
        if level is None or level >= least:
            return Precision(name, True, works if level else f"should work: {known}")
        return Precision(name, False, f"needs compute capability {least} ({known})")

    return [
        from_level("4-bit", 6.0, "works"),
        from_level("8-bit", 7.5, "works"),
        from_level("bf16", 8.0, "works: what the studio trains in"),
        Precision("fp16", True, "works; bf16 is used where it can be"),
        Precision("32-bit", True, "works, with twice the memory"),
    ]


def libraries() -> list[Library]:
    found = []
    for name, least in LEAST.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        found.append(Library(name, version, least))
    return found


@lru_cache
def _compute_capability() -> float | None:
    """Of the first GPU; None where the driver is too old to say it."""
    tool = shutil.which("nvidia-smi")
    command = [str(tool), "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


@lru_cache
def _processor_has(*flags: str) -> bool:
    """Whether the processor has one of these instruction sets, where the system says so (Linux)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return any(set(flags) & set(line.split()) for line in file if line.startswith("flags"))
    except OSError:
        return False
