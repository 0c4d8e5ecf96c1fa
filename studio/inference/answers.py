"""Greedy answers of one model copy: batched, with or without the adapter row by row, and streamed.

`adapter_names` gives each row its adapter ("tuned") or the untouched base ("__base__"): both run in one batch over
one copy of the weights. Answers are cut from the prompt by token position and end at the first end token.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studio import chat
from studio.chat import Message
from studio.errors import InputError
from studio.inference import adapters
from studio.models import BASE, TUNED

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH_TOKENS = 16_384
"""Prompt and answer tokens held in one batch: about 2 GiB of cache for a 7B model with grouped-query attention."""
MAX_NEW_TOKENS = 512
LEAST_NEW_TOKENS = 8
STEP_SECONDS = 0.04
"""Between two texts of a stream: what a reader sees as flowing, without decoding every token."""


@dataclass(frozen=True)
class Contestant:
    """Who answers: the base or the adapter, with `shots`, examples that are put into the prompt."""

    name: str
    adapter: bool = False
    shots: list[list[Message]] = field(default_factory=list)

    @property
    def adapter_name(self) -> str:
        return TUNED if self.adapter else BASE

    def conversation(self, question: Sequence[Message]) -> list[Message]:
        """The question with the shots before it; the question's own system message stays the only one."""
        system = [message for message in question[:1] if message["role"] == "system"]
        turns = [message for shot in self.shots for message in shot if message["role"] != "system"]
        return [*system, *turns, *question[len(system) :]]


def context_length(model: "PreTrainedModel") -> int | None:
    """How many tokens the model can see at once, where it says so."""
    length = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(length) if length else None


def room_for_answer(model: "PreTrainedModel", prompt_length: int, wanted: int) -> int:
    """How many of the `wanted` new tokens fit behind the prompt; 0 or less when the prompt itself is too long."""
    limit = context_length(model)
    return wanted if limit is None else min(wanted, limit - prompt_length)


def generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    conversations: Sequence[Sequence[Message]],
    adapter_names: Sequence[str] | None = None,
    max_new_tokens: int = MAX_NEW_TOKENS,
    should_stop: Callable[[], bool] | None = None,
    on_done: Callable[[int], None] | None = None,
    tools: Sequence[str | None] | None = None,
) -> list[str]:
    """One greedy answer for each conversation (which ends with a question), in the order given. `tools`: for each the JSON
    text of the tools on offer, which the template shows as it does in training.

    Prompts are sorted by length, so that little of a batch is padding. `on_done` is told how many answers are there;
    when `should_stop` turns true the answers end where they are and the rest stays empty. Raises InputError for a
    prompt that fills the model's context.
    """
    offered = tools if tools is not None else [None] * len(conversations)
    prompts = [chat.prompt_ids(tokenizer, *asked) for asked in zip(conversations, offered, strict=True)]
    answers = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    done = 0
    for rows in _batches(order, prompts, max_new_tokens):
        if should_stop is not None and should_stop():
            break
        names = None if adapter_names is None else [adapter_names[row] for row in rows]
        ids = _generate(model, tokenizer, [prompts[row] for row in rows], names, max_new_tokens, should_stop)
        for row, answer in zip(rows, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True):
            answers[row] = answer
        done += len(rows)
        if on_done is not None:
            on_done(done)
    return answers


def _batches(order: list[int], prompts: list[list[int]], max_new_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) + 1) * (len(prompts[row]) + max_new_tokens) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _generate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    adapter_names: list[str] | None,
    max_new_tokens: int,
    should_stop: Callable[[], bool] | None,
) -> list[list[int]]:
    """The new tokens of each prompt; a batch that doesn't fit into memory is halved."""
    import torch

    def stop_when_asked(_: "torch.Tensor") -> bool:
        return should_stop is not None and should_stop()

    try:
        return _generate_batch(model, tokenizer, prompts, adapter_names, max_new_tokens, stop_when_asked)
    except torch.OutOfMemoryError:
        if len(prompts) == 1:
            raise
    torch.cuda.empty_cache()
    middle = len(prompts) // 2
    halves = []
    for part in (slice(0, middle), slice(middle, None)):
        names = None if adapter_names is None else adapter_names[part]
        halves += _generate(model, tokenizer, prompts[part], names, max_new_tokens, should_stop)
    return halves


