"""The loss of an evaluation is of all that it looks at together: how the rows are divided into batches says nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM
from trl import DPOConfig, SFTConfig

from studio import Recipe, models
from studio.training.trainer import PairTrainer, Trainer, options_for

pytestmark = pytest.mark.usefixtures("one_thread")
IGNORED = -100
BATCHES = (1, 2, 4, 8)
ALIKE = 1e-5
"""relative: sums of numbers in 32 bits, in another order"""


def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, vocab_size=2048,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def tokens(count: int, seed: int) -> list[int]:
    chance = torch.Generator().manual_seed(seed)
    return [int(token) for token in torch.randint(3, 1900, (count,), generator=chance)]


def answers() -> Dataset:
    """Thirteen questions, some answered with one word and some with many."""
    ids = [tokens(6 + (30 if at % 3 == 0 else 1), at) for at in range(13)]
    return Dataset.from_dict({"input_ids": ids, "labels": [[IGNORED] * 6 + row[6:] for row in ids]})


def pairs() -> Dataset:
    """Seven pairs, so that the last batch is smaller than the others."""
    rows = {
        "prompt_ids": [tokens(5, at) for at in range(7)],
        "chosen_ids": [tokens(2 + 3 * at, 10 + at) for at in range(7)],
        "rejected_ids": [tokens(3, 20 + at) for at in range(7)],
    }
    return Dataset.from_dict(rows)


def evaluated(folder: Path, batch: int, packing: bool = False) -> float:
    _, tokenizer = models.load("starter", for_training=True)
    recipe = Recipe(method="full", packing=packing, max_length=64)
    trainer = Trainer(
        model=model(), processing_class=tokenizer, train_dataset=answers(), eval_dataset=answers(),
        args=SFTConfig(
            output_dir=str(folder), per_device_eval_batch_size=batch, activation_checkpointing=False, use_cpu=True, bf16=False, report_to="none",
            **options_for(recipe, answers()),
        ),
    )  # fmt: skip
    return float(trainer.evaluate()["eval_loss"])


def test_it_is_the_mean_of_the_tokens_that_are_answered(tmp_path: Path) -> None:
    scored = model().eval()
    summed, count = 0.0, 0
    for row in answers():
        with torch.no_grad():
            logits = scored(torch.tensor([row["input_ids"]])).logits[0, 5:-1]
        wanted = torch.tensor(row["input_ids"][6:])
        summed += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
    for packing in (False, True):
        for batch in BATCHES:
            assert evaluated(tmp_path, batch, packing) == pytest.approx(summed / count, rel=ALIKE)


@pytest.mark.parametrize("passes", [1, 2])
def test_of_the_steps_between_two_points_it_is_that_too(tmp_path: Path, passes: int) -> None:
    """Thirteen rows in steps of four: the last step has one, which weighs no more than it holds."""
    _, tokenizer = models.load("starter", for_training=True)
    options = options_for(Recipe(method="full", packing=False, max_length=64), answers())
    trainer = Trainer(
        model=model(), processing_class=tokenizer, train_dataset=answers(), eval_dataset=answers(),
        args=SFTConfig(
            output_dir=str(tmp_path), per_device_train_batch_size=4 // passes, gradient_accumulation_steps=passes, learning_rate=1e-30,
            num_train_epochs=1, logging_steps=4, activation_checkpointing=False, use_cpu=True, bf16=False, report_to="none",
            save_strategy="no", **options,
        ),
    )  # fmt: skip
    trainer.train()
    (logged,) = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert logged == pytest.approx(evaluated(tmp_path / "whole", 4), rel=ALIKE)


def test_of_pairs_it_is_the_mean_of_the_pairs(tmp_path: Path) -> None:
    _, tokenizer = models.load("starter", for_training=True)
    found = []
    for batch in BATCHES:
        torch.manual_seed(1)
        reference, learner = model(), model()
        for weight in learner.parameters():
            weight.data += 0.1 * torch.randn_like(weight)
        trainer = PairTrainer(
            model=learner, ref_model=reference, processing_class=tokenizer, train_dataset=pairs(), eval_dataset=pairs(),
            args=DPOConfig(
                output_dir=str(tmp_path), per_device_eval_batch_size=batch, activation_checkpointing=False, use_cpu=True, bf16=False, report_to="none",
                max_length=None,
            ),
        )  # fmt: skip
        trainer.evaluate()
        found.append(trainer.state.log_history[-1])
    for name in ("eval_loss", "eval_rewards/accuracies", "eval_rewards/margins"):
        assert [one[name] for one in found] == pytest.approx([found[0][name]] * len(found), rel=ALIKE)
