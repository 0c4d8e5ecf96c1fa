"""No recipe goes beyond what its model can take in without a word: recommended stays within it, a table of positions refuses
what is longer, and where the model goes on all the same it is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM

from studio import InputError, Project, Recipe, RecipeError, models
from studio.examples import Dataset
from studio.model_shapes import FIXED_CONTEXT, ModelShape
from studio.training.rows import encode_rows
from tests import families

LONG, SHORT = 120, 12
CONTEXT = families.CONTEXT


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("context", home=tmp_path_factory.mktemp("home"))


def data(project: Project, words: int, **fields: str) -> Dataset:
    answer = " ".join(f"word{at}" for at in range(words))
    rows = [
        {"prompt": f"Say {at}.", "completion" if not fields else "chosen": f"{answer} {at}", **fields}
        for at in range(6)
    ]
    return project.load(pasted="\n".join(map(json.dumps, rows)), name=f"of-{words}-{len(fields)}")


@pytest.fixture(scope="module", params=["gpt2", "gpt_neox"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return families.make_model(tmp_path_factory.mktemp("model") / request.param, request.param, families.CHATML)


def test_recommended_stays_within_it(project: Project, model: Path) -> None:
    recipe = Recipe.recommended(data(project, LONG), str(model), "lora")
    assert recipe.max_length == CONTEXT
    assert (
        recipe.reasons["max_length"]
        == "the model was made for 256 tokens at once: 6 longer examples are cut; filter them"
    )
    assert (
        Recipe.recommended(data(project, SHORT), str(model), "lora").reasons["max_length"] == "the longest example fits"
    )


@pytest.mark.parametrize("fields", [{}, {"rejected": "no"}, {"rejected": "no " * 400}])
def test_beyond_it_a_table_refuses_and_others_are_said(project: Project, model: Path, fields: dict[str, str]) -> None:
    words = SHORT if len(fields.get("rejected", "")) > 2 else LONG
    long = data(project, words, **fields)
    if words == SHORT:
        long = project.load(
            pasted="\n".join(json.dumps({"prompt": f"Say {at}.", "chosen": "yes", **fields}) for at in range(6)),
            name="avoids-long",
        )
    recipe = Recipe(model=str(model), method="lora", objective="dpo" if fields else "sft", max_length=1024, dropout=0.0)
    _, tokenizer = models.load(str(model), for_training=True)
    within = Recipe(**{**recipe.model_dump(), "max_length": CONTEXT})
    project.check_training(long, within)
    assert encode_rows(tokenizer, long, within).beyond == 0
    if model.name == "gpt2":
        with pytest.raises(RecipeError, match="max_length: the model has 256 positions .* choose at most 256"):
            project.check_training(long, recipe)
        with pytest.raises(InputError, match="6 have more than its 256 positions"):
            encode_rows(tokenizer, long, recipe)
        return
    project.check_training(long, recipe)
    assert (
        "longer than the 256 tokens that the model was made for: 6" in encode_rows(tokenizer, long, recipe).sentence()
    )
    if not fields:
        assert "The model was made for 256 tokens at once" in project.memory(recipe, long)["text"]
        assert "made for" not in project.memory(within, long)["text"]


def test_a_high_limit_over_short_examples_is_nobodys_concern(project: Project, model: Path) -> None:
    short, recipe = data(project, SHORT), Recipe(model=str(model), method="lora", max_length=1024)
    project.check_training(short, recipe)
    assert "made for" not in project.memory(recipe, short)["text"]


@pytest.mark.parametrize("family", [*FIXED_CONTEXT, "llama", "bloom", "falcon"])
def test_the_families_that_fail_beyond_are_those(family: str) -> None:
    import torch
    from transformers import CONFIG_MAPPING

    sizes: dict[str, Any] = {
        "hidden_size": 32, "n_embd": 32, "d_model": 32, "num_hidden_layers": 1, "n_layer": 1, "n_layers": 1, "num_layers": 1, "vocab_size": 100,
        "num_attention_heads": 4, "n_head": 4, "n_heads": 4, "num_heads": 4, "intermediate_size": 32, "ffn_dim": 32, "dff": 32,
        "max_position_embeddings": 32, "n_positions": 32, "max_seq_len": 32, "rotary_dim": 4, "word_embed_proj_dim": 32,
        "attention_types": [[["global"], 1]],
    }  # fmt: skip
    kind = CONFIG_MAPPING[family]
    known = set(kind.__dataclass_fields__) | set(kind.attribute_map)
    configuration = kind(
        **{name: value for name, value in sizes.items() if name in known and kind.attribute_map.get(name) not in sizes}
    )
    read = {**configuration.to_dict(), "model_type": family}
    shape = ModelShape.from_config(read)
    assert shape.context_is_fixed == (family in FIXED_CONTEXT)
    made = AutoModelForCausalLM.from_config(configuration).eval()
    with torch.no_grad():
        made(input_ids=torch.ones(1, 32, dtype=torch.long))
        if not shape.context_is_fixed:
            made(input_ids=torch.ones(1, 48, dtype=torch.long))
            return
        assert shape.context == 32
        with pytest.raises((IndexError, RuntimeError)):
            made(input_ids=torch.ones(1, 48, dtype=torch.long))
