"""What is searched and on how much: the guide's space and the studio's, the sample of a trial, and what is refused."""

import math
from pathlib import Path
from typing import Any

import pytest

from studio import InputError, Project, Recipe, hardware
from studio.errors import RecipeError
from studio.training import checks
from studio.training import search as searches
from studio.training.search import sample_rows
from studio.training.search_space import PATIENCE, Space
from studio.training.study import NAME
from tests.families import make_model
from tests.training.test_search import RECIPE, greetings


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("searches", home=tmp_path)


def test_the_guides_space(project: Project) -> None:
    train, _ = greetings(project)
    space = Space.of("guide", Recipe(), train)
    assert space.searched == {
        "learning_rate": {"low": 1e-5, "high": 5e-4, "log": True}, "batch_size": [2, 4, 8],
        "warmup_share": {"low": 0.0, "high": 0.1}, "weight_decay": {"low": 0.0, "high": 0.1},
        "r": [8, 16, 32, 64], "alpha": [16, 32, 64],
    }  # fmt: skip
    assert NAME == "llm_fine_tuning"
    for batch, passes in ((2, 8), (4, 4), (8, 2)):
        values = {
            "batch_size": batch,
            "learning_rate": 1e-4,
            "warmup_share": 0.1,
            "weight_decay": 0.1,
            "r": 8,
            "alpha": 64,
        }
        trial = space.trial_recipe(Recipe(packing=True), values)
        assert (trial.batch_size, trial.accumulation, trial.epochs) == (batch, passes, 1)
        assert (trial.targets, trial.dropout, trial.logging_steps, trial.patience) == (
            ["q_proj", "v_proj"],
            0.05,
            10,
            3,
        )
        assert trial.steps_for(480) == 30 and trial.evaluations == 5 and not trial.packing
    best = space.best_recipe(Recipe(epochs=4, packing=True), values, "found")
    assert (best.epochs, best.packing, best.targets, best.alpha) == (4, True, ["q_proj", "v_proj"], 64)


def test_the_verb_has_the_guides_figures() -> None:
    import inspect

    given = {name: part.default for name, part in inspect.signature(Project.search).parameters.items()}
    assert (given["space"], given["trials"], given["hours"], given["startup"]) == ("guide", 20, 4, 5)
    assert 0.1 <= given["share"] <= 0.2 and PATIENCE == 3


def test_a_trial_learns_from_a_tenth_to_a_fifth_and_can_be_evaluated_five_times() -> None:
    assert sample_rows(10_000, 0.15, 16)[0] == 1500
    rows, why = sample_rows(1500, 0.15, 16)
    assert (
        rows == 300
        and "(20%): 19 optimiser steps a trial. It is more than the 15% asked for, which would be 15 steps. That is few"
        in why
    )
    rows, why = sample_rows(200, 0.1, 16)
    assert math.ceil(rows / 16) == 5 and "(40%)" in why
    rows, why = sample_rows(40, 0.15, 16)
    assert rows == 40 and "3 optimiser steps" in why and "larger share" not in why
    assert sample_rows(1500, 0.5, 16) == (750, "750 of 1,500 examples (50%): 47 optimiser steps a trial")


def test_the_studios_space_suits_the_size_of_the_model(project: Project) -> None:
    train, _ = greetings(project)
    tiny = Space.of("studio", Recipe(), train).searched["learning_rate"]
    assert (tiny["low"], tiny["high"]) == pytest.approx((3e-4, 3e-3))
    large = Space.of("studio", Recipe(model="mistralai/Mistral-7B-v0.1"), train).searched["learning_rate"]
    assert large["high"] < 1e-3
    full = Space.of("guide", Recipe(method="full"), train)
    assert not {"r", "alpha"} & set(full.searched) and "targets" not in full.fixed


def test_the_studios_space_is_that_of_the_recipes_objective(project: Project) -> None:
    """Pairs are for dpo, unless the recipe says that their better answers are to be learned as they are."""
    path = project.folder / "pairs.jsonl"
    path.write_text("".join(f'{{"prompt": "q{at}", "chosen": "a{at}", "rejected": "no"}}\n' for at in range(40)))
    pairs = project.load(path, "pairs")
    for objective in ("sft", "dpo", "kto"):
        recipe = Recipe.recommended(pairs, objective=objective)
        assert Space.of("studio", recipe, pairs).values_of(recipe) is not None


def test_all_mistakes_are_named_at_once(project: Project) -> None:
    train, test = greetings(project)
    wrong = {"learning_rate": {"low": 0, "high": 2, "log": True}, "r": [], "colour": ["red"], "model": "starter",
             "weight_decay": {"low": 0.2, "high": 0.1}, "alpha": {"from": 1}, "dropout": [0.1, 1.5]}  # fmt: skip
    with pytest.raises(InputError) as caught:
        project.search(train, RECIPE, evaluation=test, space=wrong)
    for field in wrong:
        assert f"{field}" in str(caught.value)
    assert "1.5" in str(caught.value)
    with pytest.raises(InputError, match=r"no evaluation dataset.*trials is 0.*hours is -1.*share is 2"):
        project.search(train, RECIPE, trials=0, hours=-1, share=2)
    with pytest.raises(InputError, match="guide or studio"):
        project.search(train, RECIPE, evaluation=test, space="everything")
    assert project.searches() == [] and project.journal.steps()[-1].state == "failed"


