import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studio import FormatError, InputError, NotFoundError, Project, Recipe, RecipeError
from studio.examples import Dataset, write_dataset
from studio.training import checks

RECIPES = Path(__file__).with_name("recipes")


def dataset(folder: object, rows: int, tokens: int = 100, **columns: Any) -> Dataset:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    table = pd.DataFrame({
        "id": [f"r{row:06d}" for row in range(rows)], "messages": [messages] * rows, "source": "made", "tokens": tokens,
        "quality": 1.0, "flags": [[] for _ in range(rows)], **columns,
    })  # fmt: skip
    return write_dataset(folder, "made", table)  # type: ignore[arg-type]


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe(epochs=-1, method="magic", batch_size=0, colour="red")
    assert len(caught.value.mistakes) == 4
    for field in ("epochs", "method", "batch_size", "colour"):
        assert any(mistake.startswith(field) for mistake in caught.value.mistakes)


def test_what_does_not_fit_together_is_named_in_the_same_round() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe(epochs=-1, method="full", use_dora=True, objective="dpo", packing=True, targets=7)
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == ["epochs", "targets", "use_dora", "packing"]
    with pytest.raises(RecipeError) as caught:  # what an unsound value would clash with is nobody's to say
        Recipe(method="magic", use_dora=True)
    assert len(caught.value.mistakes) == 1
    with pytest.raises(RecipeError, match="targets: it is empty"):
        Recipe(targets=[])


def test_a_folder_is_kept_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "m1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = Recipe(model="models/m1")
    assert recipe.model == str(tmp_path / "models" / "m1") == Recipe(model="~/models/m1").model
    monkeypatch.chdir("/")
    assert Recipe.from_json(recipe.to_json()) == recipe
    for name in ("starter", "owner/name", "models/m1", str(tmp_path / "gone")):
        assert Recipe(model=name).model == name
    with pytest.raises(RecipeError, match="model: "):
        Recipe(model="")


