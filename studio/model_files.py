"""What a model is, read from its files as text: nothing is loaded and no code of its own runs.

What transformers knows is read from its source as text too, for importing those lists imports torch.
"""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from studio.errors import InputError

CODE = (".py", ".so", ".pyd")
"""Endings of files that Python can run."""
CAUSAL, MASKED, CONFIGURATIONS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "CONFIG_MAPPING_NAMES",
)
WRITES_TEXT = re.compile(r"(ForCausalLM|LMHeadModel)$")
INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tokenizer_config.json")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file of the model; {} when there is no such file. Raises InputError for anything else."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"The model's {path.name} is not JSON", f"{path}: {error}", "Get the file anew") from None
    if not isinstance(value, dict):
        raise InputError(f"The model's {path.name} is no JSON object", str(path), "Get the file anew")
    return value


def cached_folder(model: str, whole: bool = True) -> Path | None:
    """The folder in the Hub's cache that holds a model, None when it isn't there; `whole`: with all its weights."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json")
    folder = Path(found).parent if isinstance(found, str) else None
    return folder if folder is None or not whole or is_whole(folder) else None


def is_whole(folder: Path) -> bool:
    """Whether configuration, tokenizer and all safetensors weights are there."""
    there = (folder / "config.json").is_file() and any((folder / name).is_file() for name in TOKENIZERS)
    return there and bool(weights := weight_files(folder)) and all(path.is_file() for path in weights)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make the weights, whether they are all there or not; [] when there are none."""
    if (folder / INDEX).is_file():
        try:
            shards = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        return [folder / str(name) for name in sorted(shards)]
    one = folder / "model.safetensors"
    return [one] if one.is_file() else []


def weight_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in weight_files(folder) if path.is_file())


def why_not_causal(config: Mapping[str, Any]) -> str:
    """Why a model of this configuration cannot write text from left to right, in words; empty when it can."""
    family, names = config.get("model_type"), [str(name) for name in config.get("architectures") or []]
    called = ", ".join(names) or str(family)
    if config.get("is_encoder_decoder"):
        return f"{called} is an encoder-decoder (seq2seq) model, not a causal language model"
    if needs_own_code(config):
        return ""
    if not family:
        return "its config.json names no model_type"
    if family not in {**known_families(CONFIGURATIONS), **known_families(CAUSAL)}:
        return (
            f"the installed transformers {importlib.metadata.version('transformers')} does not know the family {family}"
        )
    if family not in known_families(CAUSAL):
        return f"{called} is not a causal language model: it does not write text"
    mapped = known_families(CAUSAL)[family]
    if names and not any(name in mapped or WRITES_TEXT.search(name) for name in names):
        return f"its weights are those of {called}, which does not write text"
    if family in known_families(MASKED) and not config.get("is_decoder"):
        return f"{called} is an encoder: it fills gaps and does not write text"
    return ""


def check_causal(model: str, config: Mapping[str, Any]) -> None:
    """Raises InputError when it is no causal language model."""
    if why := why_not_causal(config):
        raise InputError(
            f"The model {model} cannot be trained here", why,
            "Choose a causal language model: its architecture ends with ForCausalLM",
        )  # fmt: skip


def needs_own_code(config: Mapping[str, Any]) -> bool:
    """Whether it is a causal language model by Python code of its own alone: what transformers knows itself runs without
    the code that comes with it."""
    named = config.get("auto_map")
    own = isinstance(named, dict) and "AutoModelForCausalLM" in named
    return own and config.get("model_type") not in known_families(CAUSAL)


def elsewhere(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> list[str]:
    """Other repositories whose code the model names (as owner/name--file.Class)."""
    named = json.dumps([config.get("auto_map"), tokenizer_config.get("auto_map")])
    return sorted(set(re.findall(r'"([^"]+?)--', named)))


def code_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file that Python can run, by its path in the folder."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in CODE and path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if "__pycache__" not in path.parts
    }


@lru_cache
def known_families(which: str) -> dict[str, tuple[str, ...]]:
    """model_type to the classes that transformers has for it, from one of its lists."""
    package = importlib.util.find_spec("transformers")
    if package is None or package.origin is None:
        return {}
    name = "auto_mappings.py" if which == CONFIGURATIONS else "modeling_auto.py"
    tree = ast.parse((Path(package.origin).parent / "models" / "auto" / name).read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == which:
            value = statement.value
            pairs = ast.literal_eval(value.args[0] if isinstance(value, ast.Call) else value)
            classes = dict(pairs).items()
            return {family: (made,) if isinstance(made, str) else tuple(made) for family, made in classes}
    return {}
