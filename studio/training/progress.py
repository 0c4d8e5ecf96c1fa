"""Listens to the trainer: metrics to the run's folder, progress to the job, and a stop from the job to the trainer."""

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from studio import store
from studio.jobs.job import Job
from studio.training.run import REWARDS


class ProgressCallback(TrainerCallback):  # type: ignore[misc]
    def __init__(self, job: Job, metrics: Path) -> None:
        self.job, self.metrics = job, metrics
        self.begun = time.monotonic()
        self.tokens = self.tokens_seen = 0.0
        self.training_seconds = self.logged_at = 0.0
        """From the first step's beginning to the last one's end, without evaluations and checkpoints."""
        self._since = self.begun

    def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self.begun = self._since = time.monotonic()

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        self.training_seconds += now - self._since
        self._since = now
        self.job.report(state.global_step, state.max_steps, f"step {state.global_step:,} of {state.max_steps:,}")
        if self.job.stop_requested():
            control.should_save = control.should_training_stop = True

    def on_evaluate(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()

    def on_save(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()

    def on_log(self, arguments: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        self.tokens_seen = max(self.tokens_seen, logs.get("num_tokens", 0.0))
        if "loss" not in logs and "eval_loss" not in logs:
            return  # the trainer's closing summary
        now = time.monotonic()
        row: dict[str, float] = {
            "step": state.global_step,
            "epoch": logs.get("epoch", 0.0),
            "seconds": now - self.begun,
        }
        if "eval_loss" in logs:
            row["eval_loss"] = logs["eval_loss"]
        else:
            row |= {
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "gradient_norm": float(logs["grad_norm"]),
            }
            tokens = logs.get("num_tokens", 0.0)
            row["tokens_per_second"] = (tokens - self.tokens) / max(self.training_seconds - self.logged_at, 1e-9)
            self.tokens, self.logged_at = tokens, self.training_seconds
        prefix = "eval_" if "eval_loss" in logs else ""
        row |= {prefix + name: logs[prefix + key] for key, name in REWARDS.items() if prefix + key in logs}
        store.append_json_line(self.metrics, row, on_disk=False)
