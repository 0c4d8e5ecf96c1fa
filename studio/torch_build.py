"""What the installed torch asks of a GPU and its driver, read from its files: the page never imports it."""

import importlib.metadata
import importlib.util
import re
import sys
from functools import lru_cache
from pathlib import Path

NEWER, OLDER = 13, 12
DRIVER = {NEWER: 580, OLDER: 525, 11: 450}
"""The least driver for any CUDA of this major version (NVIDIA, CUDA Compatibility, minor version compatibility)."""
CAPABILITY = {NEWER: 7.5}
"""The least compute capability that CUDA of this major version compiles for (CUDA 13 release notes)."""
FIRST_OF_NEWER, KNOWN_SINCE = 10.0, (12, 8)
"""Compute capability of the first GPUs (Blackwell) that torch's builds for CUDA 12.6 know nothing of, and the CUDA that
knows them."""
INDEX = "https://download.pytorch.org/whl/"
BUILDS = {NEWER: "cu130", OLDER: "cu126"}
"""The builds of torch 2.11 to 2.14 (their RELEASE.md); what PyPI has is for Linux one for CUDA 13 and for Windows one
without."""


def version() -> str:
    """With what was built in, as "2.13.0+cpu"."""
    return importlib.metadata.version("torch")


@lru_cache
def cuda() -> str:
    """The CUDA that it was built for, as "13.0"; "" for none."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return ""
    text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    said = re.search(r"^cuda\b[^=]*= *'([\d.]+)'", text, re.MULTILINE)
    return said[1] if said else ""


def is_without_cuda() -> bool:
    return not cuda()


def problem_without_cuda(name: str, driver: str, capability: float | None) -> str:
    """What to say of a build that can use no GPU."""
    return f"torch {version()} is a build without CUDA and cannot use {name}. {_fix(driver, capability)}"


def problem(name: str, driver: str, capability: float | None) -> str:
    """Why it cannot use the GPU `name` with the driver (as "580.95.05") and of the compute capability, and what to do;
    "" where nothing is known against it."""
    major, has = _major(cuda()), _major(driver)
    if major and has and has < DRIVER.get(major, 0):
        found = f"needs driver {DRIVER[major]} or newer, and {name} has {driver}"
    elif major and capability and capability < CAPABILITY.get(major, 0):
        found = f"needs compute capability {CAPABILITY[major]} or more, and {name} has {capability}"
    elif major and capability and capability >= FIRST_OF_NEWER and _numbers(cuda()) < KNOWN_SINCE:
        found = f"knows compute capability below {FIRST_OF_NEWER} only, and {name} has {capability}"
    else:
        return ""
    return f"torch {version()} is built for CUDA {cuda()}, which {found}. {_fix(driver, capability)}"


def build_for(driver: str, capability: float | None) -> str:
    """Which build suits, as "cu126"; "" where none does before the driver is updated."""
    has = _major(driver)
    is_old = capability is not None and capability < CAPABILITY[NEWER]
    is_new = capability is not None and capability >= FIRST_OF_NEWER
    if not is_old and (not has or has >= DRIVER[NEWER]):
        return BUILDS[NEWER]
    return "" if is_new or 0 < has < DRIVER[OLDER] else BUILDS[OLDER]


def _fix(driver: str, capability: float | None) -> str:
    update = f"update the driver to {DRIVER[NEWER]} or newer (nvidia.com/drivers)"
    build = build_for(driver, capability)
    if not build:
        return f"Fix: {update}"
    plain = version().partition("+")[0]
    install = f"{sys.executable} -m pip install --force-reinstall torch=={plain} --index-url {INDEX}{build}"
    needs_old = capability is not None and capability < CAPABILITY[NEWER]
    return f"Fix: {install}" + (f"; or {update}" if build == BUILDS[OLDER] and not needs_old else "")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _major(text: str) -> int:
    return int(text.partition(".")[0] or 0)
