"""Families whose configuration does not tell their sizes are counted on the model itself, in a process of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import counted_shapes
from studio.model_shapes import MAMBA, REFUSED, ModelShape, refused_in
from tests.families import adapted_parameters

SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 300}
ROUTED = {
    **SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 96, "moe_intermediate_size": 48,
    "num_experts_per_tok": 2,
}  # fmt: skip
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("mamba", {**SMALL, "state_size": 8}), ("mamba2", {**SMALL, "state_size": 8, "num_heads": 8, "head_dim": 16, "n_groups": 1}),
    ("rwkv", SMALL),
    ("apertus", ROUTED), ("dots1", {**ROUTED, "n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}),
]  # fmt: skip


def folder_of(family: str, sizes: dict[str, Any], folder: Path) -> Any:
    """The configuration, which is written to the folder as a model's is."""
    from transformers import AutoConfig

    config = AutoConfig.for_model(family, **sizes)
    config.save_pretrained(folder)
    return config


# peft 0.21.2 says so of ranks that it has just used
@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys did not match:RuntimeWarning")
@pytest.mark.parametrize(("family", "sizes"), FAMILIES, ids=[family for family, _ in FAMILIES])
def test_what_is_counted_is_what_is_trained(
    family: str, sizes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM

    config = folder_of(family, sizes, tmp_path)
    monkeypatch.setattr(counted_shapes, "_in_own_process", lambda asked: counted_shapes.count(**json.loads(asked)))
    shape = ModelShape.of(str(tmp_path))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())
    assert (shape.hidden, shape.layers, shape.vocabulary) == (64, 2, 300)
    named = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    assert {*shape.modules} - {"gate_proj", "up_proj", "down_proj"} <= named
    assert shape.adapter_parameters(8, "all-linear") == adapted_parameters(config, 8, shape.modules)
    assert shape.adapter_parameters(8, shape.modules[:1]) == adapted_parameters(config, 8, shape.modules[:1])


def test_what_attends_to_nothing_has_no_attention(tmp_path: Path) -> None:
    folder_of("mamba2", FAMILIES[1][1], tmp_path)
    shape = ModelShape.of(str(tmp_path))
    assert (shape.heads, shape.query, shape.key_value) == (0, 0, 0)
    assert (shape.modules, shape.not_adapted) == (["in_proj"], ["out_proj"])


def test_it_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of("rwkv", SMALL, tmp_path)
    first = ModelShape.of(str(tmp_path))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was counted before")

    monkeypatch.setattr(subprocess, "run", never)
    assert ModelShape.of(str(tmp_path)) == first and first.modules == ["key", "value", "receptance", "output"]


def test_a_family_that_transformers_does_not_know_is_a_guess_and_asked_about_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(counted_shapes, "_in_own_process", asked.append)
    config = {"model_type": "one_of_its_own", **ROUTED}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert not ModelShape.of(str(tmp_path)).known and not ModelShape.of(str(tmp_path)).known and len(asked) == 1


def test_peft_refuses_what_is_said_to_be_refused() -> None:
    from peft import LoraConfig
    from peft.tuners.tuners_utils import _check_lora_target_modules_mamba

    class Model:
        def __init__(self, family: str) -> None:
            self.config = type("Settings", (), {"model_type": family})

    for family in MAMBA:
        for name in REFUSED:
            assert name in refused_in(family)
            with pytest.raises(ValueError, match=name):
                _check_lora_target_modules_mamba(LoraConfig(), Model(family), name)  # type: ignore[arg-type]
    assert refused_in("rwkv") == refused_in("jamba") == ()
