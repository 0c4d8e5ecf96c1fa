"""The NVIDIA GPUs that a process may use: what the driver's tool lists, narrowed by CUDA_VISIBLE_DEVICES.

nvidia-smi counts by the PCI bus. CUDA counts the fastest first where nobody says otherwise, an order that only the driver
knows; so the jobs of the studio are told to count as nvidia-smi does (ORDER), and a number is the same card everywhere.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import psutil

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
NONE = ("", "-1", "none", "NoDevFiles")
"""What people give VISIBLE so that nothing runs on a GPU."""
MIB = 1024**2
DEVICES = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY = "0x10de", "0x03"
"""A PCI device's maker, and the beginning of its class (PCI code and ID assignment, base class 03h)."""


@dataclass(frozen=True)
class Card:
    """`number` as nvidia-smi counts; memory in bytes."""

    number: int
    name: str
    total: int
    free: int


def every() -> list[Card]:
    """All that this machine has, whoever may use them."""
    found = []
    for number, line in enumerate(_ask("name,memory.total,memory.free")):
        name, *memory = (part.strip() for part in line.rsplit(",", 2))
        total, free = (_bytes(part) for part in memory) if len(memory) == 2 else (None, None)
        if total is None or free is None:  # a chip that has its memory in common with the processor
            shared = psutil.virtual_memory()
            total, free = shared.total, shared.available
        found.append(Card(number, name, total, free))
    return found


def visible(environment: Mapping[str, str] | None = None) -> list[Card]:
    """Those that a process with this environment (by default ours) may use, the one first that it takes: in the order of
    VISIBLE, up to the first part that names none, as CUDA reads it; without VISIBLE the one with the most memory first."""
    # not as a default: `datasets.map` in several processes (5.2) puts another object in the place of os.environ
    cards, given = every(), (os.environ if environment is None else environment).get(VISIBLE)
    if given is None:
        return sorted(cards, key=lambda card: -card.total)
    found: list[Card] = []
    for part in given.split(","):
        card = _named(part.strip(), cards)
        if card is None:
            break
        if card in found:  # CUDA then shows none
            return []
        found.append(card)
    return found


def devices(environment: Mapping[str, str], count: int) -> str:
    """VISIBLE for a process that computes on `count` of the devices that are visible in `environment`."""
    given = environment.get(VISIBLE)
    names = [str(card.number) for card in visible(environment)] if given is None else given.split(",")
    if len(set(names)) < len(names):  # CUDA shows none; one of the two alone would be there
        return ""
    return ",".join(names[:count] or map(str, range(count)))


def driver() -> str:
    """Its version, as "580.95.05"; "" where it does not say."""
    lines = _steady("driver_version")
    return lines[0] if lines and re.fullmatch(r"\d+(\.\d+)+", lines[0]) else ""


def compute_capability(number: int) -> float | None:
    """Of a card; None where the driver is too old to say it."""
    try:
        return float(_steady("compute_cap")[number])
    except (ValueError, IndexError):
        return None


def is_built_in() -> bool:
    """Whether this computer has an NVIDIA GPU, though it may have no driver, as far as the system tells (Linux)."""
    return _is_among(DEVICES)


@lru_cache
def _is_among(devices: Path) -> bool:
    try:
        for device in devices.iterdir():
            maker, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            if maker == NVIDIA and kind.startswith(DISPLAY):
                return True
    except OSError:
        pass
    return False


def _named(part: str, cards: list[Card]) -> Card | None:
    """The card that a part of VISIBLE means: a number, or the beginning of a UUID that only one has."""
    if part.isdigit():
        return cards[int(part)] if int(part) < len(cards) else None
    if part.startswith("MIG-"):
        return _slice(part, cards)
    meant = [card for card, uuid in zip(cards, _steady("uuid"), strict=False) if uuid.startswith(part)]
    return meant[0] if part.startswith("GPU-") and len(meant) == 1 else None


def _slice(uuid: str, cards: list[Card]) -> Card | None:
    """A part of a card (MIG), with the memory that its profile names: 1g.5gb has 5 GB."""
    number = 0
    for line in _run("-L"):
        if card := re.match(r"GPU (\d+):", line):
            number = int(card[1])
        found = re.match(r"MIG (\S+?\.(\d+)gb\S*) .*UUID: (MIG-[^)]+)\)", line)
        if found and found[3].startswith(uuid) and number < len(cards):
            size = min(int(found[2]) * 1024 * MIB, cards[number].total)
            return replace(cards[number], name=f"{cards[number].name} MIG {found[1]}", total=size, free=size)
    return None


def _bytes(mebibytes: str) -> int | None:
    return int(mebibytes) * MIB if mebibytes.isdigit() else None


def _ask(fields: str) -> list[str]:
    return _run(f"--query-gpu={fields}", "--format=csv,noheader,nounits")


def _steady(fields: str) -> tuple[str, ...]:
    """What stays as it is while this process lives, asked once."""
    return _asked_once(shutil.which("nvidia-smi"), fields)


@lru_cache
def _asked_once(tool: str | None, fields: str) -> tuple[str, ...]:
    return tuple(_ask(fields)) if tool else ()


def _run(*arguments: str) -> list[str]:
    """The lines that nvidia-smi says; none where it is not there or fails."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    try:
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
