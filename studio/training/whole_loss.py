"""The loss of an evaluation: of all that it looks at together, however the rows are divided into batches and processes. The
loss of the steps between two points of the curve likewise.

transformers 5.23 takes the mean of the means of the batches, in which a token of a batch with few answers weighs more than
one of a batch with many: the same weights then have another loss with another batch size. Of the steps it takes the mean
too, and the last one of an epoch may have a single short row, which then makes the curve leap at its end.
"""

import math
from typing import Any

import torch


class WholeLoss:
    """Beside a trainer of transformers: `eval_loss` is in nats a token that is answered."""

    args: Any
    accelerator: Any
    rows_to_evaluate: int | None = None
    """Without what fills up the last batches; None for all."""

    def evaluation_loop(self, dataloader: Any, *arguments: Any, metric_key_prefix: str = "eval", **options: Any) -> Any:
        self._sums: list[torch.Tensor] = []
        self._counts: list[torch.Tensor] = []
        self._rows = len(dataloader.dataset) if self.rows_to_evaluate is None else self.rows_to_evaluate
        found = super().evaluation_loop(  # type: ignore[misc]
            dataloader, *arguments, metric_key_prefix=metric_key_prefix, **options
        )
        sums, counts = (torch.stack(values).float().cpu().double().sum() for values in (self._sums, self._counts))
        device = "cuda" if self.args.device.type == "cuda" else "cpu"
        summed, count = self.accelerator.reduce(torch.stack([sums, counts]).to(device)).tolist()
        found.metrics[f"{metric_key_prefix}_loss"] = summed / max(count, 1)
        self._weigh_rewards()
        return found

    def prediction_step(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        loss, logits, labels = super().prediction_step(model, inputs, *arguments, **options)  # type: ignore[misc]
        summed, count = self._summed(loss.detach().float(), inputs)
        self._sums.append(summed)
        self._counts.append(count)
        return loss, logits, labels

    def _summed(self, loss: torch.Tensor, inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the mean loss of one batch the sum, and over how many."""
        count = (inputs["labels"][:, 1:] != -100).sum()  # the first token follows nothing
        return loss * count, count

    def _weigh_rewards(self) -> None:
        """There are none where answers are learned as they are."""


class WholeStepLoss:
    """Beside a trainer of transformers that learns answers as they are: `loss` is in nats a token that is answered, of all
    the steps since it was logged last."""

    args: Any
    accelerator: Any
    current_gradient_accumulation_steps: int
    _summed_loss: Any = 0.0
    _learned: Any = 0.0
    """Tokens, of all processes."""

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)  # type: ignore[misc]
        if num_items_in_batch is not None:  # of the whole step, to whose mean each of its passes gives a part
            self._summed_loss = self._summed_loss + loss.detach() * num_items_in_batch
            self._learned = self._learned + num_items_in_batch / self.current_gradient_accumulation_steps
        return loss

    def log(self, logs: dict[str, float], *arguments: Any, **options: Any) -> None:
        if "loss" in logs and isinstance(self._summed_loss, torch.Tensor):
            summed = self.accelerator.reduce(self._summed_loss, "mean")
            logs["loss"] = float(summed) / max(float(self._learned), 1.0)
            self._summed_loss = self._learned = 0.0
        super().log(logs, *arguments, **options)  # type: ignore[misc]


class WholeRowLoss(WholeLoss):
    """The same where rows are judged: the mean of the rows."""

    _metrics: dict[str, dict[str, list[float]]]
    filling_loss: float | None = None
    """Of a row that only fills up its batch, where it is known."""

    def _summed(self, loss: torch.Tensor, inputs: Any) -> tuple[torch.Tensor, torch.Tensor]:
        size, processes = self.args.eval_batch_size, self.accelerator.num_processes
        batch = len(self._sums) * processes + self.accelerator.process_index
        count = min(size, max(0, self._rows - batch * size))
        if count < size and processes > 1 and self.filling_loss is not None:
            return loss * size - (size - count) * self.filling_loss, torch.tensor(count)
        return loss * count, torch.tensor(count)


class WholePairLoss(WholeRowLoss):
    """The same of pairs, and of the rewards of both answers."""

    filling_loss = math.log(2)
    """A pair of two empty answers is as likely either way."""

    def _weigh_rewards(self) -> None:
        """TRL keeps the mean of each round of batches, in which what fills up has a reward of nothing."""
        processes = self.accelerator.num_processes
        together = self.args.eval_batch_size * processes
        rows = [min(together, self._rows - start) for start in range(0, self._rows, together)]
        held = [together] * len(rows) if processes > 1 else rows
        for name, found in self._metrics["eval"].items():
            if name.startswith("rewards/") and len(found) == len(rows):
                summed = sum(value * count for value, count in zip(found, held, strict=True))
                self._metrics["eval"][name] = [summed / self._rows]