def _generate_batch(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    adapter_names: list[str] | None,
    max_new_tokens: int,
    on_step: Callable[["torch.Tensor"], bool],
) -> list[list[int]]:
    """`on_step` sees the new tokens of all rows after each step and ends the generation by returning True."""
    if adapter_names is not None and len(set(adapter_names)) > 1 and not adapters.can_mix(model):
        return _one_after_the_other(model, tokenizer, prompts, adapter_names, max_new_tokens, on_step)
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    width = max(len(prompt) for prompt in prompts)
    room = room_for_answer(model, width, max_new_tokens)
    if room < min(max_new_tokens, LEAST_NEW_TOKENS):
        raise InputError(
            "The prompt is too long for this model",
            f"{width} tokens of {context_length(model)}",
            "Shorten it, or leave out examples",
        )

    class Watch(StoppingCriteria):
        def __call__(self, input_ids: "torch.Tensor", scores: Any, **_: Any) -> "torch.Tensor":
            return torch.full((len(input_ids),), on_step(input_ids[:, width:]), device=input_ids.device)

    ends = chat.end_token_ids(tokenizer)
    input_ids, mask = left_padded(prompts, int(tokenizer.pad_token_id), model.device)
    with adapters.speaking(model, adapter_names) as options:
        generated = model.generate(
            input_ids=input_ids,
            attention_mask=mask,
            max_new_tokens=room,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            use_cache=True,
            eos_token_id=ends,
            pad_token_id=tokenizer.pad_token_id,
            stopping_criteria=StoppingCriteriaList([Watch()]),
            **options,
        )
    return [_until_end(row, ends) for row in generated[:, width:].tolist()]


def _one_after_the_other(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    adapter_names: list[str],
    max_new_tokens: int,
    on_step: Callable[["torch.Tensor"], bool],
) -> list[list[int]]:
    """The same for a model whose adapter can't share a pass with the base; rows not yet begun show an end token."""
    import torch

    end = chat.end_token_ids(tokenizer)[0]
    answers: list[list[int]] = [[] for _ in prompts]
    for name in dict.fromkeys(adapter_names):
        rows = [row for row, wanted in enumerate(adapter_names) if wanted == name]

        def step(new_tokens: "torch.Tensor", rows: list[int] = rows) -> bool:
            so_far = [list(answer) for answer in answers]
            for row, ids in zip(rows, new_tokens.tolist(), strict=True):
                so_far[row] = ids
            width = max(len(ids) for ids in so_far)
            return on_step(torch.tensor([ids + [end] * (width - len(ids)) for ids in so_far]))

        asked = [prompts[row] for row in rows]
        found = _generate_batch(model, tokenizer, asked, [name] * len(rows), max_new_tokens, step)
        for row, ids in zip(rows, found, strict=True):
            answers[row] = ids
    return answers


def left_padded(rows: list[list[int]], pad: int, device: "torch.device | str") -> tuple["torch.Tensor", "torch.Tensor"]:
    """Token ids and attention mask, rows x longest row, padded on the left."""
    import torch

    width = max(len(row) for row in rows)
    ids = [[pad] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _until_end(ids: list[int], ends: list[int]) -> list[int]:
    for position, token in enumerate(ids):
        if token in ends:
            return ids[:position]
    return ids


def stream_pair(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    max_new_tokens: int = MAX_NEW_TOKENS,
    model_thread: Executor | None = None,
    tools: str | None = None,
) -> Iterator[dict[str, str]]:
    """{"base": text so far, "tuned": text so far}, growing together from ONE mixed batch over one copy of the weights.

    Closing the iterator ends the generation. `model_thread` is that in which the model was loaded: on a CPU each thread
    that computes has workers of its own, and two sets of them make every step twice as slow.
    """
    prompt = chat.prompt_ids(tokenizer, messages, tools)
    for texts in _stream(model, tokenizer, [prompt, prompt], [BASE, TUNED], max_new_tokens, model_thread):
        yield {"base": texts[0], "tuned": texts[1]}


def stream(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    max_new_tokens: int = MAX_NEW_TOKENS,
    model_thread: Executor | None = None,
    tools: str | None = None,
) -> Iterator[str]:
    """The text so far of a model that stands alone (after a full training)."""
    prompt = chat.prompt_ids(tokenizer, messages, tools)
    for texts in _stream(model, tokenizer, [prompt], None, max_new_tokens, model_thread):
        yield texts[0]


def _stream(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompts: list[list[int]],
    adapter_names: list[str] | None,
    max_new_tokens: int,
    model_thread: Executor | None,
) -> Iterator[list[str]]:
    """Generation in another thread; what it has written so far comes back through a queue, a few times a second."""
    steps: queue.SimpleQueue[list[list[int]] | BaseException | None] = queue.SimpleQueue()
    closed = threading.Event()
    ends = chat.end_token_ids(tokenizer)
    shown = 0.0

    def on_step(new_tokens: "torch.Tensor") -> bool:
        nonlocal shown
        if (now := time.monotonic()) - shown >= STEP_SECONDS:
            shown = now
            steps.put(new_tokens.tolist())
        return closed.is_set()

    def work() -> None:
        try:
            steps.put(_generate_batch(model, tokenizer, prompts, adapter_names, max_new_tokens, on_step))
            steps.put(None)
        except BaseException as error:  # handed to the reader's thread
            steps.put(error)

    with ExitStack() as until_done:
        thread = model_thread or until_done.enter_context(ThreadPoolExecutor(1))
        ended = thread.submit(work)
        try:
            while (step := steps.get()) is not None:
                if isinstance(step, BaseException):
                    raise step
                yield [_decode(tokenizer, _until_end(row, ends)) for row in step]
        finally:
            closed.set()
            ended.result()


def _decode(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    """The text of the tokens so far, without a character of which only the first bytes are there."""
    return str(tokenizer.decode(ids, skip_special_tokens=True)).removesuffix("\ufffd")
