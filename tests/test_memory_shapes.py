"""The shape read from config.json against the very model that transformers makes of it, and against the adapters that PEFT
puts on it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from studio import InputError, NotFoundError
from studio.memory import ModelShape
from studio.model_shapes import TOLD
from tests.families import adapted_parameters

BASE = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 1000}
OLDER = {"n_embd": 256, "n_layer": 4, "n_head": 8, "vocab_size": 1000, "n_positions": 128}
GROUPED = {**BASE, "num_key_value_heads": 2, "intermediate_size": 700}
ROUTED = {**GROUPED, "num_experts": 8, "moe_intermediate_size": 200}
LATENT = {
    "kv_lora_rank": 32, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "n_routed_experts": 8, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 200,
}  # fmt: skip
FAMILIES: list[tuple[str, dict[str, Any]]] = [
    ("llama", GROUPED), ("llama", {**GROUPED, "tie_word_embeddings": True}), ("mistral", GROUPED), ("qwen2", GROUPED), ("qwen3", {**GROUPED, "head_dim": 64}),
    ("gemma", {**GROUPED, "head_dim": 64}), ("gemma2", {**GROUPED, "head_dim": 64}), ("gemma3_text", {**GROUPED, "head_dim": 64}), ("phi", {**BASE, "intermediate_size": 700}), ("phi3", {**GROUPED, "pad_token_id": 0}),
    ("glm", {**GROUPED, "head_dim": 32, "pad_token_id": 0}), ("glm4", {**GROUPED, "head_dim": 32, "pad_token_id": 0}), ("starcoder2", GROUPED), ("gpt2", OLDER), ("gptj", {**OLDER, "rotary_dim": 16}),
    ("gpt_bigcode", OLDER), ("gpt_neo", {"hidden_size": 256, "num_layers": 4, "num_heads": 8, "vocab_size": 1000, "attention_types": [[["global"], 4]], "max_position_embeddings": 128}), ("gpt_neox", {**BASE, "intermediate_size": 1024}), ("falcon", {**BASE, "multi_query": True}),
    ("opt", {**BASE, "ffn_dim": 1024, "word_embed_proj_dim": 256, "max_position_embeddings": 128}),
    ("bloom", {"hidden_size": 256, "n_layer": 4, "n_head": 8, "vocab_size": 1000}),
    ("mpt", {"d_model": 256, "n_layers": 4, "n_heads": 8, "vocab_size": 1000}),
    ("smollm3", {**GROUPED, "pad_token_id": 0}), ("olmo", GROUPED), ("olmo2", GROUPED), ("olmo3", GROUPED), ("granite", GROUPED), ("cohere", GROUPED), ("cohere2", GROUPED),
    ("stablelm", GROUPED), ("ernie4_5", GROUPED), ("exaone4", GROUPED), ("seed_oss", GROUPED),
    ("glm4_moe", {**ROUTED, "n_routed_experts": 8, "first_k_dense_replace": 1, "n_shared_experts": 1, "n_group": 2, "topk_group": 1}),
    ("mixtral", {**GROUPED, "num_local_experts": 4}), ("gpt_oss", {**GROUPED, "num_local_experts": 4, "head_dim": 32}),
    ("qwen2_moe", {**ROUTED, "shared_expert_intermediate_size": 300, "mlp_only_layers": [0]}),
    ("qwen3_moe", {**ROUTED, "head_dim": 64, "decoder_sparse_step": 2}), ("olmoe", {**BASE, "intermediate_size": 200, "num_experts": 8}),
    ("deepseek_v3", {**GROUPED, "num_key_value_heads": 8, "q_lora_rank": 64, **LATENT}),
    ("deepseek_v3", {**GROUPED, "num_key_value_heads": 8, "q_lora_rank": None, **LATENT}),
]  # fmt: skip


@pytest.mark.parametrize(("family", "sizes"), FAMILIES, ids=[family for family, _ in FAMILIES])
def test_what_is_counted_is_what_transformers_makes(family: str, sizes: dict[str, Any]) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    config = AutoConfig.for_model(family, **sizes)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = ModelShape.from_config(json.loads(config.to_json_string(use_diff=False)))
    head = model.get_output_embeddings()
    linears = {
        name: module.weight.shape for name, module in model.named_modules() if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head
    }  # fmt: skip
    assert shape.linear_parameters == sum(size.numel() for size in linears.values())
    # biases and small norms are left out
    assert shape.parameters == pytest.approx(sum(weight.numel() for weight in model.parameters()), rel=0.005)
    for targets in ("all-linear", [next(iter(linears)).rsplit(".", 1)[-1]], shape.modules[-4:]):
        assert shape.adapter_parameters(8, targets) == adapted_parameters(config, 8, targets), targets


def test_every_family_whose_configuration_is_said_to_tell_all_is_held_to_it() -> None:
    assert {family for family, _ in FAMILIES} == {*TOLD}


def test_an_adapter_on_mixtral_8x7b_counts_that_of_each_expert() -> None:
    from transformers import MixtralConfig

    config = MixtralConfig()  # 8x7B's
    shape = ModelShape.from_config(json.loads(config.to_json_string(use_diff=False)))
    assert shape.adapter_parameters(16, "all-linear") == adapted_parameters(config, 16) == 359_665_664
    attention, experts = ["q_proj", "k_proj", "v_proj", "o_proj"], ["w1", "w2", "w3", "gate"]
    assert shape.modules == [*attention, "w1", "w3", "w2", "gate"]
    assert [shape.adapts_experts(targets) for targets in ("all-linear", attention, experts)] == [True, False, True]
    assert shape.adapter_parameters(16, attention) + shape.adapter_parameters(16, experts) == 359_665_664


def test_routed_experts_stay_in_16_bits_when_the_rest_is_quantised(tmp_path: Path) -> None:
    """transformers 5 keeps them as one tensor a layer, which bitsandbytes passes over."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, MixtralConfig

    config = MixtralConfig(**{**GROUPED, "num_local_experts": 4})
    AutoModelForCausalLM.from_config(config).to(torch.bfloat16).save_pretrained(tmp_path)
    quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, quantization_config=quantised, dtype=torch.bfloat16)
    shape = ModelShape.of(str(tmp_path))
    in_16_bits = sum(weight.numel() for weight in model.parameters() if weight.dtype == torch.bfloat16)
    in_4_bits = sum(2 * weight.numel() for weight in model.parameters() if weight.dtype == torch.uint8)
    assert shape.expert_parameters > in_4_bits
    assert (shape.other_parameters, shape.linear_parameters) == (in_16_bits, in_4_bits)


def test_a_text_model_inside_another_is_found() -> None:
    inner = {"model_type": "qwen2", "tie_word_embeddings": False, **GROUPED}
    assert ModelShape.from_config({"model_type": "a_pair", "text_config": inner}) == ModelShape.from_config(inner)


@pytest.mark.parametrize(
    ("name", "billions"), [("mistralai/Mistral-7B-v0.1", 7), ("Qwen/Qwen2.5-0.5B-Instruct", 0.5), ("a/B-8x7b", 56)]
)
def test_a_model_that_is_not_here_is_judged_by_its_name(name: str, billions: float) -> None:
    shape = ModelShape.of(name)
    assert not shape.known and shape.parameters == pytest.approx(billions * 1e9, rel=0.2)


def test_what_is_no_language_model_is_said() -> None:
    with pytest.raises(InputError, match="hidden_size"):
        ModelShape.from_config({"model_type": "vit"})
    with pytest.raises(NotFoundError, match="no size in its name"):
        ModelShape.of("somebody/something")


def test_layers_of_another_kind_make_it_a_guess() -> None:
    config = {**GROUPED, "model_type": "qwen3_next", "layer_types": ["linear_attention", "full_attention"] * 2}
    assert not ModelShape.from_config(config).known
