"""Weights divided among GPUs (FSDP1), as far as a machine without one can tell: what is launched, how the base is loaded,
what is refused in words, and the choice on the page."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
import torch

from components.devices_box import build_devices
from studio import Machine, Recipe, RecipeError, hardware, models
from studio.hardware import GIB
from studio.jobs import launching as starting
from studio.training import launching
from studio.training.samples import SampleCallback

CARD = Machine("cuda", "a card", 8, 80 * GIB, 79 * GIB, 100 * GIB, 90 * GIB, None)


def with_cards(patch: pytest.MonkeyPatch, count: int) -> None:
    patch.setattr(hardware, "machine", lambda: CARD)
    patch.setattr(hardware, "gpus", lambda: count)


def test_a_sharded_4bit_base_is_of_one_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    """FSDP joins the weights of a layer into one: it can only where all have the dtype of the model."""
    monkeypatch.delenv("ACCELERATE_USE_FSDP", raising=False)
    alone, _ = models.load("starter", "4bit", for_training=True)
    assert {weight.dtype for weight in alone.parameters()} == {torch.bfloat16, torch.uint8}
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    shared, _ = models.load("starter", "4bit", for_training=True)
    assert {weight.dtype for weight in shared.parameters()} == {torch.bfloat16} == {shared.dtype}
    assert shared.hf_quantizer.quantization_config.bnb_4bit_quant_storage == torch.bfloat16
    tokens = torch.tensor([[1, 5, 9, 7]])
    with torch.no_grad():
        assert torch.equal(alone(tokens).logits, shared(tokens).logits)


def test_what_is_launched_says_that_it_is_sharded() -> None:
    command = starting.command(Path("/runs/run-001"), {"processes": 4, "sharded": True})
    given = dict(zip(command, command[1:], strict=False))
    assert given["--num_processes"] == "4" and given["--fsdp_version"] == "1" and "--use_fsdp" in command
    assert given["--fsdp_sharding_strategy"] == "FULL_SHARD" and given["--fsdp_use_orig_params"] == "false"
    assert given["--fsdp_state_dict_type"] == "FULL_STATE_DICT" and given["--mixed_precision"] == "no"
    assert "--use_fsdp" not in starting.command(Path("/runs/run-001"), {"processes": 4, "sharded": False})
    # a setting of the user's own shell makes no other run sharded
    assert "ACCELERATE_USE_FSDP" not in starting.environment({"ACCELERATE_USE_FSDP": "true"}, {})


def test_no_process_answers_alone_when_the_weights_are_divided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The others would wait for it for ever."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    asking = SampleCallback(tmp_path / "samples.jsonl", None, 3, 64, True)  # type: ignore[arg-type]
    asking.ask(None, SimpleNamespace(is_world_process_zero=True), None, None)
    assert asking.count == 0 and not asking.file.exists()


def test_what_cannot_be_sharded_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cards(monkeypatch, 2)
    with pytest.raises(RecipeError) as error:
        launching.check(Recipe(base_bits=8, batch_size=4, accumulation=1), 3, sharded=True)
    for words in ("an 8-bit base cannot be sharded", "cannot be divided among 3 devices", "this machine has 2 GPU"):
        assert words in str(error.value)
    assert launching.check(Recipe(batch_size=4, accumulation=1), 2, sharded=True).batch_size == 2


def test_the_page_offers_a_choice_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with gr.Blocks() as page:
        assert [part.value for part in build_devices()] == [1, False]
    assert "nothing to divide" in str([block.value for block in page.blocks.values() if isinstance(block, gr.HTML)])
    with_cards(monkeypatch, 1)
    with gr.Blocks():
        assert [part.value for part in build_devices()] == [1, False]
    with_cards(monkeypatch, 4)
    with gr.Blocks():
        processes, sharded = build_devices()
    assert [number for _, number in processes.choices] == [1, 2, 3, 4] and sharded.value is False
