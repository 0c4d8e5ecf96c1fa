"""What one pass of a real training takes on a CPU, counted by torch's profiler allocation by allocation, against what was
predicted for it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio import Machine, Recipe
from studio.hardware import GIB
from studio.memory import ModelShape, estimate
from studio.models import STARTER, load

CPU = Machine("cpu", "CPU", 2, 24 * GIB, 20 * GIB, 24 * GIB, 20 * GIB, None)
SIZES = {
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
TILE_WORDS = 32_768
"""TRL's head makes its tile so wide, and of a smaller vocabulary writes only so much of it: the rest is no memory."""

CASES: list[tuple[str, int, dict[str, Any], float]] = [
    ("llama", 1000, {"method": "qlora", "batch_size": 4, "max_length": 128}, 17.5),
    ("llama", 8000, {"method": "qlora", "batch_size": 2, "max_length": 400}, 51.5),
    ("llama", 1000, {"method": "qlora", "batch_size": 2, "max_length": 512, "gradient_checkpointing": True}, 18.4),
    ("llama", 1000, {"method": "qlora", "batch_size": 2, "max_length": 512, "packing": True}, 39.1),
    ("qwen3", 2000, {"method": "qlora", "batch_size": 1, "max_length": 600}, 29.6),
    ("qwen2", 1000, {"method": "lora", "batch_size": 2, "max_length": 384}, 39.1),
    ("qwen2", 4000, {"method": "lora", "batch_size": 4, "max_length": 128, "gradient_checkpointing": True, "r": 64}, 34.2),
    ("llama", 1000, {"method": "lora", "batch_size": 2, "max_length": 300, "dropout": 0.1}, 40.3),
    ("llama", 1000, {"method": "full", "batch_size": 2, "max_length": 300}, 44.0),
    ("llama", 4000, {"method": "full", "batch_size": 4, "max_length": 128, "gradient_checkpointing": True}, 73.5),
]  # fmt: skip
"""Family, vocabulary, recipe, and the MB that were counted when this was written."""
OFF = 0.05
"""How far off the prediction is at most, as a share of what is counted: it was 3 %."""


def highest(call: Callable[[], Any]) -> int:
    """The most bytes that were held at once, above what was held before."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    events = found.profiler.kineto_results.events()  # type: ignore[union-attr]
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    held = top = 0
    for _, change in changes:
        held += change
        top = max(top, held)
    return top


def counted(folder: Path, recipe: Recipe) -> int:
    """Bytes of the second of two passes of a step, and of the gradients that the first one left."""
    import datasets
    import torch
    from peft import LoraConfig

    from studio.training.trainer import TRAINERS, options_for

    model, tokenizer = load(recipe.model, recipe.quantisation, for_training=True)
    model = model.float() if recipe.method == "full" else model
    rows, longest = recipe.batch_size, recipe.max_length
    # in the second pass too the rows of a batch are not of one length, so that there is a mask
    lengths = [longest] * (rows + 1) + [longest - 3] * (rows - 1)
    if recipe.packing:
        lengths = [longest // 4] * 8 * rows
    data = datasets.Dataset.from_list([{"input_ids": [5] * length, "labels": [5] * length} for length in lengths])
    configuration, trainer_class = TRAINERS["sft"]
    arguments = configuration(
        output_dir=str(folder / "out"), per_device_train_batch_size=rows, gradient_accumulation_steps=2, max_steps=1, use_cpu=True,
        bf16=False, dataloader_pin_memory=False, report_to="none", disable_tqdm=True, save_strategy="no", optim="adamw_torch",
        activation_checkpointing=recipe.gradient_checkpointing, **options_for(recipe, data),
    )  # fmt: skip
    adapter = None
    if recipe.uses_adapter:
        adapter = LoraConfig(
            r=recipe.r, lora_dropout=recipe.dropout, target_modules=recipe.targets, task_type="CAUSAL_LM"
        )
    trainer = trainer_class(
        model=model, args=arguments, train_dataset=data, processing_class=tokenizer, peft_config=adapter
    )
    passes: list[int] = []
    one_pass = trainer.training_step

    def watched(*given: Any, **options: Any) -> torch.Tensor:
        found: list[torch.Tensor] = []
        passes.append(highest(lambda: found.append(one_pass(*given, **options))))
        return found[0]

    trainer.training_step = watched
    trainer.train()
    gradients = sum(weight.nbytes for weight in trainer.model.parameters() if weight.requires_grad)
    return passes[1] + gradients


@pytest.mark.parametrize(("family", "vocabulary", "values", "megabytes"), CASES)
def test_a_pass_takes_what_was_predicted(
    tmp_path: Path, family: str, vocabulary: int, values: dict[str, Any], megabytes: float
) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        family, **SIZES, vocab_size=vocabulary, head_dim=32, max_position_embeddings=2048, dtype="bfloat16"
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for path in STARTER.glob("*"):
        if path.name.startswith(("tokenizer", "special_tokens", "chat_template")):
            shutil.copy(path, tmp_path)
    recipe = Recipe(**{"model": str(tmp_path), "accumulation": 2, "optimizer": "adamw_torch", "dropout": 0.0, **values})
    parts = estimate(ModelShape.of(str(tmp_path)), recipe, CPU).parts
    predicted = sum(parts[name] for name in ("activations", "head", "gradients"))
    taken = counted(tmp_path, recipe)
    if recipe.method == "full":
        taken -= recipe.batch_size * recipe.max_length * (TILE_WORDS - vocabulary) * 4
    assert predicted == pytest.approx(taken, rel=OFF)
    assert predicted / 1024**2 == pytest.approx(megabytes, rel=OFF)
