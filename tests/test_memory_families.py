"""What a pass keeps for the way back in families that are not like Llama, counted tensor by tensor, against the estimate."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import Machine, Recipe, counted_shapes
from studio.hardware import GIB
from studio.memory import ModelShape, estimate

CPU = Machine("cpu", "CPU", 2, 24 * GIB, 20 * GIB, 24 * GIB, 20 * GIB, None)
TOKENS = 128
ATTENDS = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 192}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("mamba", {"state_size": 16}), ("mamba", {"state_size": 4}), ("rwkv", {"rescale_every": 0}),
    ("mamba2", {"state_size": 16, "num_heads": 16, "head_dim": 16, "n_groups": 1, "chunk_size": 64}),
    ("mamba2", {"state_size": 64, "num_heads": 8, "head_dim": 32, "n_groups": 1, "chunk_size": 32}),
    ("mixtral", {**ATTENDS, "num_local_experts": 8}), ("mixtral", {**ATTENDS, "num_local_experts": 4}),
]  # fmt: skip
"""The tests of Llama's likes are held to 5 % (training/test_memory_counted.py); their interval is much narrower."""
OFF = 0.25


def kept(config: Any, targets: list[str]) -> int:
    """Bytes of all tensors but the parameters that one pass of a model in 16 bits with an adapter keeps."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16).train()
    model = get_peft_model(model, LoraConfig(r=8, target_modules=targets, task_type="CAUSAL_LM"))
    parameters = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    held: dict[int, torch.Tensor] = {}

    def hold(tensor: torch.Tensor) -> torch.Tensor:
        held.setdefault(tensor.untyped_storage().data_ptr(), tensor)  # so that its place is given to no other
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        out = model(input_ids=torch.randint(3, 64, (1, TOKENS)))
    assert out.logits.shape[1] == TOKENS
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in parameters)


# peft 0.21.2 says so of ranks that it has just used
@pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys did not match:RuntimeWarning")
@pytest.mark.parametrize(("family", "sizes"), CASES)
def test_what_is_kept_is_what_was_predicted(
    family: str, sizes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoConfig

    layers = 3
    config = AutoConfig.for_model(
        family, hidden_size=128, num_hidden_layers=layers, vocab_size=64, use_cache=False, **sizes
    )
    config.save_pretrained(tmp_path)
    monkeypatch.setattr(counted_shapes, "_in_own_process", lambda asked: counted_shapes.count(**json.loads(asked)))
    shape = ModelShape.of(str(tmp_path))
    recipe = Recipe(
        model=str(tmp_path), method="qlora", r=8, targets=shape.modules, batch_size=1, max_length=TOKENS, dropout=0.0,
        gradient_checkpointing=False, packing=False,
    )  # fmt: skip
    predicted = estimate(shape, recipe, CPU).parts["activations"]
    assert predicted == pytest.approx(kept(config, shape.modules), rel=OFF)


def test_a_guess_says_why_it_is_one(tmp_path: Path) -> None:
    from transformers import RwkvConfig

    RwkvConfig(hidden_size=64, num_hidden_layers=2, vocab_size=300).save_pretrained(tmp_path)
    for model, words in ((str(tmp_path), "layers of this kind"), ("owner/some-7b", "its name"), ("starter", "")):
        said = estimate(ModelShape.of(model), Recipe(model=model), CPU).sentence()
        assert words in said and ("guessed" in said) == bool(words)
