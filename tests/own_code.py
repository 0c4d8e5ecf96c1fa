"""A model that needs Python code of its own, as some on the Hub do: a small Llama under a name that transformers doesn't
know. Its code writes a marker when it runs, so that a test sees whether it did."""

import json
import shutil
from pathlib import Path

from studio import models

CONFIGURATION = """import pathlib

from transformers import LlamaConfig

pathlib.Path({marker!r}).touch()


class TinyConfig(LlamaConfig):
    model_type = "tiny_own"
"""
MODELING = """import pathlib

from transformers import LlamaForCausalLM

from .configuration_tiny import TinyConfig

pathlib.Path({marker!r}).touch()


class TinyForCausalLM(LlamaForCausalLM):
    config_class = TinyConfig
"""


def make_model(folder: Path, marker: Path) -> Path:
    """The starter's weights and tokenizer with code of their own, which touches `marker` when it is imported."""
    folder.mkdir(parents=True)
    for path in models.STARTER.iterdir():
        if path.suffix in (".json", ".safetensors", ".jinja"):
            shutil.copyfile(path, folder / path.name)
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "tiny_own", "architectures": ["TinyForCausalLM"],
        "auto_map": {"AutoConfig": "configuration_tiny.TinyConfig", "AutoModelForCausalLM": "modeling_tiny.TinyForCausalLM"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "configuration_tiny.py").write_text(CONFIGURATION.format(marker=str(marker)))
    (folder / "modeling_tiny.py").write_text(MODELING.format(marker=str(marker)))
    return folder
