"""TRL's trainers by objective, with a resume that continues to the last bit, and rows that are tokens already."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from studio.memory import attends_whole
from studio.training import checkpoints
from studio.training.head import add_head
from studio.training.order import ByLength
from studio.training.recipe import Recipe
from studio.training.stopping import StoppingEvaluations
from studio.training.unpacked import keep_unpacked
from studio.training.whole_loss import WholeLoss, WholePairLoss, WholeRowLoss


class Continuing(StoppingEvaluations):
    """Beside a trainer of transformers: checkpoints are on disk before older ones go, and a resume takes the adapter
    back as it was."""

    model: Any
    args: Any
    state: Any
    accelerator: Any
    checkpoints_kept = checkpoints.KEPT

    def _save_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """The trainer's own limit is off, for it removes the older ones while the disk may have nothing of the new one."""
        super()._save_checkpoint(*arguments, **options)  # type: ignore[misc]
        self.accelerator.wait_for_everyone()  # each process writes its random state
        if self.args.should_save:
            folder, best = Path(self.args.output_dir), self.state.best_model_checkpoint
            checkpoints.seal(folder / f"checkpoint-{self.state.global_step}")
            checkpoints.remove_old(folder, Path(best) if best else None, self.checkpoints_kept)

    def _load_from_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """TRL 1.16 trains the adapter of a 4-bit model in bf16, but peft 0.21 gives it back in float32: then each step
        after a resume is rounded in another way than it would have been, and takes twice the memory."""
        dtypes = {name: weight.dtype for name, weight in self.model.named_parameters() if weight.requires_grad}
        super()._load_from_checkpoint(*arguments, **options)  # type: ignore[misc]
        for name, weight in self.model.named_parameters():
            if name in dtypes:
                weight.data = weight.data.to(dtypes[name])


class Trainer(Continuing, WholeLoss, SFTTrainer):  # type: ignore[misc]
    """Learns to write the answers as they are. Rows of about one length go together, and a CPU scores what is learned
    alone, unpacks weights once where they fit, and attends in the way that is quickest there."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._epochs = Epochs()
        self.add_callback(self._epochs)
        if self.args.use_cpu:
            model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
            add_head(model)
            keep_unpacked(model)
            if attends_whole("cpu", self.args.packing, int(lengths_of(self.train_dataset).max())):
                model.set_attn_implementation("eager")

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.args.packing:
            return super()._get_train_sampler(train_dataset)
        together = self._train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        self._epochs.order = ByLength(lengths_of(self.train_dataset), together, self.args.seed)
        return self._epochs.order


class Epochs(TrainerCallback):  # type: ignore[misc]
    """Tells the order which epoch begins: accelerate 1.15 does not reach it where several processes divide the rows and
    the run goes on in the middle of one."""

    order: ByLength | None = None

    def on_epoch_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if self.order is not None:
            self.order.set_epoch(int(state.epoch + 1e-6))  # of a resumed run it is a fraction


def lengths_of(rows: Any) -> "np.ndarray[Any, Any]":
    """Tokens of each row of a datasets.Dataset."""
    return pyarrow.compute.list_value_length(rows.with_format("arrow")[:]["input_ids"]).to_numpy()


class PairTrainer(Continuing, WholePairLoss, DPOTrainer):  # type: ignore[misc]
    """Learns to prefer the better of two answers. Its reference is the base with the adapter off, or, after a full
    training, what the model said of each answer before the first step: never a second copy of the weights."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


class JudgedTrainer(Continuing, WholeRowLoss, KTOTrainer):  # type: ignore[misc]
    """Learns to prefer answers judged good to answers judged bad."""

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        """Beside each answer that of the row before it in the same batch: with its prompt it tells how far the model has
        gone from where it began (KTO, section 4.1). The batches keep this order."""
        answers, size = dataset["completion_ids"][:], args.per_device_train_batch_size
        batches = [answers[start : start + size] for start in range(0, len(answers), size)]
        return dataset.add_column(
            "KL_completion_ids", [answer for batch in batches for answer in [batch[-1], *batch[:-1]]]
        )


TRAINERS: dict[str, tuple[type[Any], type[Any]]] = {
    "sft": (SFTConfig, Trainer),
    "dpo": (DPOConfig, PairTrainer),
    "kto": (KTOConfig, JudgedTrainer),
}


def options_for(recipe: Recipe, rows: Any) -> dict[str, Any]:
    """What only the trainer of this objective understands. `rows` are those to learn from."""
    if recipe.objective == "sft":
        return {"max_length": recipe.max_length, "packing": recipe.packing, "packing_strategy": "bfd_split"}
    # the rows are cut already; without an adapter the reference speaks once, before the first step
    options: dict[str, Any] = {
        "max_length": None,
        "beta": recipe.beta,
        "precompute_ref_log_probs": not recipe.uses_adapter,
    }
    if recipe.objective == "kto":
        good = sum(rows["label"])
        bad = len(rows) - good
        # both sorts weigh the same together (KTO, equation 8)
        options |= {
            "desirable_weight": max(1.0, bad / max(good, 1)),
            "undesirable_weight": max(1.0, good / max(bad, 1)),
        }
    return options


class Patience(TrainerCallback):  # type: ignore[misc]
    """Ends the run after so many evaluations without a better loss. It counts in the trainer's own history, which is in
    every checkpoint, so that a resumed run counts on."""

    def __init__(self, evaluations: int) -> None:
        self.evaluations, self.ended = evaluations, False

    def on_evaluate(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        losses = [entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry]
        if losses and len(losses) - 1 - losses.index(min(losses)) >= self.evaluations:
            self.ended = control.should_training_stop = True
