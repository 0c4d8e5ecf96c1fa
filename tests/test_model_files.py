import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studio import model_files, models
from studio.errors import InputError
from tests.families import FAMILIES, make_model

STARTER = json.loads((models.STARTER / "config.json").read_text())


def test_what_the_library_knows_is_read_without_importing_it() -> None:
    code = (
        "import sys; from studio import model_files; assert len(model_files.known_families(model_files.CAUSAL)) > 100;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_it_is_what_the_library_says_itself() -> None:
    from transformers.models.auto import modeling_auto

    causal = model_files.known_families(model_files.CAUSAL)
    assert set(causal) == set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    assert causal["llama"] == ("LlamaForCausalLM",) and causal["gpt2"] == ("GPT2LMHeadModel",)


@pytest.mark.parametrize("family", FAMILIES)
def test_causal_models_are_let_through(family: str, tmp_path: Path) -> None:
    config = json.loads((make_model(tmp_path, family) / "config.json").read_text())
    assert model_files.why_not_causal(config) == ""


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "its weights are those of BertForMaskedLM"),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "BertLMHeadModel is an encoder"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "seq2seq"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "ViTForImageClassification is not a causal"),
        ({"model_type": "mistral", "architectures": ["MistralModel"]}, "those of MistralModel"),
        ({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}, "does not write text"),
        ({"model_type": "no_such_family"}, f"{importlib.metadata.version('transformers')} does not know the family"),
        ({"hidden_size": 8}, "names no model_type"),
    ],
)  # fmt: skip
def test_what_does_not_write_text_is_refused_in_words(config: dict[str, Any], words: str) -> None:
    assert words in model_files.why_not_causal(config)


def test_a_decoder_of_an_encoders_family_writes_text() -> None:
    assert (
        model_files.why_not_causal({"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": True})
        == ""
    )


def test_code_that_the_library_has_itself_is_not_needed() -> None:
    named = {"auto_map": {"AutoModelForCausalLM": "modeling.Own"}}
    assert not model_files.needs_own_code({**STARTER, **named})
    assert model_files.needs_own_code({**named, "model_type": "own"})
    assert model_files.elsewhere({"auto_map": {"AutoConfig": "owner/code--file.Class"}}, {}) == ["owner/code"]


def test_a_model_is_whole_when_no_shard_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert not model_files.is_whole(tmp_path)
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / model_files.INDEX).write_text(json.dumps({"weight_map": shards}))
    (tmp_path / shards["a"]).write_bytes(b"12345")
    assert not model_files.is_whole(tmp_path)
    (tmp_path / shards["b"]).write_bytes(b"123")
    assert model_files.is_whole(tmp_path) and model_files.weight_bytes(tmp_path) == 8


def test_a_broken_configuration_is_explained(tmp_path: Path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(InputError, match="config.json"):
            models.load(tmp_path)


def test_an_encoder_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    with pytest.raises(InputError, match="cannot be trained here.*BertModel.*ForCausalLM"):
        models.load(tmp_path)
