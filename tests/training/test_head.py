"""The head for a CPU gives what TRL's gives, loss and gradient, from the positions that are learned alone."""

import copy
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from studio.training import head


def models(dtype: torch.dtype, **settings: Any) -> tuple[Any, Any]:
    """Twice the same small model whose head does not learn: with TRL's head, and with that and ours on it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=300,
        tie_word_embeddings=True, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    config.update(settings)
    theirs: Any = LlamaForCausalLM(config).to(dtype)
    theirs.get_output_embeddings().weight.requires_grad_(False)
    ours = copy.deepcopy(theirs)
    for model in (theirs, ours):
        add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    return theirs, ours


def batch(learned: float = 0.3) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 300, (3, 20), generator=chance)
    labels = ids.masked_fill(torch.rand(ids.shape, generator=chance) > learned, -100)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def scored(model: Any, given: dict[str, torch.Tensor]) -> tuple[Any, torch.Tensor]:
    out = model(**given, fused_lm_head=True)
    (-out.log_probs.sum() / 7).backward()
    return out, torch.cat([weight.grad.flatten().float() for weight in model.parameters() if weight.requires_grad])


@pytest.mark.parametrize(("dtype", "off"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize("tile", [head.CPU_TILE, 900])
def test_it_is_the_head_of_trl(dtype: torch.dtype, off: float, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "CPU_TILE", tile)  # also with three positions at once
    theirs, ours = models(dtype)
    assert head.add_head(ours)
    (expected, their_slope), (found, our_slope) = scored(theirs, batch()), scored(ours, batch())
    for name in ("loss", "log_probs", "entropy"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1e-5, rtol=1e-5)
    assert torch.equal(found.is_top1, expected.is_top1) and torch.equal(found.label_mask, expected.label_mask)
    assert torch.linalg.norm(our_slope - their_slope) < off * torch.linalg.norm(their_slope)


def test_hidden_states_in_more_bits_than_the_head_are_narrowed_as_the_family_does() -> None:
    """Mamba's are in 32 bits whatever its weights are in."""
    _, ours = models(torch.bfloat16)
    ours.model.norm.register_forward_hook(lambda module, given, states: states.float())
    assert head.add_head(ours)
    out, slope = scored(ours, batch())
    theirs, _ = models(torch.bfloat16)
    expected, _ = scored(theirs, batch())
    torch.testing.assert_close(out.loss, expected.loss)
    assert slope.any()


def test_only_positions_that_are_learned_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    _, ours = models(torch.float32)
    head.add_head(ours)
    rows = []
    linear = torch.nn.functional.linear

    def counted(hidden: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
        if weight.shape[0] == 300:
            rows.append(hidden.shape[0])
        return linear(hidden, weight, bias)

    monkeypatch.setattr(torch.nn.functional, "linear", counted)
    scored(ours, batch())
    assert sum(rows) == int((batch()["labels"][:, 1:] != -100).sum())


def test_a_batch_in_which_nothing_is_learned_moves_nothing() -> None:
    _, ours = models(torch.float32)
    head.add_head(ours)
    out, slope = scored(ours, batch(learned=0))
    assert out.loss == 0 and not slope.any()


def test_a_head_that_learns_or_scales_keeps_trls() -> None:
    _, scaling = models(torch.float32, logits_scaling=8.0)
    assert not head.add_head(scaling)
    _, learning = models(torch.float32)
    learning.get_output_embeddings().weight.requires_grad_(True)
    assert not head.add_head(learning)


def test_it_answers_as_before() -> None:
    theirs, ours = models(torch.float32)
    head.add_head(ours)
    asked = batch()["input_ids"][:1, :6]
    given = {"input_ids": asked, "attention_mask": torch.ones_like(asked), "max_new_tokens": 5, "do_sample": False}
    assert torch.equal(theirs.eval().generate(**given), ours.eval().generate(**given))
