"""A recipe that fits the data and the model: each value with its reason.

Packing or a large batch never leave so few optimiser steps that nothing is learned: about FEWEST_STEPS, else a smaller
batch and more epochs.
"""

import math
from typing import Any

from studio import hardware
from studio.examples import Dataset
from studio.memory import ModelShape
from studio.training import objectives

FEWEST_STEPS = 100
POINTS, MOST_BETWEEN = 50, 25
"""On the loss curve, and the optimiser steps between two of them: whoever looks at a long run sees it move all the same."""
MOST_EPOCHS = {"sft": 10, "dpo": 3, "kto": 3}
"""A model that sees the same comparison too often only learns to avoid words."""
TINY = 0.1
"""Billions of parameters below which memory and time are no concern."""
ADAPTER_RATES = [(TINY, 1e-3), (9, 2e-4), (30, 1e-4), (math.inf, 5e-5)]
"""Up to so many billions of parameters, the learning rate of an adapter (G8 for 7B and more)."""
BETA = 0.1
ASKED, CHOSEN = "as asked for", "chosen by you"
PREFERENCES = {
    "beta": "near enough to the model as it began that it keeps what it knows (DPO, section 6)",
    "packing": "two answers to one question can't share a row with others",
    "dropout": "the model and what it began as are compared without chance",
}
OTHERS = {
    "model": ASKED,
    "method": ASKED,
    "base_bits": "a quarter of the memory of 16 bits, with nearly the same result (QLoRA, section 4)",
    "objective": "the answers are learned as they are",
    "beta": "for dpo and kto alone",
    "weight_decay": "small, as usual with AdamW",
    "schedule": "large steps first, then ever smaller ones",
    "use_dora": "off: it takes longer, and this rank learns well without",
    "use_rslora": "off: it helps at high ranks",
    "patience": "never: the best evaluation is kept whenever the run ends",
    "samples": "enough to see it learn, and they take seconds",
    "wandb": "off: the curves are kept here, and go out only when you say so",
    "seed": "the same seed gives the same run",
}
"""Why a field is at its default, where nothing about data, model or machine speaks for another value."""
FOR_QLORA = "for qlora alone"
OF_AN_ADAPTER = ("r", "alpha", "dropout", "targets", "use_dora", "use_rslora")


