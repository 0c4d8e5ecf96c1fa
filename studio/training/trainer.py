"""TRL's trainers by objective, with a resume that continues to the last bit, and rows that are tokens already."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from studio.memory import attends_whole
from studio.training import checkpoints
from studio.training.adapted import join_adapters
from studio.training.filling import Dividing
from studio.training.head import add_head
from studio.training.keeping_memory import keep_freed_memory
from studio.training.order import ByLength
from studio.training.recipe import Recipe
from studio.training.saving import SavesByTime
from studio.training.short_attention import attend_shortly
from studio.training.stopping import StoppingEvaluations
from studio.training.unpacked import keep_unpacked
from studio.training.whole_loss import WholeLoss, WholePairLoss, WholeRowLoss, WholeStepLoss


class Continuing(StoppingEvaluations):
    """Beside a trainer of transformers: checkpoints come by the clock too, are on disk before older ones go, and a resume
    takes the adapter back as it was."""

    model: Any
    args: Any
    state: Any
    accelerator: Any
    checkpoints_kept = checkpoints.KEPT

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._saves = SavesByTime()
        self.add_callback(self._saves)  # type: ignore[attr-defined]

    def _save_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """The trainer's own limit is off, for it removes the older ones while the disk may have nothing of the new one."""
        begun = time.monotonic()
        super()._save_checkpoint(*arguments, **options)  # type: ignore[misc]
        self.accelerator.wait_for_everyone()  # each process writes its random state
        if self.args.should_save:
            folder, best = Path(self.args.output_dir), self.state.best_model_checkpoint
            checkpoints.seal(folder / f"checkpoint-{self.state.global_step}")
            checkpoints.remove_old(folder, Path(best) if best else None, self.checkpoints_kept)
        self._saves.saved(begun)

    def _load_from_checkpoint(self, *arguments: Any, **options: Any) -> None:
        """TRL 1.16 trains the adapter of a 4-bit model in bf16, but peft 0.21 gives it back in float32: then each step
        after a resume is rounded in another way than it would have been, and takes twice the memory."""
        dtypes = {name: weight.dtype for name, weight in self.model.named_parameters() if weight.requires_grad}
        super()._load_from_checkpoint(*arguments, **options)  # type: ignore[misc]
        for name, weight in self.model.named_parameters():
            if name in dtypes:
                weight.data = weight.data.to(dtypes[name])


class Ordered(Dividing):
    """Beside a trainer of transformers: rows of about one length go together, in the same order in one process and in
    several."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._epochs = Epochs()
        self.add_callback(self._epochs)  # type: ignore[attr-defined]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        lengths, fill = lengths_of(self.train_dataset), len(self.train_dataset) - self.rows_to_learn
        order = ByLength(lengths[: self.rows_to_learn], self.rows_a_step, self.args.seed, fill)
        self._epochs.order = order
        return order


class Trainer(Continuing, Ordered, WholeStepLoss, WholeLoss, SFTTrainer):  # type: ignore[misc]
    """Learns to write the answers as they are. A CPU scores what is learned alone, unpacks weights once where they fit,
    computes each layer with its adapter, and attends in the way that is quickest there."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.args.use_cpu:
            model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
            keep_freed_memory()
            add_head(model)
            keep_unpacked(model)
            join_adapters(model)
            if attends_whole("cpu", self.args.packing, int(lengths_of(self.train_dataset).max())):
                attend_shortly(model)


class Epochs(TrainerCallback):  # type: ignore[misc]
    """Tells the order which epoch begins: accelerate 1.15 does not reach it where several processes divide the rows and
    the run goes on in the middle of one."""

    order: ByLength | None = None

    def on_epoch_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if self.order is not None:
            self.order.set_epoch(int(state.epoch + 1e-6))  # of a resumed run it is a fraction


def lengths_of(rows: Any) -> "np.ndarray[Any, Any]":
    """Tokens of each row of a datasets.Dataset: of a pair those of its question and its longer answer."""
    table = rows.with_format("arrow")[:]

    def lengths(name: str) -> "np.ndarray[Any, Any]":
        return np.asarray(pyarrow.compute.list_value_length(table[name]))

    if "input_ids" in table.column_names:
        return lengths("input_ids")
    return lengths("prompt_ids") + np.maximum(lengths("chosen_ids"), lengths("rejected_ids"))


class PairTrainer(Continuing, Ordered, WholePairLoss, DPOTrainer):  # type: ignore[misc]
    """Learns to prefer the better of two answers. Its reference is the base with the adapter off, or, after a full
    training, what the model said of each answer before the first step: never a second copy of the weights."""

    texts_a_row = 2

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *arguments: Any) -> Any:
        """One process writes what the reference says and all read it; rows that were never on a disk have a folder of
        each process's own for that."""
        if self.args.world_size > 1:
            folder = Path(self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            dataset._get_cache_file_path = lambda fingerprint: str(folder / f"reference-{fingerprint}.arrow")
        return super()._precompute_ref_logps(dataset, *arguments)

    def compute_loss(self, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        """TRL gives the mean of a pass. Of an epoch's last step, which may have fewer pairs than its passes hold, here comes
        what makes the mean of the passes and processes that of its pairs."""
        loss = super().compute_loss(model, inputs, *arguments, **options)
        if not self.model.training:
            return loss
        steps, place = divmod(self.rows_to_learn, self.rows_a_step)
        if not place or self.state.global_step % (steps + 1) != steps:
            return loss
        better, worse = inputs["completion_mask"].any(1).chunk(2)
        filling = len(better) - int((better | worse).sum())
        passes = self.current_gradient_accumulation_steps * self.args.world_size
        return (loss * len(better) - filling * self.filling_loss) * (passes / place)


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
    every checkpoint, so that a resumed run counts on; what is judged again on resuming, and what was not due, doesn't
    count."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe, self.ended = recipe, False

    def on_evaluate(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        said = {entry["step"]: entry["eval_loss"] for entry in reversed(state.log_history) if "eval_loss" in entry}
        due = [0, *self.recipe.evaluation_steps(state.max_steps)]
        losses = [said[step] for step in due if step in said]
        if losses and len(losses) - 1 - losses.index(min(losses)) >= self.recipe.patience:
            self.ended = control.should_training_stop = True
