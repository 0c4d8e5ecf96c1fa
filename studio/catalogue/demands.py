"""What a model asks of this machine: the memory of its weights by precision, and without a GPU the time."""

from studio.memory import NF4_BYTES
from studio.model_shapes import ModelShape

OPERATIONS = 6
"""Floating point operations of training for one parameter and token (Kaplan et al. 2020, section 2.1)."""
CORE = (20e9, 100e9)
"""Of those, what one core does in a second: 28 and 90 measured with QLoRA on models of 70 and 140 million parameters, 48
when the starter was made; an estimate for a first look, until runs of this machine tell."""


def weights_in_memory(shape: ModelShape) -> dict[str, float]:
    """Bytes of the weights by precision. Only the linear layers are quantised; the rest stays in 16 bits."""
    linear, other = shape.linear_parameters, 2 * shape.other_parameters
    return {
        "4-bit": linear * NF4_BYTES + other, "8-bit": linear + other, "bf16": 2.0 * shape.parameters, "fp16": 2.0 * shape.parameters,
        "32-bit": 4.0 * shape.parameters,
    }  # fmt: skip


def seconds_without_gpu(parameters: int, tokens: float, cores: int) -> tuple[float, float]:
    """The least and the most that training over so many tokens may take."""
    operations = OPERATIONS * parameters * tokens / max(cores, 1)
    return operations / CORE[1], operations / CORE[0]
