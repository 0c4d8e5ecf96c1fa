"""A stop that comes while a training evaluates: what it has learned is saved at once, and judged when it goes on. Before
the first step there is nothing to save, and it begins anew."""

from pathlib import Path
from typing import Any

from studio.jobs.job import Stopped
from studio.training.recipe import Recipe


class EvaluationStopped(Exception):
    """Raised between two batches of an evaluation, in all processes at the same one."""


class StoppingEvaluations:
    """Beside a trainer of transformers, which evaluates before it saves: an evaluation may take longer than whoever
    stopped it is ready to wait."""

    args: Any
    state: Any
    control: Any
    recipe: Recipe
    evaluation_cut = False
    """Whether the last of what it learned was not judged."""

    def _evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        try:
            metrics: dict[str, float] = super()._evaluate(*arguments, **options)  # type: ignore[misc]
        except EvaluationStopped:
            if not self.state.global_step:  # a step more, and nobody would ever know what the base says
                raise Stopped from None
            self.evaluation_cut = True
            self.control.should_evaluate = False  # as after an evaluation, else the end of the epoch brings another
            self.control.should_save = self.control.should_training_stop = True
            return {}
        if options.get("skip_scheduler"):  # the one at the start
            self._judge_belatedly(metrics)
        return metrics

    def _run_epoch(self, *arguments: Any, **options: Any) -> None:
        """Where the evaluation at the start has ended the run, the trainer would learn one step more."""
        if not self.control.should_training_stop:
            super()._run_epoch(*arguments, **options)  # type: ignore[misc]

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        return bool(metrics) and bool(super()._determine_best_metric(metrics=metrics, trial=trial))  # type: ignore[misc]

    def _judge_belatedly(self, metrics: dict[str, float]) -> None:
        """Where the run was stopped instead of judged this may be its best checkpoint, which no later look would find."""
        step = self.state.global_step
        was_due = step in self.recipe.evaluation_steps(self.state.max_steps)
        judged = [said for said in self.state.log_history if "eval_loss" in said and said["step"] == step]
        if was_due and len(judged) == 1 and self._determine_best_metric(metrics, None):
            self.state.best_model_checkpoint = str(Path(self.args.output_dir) / f"checkpoint-{step}")
