"""Whether a training fits into the memory of the machine that is to be rented, as far as it can be predicted from here."""

from dataclasses import dataclass

from studio import hardware
from studio.errors import StudioError
from studio.hardware import GIB
from studio.memory import MemoryEstimate, estimate
from studio.model_shapes import ModelShape
from studio.training import calibration, launching
from studio.training.cloud.package import Plan
from studio.training.cloud.provider import Machine
from studio.training.fit import nearest_changes

DIVIDED = ("weights", "adapter", "gradients", "optimiser")
"""What FSDP divides among the GPUs; each of them works on examples of its own."""


@dataclass(frozen=True)
class Foreseen:
    """`parameters` of the model, 0 where nothing is known of it. `memory` is a sentence where it does not fit, or may not;
    else empty: it fits, or nobody knows."""

    parameters: int = 0
    memory: str = ""


def foresee(plan: Plan, machine: Machine) -> Foreseen:
    """By the configuration of the model, or by the size in its name; loads no weights."""
    try:
        shape = ModelShape.of(plan.recipe.model)
    except StudioError:  # a model of the Hub that is not here and has no size in its name
        return Foreseen()
    if machine.memory is None:
        return Foreseen(shape.parameters)
    size = machine.memory * GIB
    card = hardware.Machine("cuda", machine.name, 1, size, size, size, size, None)
    each = launching.share_of(plan.recipe, plan.gpus)
    recipe = plan.recipe.model_copy(update={"batch_size": each.batch_size, "accumulation": each.accumulation})
    longest = calibration.longest_example(plan.dataset, recipe)
    found = estimate(shape, recipe, card, longest)
    low, high = _divided(found, plan.gpus) if plan.sharded else (found.low, found.high)
    if high <= size:
        return Foreseen(shape.parameters)
    verdict = "may not fit" if low <= size else "does not fit"
    where = f"each GPU of {machine.name}" if plan.gpus > 1 else machine.name
    said = f"By what is predicted it needs {low / GIB:,.0f} to {high / GIB:,.0f} GB, and {where} has {machine.memory} GB: it {verdict}."
    said += shape.doubt
    # of several GPUs the changes would be those of one GPU's share of the batch
    changes = [] if plan.gpus > 1 else nearest_changes(shape, recipe, card, longest)
    if changes:
        said += f" What would make it fit: {changes[0].words}."
    return Foreseen(shape.parameters, said)


def _divided(found: MemoryEstimate, gpus: int) -> tuple[float, float]:
    """The interval for one of the GPUs among which the weights and what belongs to them are divided."""
    spared = sum(found.parts[name] for name in DIVIDED) * (1 - 1 / gpus)
    share = 1 - spared / found.expected
    return found.low * share, found.high * share
