"""Attention of short rows on a CPU: all scores at once, as transformers' eager computes them, in half the time.

eager repeats each key and value for every query head that shares it, and goes through the scores in 32 bits and back three
times each way. Here the heads that share a key are one multiplication, and the scores stay as wide as the model is; their
softmax is still taken in 32 bits. What it says is the same, and the gradient differs in the last bit.
"""

from typing import Any

import torch
from torch.autograd.function import once_differentiable

NAME = "short_rows"
PLAIN = ("llama", "mistral", "qwen2", "qwen3", "smollm3", "phi3", "olmo", "olmo2", "starcoder2")
"""Kinds of models whose attention is the softmax of scaled and masked scores, and nothing else."""


class Attention(torch.autograd.Function):
    """softmax(scale * q @ k.T + mask) @ v of (rows, heads, positions, width), as (rows, positions, heads, width). There may
    be fewer heads of keys and values; `mask` is (rows or 1, 1, positions, positions)."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, scale: float
    ) -> torch.Tensor:
        rows, heads, asking, _ = q.shape
        joined = rows * k.shape[1]
        queries, keys, values = (
            given.reshape(joined, -1, given.shape[-1]) for given in (q, k, v)
        )  # the heads that share a key stand one after the other
        scores = torch.bmm(queries, keys.transpose(1, 2)).mul_(scale)
        if mask is not None:
            scores.view(rows, heads, asking, -1).add_(mask)
        weights = torch.softmax(scores, -1)
        ctx.save_for_backward(queries, keys, values, weights)
        ctx.scale, ctx.shapes = scale, (q.shape, k.shape, v.shape)
        return torch.bmm(weights, values).view(rows, heads, asking, -1).transpose(1, 2).contiguous()

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        queries, keys, values, weights = ctx.saved_tensors
        slope = slope.transpose(1, 2).reshape(*queries.shape[:2], -1)
        by_weight = torch.bmm(slope, values.transpose(1, 2))
        by_score = torch.ops.aten._softmax_backward_data(by_weight, weights, -1, weights.dtype)
        by_query = torch.bmm(by_score, keys).mul_(ctx.scale)
        by_key = torch.bmm(by_score.transpose(1, 2), queries).mul_(ctx.scale)
        by_value = torch.bmm(weights.transpose(1, 2), slope)
        found = (part.view(shape) for part, shape in zip((by_query, by_key, by_value), ctx.shapes, strict=True))
        return *found, None, None


def attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    scaling: float, dropout: float = 0.0, **_: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """As transformers calls it. The models of PLAIN drop no scores unless their configuration says so (see `attend_shortly`)."""
    return Attention.apply(query, key, value, attention_mask, scaling), None


def attend_shortly(model: Any) -> str:
    """Lets a causal language model compute all scores of a row at once, and returns how: by this, or, where its attention
    is another kind or drops scores, by transformers' eager."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    plain = model.config.model_type in PLAIN and not getattr(model.config, "attention_dropout", 0.0)
    if plain:
        AttentionInterface.register(NAME, attend)
        AttentionMaskInterface.register(NAME, eager_mask)
    chosen = NAME if plain else "eager"
    model.set_attn_implementation(chosen)
    return chosen
