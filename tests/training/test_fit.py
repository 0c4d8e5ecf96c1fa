"""The changes that are offered make it fit, the most harmless first; what fits is left alone."""

from typing import Any

import pytest

from studio import Machine, Recipe
from studio.hardware import GIB
from studio.memory import ModelShape, estimate
from studio.training.fit import nearest_changes

LLAMA_3_8B = ModelShape.from_config(
    {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
     "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False}
)  # fmt: skip


def card(free: float) -> Machine:
    return Machine("cuda", "a card", 8, 80 * GIB, int(free * GIB), 100 * GIB, 90 * GIB, None)


def test_what_fits_is_left_alone() -> None:
    assert nearest_changes(LLAMA_3_8B, Recipe(gradient_checkpointing=True, batch_size=1), card(79)) == []


@pytest.mark.parametrize("free", [10, 12, 16, 24, 40])
def test_every_change_makes_it_fit(free: float) -> None:
    recipe = Recipe(batch_size=8, accumulation=2, max_length=2048)
    changes = nearest_changes(LLAMA_3_8B, recipe, card(free))
    assert changes
    for change in changes:
        changed = Recipe(**{**recipe.model_dump(), **change.values})
        again = estimate(LLAMA_3_8B, changed, card(free))
        assert again.fits and again == change.estimate
        assert changed.batch_size * changed.accumulation == 16


def test_what_only_slows_comes_before_what_changes_the_result() -> None:
    changes = nearest_changes(LLAMA_3_8B, Recipe(batch_size=8, accumulation=2), card(40))
    assert "gradient_checkpointing" in changes[0].values
    # the nearest batch: one of twice its size would not fit
    halved = next(change for change in changes if "batch_size" in change.values).values
    twice = Recipe(batch_size=halved["batch_size"] * 2, accumulation=halved["accumulation"] // 2)
    assert twice.batch_size == 8 or not estimate(LLAMA_3_8B, twice, card(40)).fits


def test_several_together_where_no_single_one_does() -> None:
    (change,) = nearest_changes(LLAMA_3_8B, Recipe(method="full", batch_size=16, max_length=8192), card(10))
    assert change.values["method"] == "qlora" and len(change.values) > 1


def test_nothing_is_offered_where_nothing_helps() -> None:
    assert nearest_changes(LLAMA_3_8B, Recipe(), card(4)) == []


@pytest.mark.parametrize(("objective", "rate"), [("sft", 2e-4), ("dpo", 1e-5)])
def test_an_adapter_in_place_of_all_weights_takes_what_goes_with_it(objective: Any, rate: float) -> None:
    not_used = dict.fromkeys(("r", "alpha", "targets", "base_bits"), "not used: all weights are trained")
    full = Recipe(
        method="full", objective=objective, learning_rate=2e-5, r=64, alpha=16, targets=["q_proj"], batch_size=1,
        gradient_checkpointing=True, max_length=512, reasons={**not_used, "epochs": "enough", "learning_rate": "all weights"},
    )  # fmt: skip
    changes = [change for change in nearest_changes(LLAMA_3_8B, full, card(40)) if "method" in change.values]
    assert changes
    for change in changes:
        assert (change.values["learning_rate"], change.values["targets"]) == (rate, "all-linear")
        assert (change.values["r"], change.values["alpha"]) == (16, 32)
        assert f"an adapter's learning rate of {rate:g} (all weights had 2e-05)" in change.words
        again = change.recipe
        assert again == Recipe(**{**full.model_dump(), **change.values})
        assert again.reasons["epochs"] == "enough" and again.reasons["method"] == "so that it fits"
        assert not {"not used: all weights are trained", "all weights"} & set(again.reasons.values())


def test_fewer_bits_under_the_same_adapter_leave_what_was_chosen_for_it() -> None:
    recipe = Recipe(method="lora", learning_rate=5e-5, r=64, batch_size=1, gradient_checkpointing=True, max_length=256)
    change = next(one for one in nearest_changes(LLAMA_3_8B, recipe, card(12)) if "method" in one.values)
    assert change.values == {"method": "qlora"} and "learning rate" not in change.words
