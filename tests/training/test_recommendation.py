"""What is recommended follows the real lengths, the model's context, the memory that is free and how long the run is."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studio import Machine, Project, Recipe, hardware, store
from studio.examples import Dataset, write_dataset
from studio.hardware import GIB
from tests.card import taken

LLAMA_7B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11_008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 32, "vocab_size": 32_000, "tie_word_embeddings": False, "max_position_embeddings": 32_768,
}  # fmt: skip


def dataset(folder: Path, tokens: Any, rows: int = 1000, kind: str = "conversation", question: str = "a") -> Dataset:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": "b"}]
    table = pd.DataFrame({
        "id": [f"r{row:06d}" for row in range(rows)], "messages": [messages[kind == "passage":]] * rows, "source": "made", "tokens": tokens,
        "quality": 1.0, "flags": [[] for _ in range(rows)], "kind": kind,
    })  # fmt: skip
    return write_dataset(folder, "made", table)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "llama-7b"
    store.write_text(folder / "config.json", json.dumps(LLAMA_7B))
    return str(folder)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put_in(free: float, total: float = 0) -> None:
        memory = (int((total or free) * GIB), int(free * GIB))
        found = Machine("cuda", "a card", 8, *memory, 100 * GIB, 90 * GIB, None)
        monkeypatch.setattr(hardware, "machine", lambda: found)

    return put_in


def test_it_is_made_for_the_memory_that_is_free(tmp_path: Path, card: Any) -> None:
    long = dataset(tmp_path, 2000)

    def on(free: float) -> Recipe:
        card(free, 80)
        return Recipe.recommended(long, "some/model-7B")

    small, large, none = on(10), on(80), on(2)
    assert (large.batch_size, large.accumulation) == (4, 4) and "GB" not in large.reasons["batch_size"]
    assert small.batch_size < 4 and small.batch_size * small.accumulation == 16
    assert small.reasons["batch_size"] == "for the 10.0 GB that are free on this GPU; the same step"
    assert none == large  # nothing that leaves the result makes it fit
    assert none.reasons["batch_size"] == "nothing fits the 2.0 GB that are free on this GPU: choose a smaller model"
    full = Recipe.recommended(long, "some/model-7B", "full")
    assert "choose a smaller model" in full.reasons["batch_size"]
    card(40)
    full = Recipe.recommended(long, "some/model-7B", "full")
    assert full.reasons["batch_size"].startswith("does not fit the 40.0 GB that are free on this GPU; what would: LoRA")


def test_what_a_job_of_the_studio_holds_is_free_by_then(tmp_path: Path, card: Any) -> None:
    project = Project.open("waits", home=tmp_path)
    long = dataset(project.folder, 2000)
    card(2, 80)
    with taken(tmp_path):
        assert "GB" not in Recipe.recommended(long, "some/model-7B").reasons["batch_size"]
    assert "nothing fits the 2.0 GB" in Recipe.recommended(long, "some/model-7B").reasons["batch_size"]


def test_an_example_may_be_as_long_as_the_data_the_model_and_the_memory_let_it(
    tmp_path: Path, llama: str, card: Any
) -> None:
    card(80)
    long = Recipe.recommended(dataset(tmp_path, 7000), llama)
    assert long.max_length == 7040 and long.reasons["max_length"] == "the longest example fits"
    few = Recipe.recommended(dataset(tmp_path, [100] * 995 + [20_000] * 5), llama)
    assert few.max_length == 2048 and few.reasons["max_length"] == "5 longer examples are cut; filter them"
    assert Recipe.recommended(dataset(tmp_path, 50_000), llama).max_length == 32_768
    assert Recipe.recommended(dataset(tmp_path, 20_000), "some/model-7B").max_length == 8192
    passages = Recipe.recommended(dataset(tmp_path, 7000, kind="passage"), llama)
    assert passages.max_length == 2048 and passages.reasons["max_length"] == "the longest example fits"


def test_few_long_examples_are_cut_where_that_makes_it_fit_and_many_never(
    tmp_path: Path, llama: str, card: Any
) -> None:
    card(10)
    few = Recipe.recommended(dataset(tmp_path, [100] * 950 + [12_000] * 50), llama)
    assert 2048 < few.max_length < 12_000 and few.batch_size == 1
    assert few.reasons["max_length"] == (
        "the most that fits the 10.0 GB that are free on this GPU: 50 longer examples are cut; filter them"
    )
    many = Recipe.recommended(dataset(tmp_path, 12_000), llama)
    assert many.max_length == 12_032 and "fit the 10.0 GB that are free" in many.reasons["batch_size"]


def test_packing_leaves_steps_enough(tmp_path: Path, llama: str, card: Any) -> None:
    card(80)
    assert Recipe.recommended(dataset(tmp_path, 500, rows=20_000), llama).packing
    assert not Recipe.recommended(dataset(tmp_path, [8] * 19_999 + [2000], rows=20_000), llama).packing


@pytest.mark.parametrize(("rows", "between"), [(60, 2), (2000, 7), (25_000, 25)])
def test_a_curve_is_seen_to_move_however_long_the_run_is(tmp_path: Path, rows: int, between: int) -> None:
    assert Recipe.recommended(dataset(tmp_path, 20, rows=rows)).logging_steps == between


def test_no_length_is_offered_that_cuts_every_answer_off(tmp_path: Path, llama: str, card: Any) -> None:
    project = Project.open("offers", home=tmp_path)
    card(6)
    recipe = Recipe(model=llama, batch_size=4, gradient_checkpointing=True, optimizer="paged_adamw_8bit")
    late, early = (dataset(project.folder, 1800, 20, question=words) for words in ("word " * 1800, "word"))
    assert project.memory(recipe, early)["changes"][0]["values"]["max_length"] < 1800
    assert project.memory(recipe, late)["changes"] == []
    assert "nothing fits the 6.0 GB" in Recipe.recommended(late, llama).reasons["batch_size"]
