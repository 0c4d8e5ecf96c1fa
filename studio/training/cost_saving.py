"""The guide's cost-saving settings (G12): what each saves, and what it would change in a recipe."""

from dataclasses import dataclass, field
from typing import Any

from studio.hardware import Machine
from studio.training.recipe import Recipe

ACCUMULATION, PATIENCE = 8, 3
LEAST_EVALUATIONS = 5
"""Fewer could hardly end anything early."""
REASON = "the guide's cost-saving setting"
ALREADY = "already so"


@dataclass(frozen=True)
class Setting:
    """One of the guide's: `saves` in words, `here` what it means for this recipe, `values` the fields that it changes (none
    where it is so already, or cannot be)."""

    name: str
    saves: str
    here: str
    values: dict[str, Any] = field(default_factory=dict)


def settings(recipe: Recipe, machine: Machine, evaluated: bool) -> list[Setting]:
    """All five, in the guide's order. `evaluated`: whether there is an evaluation, without which nothing ends early."""
    return [
        _checkpointing(recipe),
        _bf16(machine),
        _optimiser(recipe),
        _accumulation(recipe),
        _patience(recipe, evaluated),
    ]


def _checkpointing(recipe: Recipe) -> Setting:
    name, saves = "gradient checkpointing", "memory, so that a smaller card does; about 30 % slower"
    if recipe.gradient_checkpointing:
        return Setting(name, saves, ALREADY)
    return Setting(name, saves, "off now", {"gradient_checkpointing": True})


def _bf16(machine: Machine) -> Setting:
    here = f"{ALREADY}, on every GPU" if machine.device == "cuda" else "only a GPU trains in it; there is none here"
    return Setting("bf16", "half of the memory of activations, and time", here)


def _optimiser(recipe: Recipe) -> Setting:
    name, saves = "paged 8-bit AdamW", "three quarters of the optimiser's memory"
    if "8bit" in recipe.optimizer:
        return Setting(name, saves, ALREADY)
    return Setting(name, saves, f"{recipe.optimizer} now", {"optimizer": "paged_adamw_8bit"})


def _accumulation(recipe: Recipe) -> Setting:
    """The step keeps its examples, so what is learned stays the same."""
    name, saves = f"accumulation {ACCUMULATION}", "memory of activations: fewer examples at once, as many a step"
    if recipe.accumulation >= ACCUMULATION:
        return Setting(name, saves, ALREADY)
    together = recipe.batch_size * recipe.accumulation
    batch, over = divmod(together, ACCUMULATION)
    least = 2 if recipe.objective == "kto" else 1
    if over or batch < least:
        return Setting(name, saves, f"left: {together} examples a step cannot be taken in {ACCUMULATION} passes")
    here = f"{recipe.accumulation} now; the batch becomes {batch}, so that a step stays {together} examples"
    return Setting(name, saves, here, {"accumulation": ACCUMULATION, "batch_size": batch})


def _patience(recipe: Recipe, evaluated: bool) -> Setting:
    name, saves = (
        f"early stopping, patience {PATIENCE}",
        "the time after the loss of the evaluation has stopped getting better",
    )
    if not evaluated:
        return Setting(name, saves, "left: it needs an evaluation, and none is chosen")
    if 0 < recipe.patience <= PATIENCE:
        return Setting(name, saves, ALREADY)
    values: dict[str, Any] = {"patience": PATIENCE}
    if recipe.evaluations < LEAST_EVALUATIONS:
        values["evaluations"] = LEAST_EVALUATIONS
    return Setting(name, saves, f"{recipe.patience} now" if recipe.patience else "off now", values)
