"""An evaluation: what base, base with examples in the prompt, and tuned answer on one dataset, with their metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from studio import chat, store
from studio.chat import Message
from studio.errors import InputError, JobError, NotFoundError
from studio.evaluation import metrics
from studio.evaluation.metrics import Interval
from studio.inference import adapters
from studio.inference.answers import BATCH_TOKENS, Contestant, context_length, left_padded
from studio.jobs.job import JobView

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FORMAT = 1
SHOTS = 3
CONTESTANTS = ("base", "base_few_shot", "tuned")
METRICS = ("exact_match", "valid_json", "rouge_l", "perplexity")
LOSS_BATCH_TOKENS = BATCH_TOKENS // 2


class Evaluation(JobView):
    """One evaluation, read from its folder; `table` and `answers` are there once it is finished."""

    @property
    def is_ready(self) -> bool:
        return (self.folder / "evaluation.json").exists()

    @property
    def run_id(self) -> str:
        return str(self.job.request["run_id"])

    @property
    def dataset(self) -> str:
        """The reference of the dataset it was made on: name@vN."""
        return str(self.job.request["dataset"])

    @property
    def description(self) -> dict[str, Any]:
        """rows, left_out (ids too long for the model), shots, max_new_tokens, cut (answers at that length), seconds."""
        if not self.is_ready:
            raise JobError(f"{self.id} has no results", f"it is {self.state}", "Wait for it, or evaluate again")
        return store.read_description(self.folder / "evaluation.json", FORMAT, self.id)

    @property
    def measured_at(self) -> float:
        """When it was ready, in seconds since the epoch."""
        return (self.folder / "evaluation.json").stat().st_mtime

    @property
    def table(self) -> pd.DataFrame:
        """One row a metric; columns metric, then base, base_low, base_high, and so on for base_few_shot and tuned."""
        self.description  # noqa: B018  says why there is none
        return pd.read_parquet(self.folder / "table.parquet")

    @property
    def answers(self) -> pd.DataFrame:
        """Columns id, prompt, expected, base, base_few_shot, tuned."""
        self.description  # noqa: B018  says why there are none
        return pd.read_parquet(self.folder / "answers.parquet")


def open_evaluation(project_folder: Path, evaluation_id: str) -> Evaluation:
    folder = project_folder / "evaluations" / store.check_name(evaluation_id)
    if not (folder / "job.json").exists():
        raise NotFoundError("There is no such evaluation", evaluation_id, "Evaluate a run first")
    return Evaluation(folder)


def list_evaluations(project_folder: Path) -> list[Evaluation]:
    return [Evaluation(path.parent) for path in sorted((project_folder / "evaluations").glob("*/job.json"))]


@dataclass(frozen=True)
class Question:
    """One row of the test data: what is asked, with the tools on offer (JSON text), the answer, and that as one reads it."""

    id: str
    messages: list[Message]
    answer: Message
    expected: str
    tools: str | None = None

    @property
    def prompt(self) -> str:
        return self.messages[-1]["content"] if self.messages else ""


def questions(examples: pd.DataFrame) -> tuple[list[Question], list[str]]:
    """The rows that end with an answer, and the ids of those that don't."""
    found, without = [], []
    for row_id, messages, tools in zip(examples["id"], examples["messages"], examples["tools"], strict=True):
        try:
            asked, expected = chat.split_answer(messages)
        except InputError:
            without.append(str(row_id))
            continue
        found.append(Question(str(row_id), asked, messages[-1], expected, tools))
    return found, without


def as_answered(tokenizer: "PreTrainedTokenizerBase", question: Question) -> Question:
    """The same, with an answer that calls tools expected in the words in which the template has it learned."""
    if "tool_calls" not in question.answer:
        return question
    ids, start, end = answer_place(tokenizer, question.messages, question)
    return replace(question, expected=str(tokenizer.decode(ids[start:end], skip_special_tokens=True)))


def answer_place(
    tokenizer: "PreTrainedTokenizerBase", asked: Sequence[Message], question: Question
) -> tuple[list[int], int, int]:
    """The tokens of `asked` with the question's answer behind it, and where the answer with its end token begins and ends."""
    return chat.last_answer(tokenizer, [*asked, question.answer], question.tools)


