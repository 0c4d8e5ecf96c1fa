"""On which modules an adapter can be put: said of a model that is loaded, whatever its family calls them."""

from pathlib import Path

import pytest

from studio import InputError, Recipe, models
from studio.training import targets
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


def test_a_quantised_base_has_the_same_targets() -> None:
    model, _ = models.load("starter", "4bit")
    targets.check_model(model, ["q_proj", "down_proj", "embed_tokens"])
    with pytest.raises(InputError, match="norm has no matrix"):
        targets.check_model(model, ["q_proj", "norm"])