def test_every_schedule_has_the_warm_up_of_the_recipe() -> None:
    from torch import nn, optim
    from transformers import get_scheduler

    for schedule in ("constant", "linear", "cosine"):
        recipe = Recipe(schedule=schedule)
        optimizer = optim.AdamW(nn.Linear(1, 1).parameters(), lr=1.0)
        rates = get_scheduler(recipe.scheduler, optimizer, num_warmup_steps=4, num_training_steps=8).lr_lambdas[0]
        assert [rates(step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1.0], schedule
        assert (rates(6) == 1.0) is (schedule == "constant")
    assert get_scheduler("constant_with_warmup", optimizer, num_warmup_steps=0).lr_lambdas[0](0) == 1.0


def test_json_round_trip() -> None:
    recipe = Recipe(method="lora", r=8, targets=["q_proj", "v_proj"], reasons={"r": "small data"})
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe and again.reasons == {"r": "small data"} and hash(again) == hash(recipe)
    for text, words in (("{", "not JSON"), ("[]", "a JSON list"), ('{"format": "2"}', "whole number"), ('{"r": 0, "q": 1}', "r: .*; q is no")):  # fmt: skip
        with pytest.raises(RecipeError, match=words):
            Recipe.from_json(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested"),
        ('{"reasons": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}", "nested"),
        ('{"self": 1, "r": 0}', "r: .*; self is no field of a recipe"),
        ('{"\\ud800": 1, "r": 0}', r"r: .*; '\\ud800' is no field"),
        (json.dumps({"a" * 5000: 1}), "'a{60}' is no field"),
        ('{"targets": ["\\ud800"], "epochs": 0}', "epochs: .*targets: "),
        ('{"reasons": {"epochs": "\\ud800"}, "r": 0}', "r: .*reasons: it should hold whole characters"),
        ('{"reasons": {"\\ud800": "why"}}', "reasons: it should hold whole characters"),
    ],
)
def test_json_that_is_no_recipe_ends_in_one_error_with_every_mistake(text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        Recipe.from_json(text)
    assert str(caught.value).encode() and len(str(caught.value)) < 500


def test_json_as_deep_as_can_be_read_is_refused_in_words() -> None:
    """The value that is wrong is named further down than it was read."""
    for depth in range(700, 1000):
        with pytest.raises(RecipeError):
            Recipe.from_json('{"r": ' + "[" * depth + "]" * depth + "}")


@pytest.mark.parametrize("name", ["a" * 5000, "~nobody_such/x", "a\0b"])
def test_a_name_that_can_be_no_model_is_a_model_that_is_not_there(tmp_path: Path, name: str) -> None:
    recipe, data = Recipe.from_json(json.dumps({"model": name, "patience": 1})), dataset(tmp_path, 3)
    with pytest.raises(RecipeError) as caught:
        checks.check(data, recipe)
    assert [any(words in one for one in caught.value.mistakes) for words in ("no such model", "patience: ")] == [
        True
    ] * 2
    with pytest.raises(NotFoundError, match="There is no such model") as missing:
        Project.open("names", home=tmp_path).train(data, recipe)
    assert len(str(missing.value)) < 500


def test_recipes_of_older_studios_are_read_and_those_of_newer_ones_refused() -> None:
    first, second = (Recipe.from_json((RECIPES / f"format-{number}.json").read_text()) for number in (1, 2))
    assert first == Recipe(method="lora", r=8, alpha=16, epochs=2, targets=["q_proj", "v_proj"], seed=7)
    assert second == Recipe(
        objective="dpo", beta=0.2, base_bits=8, use_rslora=True, r=64, patience=2, learning_rate=1e-5
    )
    newer = json.loads(first.to_json())
    with pytest.raises(FormatError, match="newer studio"):
        Recipe.from_json(json.dumps({**newer, "format": newer["format"] + 1}))


SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GUIDE: dict[str, dict[str, Any]] = {
    "guide-lora": {
        "model": "mistralai/Mistral-7B-v0.1", "method": "lora", "r": 16, "alpha": 32, "dropout": 0.05, "targets": SEVEN, "epochs": 3,
        "batch_size": 4, "accumulation": 4, "learning_rate": 2e-4, "weight_decay": 0.01, "warmup_share": 0.03, "schedule": "cosine",
        "logging_steps": 10, "evaluations": 3, "gradient_checkpointing": True, "optimizer": "paged_adamw_8bit", "max_gradient_norm": 0.3,
        "max_length": 2048, "packing": True, "objective": "sft",
    },
    "guide-qlora": {"method": "qlora", "base_bits": 4, "r": 64, "alpha": 16, "dropout": 0.1, "targets": SEVEN, "gradient_checkpointing": True},
    "guide-7B": {"learning_rate": 2e-4, "batch_size": 4, "accumulation": 4, "r": 16, "alpha": 32, "warmup_share": 0.03},
    "guide-13B": {"learning_rate": 1e-4, "batch_size": 2, "accumulation": 8, "r": 32, "alpha": 64, "warmup_share": 0.05},
    "guide-70B": {"learning_rate": 5e-5, "batch_size": 1, "accumulation": 16, "r": 64, "alpha": 128, "warmup_share": 0.05},
}  # fmt: skip
"""Every figure of a recipe that the guide names (G6, G7, G8); saving after each of three epochs is three evaluations."""


@pytest.mark.parametrize("name", GUIDE)
def test_the_presets_are_the_guides(name: str) -> None:
    recipe = Recipe.preset(name)
    values = recipe.model_dump()
    assert {field: values[field] for field in GUIDE[name]} == GUIDE[name]
    assert set(recipe.reasons) == set(values) and all(recipe.reasons.values())
    assert Recipe(**recipe.differences()) == recipe


def test_a_preset_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(RecipeError, match="guide-13B"):
        Recipe.preset("guide-8B")


def test_a_preset_on_preferences_follows_the_data_and_says_so(tmp_path: object) -> None:
    pairs = dataset(tmp_path, 10, kind="preference", rejected="c")
    recipe = Recipe.preset("guide-70B", pairs, model="some/model-70B")
    assert (recipe.objective, recipe.packing, recipe.dropout, recipe.r) == ("dpo", False, 0.0, 64)
    assert (
        recipe.learning_rate == pytest.approx(5e-5 / 20) and "5e-05 is for writing" in recipe.reasons["learning_rate"]
    )
    judged = Recipe.preset("guide-70B", pairs, objective="kto")
    assert (judged.batch_size, judged.accumulation, judged.reasons["objective"]) == (2, 8, "chosen by you")
    plain = Recipe.preset("guide-70B", dataset(tmp_path, 10))
    assert plain == Recipe.preset("guide-70B") and plain.reasons["objective"] == "the answers are learned as they are"
    full = Recipe.preset("guide-lora", method="full")
    assert full.learning_rate == 2e-5 and full.reasons["r"].startswith("not used")


@pytest.mark.parametrize("method", ["qlora", "lora", "full"])
def test_recommended_has_a_reason_for_every_value(tmp_path: object, method: Any) -> None:
    rows, pairs = dataset(tmp_path, 100), dataset(tmp_path, 100, kind="preference", rejected="c")
    for recipe in (Recipe.recommended(rows, "starter", method), Recipe.recommended(pairs, "some/model-8B", method)):
        assert set(recipe.reasons) == set(recipe.model_dump()) and all(recipe.reasons.values())
        assert Recipe(**recipe.differences()) == recipe


@pytest.mark.parametrize("rows", [60, 300, 1000, 5000])
def test_recommended_leaves_steps_to_learn_from(tmp_path: object, rows: int) -> None:
    recipe = Recipe.recommended(dataset(tmp_path, rows), "starter")
    assert recipe.steps_for(rows) >= 100
    assert recipe.evaluations >= 5 and recipe.steps_for(rows) // recipe.logging_steps >= 20
    assert set(recipe.reasons) >= {"learning_rate", "batch_size", "epochs", "max_length", "packing"}


def test_the_last_step_of_an_epoch_may_be_smaller_and_is_one_all_the_same() -> None:
    recipe = Recipe(batch_size=4, accumulation=2, epochs=2)
    assert [recipe.steps_for(rows) for rows in (1, 8, 9, 16, 17)] == [2, 2, 4, 4, 6]
    assert Recipe(batch_size=4, accumulation=2, epochs=0.5).steps_for(17) == 2


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


def test_every_reason_against_a_training_is_named_at_once(tmp_path: object) -> None:
    rows = dataset(tmp_path, 10)
    Project.check_training(rows, Recipe())
    with pytest.raises(RecipeError, match="without an evaluation"):
        Project.check_training(rows, Recipe(patience=2))
    with pytest.raises(RecipeError, match="2 mistakes.*dpo cannot learn from conversations.*no such model"):
        Project.check_training(rows, Recipe(objective="dpo", model="nowhere"))


def test_targets_that_can_get_no_adapter_are_refused_before_the_start(tmp_path: object) -> None:
    rows = dataset(tmp_path, 10)
    Project.check_training(rows, Recipe(targets=["self_attn.q_proj", "embed_tokens"]))
    Project.check_training(rows, Recipe(method="full", targets=["lm_head"]))  # which has none
    Project.check_training(
        rows, Recipe(model="owner/elsewhere-1b", targets=["anything", "more"])
    )  # its weights are not here
    with pytest.raises(
        InputError, match=r"no module nowhere.*lm_head is the head.*norm has no matrix.*it has down_proj"
    ):
        Project.check_training(rows, Recipe(targets=["q_proj", "nowhere", "lm_head", "norm"]))


def test_what_a_dataset_can_teach(tmp_path: object) -> None:
    pairs = Project.aims(dataset(tmp_path, 8, kind="preference", rejected="c"))
    assert (pairs["fitting"], pairs["possible"]) == ("dpo", ["sft", "dpo", "kto"])
    assert pairs["sentence"] == "Learns from 8 pairs of a better and a worse answer."
    plain = Project.aims(dataset(tmp_path, 8))
    assert (plain["fitting"], plain["possible"]) == ("sft", ["sft"])


def test_the_modules_that_may_get_an_adapter() -> None:
    assert set(Project.linear_modules("starter")) == set(SEVEN)


def test_a_recipe_that_is_being_written_is_kept(tmp_path: Path) -> None:
    project = Project.open("drafts", home=tmp_path)
    assert project.recipe_draft() == {}
    project.keep_recipe_draft(preset="guide-7B", values={"epochs": -1})
    assert Project.open("drafts", home=tmp_path).recipe_draft()["values"] == {"epochs": -1}
    (project.folder / "recipe-draft.json").write_text('{"format": 99}')
    assert project.recipe_draft() == {} and project.journal.steps() == []


def test_the_code_of_a_step_is_short_and_makes_the_same_recipe(tmp_path: Path) -> None:
    project = Project.open("steps", home=tmp_path)
    made = Recipe.recommended(dataset(tmp_path, 100))
    changed = Recipe(**{**made.model_dump(), "r": 8, "targets": ["q_proj"], "wandb": True})
    for recipe in (Recipe(), made, changed):
        project.journal.step("train", {}, {"recipe": recipe}, ["run"], lambda: None, lambda _: ["run-001"])
        code = project.journal.steps()[-1].code
        assert eval(code.partition("project.train(")[2].removesuffix(")"), {"Recipe": Recipe}) == recipe
    assert project.journal.steps()[0].code == "run = project.train(Recipe())"
