"""What this machine can do, also with a GPU: the driver's tool is played by a script, for there is no GPU here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import Project, hardware, models
from studio.catalogue import demands
from studio.model_shapes import ModelShape


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the script goes; it is found before anything else of that name."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(hardware, "_torch_is_cpu_build", lambda: False)
    hardware._compute_capability.cache_clear()
    yield tmp_path / "nvidia-smi"
    hardware._compute_capability.cache_clear()


def plays(driver: Path, name: str, capability: str) -> None:
    """`capability` "" is a driver too old to know the question."""
    answer = f"echo {capability}" if capability else "exit 6"
    driver.write_text(f'#!/bin/sh\ncase "$*" in *compute_cap*) {answer};; *) echo "{name}, 16384, 16000";; esac\n')
    driver.chmod(0o755)


@pytest.mark.parametrize(
    ("name", "capability", "missing"),
    [
        ("A100", "8.0", set()),
        ("T4", "7.5", {"bf16"}),
        ("V100", "7.0", {"bf16", "8-bit"}),
        ("K80", "3.7", {"bf16", "8-bit", "4-bit"}),
        ("an old driver", "", set()),
    ],
)
def test_what_a_card_can_do_follows_its_compute_capability(
    driver: Path, name: str, capability: str, missing: set[str]
) -> None:
    plays(driver, name, capability)
    assert hardware.machine().sentence() == f"{name} · 15.6 of 16 GB free"
    found = {one.name: one for one in hardware.precisions()}
    assert {one for one, precision in found.items() if not precision.works} == missing
    if missing:
        assert found["bf16"].words == f"needs compute capability 8.0 ({name}, compute capability {capability})"
    if not capability:
        assert "should work" in found["4-bit"].words and "does not say" in found["4-bit"].words


def test_without_a_card_4_bits_train_and_8_do_not() -> None:
    if hardware.gpus():
        pytest.skip("this machine has a GPU")
    found = {one.name: one.works for one in hardware.precisions()}
    assert found == {"4-bit": True, "8-bit": False, "bf16": True, "fp16": False, "32-bit": True}


def test_every_library_is_new_enough() -> None:
    found = {one.name: one for one in Project.libraries()}
    assert set(found) == {"torch", "transformers", "peft", "bitsandbytes", "datasets", "accelerate", "wandb", "trl"}
    assert all(one.will_do for one in found.values())
    assert not hardware.Library("trl", "0.6.9", "0.7").will_do and not hardware.Library("trl", "", "0.7").will_do
    assert hardware.Library("trl", "0.10.1", "0.7").will_do


def test_what_the_weights_take_is_what_the_files_hold() -> None:
    takes = Project.weights_in_memory("starter")
    assert takes["bf16"] == pytest.approx((models.STARTER / "model.safetensors").stat().st_size, rel=0.01)
    assert takes["32-bit"] == 2 * takes["bf16"] > takes["8-bit"] > takes["4-bit"]


def test_without_a_gpu_the_starter_takes_minutes_and_7_b_takes_days() -> None:
    tokens = 1000 * 100 * 3
    low, high = demands.seconds_without_gpu(ModelShape.of("starter").parameters, tokens, cores=2)
    assert 10 < low < 60 < high < 600  # 47 to 61 s measured for this much with QLoRA on two cores
    low, high = demands.seconds_without_gpu(7_000_000_000, tokens, cores=2)
    assert low > 12 * 3600 and high < 30 * 86_400
