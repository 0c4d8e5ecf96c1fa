"""Trains one recipe in its own process, top to bottom: data, model, trainer, resume, adapter, result."""

import re
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import hardware, prices, store
from studio.errors import StudioError
from studio.examples import open_dataset
from studio.jobs import endings, launching
from studio.jobs.job import Job, Stopped
from studio.training import calibration, checkpoints, out_of_memory, targets, unused_gpu
from studio.training.imports import import_bitsandbytes
from studio.training.launching import share_of
from studio.training.rows import encode_rows
from studio.training.run import Run
from studio.training.spending import AROUND, Meter


def work(job: Job) -> None:
    """Trains; when the memory runs out, the error says which settings fit."""
    begun = time.monotonic()
    import_bitsandbytes()  # before whatever else imports it
    from studio.training.progress import memory_used

    try:
        train(job, begun)
    except Exception as error:
        if not endings.is_out_of_memory(error):
            raise
        # what this process holds is free when it has ended
        fitting = Run(job.folder).changes_that_fit(hardware.machine().memory_free + memory_used())
        raise out_of_memory.explained(error, fitting) from error


def train(job: Job, begun: float) -> None:
    import torch
    from peft import LoraConfig
    from transformers import set_seed

    from studio import models
    from studio.training.evaluating import BEYOND, EvaluatesEvenly
    from studio.training.progress import ProgressCallback
    from studio.training.samples import SampleCallback
    from studio.training.tracking import WandbCallback
    from studio.training.trainer import TRAINERS, Patience, options_for

    run, project_folder = Run(job.folder), Path(job.request["project_folder"])
    data_folder = Path(job.request.get("data_folder", project_folder))  # the trials of a search learn from a sample
    if run.is_complete:  # it was killed after its last write and before its state
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)
        return
    recipe = run.recipe
    share = share_of(recipe, int(job.request.get("processes", 1)))
    on_gpu = torch.cuda.is_available()
    unused_gpu.note(job.folder, on_gpu)
    job.report(0, 1, "loading the model")
    # the price as it is now: what the run costs does not change with a later one
    meter = Meter(job.folder, prices.own_price(job.home), hardware.machine().name, begun)
    set_seed(recipe.seed)
    model, tokenizer = models.load(recipe.model, recipe.quantisation, for_training=True, home=job.home)
    if recipe.method == "full":
        model = model.float()

    encoded = encode_rows(tokenizer, open_dataset(data_folder, run.train_dataset), recipe)
    if said := encoded.sentence():
        print(said, flush=True)
    evaluation_rows = None
    if run.evaluation_dataset:
        evaluation_rows = encode_rows(tokenizer, open_dataset(data_folder, run.evaluation_dataset), recipe).rows

    configuration, trainer_class = TRAINERS[recipe.objective]
    arguments = configuration(
        output_dir=str(job.folder / "checkpoints"),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=share.batch_size,
        per_device_eval_batch_size=share.batch_size,
        gradient_accumulation_steps=share.accumulation,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        lr_scheduler_type=recipe.scheduler,
        optim=recipe.optimizer,
        max_grad_norm=recipe.max_gradient_norm,
        activation_checkpointing=recipe.gradient_checkpointing,
        logging_steps=recipe.logging_steps,
        eval_strategy="steps" if evaluation_rows else "no",
        eval_steps=BEYOND if evaluation_rows else None,
        eval_on_start=bool(evaluation_rows),
        save_strategy="steps",
        save_steps=BEYOND,
        load_best_model_at_end=bool(evaluation_rows),
        metric_for_best_model="eval_loss" if evaluation_rows else None,
        greater_is_better=False,
        use_cpu=not on_gpu,
        bf16=on_gpu,
        dataloader_pin_memory=on_gpu,
        seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
        logging_nan_inf_filter=False,  # a loss that is not a number is said, not smoothed away
        **options_for(recipe, encoded.rows),
    )
    adapter = None
    if recipe.uses_adapter:
        targets.check_model(model, recipe.targets)
        adapter = LoraConfig(
            r=recipe.r, lora_alpha=recipe.alpha, lora_dropout=recipe.dropout, target_modules=recipe.targets, bias="none",
            task_type="CAUSAL_LM", use_dora=recipe.use_dora, use_rslora=recipe.use_rslora,
        )  # fmt: skip
    progress = ProgressCallback(job, job.folder / "metrics.jsonl", recipe, meter)
    patience = Patience(recipe)
    trainer = trainer_class(
        model=model,
        args=arguments,
        train_dataset=encoded.rows,
        eval_dataset=evaluation_rows,
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=[
            EvaluatesEvenly(recipe),
            SampleCallback.of(run),
            progress,
            *([patience] if recipe.patience else []),
            *([WandbCallback(run)] if recipe.wandb else []),
        ],
    )
    # packing has left fewer rows than there are examples
    arguments.warmup_steps = int(recipe.warmup_share * recipe.steps_for(len(trainer.train_dataset)))
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    trainer.recipe = recipe
    trainer.checkpoints_kept = job.request.get("checkpoints_kept", checkpoints.KEPT)
    checkpoints.remove_halves(job.folder / "checkpoints")
    checkpoint = checkpoints.last_whole(job.folder / "checkpoints")
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Stopped:  # before the first step: it has learned nothing yet
        return

    job.report(1, 1, "saving")
    save_model(trainer, tokenizer, run)
    if launching.rank() > 0:
        return
    meter.ends(AROUND)
    state, spent = trainer.state, meter.so_far
    ended = patience.ended or (state.global_step >= state.max_steps and not trainer.evaluation_cut)
    store.write_json(
        job.folder / "result.json",
        {
            "steps": state.global_step,
            "of_steps": state.max_steps,
            "best_step": state.best_global_step or state.global_step,
            "best_eval_loss": state.best_metric,
            **asdict(spent),
            "parts": meter.parts,
            "evaluations": meter.evaluations,
            "tokens": progress.tokens_before + progress.tokens_seen,
            "tokens_per_second": progress.tokens_seen / max(progress.training_seconds, 1e-9),
            "truncated": encoded.truncated,
            "left_out": encoded.left_out,
            "tools_hidden": encoded.tools_hidden,
            "ended_early": patience.ended,
            "complete": ended,
            **progress.parameters,
            "peak_memory": peak_memory(on_gpu),
            **({"reserved_memory": torch.cuda.max_memory_reserved()} if on_gpu else {}),
        },
    )
    if int(job.request.get("processes", 1)) == 1:
        with suppress(StudioError, OSError, ValueError):  # a lesson lost is no reason to fail a run
            learned_from = open_dataset(data_folder, run.train_dataset)
            watched = open_dataset(data_folder, run.evaluation_dataset) if run.evaluation_dataset else None
            calibration.record(job.home, job.folder, recipe, learned_from, hardware.machine(), run.result, watched)
    if run.is_complete:
        shutil.rmtree(job.folder / "checkpoints", ignore_errors=True)


def save_model(trainer: Any, tokenizer: Any, run: Run) -> None:
    """The adapter (or, after a full training, the model in bf16), whole; an earlier one stands until it is."""
    import torch

    # where the weights are in shards every process gives its own
    weights = trainer.accelerator.get_state_dict(trainer.model) if trainer.is_fsdp_enabled else None
    if launching.rank() > 0:
        return
    with store.replacing_folder(run.folder / "adapter") as folder:
        model = trainer.accelerator.unwrap_model(trainer.model)
        if not run.recipe.uses_adapter:
            model = model.to(torch.bfloat16)
        model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
        tokenizer.save_pretrained(folder)


def peak_memory(on_gpu: bool) -> int:
    """Bytes: of the GPU, or the resident memory of this process."""
    if on_gpu:
        import torch

        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)):
        return int(found[1]) * 1024
    import resource

    # on Linux at least what the process had that started this one: a child inherits it
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * 1024
