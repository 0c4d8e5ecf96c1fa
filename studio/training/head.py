"""The loss on a CPU: only positions that are learned are scored, in one pass whose tile fits the processor's cache.

TRL 1.16 scores every position where there is no Triton, asked and padded ones too, and computes each logit twice, forwards
and on the way back. Of short answers to longer questions most of that is for nothing: on the sample three quarters. The
loss, its entropy and the share of right tokens are the same; the gradient is rounded at the same places.
"""

import functools
import types
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from trl.trainer.utils import FusedCausalLMOutput

from studio.memory import CPU_TILE
from studio.training.last_layer import LastLayer

SCALED = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")
"""Settings of models that do more to a logit than to compute it: TRL's own head stays."""


class Scores(torch.autograd.Function):
    """Of each hidden state (positions, hidden) the log-probability of its target under softmax(hidden @ weight.T + bias),
    the entropy in nats, and whether the target is the likeliest token; the last two without gradients."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        positions = hidden.shape[0]
        log_probabilities, entropy = hidden.new_empty(2, positions, dtype=torch.float32).unbind()
        is_best = torch.empty(positions, dtype=torch.bool)
        # what a unit of log-probability asks of the hidden state, which is all that the way back needs
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        rows = max(1, CPU_TILE // weight.shape[0])
        for start in range(0, positions, rows):
            these = slice(start, start + rows)
            logits = torch.nn.functional.linear(hidden[these], weight, bias).float()
            wanted = targets[these, None]
            torch.eq(logits.argmax(-1), targets[these], out=is_best[these])
            log_p = torch.log_softmax(logits, -1)
            log_probabilities[these] = log_p.gather(-1, wanted).squeeze(-1)
            p = log_p.exp()
            entropy[these] = -torch.linalg.vecdot(p, log_p)
            if slopes is not None:
                p.neg_().scatter_add_(-1, wanted, torch.ones_like(wanted, dtype=p.dtype))
                torch.mm(p.to(weight.dtype), weight, out=slopes[these])
        ctx.save_for_backward(slopes)
        ctx.mark_non_differentiable(entropy, is_best)
        return log_probabilities, entropy, is_best

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, by_log_probability: torch.Tensor, *_: Any) -> tuple[torch.Tensor, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * by_log_probability.unsqueeze(-1).to(slopes.dtype), None, None, None


def add_head(model: Any) -> bool:
    """Gives a causal language model that TRL has given its fused head this one in its place, and says whether it did:
    a model whose head learns, or that scales its logits, keeps TRL's."""
    head, config = model.get_output_embeddings(), model.config.get_text_config()
    if head.weight.requires_grad or any(getattr(config, name, None) is not None for name in SCALED):
        return False
    before, last = model.forward, LastLayer.of(model)

    @functools.wraps(type(model).forward)
    def forward(self: Any, *arguments: Any, fused_lm_head: bool = False, labels: Any = None, **options: Any) -> Any:
        unusual = {"shift_labels", "num_items_in_batch"} & options.keys() or options.get("output_router_logits")
        last.wanted = None
        if not fused_lm_head or unusual:
            given = options if labels is None else {**options, "labels": labels}
            return before(*arguments, fused_lm_head=fused_lm_head, **given)
        targets = labels[:, 1:]
        learned = targets != -100
        last.want(learned)
        hidden = self.base_model(*arguments, **{**options, "use_cache": False}).last_hidden_state[:, :-1]
        last.wanted = None
        states = hidden[learned].to(head.weight.dtype)  # of Mamba they are in 32 bits whatever its weights are in
        scores = Scores.apply(states, head.weight, head.bias, targets[learned])
        # connected to the model even where nothing is learned, so that its gradient is zero and not missing
        log_probabilities, entropy, is_best = (
            found.new_zeros(learned.shape).masked_scatter(learned, found) for found in scores
        )
        loss = -log_probabilities.sum() / learned.sum().clamp(min=1)
        return FusedCausalLMOutput(
            loss=loss, log_probs=log_probabilities, entropy=entropy, is_top1=is_best, label_mask=learned
        )

    model.forward = types.MethodType(forward, model)
    return True
