from pathlib import Path

import pytest

from tests.inference.small_run import train_adapter


@pytest.fixture(scope="package")
def adapter(tmp_path_factory) -> Path:
    return train_adapter(tmp_path_factory.mktemp("run") / "adapter")
