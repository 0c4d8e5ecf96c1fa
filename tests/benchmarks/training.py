"""A studio run against a plain TRL script with the same recipe, both in processes of their own, in turns.

`python -m tests.benchmarks.training [PAIRS [SEEDS]]` prints three figures of the default recipe on the sample (short rows):
- `ratio`: tokens a second of ours over the script's, from the first to the last optimiser step, without loading,
  evaluations, sample answers and checkpoints (at least 0.98);
- `time_ratio`: the whole training after the first step, ours with its sample answers over the script's, which evaluates and
  saves as often, with the same batch and as many optimiser steps (at most 0.5). Of the best evaluation loss of each (both
  nats a token that is answered) comes
  `loss_difference`, the mean of ours less that of the script (no worse: within twice `loss_spread`, the standard error of
  that difference, for one seed differs from the next by a fifth);
- `start_ratio`: from Start, or from the start of the script, to the end of the first optimiser step (at most 1.1), both
  with the evaluation before the first step. `start_ratio_unevaluated` compares without any evaluation in either.
`ratio` and the starts are medians of PAIRS short pairs, `time_ratio` of SEEDS whole ones. Each comes in processor seconds
too (`..._cpu`), which other work on the machine disturbs less; of a start with those of the verb.
"""

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from studio import Project, Recipe
from studio.examples import Dataset
from studio.models import STARTER

PAIRS = SEEDS = 3
SHORT = 0.4
"""Epochs of a short pair."""
PLAIN = """
import json, sys, time, torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer

class Clock(TrainerCallback):
    seconds, first = 0.0, None
    def on_train_begin(self, *_, **__): self.since = time.monotonic()
    def on_step_end(self, *_, **__):
        self.seconds += time.monotonic() - self.since
        self.since = time.monotonic()
        self.first = self.first or (time.time(), time.process_time())
    def on_evaluate(self, *_, **__): self.since = time.monotonic()
    def on_save(self, *_, **__): self.since = time.monotonic()
    def on_train_end(self, *_, **__): self.last = (time.time(), time.process_time())

class Plain(SFTTrainer):
    # TRL's evaluation is a mean of the means of its batches; ours is the mean of all tokens that are answered
    def evaluation_loop(self, *arguments, **options):
        self.scored = []
        found = super().evaluation_loop(*arguments, **options)
        found.metrics["eval_loss"] = sum(loss * count for loss, count in self.scored) / sum(count for _, count in self.scored)
        return found
    def prediction_step(self, model, inputs, *arguments, **options):
        found = super().prediction_step(model, inputs, *arguments, **options)
        self.scored.append((found[0].item(), (inputs["labels"][:, 1:] != -100).sum().item()))
        return found

starter, rows, watched, folder, recipe = *sys.argv[1:5], json.loads(sys.argv[5])
quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                               bnb_4bit_compute_dtype=torch.bfloat16)
model = AutoModelForCausalLM.from_pretrained(starter, quantization_config=quantised, dtype=torch.bfloat16)
model.config.use_cache = False
for module in model.modules():
    if hasattr(module, "support_avx512bf16_for_cpu"):
        module.support_avx512bf16_for_cpu = False
tokenizer = AutoTokenizer.from_pretrained(starter)
every = min(1 / recipe["evaluations"], 0.9999)
clock = Clock()
trainer = Plain(
    model=model, processing_class=tokenizer, train_dataset=Dataset.from_json(rows), callbacks=[clock],
    eval_dataset=Dataset.from_json(watched) if watched else None,
    peft_config=LoraConfig(r=recipe["r"], lora_alpha=recipe["alpha"], lora_dropout=recipe["dropout"],
                           target_modules="all-linear", task_type="CAUSAL_LM"),
    args=SFTConfig(output_dir=folder, use_cpu=not torch.cuda.is_available(), bf16=torch.cuda.is_available(), report_to="none",
                   num_train_epochs=recipe["epochs"], per_device_train_batch_size=recipe["batch_size"],
                   per_device_eval_batch_size=recipe["batch_size"],
                   gradient_accumulation_steps=recipe["accumulation"], learning_rate=recipe["learning_rate"],
                   weight_decay=recipe["weight_decay"], warmup_steps=recipe["warmup_share"], lr_scheduler_type=recipe["schedule"],
                   max_length=recipe["max_length"], optim=recipe["optimizer"], max_grad_norm=recipe["max_gradient_norm"],
                   gradient_checkpointing=recipe["gradient_checkpointing"], logging_steps=recipe["logging_steps"],
                   eval_strategy="steps" if watched else "no", eval_steps=every, eval_on_start=bool(watched),
                   save_strategy="steps", save_steps=every, save_total_limit=2, load_best_model_at_end=bool(watched),
                   metric_for_best_model="eval_loss" if watched else None, greater_is_better=False,
                   assistant_only_loss=True, disable_tqdm=True, dataloader_pin_memory=False, seed=recipe["seed"]))
trainer.train()
print(json.dumps({
    "first": clock.first[0], "start_cpu": clock.first[1], "seconds": clock.last[0] - clock.first[0],
    "cpu": clock.last[1] - clock.first[1], "steps": trainer.state.global_step, "loss": trainer.state.best_metric,
    "speed": max(row.get("num_tokens", 0) for row in trainer.state.log_history) / clock.seconds}))
"""


