"""Packed rows lose nothing and know nothing of each other."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from trl import SFTConfig

from studio import Recipe, models
from studio.training.trainer import Trainer, options_for

LONGEST = 48
IGNORED = -100


def rows() -> Dataset:
    """Thirty rows of 5 to 34 tokens and one of 130, each with a question that is not learned."""
    chance = torch.Generator().manual_seed(0)
    lengths = [*range(5, 35), 130]
    ids = [torch.randint(3, 1900, (length,), generator=chance).tolist() for length in lengths]
    labels = [[IGNORED] * (len(row) // 3) + row[len(row) // 3 :] for row in ids]
    return Dataset.from_dict({"input_ids": ids, "labels": labels})


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    model, tokenizer = models.load("starter", for_training=True)
    recipe = Recipe(method="full", packing=True, max_length=LONGEST)
    folder: Path = tmp_path_factory.mktemp("packed")
    return Trainer(
        model=model, processing_class=tokenizer, train_dataset=rows(),
        args=SFTConfig(output_dir=str(folder), activation_checkpointing=False, use_cpu=not torch.cuda.is_available(), report_to="none", **options_for(recipe, rows())),
    )  # fmt: skip


def documents(trainer: Any) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Tokens and labels of every document of every packed row."""
    found = []
    for row in trainer.train_dataset:
        at = 0
        for length in row["seq_lengths"]:
            found.append((tuple(row["input_ids"][at : at + length]), tuple(row["labels"][at : at + length])))
            at += length
        assert at == len(row["input_ids"]) <= LONGEST
    return found


def test_every_token_is_there_once_and_what_is_too_long_is_split(trainer: Any) -> None:
    expected = [
        (tuple(row["input_ids"][at : at + LONGEST]), tuple(row["labels"][at : at + LONGEST]))
        for row in rows()
        for at in range(0, len(row["input_ids"]), LONGEST)
    ]
    assert Counter(documents(trainer)) == Counter(expected)
    assert len(trainer.train_dataset) < len(rows()) / 1.5
    # the first token of a piece follows nothing: of a row in three pieces two are seen and not asked
    collated = trainer.data_collator(list(trainer.train_dataset))
    learned = sum(label != IGNORED for row in rows() for label in row["labels"])
    assert int((collated["labels"] != IGNORED).sum()) == learned - 2


def test_a_document_is_understood_as_if_it_were_alone(trainer: Any) -> None:
    model = trainer.model.eval()
    collated = trainer.data_collator(list(trainer.train_dataset.select(range(4))))
    collated.pop("labels")
    with torch.no_grad():
        packed = model(**collated, use_cache=False).logits[0]
        starts = (collated["position_ids"][0] == 0).nonzero().flatten().tolist()
        ends = [*starts[1:], len(packed)]
        assert len(starts) > 4
        for start, end in zip(starts, ends, strict=True):
            alone = model(input_ids=collated["input_ids"][:, start:end], use_cache=False).logits[0]
            torch.testing.assert_close(packed[start:end], alone, atol=1e-4, rtol=0)
        far = model(input_ids=collated["input_ids"], use_cache=False).logits[0]
        assert (far[starts[1] :] - packed[starts[1] :]).abs().max() > 0.1  # without the isolation it is another answer
