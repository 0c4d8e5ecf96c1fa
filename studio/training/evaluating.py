"""When a training evaluates and saves. The trainer of transformers knows only "every so many steps", by which ten evaluations
of eleven steps would be six."""

from typing import Any

from transformers import TrainerCallback

from studio.training.recipe import Recipe

BEYOND = 2**31 - 1
"""More steps than any training has: of its own the trainer then evaluates and saves after the last one alone."""


class EvaluatesEvenly(TrainerCallback):  # type: ignore[misc]
    """Asks for what is due after the recipe's evaluation steps; give the trainer BEYOND as its own."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.steps: frozenset[int] = frozenset()

    def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self.steps = frozenset(self.recipe.evaluation_steps(state.max_steps))
        state.eval_steps = state.save_steps = BEYOND  # the checkpoint of an earlier studio has others

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step in self.steps:
            control.should_save = True
            control.should_evaluate = arguments.eval_strategy != "no"
