"""What a training on a CPU computes in its own way gives what peft and transformers give, loss and gradient."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from studio.training import last_layer
from studio.training.adapted import join_adapters
from studio.training.head import add_head
from studio.training.keeping_memory import keep_freed_memory
from studio.training.short_attention import NAME, attend_shortly

pytestmark = pytest.mark.usefixtures("one_thread")
WIDTHS = [(torch.float32, 1e-5), (torch.bfloat16, 0.03)]


def small(dtype: torch.dtype, dropout: float = 0.0, **settings: Any) -> Any:
    """A model with two query heads for each key, and an adapter that adds something."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=300,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, **settings,
    )  # fmt: skip
    base: Any = LlamaForCausalLM(config).to(dtype)
    base.set_attn_implementation("eager")
    add_fused_lm_head(base, outputs=("log_probs", "entropy", "is_top1"))
    adapter = LoraConfig(r=4, lora_alpha=12, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM")
    model: Any = get_peft_model(base, adapter)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn_like(weight).mul_(0.1).to(dtype)
    return model.train()


def batch(learned: float = 0.3) -> dict[str, torch.Tensor]:
    """Rows of 20, 15 and 9 tokens, padded on the right."""
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 300, (3, 20), generator=chance)
    seen = (torch.arange(20) < torch.tensor([[20], [15], [9]])).long()
    labels = ids.masked_fill((torch.rand(ids.shape, generator=chance) > learned) | (seen == 0), -100)
    return {"input_ids": ids * seen, "attention_mask": seen, "labels": labels}


def learned(model: Any, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    model.zero_grad()
    loss = model(**given, fused_lm_head=True).loss
    loss.backward()
    return loss.detach(), torch.cat([w.grad.flatten().float() for w in model.parameters() if w.requires_grad])


def check_same(model: Any, other: Any, off: float) -> None:
    (expected, their_slope), (found, our_slope) = learned(model, batch()), learned(other, batch())
    torch.testing.assert_close(found, expected, atol=off / 3, rtol=off / 3)
    assert torch.linalg.norm(our_slope - their_slope) < off * torch.linalg.norm(their_slope)


@pytest.mark.parametrize(("dtype", "off"), WIDTHS)
def test_a_layer_and_its_adapter_at_once(dtype: torch.dtype, off: float) -> None:
    theirs, ours = small(dtype), small(dtype)
    assert join_adapters(ours) == 14
    check_same(theirs, ours, off)
    ids = batch()["input_ids"]
    with torch.no_grad(), theirs.disable_adapter(), ours.disable_adapter():
        assert torch.equal(theirs(ids).logits, ours(ids).logits)


def test_an_adapter_that_drops_stays_with_peft() -> None:
    theirs, ours = (small(torch.float32, dropout=0.5) for _ in range(2))
    join_adapters(ours)
    found = []
    for model in (theirs, ours):
        torch.manual_seed(3)
        found.append(learned(model, batch()))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize(("dtype", "off"), WIDTHS)
def test_attention_is_that_of_transformers(dtype: torch.dtype, off: float) -> None:
    theirs, ours = small(dtype), small(dtype)
    assert attend_shortly(ours.get_base_model()) == NAME
    check_same(theirs, ours, off)
    asked = batch()
    left = {name: asked[name].flip(1) for name in ("input_ids", "attention_mask")}  # padded on the left, as answers are
    options = {"max_new_tokens": 5, "do_sample": False}
    if dtype == torch.float32:
        assert torch.equal(theirs.eval().generate(**left, **options), ours.eval().generate(**left, **options))


def test_attention_that_drops_scores_stays_with_transformers() -> None:
    assert attend_shortly(small(torch.float32, attention_dropout=0.1).get_base_model()) == "eager"


@pytest.mark.parametrize(("dtype", "off"), WIDTHS)
def test_the_last_layer_computes_what_is_learned_alone(
    dtype: torch.dtype, off: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = small(dtype), small(dtype)
    assert add_head(ours.get_base_model())
    with monkeypatch.context() as patch:
        patch.setattr(last_layer, "BY_POSITION", ())
        assert add_head(theirs.get_base_model())
    rows = []
    parts = [layer.mlp.down_proj for layer in ours.get_base_model().model.layers]
    for part in parts:
        part.register_forward_hook(lambda _, given, said: rows.append(said.shape[:-1].numel()))
    check_same(theirs, ours, off)
    assert rows == [60, int((batch()["labels"][:, 1:] != -100).sum())]
    rows.clear()
    ours(input_ids=batch()["input_ids"])
    assert rows == [60, 60]  # whoever asks for an answer sees all of it
    loss, slope = learned(ours, batch(learned=0))
    assert loss == 0 and not slope.any()


def test_the_allocator_can_be_asked_or_nothing_happens() -> None:
    assert keep_freed_memory() in (True, False)
