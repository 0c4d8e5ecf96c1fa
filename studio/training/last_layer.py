"""The last layer on a CPU: its feed-forward part, which is most of it, computed where something is learned alone.

What the last layer adds to one position is seen by the head at that position and by no other: where the head scores
nothing, nothing needs it. Of short answers to longer questions that saves about an eighth of all multiplications.
"""

import types
from typing import Any

import torch

BY_POSITION = (
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "smollm3",
    "phi3",
    "olmo",
    "olmo2",
    "gemma",
    "starcoder2",
    "stablelm",
)
"""Kinds of models whose layers end with a feed-forward part named `mlp` that looks at each position by itself."""


class Taken(torch.autograd.Function):
    """The rows at different places of a matrix: torch's own indexing adds the gradient one by one, for a place may come
    twice."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.rows = len(x)
        return x.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:
        return Placed.apply(slope, ctx.saved_tensors[0], ctx.rows), None


class Placed(torch.autograd.Function):
    """The way back of `Taken`: rows put at their places among `rows` of zeros."""

    @staticmethod
    def forward(ctx: Any, taken: torch.Tensor, places: torch.Tensor, rows: int) -> torch.Tensor:
        ctx.save_for_backward(places)
        return taken.new_zeros(rows, taken.shape[-1]).index_copy_(0, places, taken)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return Taken.apply(slope, ctx.saved_tensors[0]), None, None


class LastLayer:
    """Holds at which positions the last feed-forward part is `wanted`, (rows, positions); None for all."""

    wanted: torch.Tensor | None = None

    def __init__(self, model: Any) -> None:
        self._model = model

    def want(self, learned: torch.Tensor) -> None:
        """`learned`: which positions' following token is learned; the last position has none. Has no effect where
        activations are computed again on the way back, when nobody says what is wanted; a trainer decides on that after
        the model is made."""
        if not getattr(self._model, "is_activation_checkpointing", False):
            self.wanted = torch.nn.functional.pad(learned, (0, 1))

    @classmethod
    def of(cls, model: Any) -> "LastLayer":
        """Of a model of another kind it has no effect."""
        found = cls(model)
        if model.config.model_type in BY_POSITION:
            part = model.base_model.layers[-1].mlp
            before = part.forward

            def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
                wanted = found.wanted
                if wanted is None or wanted.shape != x.shape[:-1]:
                    said: torch.Tensor = before(x)
                    return said
                places = wanted.flatten().nonzero().squeeze(1)
                computed = before(Taken.apply(x.flatten(0, 1), places).unsqueeze(0))
                placed: torch.Tensor = Placed.apply(computed.squeeze(0), places, wanted.numel()).view(x.shape)
                return placed

            part.forward = types.MethodType(forward, part)
        return found