def choose_shots(
    train: pd.DataFrame, asked: Sequence[Question], count: int = SHOTS, seed: int = 0
) -> list[list[Message]]:
    """Training examples for the prompt: drawn from the shorter half with a fixed seed, none of them a test question."""
    test_prompts = {question.prompt for question in asked}
    usable = [
        (int(tokens), messages)
        for tokens, messages in zip(train["tokens"], train["messages"], strict=True)
        if messages
        and messages[-1]["role"] == "assistant"
        and messages[-2:-1]
        and messages[-2]["content"] not in test_prompts
    ]
    usable.sort(key=lambda row: row[0])
    shorter = usable[: max(count, (len(usable) + 1) // 2)]
    drawn = np.random.default_rng(seed).permutation(len(shorter))[:count]
    return [shorter[position][1] for position in sorted(drawn)]


def fitting_shots(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    shots: list[list[Message]],
    asked: Sequence[Question],
    max_new_tokens: int,
) -> list[list[Message]]:
    """As many of the shots as leave room for the answer behind the longest question."""
    limit = context_length(model)
    if limit is None or not asked:
        return shots
    longest = max(asked, key=_characters)
    while shots:
        conversation = Contestant("base_few_shot", shots=shots).conversation(longest.messages)
        if len(chat.prompt_ids(tokenizer, conversation, longest.tools)) + max_new_tokens <= limit:
            break
        shots = shots[:-1]
    return shots


def _characters(question: Question) -> int:
    return sum(len(message["content"]) for message in question.messages) + len(question.tools or "")


def answer_losses(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    contestant: Contestant,
    asked: Sequence[Question],
    adapter_names: bool,
    should_stop: Callable[[], bool],
    on_done: Callable[[int], None],
) -> tuple[list[float], list[int]]:
    """For each question the summed loss (nats) of the expected answer with its end token, and how many tokens it has.

    Rows are left-padded, so that only the logits of the last answer tokens are ever computed.
    """
    import torch

    encoded = []
    for question in asked:
        ids, start, end = answer_place(tokenizer, contestant.conversation(question.messages), question)
        encoded.append((ids[:end], end - start))
    losses, counts = [0.0] * len(encoded), [length for _, length in encoded]
    order, done = sorted(range(len(encoded)), key=lambda row: len(encoded[row][0])), 0
    while done < len(order) and not should_stop():
        size = max(1, LOSS_BATCH_TOKENS // max(len(encoded[row][0]) for row in order[done : done + 64]))
        rows = order[done : done + min(size, 64)]
        ids, mask = left_padded([encoded[row][0] for row in rows], int(tokenizer.pad_token_id or 0), model.device)
        keep = max(counts[row] for row in rows) + 1
        names = [contestant.adapter_name] * len(rows) if adapter_names else None
        with torch.inference_mode(), adapters.speaking(model, names) as options:
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
                logits_to_keep=keep,
                use_cache=False,
                **options,
            ).logits
        for position, row in enumerate(rows):
            if (length := counts[row]) == 0:
                continue
            scores = torch.log_softmax(logits[position, -length - 1 : -1].float(), dim=-1)
            targets = ids[position, -length:]
            losses[row] = float(-scores.gather(1, targets[:, None]).sum())
        done += len(rows)
        on_done(done)
    return losses, counts


def make_table(
    asked: Sequence[Question],
    answers: dict[str, list[str]],
    losses: dict[str, tuple[list[float], list[int]]],
    seed: int = 0,
) -> pd.DataFrame:
    """The metrics of each contestant with their intervals."""
    scorer = metrics.rouge_l_scorer()
    columns: dict[str, list[Any]] = {"metric": list(METRICS)}
    for name in CONTESTANTS:
        pairs = [(question.expected, answer) for question, answer in zip(asked, answers[name], strict=True)]
        found: dict[str, Interval] = {
            "exact_match": metrics.share([metrics.exact_match(*pair) for pair in pairs]),
            "valid_json": metrics.share([metrics.valid_json(answer) for _, answer in pairs]),
            "rouge_l": metrics.mean([metrics.rouge_l(*pair, scorer) for pair in pairs], seed),
            "perplexity": metrics.perplexity(*losses[name], seed=seed),
        }
        columns[name] = [found[metric].value for metric in METRICS]
        columns[f"{name}_low"] = [found[metric].low for metric in METRICS]
        columns[f"{name}_high"] = [found[metric].high for metric in METRICS]
    return pd.DataFrame(columns)


def make_answers(asked: Sequence[Question], answers: dict[str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [question.id for question in asked],
            "prompt": [question.prompt for question in asked],
            "expected": [question.expected for question in asked],
            **{name: answers[name] for name in CONTESTANTS},
        }
    )


def write_results(folder: Path, table: pd.DataFrame, answers: pd.DataFrame, description: dict[str, Any]) -> None:
    """Each file beside and renamed, evaluation.json last: where it is, the others are whole."""
    for name, frame in (("table", table), ("answers", answers)):
        store.write_bytes(folder / f"{name}.parquet", frame.to_parquet(index=False))
    store.write_json(folder / "evaluation.json", {"format": FORMAT, **description})
