"""A run that trains on the processor though there is a GPU says so, wherever somebody looks."""

from pathlib import Path

import pytest

from studio import cards, hardware, torch_build
from studio.training import unused_gpu


def test_a_run_says_that_it_does_not_use_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nvidia-smi").write_text(
        '#!/bin/sh\ncase "$*" in *driver*) echo 535.104.05;; *name*) echo "A10G, 24000, 23000";; esac\n'
    )
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    monkeypatch.setattr(hardware, "_heard", [])
    monkeypatch.setattr(torch_build, "cuda", lambda: "13.0")
    unused_gpu.note(tmp_path, on_gpu=False)
    assert "This run trains on the processor. torch " in capsys.readouterr().out
    (said,) = unused_gpu.remarks(tmp_path)
    assert said.level == "bad" and "needs driver 580 or newer, and A10G has 535.104.05" in said.text
    assert said.advice.startswith("Stop it, then ") and "whl/cu126" in said.advice
    assert hardware.machine().name == "CPU"  # what it costs and how fast it is is known of the processor

    unused_gpu.note(tmp_path, on_gpu=True)  # it goes on where the driver is new enough
    assert unused_gpu.remarks(tmp_path) == [] and hardware.machine().name == "A10G"
    monkeypatch.setenv(cards.VISIBLE, "")  # the processor was chosen
    unused_gpu.note(tmp_path, on_gpu=False)
    assert unused_gpu.remarks(tmp_path) == [] and capsys.readouterr().out == ""
