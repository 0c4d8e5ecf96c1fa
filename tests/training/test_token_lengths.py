"""Lengths are those of the chosen model where its tokenizer is here; else it is said whose they are."""

import json
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from studio import Project, Recipe
from studio.chat import TokenCounter
from studio.examples import Dataset
from studio.models import STARTER
from studio.training.token_lengths import OwnCount, own_count


@pytest.fixture
def data(tmp_path: Path) -> tuple[Project, Dataset]:
    file = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"What is {at} and {at}?", "completion": "one more " * (at % 40) + str(at)} for at in range(300)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.open("lengths", home=tmp_path)
    return project, project.load(file)


@pytest.fixture
def by_bytes(tmp_path: Path) -> Path:
    """A model folder like the starter's whose tokens are single bytes."""
    folder = tmp_path / "by-bytes"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    alphabet = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_part_is_counted_with_the_models_own_tokenizer(data: tuple[Project, Dataset], by_bytes: Path) -> None:
    project, dataset = data
    messages = [list(one) for one in dataset.examples["messages"]]
    real = TokenCounter(by_bytes).count_many(messages)
    found = own_count(dataset, str(by_bytes))
    assert found.longest == max(real)
    assert found.factor == pytest.approx(sum(real) / dataset.examples["tokens"].sum(), rel=0.05)
    assert found.factor > 1.5 and "model's own vocabulary on" in found.words
    starters, own = Recipe.recommended(dataset), Recipe.recommended(dataset, str(by_bytes))
    assert starters.max_length < max(real) <= own.max_length
    assert (
        "own vocabulary" in project.memory(own, dataset)["text"]
        and "own vocabulary" in project.cost(own, dataset)["text"]
    )
    needed, of_starter = (project.memory(recipe, dataset)["parts"]["activations"] for recipe in (own, starters))
    assert needed > 1.5 * of_starter


def test_without_it_is_said_whose_count_it_is(data: tuple[Project, Dataset]) -> None:
    project, dataset = data
    assert own_count(dataset, "starter") == OwnCount()
    found = own_count(dataset, "nobody/has-this-1B")
    assert found.factor == 1 and "starter's vocabulary" in found.words
    assert "starter's vocabulary" in project.memory(Recipe(model="nobody/has-this-1B"), dataset)["text"]
