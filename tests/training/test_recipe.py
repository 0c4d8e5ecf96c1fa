import pandas as pd
import pytest

from studio import Recipe, RecipeError
from studio.examples import Dataset, write_dataset


def dataset(folder: object, rows: int, tokens: int = 100) -> Dataset:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    table = pd.DataFrame({
        "id": [f"r{row:06d}" for row in range(rows)], "messages": [messages] * rows, "source": "made", "tokens": tokens,
        "quality": 1.0, "flags": [[] for _ in range(rows)],
    })  # fmt: skip
    return write_dataset(folder, "made", table)  # type: ignore[arg-type]


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe(epochs=-1, method="magic", batch_size=0, colour="red")
    assert len(caught.value.mistakes) == 4
    for field in ("epochs", "method", "batch_size", "colour"):
        assert any(mistake.startswith(field) for mistake in caught.value.mistakes)


def test_json_round_trip() -> None:
    recipe = Recipe(method="lora", r=8, targets=["q_proj", "v_proj"])
    assert Recipe.from_json(recipe.to_json()) == recipe
    with pytest.raises(RecipeError, match="not JSON"):
        Recipe.from_json("{")


def test_the_presets_are_the_guides() -> None:
    lora, qlora, big = Recipe.preset("guide-lora"), Recipe.preset("guide-qlora"), Recipe.preset("guide-70B")
    assert (lora.r, lora.alpha, lora.dropout, lora.max_gradient_norm, lora.max_length) == (16, 32, 0.05, 0.3, 2048)
    assert lora.packing and lora.optimizer == "paged_adamw_8bit" and len(lora.targets) == 7
    assert (qlora.method, qlora.r, qlora.alpha, qlora.dropout) == ("qlora", 64, 16, 0.1)
    assert (big.learning_rate, big.batch_size, big.r, big.alpha, big.warmup_share) == (5e-5, 1, 64, 128, 0.05)
    with pytest.raises(RecipeError, match="guide-13B"):
        Recipe.preset("guide-8B")


@pytest.mark.parametrize("rows", [60, 300, 1000, 5000])
def test_recommended_leaves_steps_to_learn_from(tmp_path: object, rows: int) -> None:
    recipe = Recipe.recommended(dataset(tmp_path, rows), "starter")
    assert recipe.steps_for(rows) >= 100
    assert recipe.evaluations >= 5 and recipe.steps_for(rows) // recipe.logging_steps >= 20
    assert set(recipe.reasons) >= {"learning_rate", "batch_size", "epochs", "max_length", "packing"}


def test_recommended_says_when_the_data_is_too_small(tmp_path: object) -> None:
    assert "few" in Recipe.recommended(dataset(tmp_path, 8), "starter").reasons["epochs"]


def test_a_seven_billion_model_is_judged_by_its_name(tmp_path: object) -> None:
    recipe = Recipe.recommended(dataset(tmp_path, 1000), "mistralai/Mistral-7B-v0.1")
    assert recipe.learning_rate == 2e-4 and recipe.gradient_checkpointing


def test_two_recipes_are_compared_by_what_differs() -> None:
    first = Recipe(r=8, reasons={"r": "small data"})
    found = first.compared_with(Recipe(r=64, epochs=1)).set_index("field")
    assert set(found.index) == {"r", "epochs"}
    assert found.loc["r", ["first", "second", "first_reason", "second_reason"]].tolist() == [8, 64, "small data", ""]
    assert found.loc["r", "meaning"] == "rank of the adapter's matrices"
    assert first.compared_with(Recipe(r=8)).empty
