import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Project, models
from tests.hub_server import HubServer


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """The starter's files as somebody would put them on the Hub, with weights that are no safetensors beside them."""
    folder = tmp_path / "on-the-hub"
    shutil.copytree(models.STARTER, folder)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle that nobody may fetch")
    (folder / "setup.py").write_text("raise SystemExit('nobody may run this')")
    return folder


@pytest.fixture
def server(starter: Path) -> Iterator[HubServer]:
    with HubServer().serving() as made:
        made.models["maker/starter"] = starter
        yield made


@pytest.fixture
def cache(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return server.used_here(monkeypatch, tmp_path / "hf")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("models", home=tmp_path / "home")
