"""Every test has a home of its own, and a real browser where one is asked for."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs_here import work_here

# one thread for each process that computes: small models gain nothing from more, and would block each other on two cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
# where it is set (many images do), each process that a test starts compiles the whole studio again: up to 0.7 s of a core
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("studio-home")))
    for name in ("SPACE_ID", "STUDIO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser; a test that needs it fails on CI, and is skipped elsewhere, when there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing, and CI must have it: apt-get install chromium")
        pytest.skip("Chromium is not installed")
    return Path(found)


@pytest.fixture
def jobs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    work_here(monkeypatch)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The processes that jobs get compute in one thread: on a busy machine two of a small model wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
