"""The process of one evaluation, top to bottom: load, answer, measure, write."""

import gc
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studio import chat, examples, models
from studio.errors import InputError
from studio.evaluation import evaluate
from studio.inference import answers
from studio.inference.answers import Contestant
from studio.jobs.job import Job
from studio.training.run import open_run

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LOSS_SHARE = 0.15
"""How much of a contestant's time the perplexity takes, next to its answers; for the time left."""


def work(job: Job) -> None:
    """Evaluates run_id on dataset (name@vN) with shots from train_dataset; a stop leaves no results."""
    began = time.time()
    request = job.request
    project_folder, max_new_tokens = Path(request["project_folder"]), int(request["max_new_tokens"])
    run = open_run(project_folder, request["run_id"])
    test = examples.open_dataset(project_folder, request["dataset"])
    train = examples.open_dataset(project_folder, request["train_dataset"] or request["dataset"])
    asked, without_answer = evaluate.questions(test.examples)

    recipe = run.recipe
    full = recipe.method == "full"
    quantisation = recipe.quantisation
    job.report(0, 1, "loading the model")
    model, tokenizer = models.load(
        recipe.model, quantisation, adapter=None if full else run.adapter_folder, home=job.home
    )

    asked = [evaluate.as_answered(tokenizer, question) for question in asked]
    kept = [question for question in asked if _fits(model, tokenizer, question)]
    left_out = sorted({question.id for question in asked} - {question.id for question in kept}) + without_answer
    if not kept:
        raise InputError("No row of the dataset can be asked", f"{len(left_out)} rows too long or without an answer")
    longest = max(len(tokenizer(question.expected, add_special_tokens=False)["input_ids"]) for question in kept)
    shots = evaluate.choose_shots(train.examples, kept)
    shots = evaluate.fitting_shots(model, tokenizer, shots, kept, min(max_new_tokens, 2 * longest))
    contestants = [Contestant("base"), Contestant("base_few_shot", shots=shots), Contestant("tuned", adapter=True)]

    given: dict[str, list[str]] = {}
    losses: dict[str, tuple[list[float], list[int]]] = {}
    each = len(kept) * (1 + LOSS_SHARE)
    for number, contestant in enumerate(contestants):
        if full and contestant.name == "tuned":  # a full training has weights of its own: the base makes room for them
            del model
            gc.collect()
            model, tokenizer = models.load(run.adapter_folder, quantisation, home=job.home, code_of=recipe.model)
            contestant = replace(contestant, adapter=False)

        def answered(done: int, name: str = contestant.name, before: float = number * each) -> None:
            job.report(before + done, len(contestants) * each, f"{name}: {done} of {len(kept)} answers")

        def measured(done: int, name: str = contestant.name, before: float = number * each + len(kept)) -> None:
            job.report(before + done * LOSS_SHARE, len(contestants) * each, f"{name}: perplexity")

        given[contestant.name] = answers.generate(
            model,
            tokenizer,
            [contestant.conversation(question.messages) for question in kept],
            adapter_names=None if full else [contestant.adapter_name] * len(kept),
            max_new_tokens=max_new_tokens,
            should_stop=job.stop_requested,
            on_done=answered,
            tools=[question.tools for question in kept],
        )
        losses[contestant.name] = evaluate.answer_losses(
            model,
            tokenizer,
            contestant,
            kept,
            adapter_names=not full,
            should_stop=job.stop_requested,
            on_done=measured,
        )
        if job.stop_requested():
            return

    evaluate.write_results(
        job.folder,
        evaluate.make_table(kept, given, losses),
        evaluate.make_answers(kept, given),
        {
            "run_id": run.id,
            "dataset": test.reference,
            "train_dataset": train.reference,
            "rows": len(kept),
            "left_out": left_out,
            "shots": len(shots),
            "max_new_tokens": max_new_tokens,
            "longest_expected": longest,
            "seconds": round(time.time() - began, 1),
        },
    )
    job.report(1, 1, "finished")


def _fits(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", question: evaluate.Question) -> bool:
    """Whether the question and its expected answer fit into the model's context."""
    limit = answers.context_length(model)
    if limit is None:
        return True
    conversation = [*question.messages, question.answer]
    return len(chat.encode(tokenizer, conversation, tools=question.tools).input_ids) <= limit - answers.LEAST_NEW_TOKENS
