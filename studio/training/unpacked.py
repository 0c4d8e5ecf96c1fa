"""4-bit weights on a CPU, unpacked once: the same numbers, without unpacking each weight anew for every multiplication.

A CPU has no kernel that multiplies by packed weights in a training, so bitsandbytes 0.50.2 unpacks each one twice a step,
and once for every token of a sample answer. Where there is memory enough one unpacked copy stays beside them.
"""

import types
from typing import Any

import torch

from studio.hardware import machine
from studio.memory import keeps_unpacked


def keep_unpacked(model: Any) -> int:
    """Lets every frozen `Linear4bit` of the model on the CPU multiply by an unpacked copy in its compute dtype, and returns
    how many; 0 where the copies would take too much of what is free. Its packed weight stays as it is."""
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    weights = sum(layer.in_features * layer.out_features for layer in layers)
    if not keeps_unpacked(weights, machine().memory_free):
        return 0
    for layer in layers:
        unpacked = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        # no parameter and no buffer: it is in no checkpoint
        object.__setattr__(layer, "unpacked", unpacked.to(layer.compute_dtype or unpacked.dtype))
        layer.forward = types.MethodType(_forward, layer)
    return len(layers)


def _forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    bias = None if self.bias is None else self.bias.to(self.unpacked.dtype)
    return torch.nn.functional.linear(x.to(self.unpacked.dtype), self.unpacked, bias).to(x.dtype)