def test_what_train_refuses_is_refused_before_a_search(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with all that is wrong with the search itself."""
    train, test = greetings(project)
    with pytest.raises(InputError, match=r"r: .*dpo cannot learn from conversations.*trials is 0"):
        dpo = Recipe(**{**RECIPE.model_dump(), "objective": "dpo"})
        project.search(train, dpo, evaluation=test, space={"r": [4, 5000]}, trials=0)
    cpu = hardware.Machine("cpu", "CPU", 2, 2**34, 2**34, 2**34, 2**34, None)
    monkeypatch.setattr(hardware, "machine", lambda: cpu)
    with pytest.raises(RecipeError, match="2 mistakes.*no such model.*8-bit base needs a GPU"):
        both = {**RECIPE.model_dump(), "method": "qlora", "base_bits": 8, "model": "/nowhere"}
        searches.place(project.folder, project.home, train, Recipe(**both), test, "guide", 1, 1, 0.15, 0, 5)
    with pytest.raises(InputError, match="An 8-bit base needs a GPU"):
        eight_bits = Recipe(**{**RECIPE.model_dump(), "method": "qlora", "base_bits": 8})
        project.search(train, eight_bits, evaluation=test)
    assert project.searches() == []


def test_a_trial_is_refused_by_the_longest_rows_that_it_may_have(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with the recipe alone, and no trial has it, does not matter."""
    train, test = greetings(project)
    seen: list[Recipe] = []
    monkeypatch.setattr(checks, "check", lambda dataset, recipe, evaluation: seen.append(recipe))
    for space in ({"max_length": [32, 128], "r": [4]}, {"max_length": 48, "r": [4]}, {"r": [4]}):
        searches.place(project.folder, project.home, train, RECIPE, test, space, 1, 1, 0.15, 0, 5)
    assert [recipe.max_length for recipe in seen] == [128, 48, 64]


def test_targets_that_the_space_gives_are_looked_for_in_the_model(project: Project, tmp_path: Path) -> None:
    """The guide's are those of Llama and its like."""
    train, test = greetings(project)
    model = make_model(tmp_path / "gpt2", "gpt2")
    with pytest.raises(InputError, match="no module q_proj, v_proj.*it has c_attn"):
        project.search(train, Recipe(model=str(model), method="lora"), evaluation=test, space="guide")


def test_a_space_says_what_no_trial_could_be_made_of(project: Project) -> None:
    train, _ = greetings(project)
    for space, words in (
        ({"use_dora": {"low": 0, "high": 1}}, r"use_dora: it is true or false; give the choices \[false, true\]"),
        ({"batch_size": ["4", 8]}, r"batch_size: it should be 4 \(found '4'\)"),
        ({"use_rslora": ["yes", False]}, r"use_rslora: it should be true \(found 'yes'\)"),
        ({"r": [4, True]}, r"r: it should be 1 \(found True\)"),
        (["r"], "a space is a dict"),
    ):
        with pytest.raises(InputError, match=words):
            Space.of(space, RECIPE, train)  # type: ignore[arg-type]
    own = Space.of({"use_dora": [False, True], "epochs": [1, 2], "weight_decay": [0, 0.1], "patience": [2, 4]}, RECIPE, train)  # fmt: skip
    assert own.trial_recipe(RECIPE, {"use_dora": True, "patience": 4}).patience == 4


RATES = {"learning_rate": {"low": 1e-4, "high": 1e-3, "log": True}}


@pytest.mark.parametrize(
    ("sizes", "values", "passes"),
    [({}, {}, (4, 16)), ({"batch_size": 8}, {}, (8, 8)), ({"batch_size": [2, 32]}, {"batch_size": 32}, (32, 2))],
)
def test_a_step_takes_the_examples_that_the_space_says(
    project: Project, sizes: dict[str, Any], values: dict[str, int], passes: tuple[int, int]
) -> None:
    """Whether the batch is searched, given, or the recipe's."""
    train, _ = greetings(project)
    recipe = Recipe(batch_size=4, accumulation=4)
    space = Space.of({**RATES, **sizes, "global_batch": 64}, recipe, train)
    values = {"learning_rate": 3e-4, **values}
    for made in (space.trial_recipe(recipe, values), space.best_recipe(recipe, values, "found")):
        assert (made.batch_size, made.accumulation) == passes
    assert space.largest_step(recipe) == 64


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"batch_size": [3, 4, 6]}, "16 examples a step can't be made of whole batches of 3 or 6 .batch_size"),
        ({"batch_size": 32}, "whole batches of 32 .batch_size"),
        ({}, "whole batches of 5 .the recipe's batch_size"),
        ({"batch_size": {"low": 2, "high": 8}}, "a list of choices that divide it"),
        ({"accumulation": [1, 2]}, "give one of the two"),
    ],
)
def test_a_step_that_no_whole_batches_make_is_refused(project: Project, sizes: dict[str, Any], words: str) -> None:
    train, _ = greetings(project)
    with pytest.raises(InputError, match=words):
        Space.of({**RATES, **sizes, "global_batch": 16}, Recipe(batch_size=5), train)


def test_a_search_with_no_numbers_names_each(project: Project) -> None:
    train, test = greetings(project)
    with pytest.raises(
        InputError, match=r"trials is None, not a whole number.*hours is '3'.*share is None.*seed is 1.5"
    ):
        project.search(train, RECIPE, evaluation=test, trials=None, hours="3", share=None, seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="hours is None, not over 0. .*share is 0, not over 0 and up to 1"):
        searches.place(project.folder, project.home, train, RECIPE, test, "guide", 2, None, 0, 0, 5)  # type: ignore[arg-type]
