"""What this machine has. Asks the driver and the system, never torch, so that the page can call it at any time; what a
process that has torch saw of the GPU it may be told."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache

import psutil

from studio import cards, torch_build

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
    """`gpu_problem` says why a GPU that is there is not used, and what to do; None where none is hidden on purpose or
    missing."""
    ram = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = cards.visible()
    problem = _problem(found[0]) if found else _why_none()
    if found and not problem:
        card = found[0]
        return Machine("cuda", card.name, cores, card.total, card.free, ram.total, ram.available, None)
    return Machine("cpu", "CPU", cores, ram.total, ram.available, ram.total, ram.available, problem or None)


def share_of_processor(threads: int) -> float:
    """Which part of a core each of so many threads gets beside all that computes here now, at most 1: by the system's own
    average of the last five minutes, as if all were served alike."""
    every, others = psutil.cpu_count() or 1, psutil.getloadavg()[1]
    return min(1.0, every / (others + threads))


def gpus() -> int:
    """How many NVIDIA GPUs a process may use."""
    return len(cards.visible())


def hear(works: bool, words: str = "") -> None:
    """What torch said of the GPU to a process that has it: whether it can use it, and why not. It knows better than what
    is told by the versions."""
    _heard[:] = [(works, words)]


def ask_torch() -> None:
    """Hears it from torch in a process of its own, which takes seconds; nothing where there is no GPU to ask for, or a build
    that knows none. It holds no memory of the GPU meanwhile."""
    if not cards.visible() or _torch_is_cpu_build():
        return
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK], capture_output=True, text=True, timeout=120, check=True, env={**os.environ, **cards.ORDER},
        )  # fmt: skip
        works, words = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return
    hear(bool(works), str(words))


ASK = """
import json, warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import torch
    works = torch.cuda.is_available()
print(json.dumps([works, " ".join(str(one.message) for one in said if "CUDA" in str(one.message))]))
"""
_heard: list[tuple[bool, str]] = []


def _problem(card: cards.Card) -> str:
    """Why torch cannot use this GPU, and what to do; "" where it can, as far as is known."""
    driver, capability = cards.driver(), cards.compute_capability(card.number)
    if _torch_is_cpu_build():
        return torch_build.problem_without_cuda(card.name, driver, capability)
    works, words = _heard[0] if _heard else (None, "")
    known = torch_build.problem(card.name, "" if works else driver, capability)
    if works is False and not known:
        why = words.strip() or f"torch.cuda.is_available() is False (driver {driver or 'unknown'})"
        return f"torch {torch_build.version()} cannot use {card.name}: {why}. Fix: restart the machine; where that does not help, install its driver anew"  # fmt: skip
    return known


def _why_none() -> str:
    """Of a machine where no process may use a GPU: why not, where that is no choice."""
    given = os.environ.get(cards.VISIBLE)
    if given in cards.NONE:
        return ""
    if found := cards.every():
        names = ", ".join(f"{card.number} {card.name}" for card in found)
        return f"{cards.VISIBLE} is {given!r} and names no GPU of this machine, which has {names}. Fix: unset it, or name one of these"
    if cards.is_built_in():
        return "There is an NVIDIA GPU, but nvidia-smi is missing or fails. Fix: install its driver (nvidia.com/drivers); a container is started with --gpus all"  # fmt: skip
    return ""


def _torch_is_cpu_build() -> bool:
    return torch_build.is_without_cuda()


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
    level = next((cards.compute_capability(card.number) for card in cards.visible()), None)
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
def _processor_has(*flags: str) -> bool:
    """Whether the processor has one of these instruction sets, where the system says so (Linux)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return any(set(flags) & set(line.split()) for line in file if line.startswith("flags"))
    except OSError:
        return False
