"""Listens to the trainer: metrics to the run's folder, progress to the job, and a stop from the job to the trainer."""

import math
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback

from studio import store
from studio.jobs.job import Job
from studio.training import spending
from studio.training.launching import any_of
from studio.training.recipe import Recipe
from studio.training.run import PARAMETERS, REWARDS, Run, read_metrics, said_parameters, to_json_number
from studio.training.spending import Meter
from studio.training.stopping import EvaluationStopped

GPU_USE_SECONDS, GPU_USE_SHARE = 5.0, 0.005


class ProgressCallback(TrainerCallback):  # type: ignore[misc]
    def __init__(self, job: Job, metrics: Path, recipe: Recipe, meter: Meter | None = None) -> None:
        self.job, self.metrics, self.meter = job, metrics, meter
        self.begun = time.monotonic()
        self.tokens = self.tokens_seen = 0.0
        self.training_seconds = self.logged_at = 0.0
        """From the first step's beginning to the last one's end, without evaluations, sample answers and checkpoints."""
        self._since = self.begun
        self._first_step = 0
        self._seconds_before = self.tokens_before = 0.0
        self._pace = Pace(recipe)
        self._gpu = GpuUse()
        self._process = psutil.Process()
        self._process.cpu_percent()  # each answer is of the time since the question before
        self.save_every = job.request.get("save_every") or math.inf
        """optimiser steps; on a machine that may be taken away (G12)"""
        self.parameters: dict[str, int] = {}
        """Of the whole model with its adapter: trainable_parameters, all_parameters."""

    def on_init_end(self, arguments: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """The trainer has given the model its adapter, and nobody has divided it among processes yet."""
        if model is None:
            return
        trainable, every = count_parameters(model)
        self.parameters = {"trainable_parameters": trainable, "all_parameters": every}
        if state.is_world_process_zero:
            store.write_json(self.job.folder / PARAMETERS, self.parameters)
            print(f"Trainable parameters: {said_parameters(trainable, every)}", flush=True)

    def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self.begun = self._since = time.monotonic()
        self._ends(spending.STARTING)
        self._pace.step_ended(self.begun)
        self._first_step = state.global_step
        if state.best_model_checkpoint:  # where the run began its folder may have had another place
            state.best_model_checkpoint = str(Path(arguments.output_dir, Path(state.best_model_checkpoint).name))
        if not state.is_world_process_zero:
            return
        if self.meter is not None:
            self._seconds_before = self.meter.before.seconds
        if written := read_metrics(self.metrics):
            store.append_json_line(self.metrics, {"resumed_at": state.global_step}, on_disk=False)
            earlier = [row for row in written if row["step"] <= state.global_step]
            last = earlier[-1] if earlier else {"step": 0, "seconds": 0.0}
            self._seconds_before = max(self._seconds_before, last["seconds"])
            # the checkpoint may lie some steps after the last point of the curve
            ahead = state.global_step / last["step"] if last["step"] else 1.0
            self.tokens_before = max((row.get("tokens", 0.0) for row in earlier), default=0.0) * ahead

        result = Run(self.job.folder).result
        if result and result["steps"] == state.global_step:  # it was stopped there and not killed since
            self.tokens_before = result["tokens"]

    def on_step_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self._first_step + 1:  # what the base answers was asked just now
            self._since = time.monotonic()
            self._ends(spending.AROUND)
        self._pace.goes_on(time.monotonic())

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        self.training_seconds += now - self._since
        self._since = now
        self._ends(spending.LEARNING)
        self._pace.step_ended(now)
        self._tell(state, f"step {state.global_step:,} of {state.max_steps:,}")
        if state.global_step % self.save_every == 0:
            control.should_save = True
        if state.global_step >= state.max_steps:  # the curve goes to the end, however seldom points are asked for
            control.should_log = True
        if any_of(self.job.stop_requested()):
            control.should_save = control.should_training_stop = True

    def on_prediction_step(
        self, arguments: Any, state: Any, control: Any, eval_dataloader: Any = None, **_: Any
    ) -> None:
        self._pace.evaluated(len(eval_dataloader))
        done = f"{self._pace.batches:,} of {len(eval_dataloader):,} batches"
        step = f"step {state.global_step:,} of {state.max_steps:,}"
        where = f"{step}, evaluation" if state.global_step else "evaluation before the first step"
        self._tell(state, f"{where}: {done}")
        if any_of(self.job.stop_requested()):
            raise EvaluationStopped

    def _tell(self, state: Any, note: str) -> None:
        if state.is_world_process_zero:
            steps = state.global_step - self._first_step
            left = self._pace.seconds_left(state, self.training_seconds / steps) if steps else None
            self.job.report(state.global_step, state.max_steps, note, known=self._first_step, left=left)
            self._spend(state)

    def _spend(self, state: Any) -> None:
        if self.meter is not None and state.is_world_process_zero:
            self.meter.write()

    def _ends(self, part: str) -> None:
        if self.meter is not None:
            self.meter.ends(part)

    def on_evaluate(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()
        self._ends(spending.AROUND)
        self._spend(state)

    def on_save(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()
        self._ends(spending.AROUND)
        self._spend(state)

    def on_log(self, arguments: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        self.tokens_seen = max(self.tokens_seen, logs.get("num_tokens", 0.0))
        if ("loss" not in logs and "eval_loss" not in logs) or not state.is_world_process_zero:
            return  # the trainer's closing summary
        row: dict[str, float | None] = {
            "step": state.global_step,
            "of_steps": state.max_steps,
            "epoch": logs.get("epoch", 0.0),
            "seconds": self._seconds_before + time.monotonic() - self.begun,
        }
        if "eval_loss" in logs:
            self._ends(spending.EVALUATING)
            row["eval_loss"] = logs["eval_loss"]
        else:
            tokens = logs.get("num_tokens", 0.0)
            row |= {
                "loss": logs["loss"],
                "learning_rate": logs.get("learning_rate"),
                "gradient_norm": logs.get("grad_norm"),
                "tokens": self.tokens_before + tokens,
                "tokens_per_second": (tokens - self.tokens) / max(self.training_seconds - self.logged_at, 1e-9),
                "memory": memory_used(),
                "gpu_use": self._gpu.percent(),
                "cpu_use": self._process.cpu_percent() / (psutil.cpu_count() or 1),
            }
            self.tokens, self.logged_at = tokens, self.training_seconds
        prefix = "eval_" if "eval_loss" in logs else ""
        row |= {prefix + name: logs[prefix + key] for key, name in REWARDS.items() if prefix + key in logs}
        known = {key: to_json_number(value) for key, value in row.items() if value is not None}
        store.append_json_line(self.metrics, known, on_disk=False)


class Pace:
    """How long it will still take: by the steps so far, and by the evaluations, of which one may last as long as many
    steps."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.batches = self.of = 0
        """Of the evaluation that is being made."""
        self._evaluation: float | None = None  # seconds, with the answers and the checkpoint that follow it
        self._step_ended = time.monotonic()

    def step_ended(self, now: float) -> None:
        self._step_ended = now

    def evaluated(self, of: int) -> None:
        """One batch more of so many."""
        self.batches, self.of = self.batches + 1, of

    def goes_on(self, now: float) -> None:
        """With the next step."""
        if self.batches:
            self._evaluation, self.batches = now - self._step_ended, 0

    def seconds_left(self, state: Any, a_step: float) -> float:
        """With so many seconds a step."""
        left, each = a_step * (state.max_steps - state.global_step), self._evaluation
        if self.batches:
            passed = time.monotonic() - self._step_ended
            whole = passed / self.batches * self.of
            left, each = left + whole - passed, each or whole
        if each is not None:
            evaluated = state.global_step if self.batches else state.global_step - 1
            left += each * sum(step > evaluated for step in self.recipe.evaluation_steps(state.max_steps))
        return left


def count_parameters(model: Any) -> tuple[int, int]:
    """Those that are trained, and all, the adapter's among them; two weights of 4 bits in one byte are two."""
    if hasattr(model, "get_nb_trainable_parameters"):
        trainable, every = model.get_nb_trainable_parameters()
        return int(trainable), int(every)
    sizes = [(weight.numel(), weight.requires_grad) for weight in model.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)


def memory_used() -> int:
    """Bytes that this process holds now: of the GPU (with what torch keeps for the next step), else resident."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.memory_reserved())
    return int(psutil.Process().memory_info().rss)


class GpuUse:
    """How busy the driver says the GPU is, asked at most every few seconds, and the less often the longer an answer takes:
    the training waits for it."""

    def __init__(self) -> None:
        self.tool = shutil.which("nvidia-smi")
        self.asked, self.rest = float("-inf"), GPU_USE_SECONDS
        self.found: float | None = None

    def percent(self) -> float | None:
        """0 to 100; None where there is no GPU that torch uses."""
        import torch

        if self.tool is None or not torch.cuda.is_available():
            return None
        if time.monotonic() - self.asked > self.rest:
            self.asked = time.monotonic()
            card = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
            self.found = ask_gpu_use(self.tool, card)
            self.rest = max(GPU_USE_SECONDS, (time.monotonic() - self.asked) / GPU_USE_SHARE)
        return self.found


def ask_gpu_use(tool: str, card: str) -> float | None:
    command = [tool, f"--id={card}", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        return float(subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
