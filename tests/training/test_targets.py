"""On which modules an adapter can be put: said of a model that is loaded, whatever its family calls them."""

from pathlib import Path

import pytest
import torch

from studio import InputError, Project, Recipe, models
from studio.model_shapes import ModelShape
from studio.training import recommendation, targets
from tests.families import make_model


@pytest.mark.parametrize(("family", "good"), [("gpt2", "c_attn"), ("gpt_neox", "query_key_value")])
def test_targets_of_a_model(tmp_path: Path, family: str, good: str) -> None:
    folder = make_model(tmp_path / "model", family)
    model, _ = models.load(folder)
    for chosen in ("all-linear", [good], [f"attn.{good}" if family == "gpt2" else f"attention.{good}"]):
        targets.check_model(model, chosen)
        targets.check(Recipe(model=str(folder), targets=chosen))
    wrong = [good, "q_proj", "input_layernorm" if family == "gpt_neox" else "ln_f"]
    named = rf"no module q_proj; .*{wrong[2].rsplit('_')[-1]} has no matrix.*it has .*{good}"
    for check in (lambda chosen: targets.check_model(model, chosen), lambda chosen: targets.check(Recipe(model=str(folder), targets=chosen))):  # fmt: skip
        with pytest.raises(InputError, match=named):
            check(wrong)
        with pytest.raises(InputError, match="lm_head is the head"):
            check(["lm_head"])
    with pytest.raises(InputError, match=f"no module elsewhere.{good}"):
        targets.check_model(model, [f"elsewhere.{good}"])


def test_what_peft_refuses_in_a_family_is_said_before_and_not_recommended(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", "mamba")
    with pytest.raises(
        InputError, match=r"out_proj is refused.*dt_proj|dt_proj is refused.*out_proj.*Name among in_proj, x_proj"
    ):
        targets.check(Recipe(model=str(folder)))
    with pytest.raises(InputError, match="out_proj is refused"):
        targets.check(Recipe(model=str(folder), targets=["in_proj", "out_proj"]))
    targets.check(Recipe(model=str(folder), method="full"))
    modules = Project.linear_modules(str(folder))
    chosen = recommendation.of_an_adapter("sft", ModelShape.of(str(folder)))["targets"][0]
    assert chosen == modules == ["in_proj", "x_proj"]
    targets.check(Recipe(model=str(folder), targets=chosen))
    for quantisation in ("none", "4bit"):  # transformers reads dt_proj's weights past the layer: it is not to be packed
        model, _ = models.load(folder, quantisation, for_training=True)
        targets.check_model(model, chosen)
        model(torch.tensor([[5, 6, 7]]))


def test_adapters_on_experts_are_checked_for_what_they_can_have(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", "mixtral")
    model, _ = models.load(folder)
    attention, experts = ["q_proj", "v_proj"], ["q_proj", "w1", "w2", "w3", "gate"]
    for chosen in (attention, experts):
        targets.check_model(model, chosen)
        targets.check(Recipe(model=str(folder), targets=chosen, dropout=0))
    targets.check(Recipe(model=str(folder), targets=attention, dropout=0.1, use_dora=True))
    with pytest.raises(
        InputError, match=r"no dropout, and it is 0\.1; .*no DoRA.*Set dropout to 0; switch use_dora off"
    ):
        targets.check(Recipe(model=str(folder), dropout=0.1, use_dora=True))
    with pytest.raises(InputError, match=r"w1 and w3 of the experts are one tensor.*Name w1 and w3, or neither"):
        targets.check(Recipe(model=str(folder), targets=["w1"], dropout=0))
    assert recommendation.of_an_adapter("sft", ModelShape.of(str(folder)))["dropout"][0] == 0


def test_a_quantised_base_has_the_same_targets() -> None:
    model, _ = models.load("starter", "4bit")
    targets.check_model(model, ["q_proj", "down_proj", "embed_tokens"])
    with pytest.raises(InputError, match="norm has no matrix"):
        targets.check_model(model, ["q_proj", "norm"])
