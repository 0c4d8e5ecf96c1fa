"""Rows that teach nothing, so that several processes divide each step evenly and still learn what one would.

accelerate 1.15 repeats rows of the beginning where the last step of an epoch, or the last batches of an evaluation, have
fewer than the processes take together: these would count twice.
"""

from typing import Any

from transformers import TrainerCallback

TOKENS = 2
"""Of a row that fills; no model looks at an empty one."""


def missing(rows: int, together: int) -> int:
    """How many rows fill up the last that go together."""
    return -rows % together


def filled(rows: Any, together: int) -> Any:
    """A datasets.Dataset that is these rows, and behind them as many that teach nothing as fill up the last `together`: a
    text of which nothing is learned, or a pair of two empty answers."""
    import datasets

    count = missing(len(rows), together)
    if not count:
        return rows
    first = rows[0]
    nothing: dict[str, Any] = {
        "input_ids": list(first.get("input_ids", ())[:TOKENS]), "labels": [-100] * TOKENS, "seq_lengths": [TOKENS],
        "prompt_ids": list(first.get("prompt_ids", ())[:TOKENS]), "chosen_ids": [], "rejected_ids": [],
        "ref_chosen_logps": 0.0, "ref_rejected_logps": 0.0,
    }  # fmt: skip
    fill = datasets.Dataset.from_dict(
        {name: [nothing[name]] * count for name in rows.column_names}, features=rows.features
    )
    return datasets.concatenate_datasets([rows, fill])


class WithoutFilling(TrainerCallback):  # type: ignore[misc]
    """Takes the tokens of the rows that fill up the last step of each epoch from those that TRL counts."""

    def __init__(self, trainer: Any, tokens: int, steps: int) -> None:
        self.trainer, self.tokens, self.steps = trainer, tokens, steps
        """Tokens that fill one epoch, and its optimiser steps."""

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.steps == 0:
            self.trainer._total_train_tokens -= self.tokens
            self.trainer._metrics["train"]["num_tokens"] = [self.trainer._total_train_tokens]


class Dividing:
    """Beside a trainer of transformers: what several processes learn and evaluate is filled up once it is prepared."""

    args: Any
    train_dataset: Any
    eval_dataset: Any
    rows_to_evaluate: int | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.rows_to_learn = len(self.train_dataset)
        if self.args.world_size == 1:
            return
        self.train_dataset = filled(self.train_dataset, self.rows_a_step)
        if self.eval_dataset is not None:
            self.rows_to_evaluate = len(self.eval_dataset)
            self.eval_dataset = filled(self.eval_dataset, self.args.eval_batch_size * self.args.world_size)
        if fill := len(self.train_dataset) - self.rows_to_learn:
            tokens = fill * TOKENS * self.texts_a_row
            self.add_callback(WithoutFilling(self, tokens, len(self.train_dataset) // self.rows_a_step))  # type: ignore[attr-defined]

    texts_a_row = 1

    @property
    def rows_a_step(self) -> int:
        """Of all processes, in all passes."""
        each = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        return int(each * self.args.world_size)
