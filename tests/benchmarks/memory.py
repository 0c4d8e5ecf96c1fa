"""Peak memory of a training measured on a GPU over what was predicted, for random models of known shapes.

`python -m tests.benchmarks.memory` on a machine with CUDA: each configuration is trained for STEPS steps in a process of
its own, as a run of the studio. The ratio is the largest error (a share) of what was expected. Without CUDA nothing is
measured, and it says so and ends with 1: the resident memory of a CPU process says nothing about a card.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from studio import Project, Recipe, machine
from studio.models import STARTER

STEPS = 4
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
MODELS: dict[str, dict[str, Any]] = {
    "qwen-0.5B": {**QWEN, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
                  "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
    "qwen-1.5B": {**QWEN, "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
                  "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
    "llama-8B": {**LLAMA, "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False},
}  # fmt: skip
CONFIGURATIONS: list[tuple[str, dict[str, Any]]] = [
    ("qwen-0.5B", {"method": "full", "batch_size": 2, "max_length": 1024, "gradient_checkpointing": True}),
    ("qwen-0.5B", {"method": "lora", "batch_size": 4, "max_length": 1024}),
    ("qwen-1.5B", {"method": "lora", "batch_size": 2, "max_length": 2048, "gradient_checkpointing": True}),
    ("qwen-1.5B", {"method": "qlora", "batch_size": 4, "max_length": 1024}),
    ("llama-8B", {"method": "qlora", "batch_size": 1, "max_length": 2048, "gradient_checkpointing": True}),
    ("llama-8B", {"method": "qlora", "batch_size": 4, "max_length": 1024, "gradient_checkpointing": True}),
    ("llama-8B", {"method": "lora", "batch_size": 1, "max_length": 2048, "gradient_checkpointing": True}),
]


def random_model(folder: Path, config: dict[str, Any]) -> None:
    """A model folder with the starter's tokenizer, random weights in bf16 and this shape."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    made = AutoConfig.for_model(config["model_type"], **sizes, max_position_embeddings=4096, dtype="bfloat16")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        AutoModelForCausalLM.from_config(made).save_pretrained(folder)
    finally:
        torch.set_default_dtype(before)
    for path in STARTER.glob("*"):
        if path.name.startswith(("tokenizer", "special_tokens", "chat_template")):
            shutil.copy(path, folder)


def main() -> None:
    if machine().device != "cuda":
        print("There is no CUDA device here that torch can use, so nothing was measured.", file=sys.stderr)
        raise SystemExit(1)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for at, (name, changes) in enumerate(CONFIGURATIONS):
            folder = Path(place) / name
            if not folder.exists():
                random_model(folder, MODELS[name])
            # a home for each, so that none is corrected by the one before
            project = Project.open("memory", home=Path(place) / f"home-{at}")
            recipe = Recipe(
                **{"model": str(folder), "epochs": 1, "accumulation": 1, "dropout": 0.0, "samples": 0, **changes}
            )
            examples = Path(place) / f"{at}.jsonl"
            row = {"prompt": "Count.", "completion": "one two three four " * recipe.max_length}  # longer than the limit
            examples.write_text((json.dumps(row) + "\n") * recipe.batch_size * STEPS)
            data = project.load(examples)
            predicted = project.memory(recipe, data)
            project.train(data, recipe).wait()
            (taken,) = project.measured()
            error = predicted["expected"] / taken["measured"] - 1
            rows.append(
                {
                    "model": name,
                    **changes,
                    "expected": predicted["expected"],
                    "measured": taken["measured"],
                    "error": error,
                }
            )
            print(
                f"{name:<10} {changes['method']:<6} {predicted['expected'] / 1e9:6.2f} GB expected, {taken['measured'] / 1e9:6.2f} measured, {error:+.1%}",
                flush=True,
            )
    print(json.dumps({"name": "memory", "ratio": max(abs(row["error"]) for row in rows), "rows": rows}))


if __name__ == "__main__":
    main()
