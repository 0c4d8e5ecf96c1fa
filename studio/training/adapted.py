"""A linear layer with its adapter on a CPU: one function, forwards and back, in place of seven that each go through all
that the layer says.

peft 0.21 copies what a layer says, scales what the adapter adds and adds it, and scales the gradient on the way back. Here
the adapter is added where the product is written, so that the sum is rounded once: in 32 bits nothing but the order of
the additions differs, in 16 the last bit.
"""

import types
from typing import Any

import torch
from torch.autograd.function import once_differentiable


class Adapted(torch.autograd.Function):
    """x @ weight.T + bias + scale * x @ down.T @ up.T of positions (positions, width); neither weight nor bias learn."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, down: torch.Tensor, up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:  # fmt: skip
        said = torch.nn.functional.linear(x, weight, bias)
        low = torch.mm(x, down.t())
        said.addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(x, low, weight, down, up)
        ctx.scale = scale
        return said

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, low, weight, down, up = ctx.saved_tensors
        low_slope = torch.mm(slope, up).mul_(ctx.scale)
        x_slope = None
        if ctx.needs_input_grad[0]:
            x_slope = torch.mm(slope, weight).addmm_(low_slope, down)
        return x_slope, None, None, torch.mm(low_slope.t(), x), torch.mm(slope.t(), low).mul_(ctx.scale), None


def join_adapters(model: Any) -> int:
    """Lets every frozen linear layer of the model on the CPU that has an adapter compute both at once, and returns how many
    there are. A 4-bit one does where it keeps an unpacked copy (see `unpacked`)."""
    from peft.tuners.lora.layer import LoraLayer

    layers = [
        module
        for module in model.modules()
        if isinstance(module, LoraLayer) and weight_of(module.base_layer) is not None
    ]
    for layer in layers:
        layer.before = layer.forward
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def weight_of(layer: Any) -> torch.Tensor | None:
    """What a frozen linear layer multiplies by; None for any other layer."""
    weight = getattr(layer, "unpacked", None)
    if weight is None and type(layer) is torch.nn.Linear:
        weight = layer.weight
    return None if weight is None or any(own.requires_grad for own in layer.parameters()) else weight


def _forward(self: Any, x: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
    name = self.active_adapters[0] if len(self.active_adapters) == 1 else ""
    weight = weight_of(self.base_layer)
    if arguments or options or weight is None or not _is_plain(self, name, x.dtype, weight.dtype):
        said: torch.Tensor = self.before(x, *arguments, **options)
        return said
    down, up = self.lora_A[name].weight, self.lora_B[name].weight
    flat = x.reshape(-1, x.shape[-1])
    joined = Adapted.apply(flat, weight, self.base_layer.bias, down, up, self.scaling[name])
    return joined.view(*x.shape[:-1], joined.shape[-1])


def _is_plain(layer: Any, name: str, dtype: torch.dtype, base: torch.dtype) -> bool:
    """Whether peft would do nothing else now than what `Adapted` does."""
    if layer.disable_adapters or layer.merged or name not in layer.lora_A or name in layer.lora_variant:
        return False
    dropout, down, up, bias = layer.lora_dropout[name], layer.lora_A[name], layer.lora_B[name], layer.base_layer.bias
    drops = layer.training and getattr(dropout, "p", 0.0) > 0
    own = {dtype, base, down.weight.dtype, up.weight.dtype, *([] if bias is None else [bias.dtype])}
    return (
        not drops and down.bias is None and up.bias is None and len(own) == 1 and not torch.is_autocast_enabled("cpu")
    )
