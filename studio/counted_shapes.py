"""The sizes of a model counted on the model itself, made without weights: for families whose configuration alone does not
tell them. Made in a process of its own, for the page never imports torch, and kept in STUDIO_HOME.

torch's meta device holds no values, so the largest model takes seconds and no memory; what an adapter is put on besides
linear layers is counted on the one that PEFT makes."""

import hashlib
import importlib.metadata
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from studio import store

MOST_SECONDS = 180
"""For the libraries to load on a busy machine, and the model to be made: 10 s where nothing else runs."""
COUNTED_BY = ("transformers", "peft")
TOLD = ("intermediate_size", "state_size", "num_heads", "chunk_size")
"""Settings of recurrent layers that tell what they hold."""
FORMAT = 2
_one_at_a_time = threading.Lock()
_not_counted: set[str] = set()


def counted(config: dict[str, Any], refused: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """What `count` finds; None where the model cannot be made: a family of code of its own, or of another transformers.
    `refused`: ends of names of linear layers that PEFT would not adapt."""
    asked = json.dumps({"config": config, "refused": refused}, sort_keys=True)
    versions = [f"{FORMAT}", *(importlib.metadata.version(package) for package in COUNTED_BY)]
    name = hashlib.sha256("\n".join([*versions, asked]).encode()).hexdigest()[:32]
    kept = store.studio_home() / "shapes" / f"{name}.json"
    with _one_at_a_time:
        with suppress(OSError, ValueError):
            return dict(store.read_json(kept))
        if name in _not_counted:
            return None
        found = _in_own_process(asked)
        if found is None:
            _not_counted.add(name)
            return None
        with suppress(OSError):  # it is counted again
            kept.parent.mkdir(parents=True, exist_ok=True)
            store.write_json(kept, found)
        return found


def _in_own_process(asked: str) -> dict[str, Any] | None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "studio.counted_shapes"], input=asked, capture_output=True, text=True, encoding="utf-8",
            timeout=MOST_SECONDS, check=True, env=environment, cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
        return dict(json.loads(done.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def count(config: dict[str, Any], refused: tuple[str, ...] = ()) -> dict[str, Any]:
    """Of the model that transformers makes of this configuration: `parameters` in all; `matrices`, the linear layers but the
    head, each as [end of its name, inputs, outputs, how many]; `routed`, the tensors of several experts on which PEFT puts
    adapters when it is asked for all linear layers, as [name, inputs, outputs, how many times the rank]; and `read`, what the
    configuration says under the usual names."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.pytorch_utils import Conv1D

    with TemporaryDirectory() as folder:  # for the library reads a file as no dictionary: numbers without end, for one
        Path(folder, "config.json").write_text(json.dumps(config), encoding="utf-8")
        settings = AutoConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings)
    head, words = model.get_output_embeddings(), model.get_input_embeddings()
    linear = Counter[tuple[str, int, int]]()
    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, Conv1D)) and module is not head:
            width = module.weight.shape if isinstance(module, Conv1D) else module.weight.shape[::-1]
            linear[name.rsplit(".", 1)[-1], int(width[0]), int(width[1])] += 1
    text = settings.get_text_config()
    read = {
        "hidden_size": text.hidden_size,
        "num_hidden_layers": text.num_hidden_layers,
        "vocab_size": words.num_embeddings,
    }
    told = {name: getattr(text, name, None) for name in TOLD}
    read |= {name: value for name, value in told.items() if isinstance(value, int)}
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "matrices": [[*matrix, times] for matrix, times in linear.items()],
        "routed": _routed(model, sorted({name for name, *_ in linear} - {*refused})),
        "read": {name: int(value) for name, value in read.items()},
    }


def _routed(model: Any, targets: list[str]) -> list[list[Any]]:
    if not any(weight.dim() == 3 and "expert" in name for name, weight in model.named_parameters()):
        return []  # and PEFT takes as long to load as all the rest
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora.layer import ParamWrapper

    found = Counter[tuple[str, int, int, int]]()
    adapted = get_peft_model(model, LoraConfig(r=1, target_modules=targets, task_type="CAUSAL_LM"))
    for module in adapted.modules():
        if isinstance(module, ParamWrapper):
            down, up = module.lora_A["default"], module.lora_B["default"]
            found[module.parameter_name, down.in_features, up.out_features, down.out_features] += 1
    return [[name, inputs, outputs, rank * times] for (name, inputs, outputs, rank), times in found.items()]


if __name__ == "__main__":
    print(json.dumps(count(**json.load(sys.stdin))))
