"""One training on several devices: the same batch for each optimiser step, divided, and a stop that all agree on."""

import os
from dataclasses import dataclass

from studio import hardware
from studio.errors import RecipeError
from studio.training.recipe import Recipe


@dataclass(frozen=True)
class Share:
    """What each of the processes does: `batch_size` examples a pass, `accumulation` passes a step; and that in words."""

    batch_size: int
    accumulation: int
    words: str


def share_of(recipe: Recipe, processes: int) -> Share:
    """Divides the batch of an optimiser step so that all processes together take as many examples as one would: fewer
    passes where they divide evenly, else fewer examples a pass. Raises RecipeError when the batch cannot be divided."""
    together = recipe.batch_size * recipe.accumulation
    if processes == 1:
        return Share(recipe.batch_size, recipe.accumulation, f"{together:,} examples a step on one device")
    each, over = divmod(together, processes)
    if over:
        raise RecipeError(
            [f"{together} examples a step cannot be divided among {processes} devices: choose a batch size times accumulation that {processes} divides"]
        )  # fmt: skip
    batch = max(size for size in range(1, min(recipe.batch_size, each) + 1) if each % size == 0)
    words = f"{together:,} examples a step, as on one device: {processes} devices x {batch} examples x {each // batch} passes"
    return Share(batch, each // batch, words)


def mistakes(recipe: Recipe, processes: int, sharded: bool) -> list[str]:
    """Every reason why no machine can train the recipe so."""
    found = []
    if processes < 1:
        found.append(f"processes is {processes}; it is at least 1")
    if sharded and processes == 1:
        found.append("sharded (FSDP) needs more than one process")
    if sharded and recipe.quantisation == "8bit":
        found.append(
            "an 8-bit base cannot be sharded: FSDP joins weights of one dtype, and 8-bit ones are int8 beside 16-bit ones; use qlora with 4 bits, or lora"
        )  # fmt: skip
    try:
        share_of(recipe, max(1, processes))
    except RecipeError as error:
        found += error.mistakes
    return found


def devices() -> tuple[int, str]:
    """How many devices of this machine one training may take, and that in words."""
    if hardware.machine().device != "cuda":
        return (
            1,
            "It trains on the processor: there is no GPU that can be used, and nothing to divide a training among.",
        )
    if (count := hardware.gpus()) < 2:
        return 1, "It trains on the one GPU of this machine: with several, their number is chosen here."
    return (
        count,
        f"This machine has {count} GPUs. Each step takes the same examples, divided among those that you choose. With kto "
        "alone the loss is not quite that of one GPU: an answer is compared with others on its own GPU, and the last step "
        "of an epoch repeats some.",
    )


def check(recipe: Recipe, processes: int, sharded: bool) -> Share:
    """Raises RecipeError with every reason why the recipe cannot be trained so on this machine."""
    found = mistakes(recipe, processes, sharded)
    if sharded and os.environ.get("FSDP_VERSION") == "2" and recipe.method == "qlora":
        found.append(
            "FSDP2 cannot hold 4-bit weights (accelerate 1.15, its issue 3874): unset FSDP_VERSION, which takes FSDP1"
        )
    if processes > 1 and hardware.machine().device == "cuda" and hardware.gpus() < processes:
        found.append(f"processes is {processes}, but this machine has {hardware.gpus()} GPU")
    if sharded and hardware.machine().device != "cuda":
        found.append("sharded (FSDP) needs GPUs, and none can be used here")
    if found:
        raise RecipeError(found)
    return share_of(recipe, processes)


def choices(processes: int, sharded: bool) -> dict[str, bool | int]:
    """What the request of a run says of its processes; nothing for one."""
    if processes == 1:
        return {}
    return {"processes": processes, "sharded": sharded, "cpu": hardware.machine().device != "cuda"}


def any_of(flag: bool) -> bool:
    """Whether the flag is up in any of the processes, the same answer in all: otherwise one would stop at a step and the
    others wait for it for ever."""
    import torch.distributed as distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return flag
    import torch

    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    raised = torch.tensor(int(flag), device=device)
    distributed.all_reduce(raised, distributed.ReduceOp.MAX)
    return bool(raised.item())
