"""What this machine can do, also with a GPU: the driver's tool is played by a script, for there is no GPU here."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from studio import Project, cards, hardware, models, torch_build
from studio.catalogue import demands
from studio.hardware import GIB
from studio.jobs import launching
from studio.model_shapes import ModelShape


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the script goes; it is found before anything else of that name."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(hardware, "_torch_is_cpu_build", lambda: False)
    monkeypatch.setattr(hardware, "_heard", [])
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    yield tmp_path / "nvidia-smi"


def plays(driver: Path, name: str, capability: str) -> None:
    """`capability` "" is a driver too old to know the question."""
    answer = f"echo {capability}" if capability else "exit 6"
    driver.write_text(f'#!/bin/sh\ncase "$*" in *compute_cap*) {answer};; *) echo "{name}, 16384, 16000";; esac\n')
    driver.chmod(0o755)


TWO = """#!/bin/sh
case "$*" in
*memory.total*) printf "Small, 8192, 100\\nLarge, 81920, 80000\\nUnified, [N/A], [N/A]\\n";;
*uuid*) printf "GPU-aa11\\nGPU-aa22\\nGPU-bb33\\n";;
-L) printf "GPU 0: Small (UUID: GPU-aa11)\\nGPU 1: Large (UUID: GPU-aa22)\\n  MIG 1g.10gb     Device  0: (UUID: MIG-77)\\n";;
*) exit 6;;
esac
"""


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (None, ["Large", "Unified", "Small"]),  # the most memory first, for nobody has chosen
        ("1", ["Large"]),
        ("1,0", ["Large", "Small"]),
        ("0,7,1", ["Small"]),  # CUDA reads it up to the first that is not there
        ("1,1", []),
        ("", []),
        ("-1", []),
        ("GPU-aa2", ["Large"]),
        ("GPU-aa", []),  # two begin so
        ("GPU-bb33,GPU-aa11", ["Unified", "Small"]),
        ("MIG-77", ["Large MIG 1g.10gb"]),
    ],
)
def test_the_cards_are_those_that_cuda_shows_to_a_process(
    driver: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, names: list[str]
) -> None:
    driver.write_text(TWO)
    driver.chmod(0o755)
    monkeypatch.setattr(cards.psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * GIB, available=9 * GIB))
    if given is not None:
        monkeypatch.setenv(cards.VISIBLE, given)
    assert [card.name for card in cards.visible()] == names and hardware.gpus() == len(names)
    found = hardware.machine()
    assert found.name == (names or ["CPU"])[0]
    if found.name.startswith("Large"):
        assert found.memory_total == (10 if "MIG" in found.name else 80) * GIB
    # a job is given the first of them, by a number or name that means the same to CUDA
    its_own = launching.environment(dict(os.environ), {})
    assert its_own["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert [card.name for card in cards.visible(its_own)] == names[:1]


def test_a_card_that_was_named_wrongly_is_said_and_one_hidden_on_purpose_is_not(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(driver, "A100", "8.0")
    monkeypatch.setenv(cards.VISIBLE, "3")
    assert "names no GPU of this machine, which has 0 A100. Fix: unset it" in str(hardware.machine().gpu_problem)
    monkeypatch.setenv(cards.VISIBLE, "")
    assert hardware.machine().gpu_problem is None


@pytest.mark.parametrize(
    ("cuda", "version", "capability", "words"),
    [
        ("13.0", "580.95.05", 8.0, ""),
        ("12.6", "535.104.05", 8.6, ""),
        ("13.0", "", None, ""),
        ("13.0", "535.104.05", 8.6, r"CUDA 13\.0, which needs driver 580 or newer, and A10G has 535.*/whl/cu126; or update the driver"),
        ("13.0", "570.1", 12.0, r"needs driver 580.*Fix: update the driver to 580 or newer \(nvidia.com/drivers\)$"),
        ("13.0", "470.82", 8.6, r"needs driver 580.*Fix: update the driver to 580"),
        ("13.0", "580.95.05", 7.0, r"needs compute capability 7.5 or more, and A10G has 7.0.*/whl/cu126$"),
        ("12.6", "570.1", 12.0, r"knows compute capability below 10.0 only.*Fix: update the driver to 580"),
        ("12.8", "570.1", 12.0, ""),
        ("", "580.95.05", 8.6, r"is a build without CUDA.*-m pip install --force-reinstall torch==[\d.]+ --index-url .*/whl/cu130$"),
        ("", "550.54", 8.6, r"is a build without CUDA.*/whl/cu126; or update the driver"),
    ],
)  # fmt: skip
def test_a_card_that_torch_cannot_use_is_named_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, cuda: str, version: str, capability: float | None, words: str
) -> None:
    monkeypatch.setattr(torch_build, "cuda", lambda: cuda)
    say = torch_build.problem if cuda else torch_build.problem_without_cuda
    said = say("A10G", version, capability)
    assert re.search(words, said) if words else not said


def test_what_torch_says_counts_more_than_the_versions(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.write_text('#!/bin/sh\ncase "$*" in *driver*) echo 535.104.05;; *cap*) echo 8.6;; *) echo "A10G, 24000, 23000";; esac\n')  # fmt: skip
    driver.chmod(0o755)
    assert torch_build.cuda() == "" or torch_build.cuda()[0].isdigit()  # read from its files
    monkeypatch.setattr(torch_build, "cuda", lambda: "13.0")
    assert "535.104.05" in str(hardware.machine().gpu_problem)
    hardware.hear(True)  # as with NVIDIA's package for forward compatibility
    assert hardware.machine().gpu_problem is None and hardware.machine().device == "cuda"
    hardware.hear(False, "CUDA initialization: unknown error")
    assert "needs driver 580" in str(hardware.machine().gpu_problem)
    monkeypatch.setattr(torch_build, "cuda", lambda: "12.6")
    assert "cannot use A10G: CUDA initialization: unknown error. Fix: restart" in str(hardware.machine().gpu_problem)
    assert hardware.machine().device == "cpu"


def test_torch_is_asked_in_a_process_of_its_own(driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays(driver, "A10G", "8.6")
    monkeypatch.setattr(
        hardware, "ASK", "print('a library says hello'); print('[false, \"CUDA driver is insufficient\"]')"
    )
    hardware.ask_torch()
    assert "cannot use A10G: CUDA driver is insufficient" in str(hardware.machine().gpu_problem)
    monkeypatch.setattr(hardware, "ASK", "raise SystemExit(1)")  # which says nothing
    monkeypatch.setattr(hardware, "_heard", [])
    hardware.ask_torch()
    assert hardware.machine().gpu_problem is None


@pytest.mark.parametrize(("kind", "words"), [("0x030200", "install its driver"), ("0x0c0330", "None")])
def test_a_card_without_a_driver_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    """By its maker and its class: the makers of cards make network and USB controllers too."""
    for name, maker, its_kind in (("net", "0x10de", "0x020000"), ("vga", "0x1002", "0x030000"), ("x", "0x10de", kind)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{maker}\n")
        (tmp_path / name / "class").write_text(f"{its_kind}\n")
    monkeypatch.setattr(cards, "DEVICES", tmp_path)
    monkeypatch.setattr(cards, "every", list)
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    assert words in str(hardware.machine().gpu_problem)


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
