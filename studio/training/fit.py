"""The nearest changes of a recipe that make it fit into the memory that is free, the most harmless first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from studio.hardware import Machine
from studio.memory import Correction, MemoryEstimate, ModelShape, estimate
from studio.training import recommendation
from studio.training.recipe import Recipe

MOST = 4
SHORTEST = 256
"""Tokens of an example below which a shorter limit is not offered."""
FITS = "so that it fits"


@dataclass(frozen=True)
class Change:
    """Fields of the recipe with their new values, in words, and what the training needs then. `reasons`: why each of these
    values, and why those that stay where the reason that they had is gone. `recipe`: with these, and all else as it was."""

    values: dict[str, Any]
    words: str
    estimate: MemoryEstimate
    reasons: dict[str, str]
    recipe: Recipe

    @classmethod
    def of(
        cls, shape: ModelShape, recipe: Recipe, values: dict[str, Any], words: str, needs: MemoryEstimate
    ) -> "Change":
        reasons = _reasons(shape, recipe, values)
        changed = Recipe(**{**recipe.model_dump(), **values, "reasons": {**recipe.reasons, **reasons}})
        return cls(values, words, needs, reasons, changed)


def nearest_changes(
    shape: ModelShape, recipe: Recipe, machine: Machine, longest: int | None = None, correction: Correction | None = None
) -> list[Change]:  # fmt: skip
    """Changes of one setting that make it fit; where no single one does, the fewest together. Empty when it fits as it is,
    and when nothing that is known here makes it fit."""

    def judged(changed: Recipe) -> MemoryEstimate:
        return estimate(shape, changed, machine, longest, correction)

    if judged(recipe).fits:
        return []
    found = []
    for steps in STEPS:
        for values, words in steps(shape, recipe, longest):
            made = judged(_with(recipe, values))
            if made.fits:
                found.append(Change.of(shape, recipe, values, words, made))
                break
    return found[:MOST] or _together(shape, recipe, longest, judged)


def same_result(
    shape: ModelShape, recipe: Recipe, machine: Machine, correction: Correction | None = None
) -> dict[str, Any]:
    """Fields with new values that teach the same in less memory, as many as it takes to fit; empty when it fits, and when
    these are not enough."""

    def fits() -> bool:
        return estimate(shape, _with(recipe, values), machine, None, correction).fits

    values: dict[str, Any] = {}
    for steps in SAME_RESULT:
        for step, _ in steps(shape, _with(recipe, values), None):
            if fits():
                return values
            values |= step
    return values if fits() else {}


def _together(
    shape: ModelShape, recipe: Recipe, longest: int | None, judged: Callable[[Recipe], MemoryEstimate]
) -> list[Change]:
    """One setting after the other, each as far as it helps, until it fits."""
    values: dict[str, Any] = {}
    words: list[str] = []
    for steps in STEPS:
        best, tried = judged(_with(recipe, values)), None
        for step, said in steps(shape, _with(recipe, values), longest):
            made = judged(_with(recipe, {**values, **step}))
            if made.high < best.high:
                best, tried = made, (step, said)
            if made.fits:
                break
        if tried:
            values, words = {**values, **tried[0]}, [*words, tried[1]]
        if best.fits:
            return [Change.of(shape, recipe, values, ", and ".join(words), best)]
    return []


def _reasons(shape: ModelShape, recipe: Recipe, values: dict[str, Any]) -> dict[str, str]:
    method = values.get("method", recipe.method)
    found = dict.fromkeys(values, FITS)
    if method == recipe.method:
        return found
    found["base_bits"] = recommendation.OTHERS["base_bits"] if method == "qlora" else recommendation.FOR_QLORA
    if recipe.method == "full":
        found |= {field: why for field, (_, why) in recommendation.of_an_adapter(recipe.objective, shape).items()}
    return found


def _with(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    return Recipe(**{**recipe.model_dump(), **values})


Steps = Iterator[tuple[dict[str, Any], str]]


def _checkpointing(shape: ModelShape, recipe: Recipe, longest: int | None) -> Steps:
    if not recipe.gradient_checkpointing:
        yield {"gradient_checkpointing": True}, "recompute activations (same result, about 30 % slower)"


def _smaller_batches(shape: ModelShape, recipe: Recipe, longest: int | None) -> Steps:
    """The same examples a step, in more passes."""
    batch, accumulation = recipe.batch_size, recipe.accumulation
    while batch > (2 if recipe.objective == "kto" else 1) and batch % 2 == 0 and accumulation <= 512:
        batch, accumulation = batch // 2, accumulation * 2
        values = {"batch_size": batch, "accumulation": accumulation}
        yield values, f"batch {batch} and accumulation {accumulation} (the same step, a little slower)"


def _smaller_optimiser(shape: ModelShape, recipe: Recipe, longest: int | None) -> Steps:
    if "8bit" not in recipe.optimizer:
        yield {"optimizer": "paged_adamw_8bit"}, "8-bit optimiser (nearly the same result)"


def _fewer_bits(shape: ModelShape, recipe: Recipe, longest: int | None) -> Steps:
    if recipe.base_bits == 8:
        yield {"base_bits": 4}, "4 bits a weight in place of 8"
    goes_with_it: dict[str, Any] = {}
    said = ""
    if recipe.method == "full":  # a rate for all weights teaches an adapter next to nothing
        own = recommendation.of_an_adapter(recipe.objective, shape)
        goes_with_it = {field: value for field, (value, _) in own.items() if getattr(recipe, field) != value}
        if "learning_rate" in goes_with_it:
            rate = goes_with_it["learning_rate"]
            said = f", at an adapter's learning rate of {rate:g} (all weights had {recipe.learning_rate:g})"
        yield {"method": "lora", **goes_with_it}, f"LoRA: a small adapter in place of all weights{said}"
    if recipe.method != "qlora":
        yield {"method": "qlora", **goes_with_it}, f"QLoRA: the base in 4 bits, with a small adapter{said}"


def _shorter_examples(shape: ModelShape, recipe: Recipe, longest: int | None) -> Steps:
    length = recipe.max_length if longest is None or recipe.packing else min(recipe.max_length, longest)
    while length > SHORTEST:
        length = max(SHORTEST, length // 2 // 64 * 64)
        yield {"max_length": length}, f"examples of at most {length:,} tokens (longer ones are cut)"


SAME_RESULT = (_checkpointing, _smaller_batches, _smaller_optimiser)
STEPS = (*SAME_RESULT, _fewer_bits, _shorter_examples)
"""From what changes only the speed to what changes what is learned."""