def recommend(
    dataset: Dataset, model: str, method: str, given: objectives.Objective | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of a Recipe and the reason for each. The objective follows the data unless it is given."""
    from studio.training.recommended_size import example_lengths, into_memory, length_for

    rows = objectives.count_rows(dataset)
    shape = ModelShape.of(model)
    billions = shape.parameters / 1e9
    tiny = billions < TINY
    values: dict[str, Any] = {"model": model, "method": method}
    reasons: dict[str, str] = {}

    def choose(field: str, value: Any, reason: str) -> None:
        values[field], reasons[field] = value, reason

    found, why = objectives.fitting(rows)
    objective = given or found
    choose("objective", objective, why if objective == found else CHOSEN)
    if objective != "sft":
        choose("beta", BETA, PREFERENCES["beta"])
    if method == "full":
        choose("learning_rate", *learning_rate(objective, method, billions))
    batch, accumulation, epochs, steps = _steps(rows, objective, tiny)
    choose("batch_size", batch, "the model is tiny, so many rows go at once" if tiny else "it fits what is free here")
    choose("accumulation", accumulation, f"{batch * accumulation} examples make one step")
    choose("epochs", epochs, _on_steps(rows, objective, steps))
    lengths = example_lengths(dataset, model, shape.context)
    choose("max_length", *length_for(dataset, model, objective, lengths, shape.context))
    if objective == "sft":
        packed = epochs * float(lengths.sum()) / values["max_length"] / (batch * accumulation)
        choose("packing", *_packing(tiny, steps, packed))
    else:
        choose("packing", False, PREFERENCES["packing"])
    choose("gradient_checkpointing", not tiny, "memory is no concern at this size" if tiny else "saves memory")
    choose(
        "optimizer", "paged_adamw_8bit" if billions >= 0.5 else "adamw_torch",
        "an optimiser state of 2 bytes a weight" if billions >= 0.5 else "exact, and small here",
    )  # fmt: skip
    between = max(1, int(steps) // POINTS)
    often = "about fifty points on the loss curve" if between <= MOST_BETWEEN else "the loss is seen to move all along"
    choose("logging_steps", min(between, MOST_BETWEEN), often)
    choose("evaluations", 6, "often enough to see it turn")
    choose("warmup_share", 0.05, "a gentle start")
    choose("max_gradient_norm", 1.0, "cuts only spikes")
    if method != "full":
        for field, (value, why) in of_an_adapter(objective, shape).items():
            choose(field, value, why)
    into_memory(values, reasons, shape, dataset)
    return values, explained(reasons, method)


def of_an_adapter(objective: str, shape: ModelShape) -> dict[str, tuple[Any, str]]:
    """What an adapter has and a training of all weights has not, and its learning rate: each value and why."""
    billions = shape.parameters / 1e9
    without, against = "a tiny adapter needs none", "against learning by heart"
    dropout = (0.0, without) if billions < TINY else (0.05, against)
    if shape.routed:
        dropout = (0.0, "PEFT's adapters on routed experts can have none")
    targets: tuple[Any, str] = (
        "all-linear",
        "adapters on every linear layer come near a full training (QLoRA, section 4)",
    )
    if shape.not_adapted:
        targets = (
            shape.modules,
            f"every linear layer but {' and '.join(shape.not_adapted)}, which cannot learn so (PEFT)",
        )
    return {
        "learning_rate": learning_rate(objective, "lora", billions),
        "r": (16, "enough for a format or a style"),
        "alpha": (32, "twice the rank"),
        "dropout": dropout if objective == "sft" else (0.0, PREFERENCES["dropout"]),
        "targets": targets,
        "use_dora": (False, OTHERS["use_dora"]),
        "use_rslora": (False, OTHERS["use_rslora"]),
    }


def explained(reasons: dict[str, str], method: str) -> dict[str, str]:
    """With a reason also for each field that nothing spoke of."""
    found = {**OTHERS, **reasons}
    if method != "qlora":
        found["base_bits"] = FOR_QLORA
    if method == "full":
        found |= dict.fromkeys(OF_AN_ADAPTER, "not used: all weights are trained")
    return found


def preference_rate(rate: float, billions: float) -> float:
    """Of the learning rate of an adapter that writes answers, what is right for preferences."""
    return rate / 5 if billions < TINY else rate / 20


def learning_rate(objective: str, method: str, billions: float) -> tuple[float, str]:
    """The rate and why."""
    adapter = next(rate for size, rate in ADAPTER_RATES if billions < size)
    if objective != "sft":
        if method == "full":
            return (
                (5e-5, "a very small model")
                if billions < TINY
                else (1e-6, "all weights move, and preferences need little")
            )
        why = "preferences move a model that can already answer: a fraction of what learning answers takes"
        return preference_rate(adapter, billions), why
    if method == "full":
        if billions < TINY:
            return 5e-4, "a very small model"
        return 2e-5, "all weights move, so each moves less than an adapter's"
    return adapter, f"adapters of a model of {_size(billions)} learn well at this rate"


def _packing(tiny: bool, steps: float, packed: float) -> tuple[bool, str]:
    """With so many optimiser steps, and so many of packed rows."""
    if hardware.machine().device == "cpu":
        # TRL lays the rows of a batch end to end, and a CPU then computes attention between all of them
        return False, "rows of one length go together already, and packed ones take a CPU longer"
    if not tiny and steps > 20 * FEWEST_STEPS and packed >= FEWEST_STEPS:
        return True, "there is enough data that packing saves time and leaves steps enough"
    return False, "packing short rows would leave too few steps"


def _steps(rows: objectives.Rows, objective: objectives.Objective, tiny: bool) -> tuple[int, int, float, float]:
    """Batch size, accumulation, epochs and the optimiser steps that they make."""
    seen = rows.shown(objective)
    batch, accumulation = (16, 1) if tiny else (4, 4)
    epochs = 3.0 if objective == "sft" else 1.0
    smallest = 4 if objective == "sft" else 8  # few comparisons in one step say little

    def steps() -> float:
        return math.ceil(seen / (batch * accumulation)) * epochs

    while math.ceil(seen / (batch * accumulation)) * 3 < FEWEST_STEPS and batch * accumulation > smallest:
        batch, accumulation = (batch, accumulation // 2) if accumulation > 1 else (batch // 2, 1)
    while steps() < FEWEST_STEPS and epochs < MOST_EPOCHS[objective]:
        epochs += 1
    return batch, accumulation, epochs, steps()


def _on_steps(rows: objectives.Rows, objective: objectives.Objective, steps: float) -> str:
    few = f": few, because {rows.shown(objective)} examples are few; add more"
    return f"{steps:.0f} optimiser steps" + (few if steps < FEWEST_STEPS else ", enough to learn from")


def _size(billions: float) -> str:
    return f"{billions:.1f} B parameters" if billions >= 0.1 else f"{billions * 1000:.1f} M parameters"
