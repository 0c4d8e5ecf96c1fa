"""Answers to the same few questions at each evaluation, so that one sees it learn. They cost no training time in the
figures, move no random number, and never end a run."""

import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from studio import chat, models, store
from studio.examples import Dataset, open_dataset
from studio.inference import answers
from studio.jobs import launching
from studio.training.recipe import ANSWER_TOKENS
from studio.training.run import Run

LOOKED_AT = 200  # rows from which the questions are taken


class SampleCallback(TrainerCallback):  # type: ignore[misc]
    """Give it to the trainer before the ProgressCallback, whose clock then leaves the answers out.

    What the model answered before it learned anything is asked after the first step, with the adapter off: whoever waits
    for a run to begin does not wait for answers too. A run that was killed before they were written asks after it went on.
    A model without an adapter is asked before."""

    def __init__(self, file: Path, dataset: Dataset, count: int, max_length: int, has_evaluation: bool) -> None:
        self.file, self.dataset, self.count, self.max_length = file, dataset, count, max_length
        self.has_evaluation = has_evaluation
        self.questions: list[dict[str, Any]] = []
        self.owes_base = False

    @classmethod
    def of(cls, run: Run) -> "SampleCallback":
        """Questions of the evaluation, or of what it learns from where there is none."""
        asked = open_dataset(Path(run.job.request["project_folder"]), run.evaluation_dataset or run.train_dataset)
        recipe = run.recipe
        return cls(run.folder / "samples.jsonl", asked, recipe.samples, recipe.max_length, bool(run.evaluation_dataset))

    def on_train_begin(
        self, arguments: Any, state: Any, control: Any, model: Any, processing_class: Any, **_: Any
    ) -> None:
        if state.is_world_process_zero and self.file.exists():
            store.append_json_line(self.file, {"resumed_at": state.global_step}, on_disk=False)
        if state.is_world_process_zero and state.global_step and hasattr(model, "disable_adapter"):
            self.owes_base = not launching.is_sharded() and self.lacks_base()
        if not self.has_evaluation:
            self.ask(arguments, state, model, processing_class)

    def on_evaluate(
        self, arguments: Any, state: Any, control: Any, model: Any, processing_class: Any, **_: Any
    ) -> None:
        self.ask(arguments, state, model, processing_class)

    def on_save(self, arguments: Any, state: Any, control: Any, model: Any, processing_class: Any, **_: Any) -> None:
        if not self.has_evaluation:
            self.ask(arguments, state, model, processing_class)

    def on_step_begin(
        self, arguments: Any, state: Any, control: Any, model: Any, processing_class: Any, **_: Any
    ) -> None:
        if state.global_step:
            self.ask_base(model, processing_class)

    def on_train_end(
        self, arguments: Any, state: Any, control: Any, model: Any, processing_class: Any, **_: Any
    ) -> None:
        self.ask_base(model, processing_class)

    def lacks_base(self) -> bool:
        answered = [row for row in store.read_json_lines(self.file) if row.get("step") == 0]
        return len(answered) < min(self.count, len(self.dataset))

    def ask(self, arguments: Any, state: Any, model: Any, tokenizer: Any) -> None:
        if not self.count or not state.is_world_process_zero:
            return
        if launching.is_sharded():  # every process would have to generate in step
            print("no sample answers under FSDP", flush=True)
            self.count = 0
            return
        if state.global_step == 0 and hasattr(model, "disable_adapter"):
            self.owes_base = True
            return
        self.ask_base(model, tokenizer)
        self.write_answers(state.global_step, model, tokenizer)

    def ask_base(self, model: Any, tokenizer: Any) -> None:
        """The answers at step 0, when they are still to come."""
        if self.owes_base:
            self.owes_base = False
            self.write_answers(0, model, tokenizer)

    def write_answers(self, step: int, model: Any, tokenizer: Any) -> None:
        """At step 0 those of the model without what it has learned."""
        if not self.count:
            return
        try:
            self.questions = self.questions or choose(tokenizer, self.dataset, self.count, self.max_length)
            as_it_began = step == 0 and hasattr(model, "disable_adapter")
            with model.disable_adapter() if as_it_began else nullcontext():
                found = answer(model, tokenizer, self.questions)
            for question, said in zip(self.questions, found, strict=True):
                shown = {key: question[key] for key in ("id", "prompt", "expected")}
                store.append_json_line(self.file, {"step": step, **shown, "answer": said}, on_disk=False)
        except Exception:  # also out of memory: the training is worth more than its samples
            traceback.print_exc()
            print("sample answers are off for the rest of this run", flush=True)
            self.count = 0


def choose(tokenizer: Any, dataset: Dataset, count: int, max_length: int) -> list[dict[str, Any]]:
    """Up to `count` rows spread over the first few hundred, always the same: id, messages (the question), tools, prompt,
    expected. Rows whose question leaves no room for an answer are passed over."""
    rows = dataset.take(range(min(LOOKED_AT, len(dataset))))
    fitting = []
    for row_id, given, tools in zip(rows["id"], rows["messages"], rows["tools"], strict=True):
        messages = list(given)
        last = messages.pop() if messages and messages[-1]["role"] == "assistant" else {"content": ""}
        expected = last["content"] or last.get("tool_calls", "")
        if not messages:
            continue  # a passage: nothing is asked
        if len(chat.prompt_ids(tokenizer, messages, tools)) + ANSWER_TOKENS <= max(max_length, 2 * ANSWER_TOKENS):
            asked = {"id": row_id, "messages": messages, "tools": tools, "prompt": messages[-1]["content"]}
            fitting.append({**asked, "expected": expected})
    chosen = (
        sorted({round(place * (len(fitting) - 1) / max(1, count - 1)) for place in range(count)}) if fitting else []
    )
    return [fitting[place] for place in chosen]


def answer(model: Any, tokenizer: Any, questions: Sequence[dict[str, Any]]) -> list[str]:
    """Greedy answers of a model in the middle of its training, which goes on as if nothing had been asked: its mode and
    the random state are as before, and 4-bit weights on a CPU stay as gradients need them."""
    import torch

    if not questions:
        return []
    models.keep_weights_unpacked(model)
    was_training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(), torch.no_grad():
            asked, tools = ([question[key] for question in questions] for key in ("messages", "tools"))
            return answers.generate(model, tokenizer, asked, max_new_tokens=ANSWER_TOKENS, tools=tools)
    finally:
        model.train(was_training)