def plain(folder: Path, recipe: Recipe, train: Dataset, watched: Dataset | None) -> dict[str, float]:
    """Seconds from the start to the end of the first step (`start`) and from there to the last (`seconds`), both also of
    the processor; tokens a second of the steps alone (`speed`); optimiser steps, and the best evaluation loss."""
    place = Path(tempfile.mkdtemp(dir=folder))
    files = ["", ""]
    for at, dataset in enumerate((train, watched)):
        if dataset is not None:
            file = place / f"{at}.jsonl"
            file.write_text("".join(json.dumps({"messages": list(one)}) + "\n" for one in dataset.examples["messages"]))
            files[at] = str(file)
    began = time.time()
    command = [
        sys.executable,
        "-c",
        PLAIN,
        str(STARTER),
        *files,
        str(place / "checkpoints"),
        json.dumps(recipe.model_dump()),
    ]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(printed.splitlines()[-1])
    return {**found, "start": found["first"] - began}


def ours(project: Project, recipe: Recipe, train: Dataset, watched: Dataset | None) -> dict[str, float]:
    """The same of a run, whose process is watched from outside."""
    began, used_before = time.time(), time.process_time()
    run = project.train(train, recipe, evaluation=watched)
    asked = time.process_time() - used_before
    first: tuple[float, float] | None = None
    last = (began, 0.0)
    process = psutil.Process(run.job.state.pid)
    while run.state in ("queued", "running"):
        try:
            used = process.cpu_times()
            last = (time.time(), used.user + used.system)
        except psutil.NoSuchProcess:
            break
        if first is None and run.job.progress.note.startswith("step"):
            first = last
        time.sleep(0.02 if first is None else 0.1)
    run.wait()
    assert first is not None
    result = run.result
    return {
        "start": first[0] - began, "start_cpu": asked + first[1], "seconds": last[0] - first[0], "cpu": last[1] - first[1],
        "steps": result["steps"], "loss": result["best_eval_loss"], "speed": result["tokens_per_second"],
    }  # fmt: skip


def main(pairs: int, seeds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project.open("benchmark", home=folder)
        train, watched = project.split(project.filter(project.load(Project.sample())), test=0.1, seed=0)
        recipe = Recipe.recommended(train, model="starter")

        def changed(**choices: Any) -> Recipe:
            return Recipe(**{**recipe.model_dump(), **choices})

        short = changed(epochs=SHORT, evaluations=1)
        measured: dict[str, list[dict[str, Any]]] = {}
        for name, choices, evaluation in [
            *[("watched", short, watched)] * pairs, *[("unwatched", short, None)] * pairs,
            *[("whole", changed(seed=seed), watched) for seed in range(seeds)],
        ]:  # fmt: skip
            for whose, found in (
                ("plain", plain(Path(folder), choices, train, evaluation)), ("ours", ours(project, choices, train, evaluation)),
            ):  # fmt: skip
                measured.setdefault(f"{whose} {name}", []).append(found)
                print(f"{whose} {name}: {found}", file=sys.stderr, flush=True)

        def over(field: str, *kinds: str) -> float:
            """The median of ours over that of the script."""
            mine, theirs = (
                statistics.median(found[field] for kind in kinds for found in measured[f"{whose} {kind}"])
                for whose in ("ours", "plain")
            )
            return mine / theirs

        losses, plain_losses = ([found["loss"] for found in measured[f"{whose} whole"]] for whose in ("ours", "plain"))
        print(json.dumps({
            "name": "training", "ratio": over("speed", "watched", "unwatched"),
            "time_ratio": over("seconds", "whole"), "time_ratio_cpu": over("cpu", "whole"),
            "steps": [measured[f"{whose} whole"][0]["steps"] for whose in ("ours", "plain")],
            "evaluation_loss": [losses, plain_losses],
            "loss_difference": statistics.mean(losses) - statistics.mean(plain_losses),
            "loss_spread": standard_error(losses, plain_losses),
            "start_ratio": over("start", "watched"), "start_ratio_cpu": over("start_cpu", "watched"),
            "start_ratio_unevaluated": over("start", "unwatched"), "start_ratio_unevaluated_cpu": over("start_cpu", "unwatched"),
            "measured": measured,
        }))  # fmt: skip


def standard_error(*samples: list[float]) -> float | None:
    """Of the difference of their means; nothing is known of it from one value each."""
    if min(len(sample) for sample in samples) < 2:
        return None
    return math.sqrt(sum(statistics.variance(sample) / len(sample) for sample in samples))


if __name__ == "__main__":
    main(*(int(sys.argv[at]) if len(sys.argv) > at else count for at, count in ((1, PAIRS), (2, SEEDS))))
