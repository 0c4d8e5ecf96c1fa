"""The guide's own recipes by name, and where each of their values is from."""

from typing import Any

from studio.errors import RecipeError
from studio.examples import Dataset
from studio.model_shapes import ModelShape
from studio.training import objectives, recommendation

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MODEL = "mistralai/Mistral-7B-v0.1"
LORA: dict[str, Any] = {
    "method": "lora", "r": 16, "alpha": 32, "dropout": 0.05, "targets": TARGETS, "epochs": 3, "batch_size": 4, "accumulation": 4,
    "learning_rate": 2e-4, "weight_decay": 0.01, "warmup_share": 0.03, "schedule": "cosine", "logging_steps": 10, "evaluations": 3,
    "gradient_checkpointing": True, "optimizer": "paged_adamw_8bit", "max_gradient_norm": 0.3, "max_length": 2048, "packing": True,
}  # fmt: skip
"""G6. It saves after each epoch, which here is an evaluation: three of them."""
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "guide-lora": ("the guide's LoRA", {}),
    "guide-qlora": ("the guide's QLoRA", {"method": "qlora", "base_bits": 4, "r": 64, "alpha": 16, "dropout": 0.1}),
    "guide-7B": (
        "the guide's start for 7B",
        {"learning_rate": 2e-4, "batch_size": 4, "r": 16, "alpha": 32, "warmup_share": 0.03},
    ),
    "guide-13B": (
        "the guide's start for 13B",
        {"learning_rate": 1e-4, "batch_size": 2, "r": 32, "alpha": 64, "warmup_share": 0.05},
    ),
    "guide-70B": (
        "the guide's start for 70B",
        {"learning_rate": 5e-5, "batch_size": 1, "r": 64, "alpha": 128, "warmup_share": 0.05},
    ),
}
"""G7 and the starting points of G8: whose they are, and what they change of LORA."""
EXAMPLES_A_STEP = 16
"""Of the guide's search (G8): accumulation = 16 / batch."""


def values_of(
    name: str, dataset: Dataset | None = None, model: str = MODEL, method: str = "", objective: objectives.Objective | None = None
) -> dict[str, Any]:  # fmt: skip
    """The fields of a Recipe with its reasons. Raises RecipeError for an unknown name."""
    if name not in PRESETS:
        raise RecipeError([f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}"])
    whose, own = PRESETS[name]
    values = {**LORA, **own, "model": model}
    values["accumulation"] = EXAMPLES_A_STEP // values["batch_size"]
    reasons = {field: whose if field in own else PRESETS["guide-lora"][0] for field in values}
    reasons["evaluations"] = "the guide saves after each of its three epochs"
    reasons["accumulation"] = f"the guide: {EXAMPLES_A_STEP} / batch size"
    reasons["model"] = "the guide's model" if model == MODEL else recommendation.ASKED
    if method and method != values["method"]:
        reasons["method"] = recommendation.ASKED
    values["method"] = method or values["method"]
    if dataset is not None or objective:
        _follow_the_data(values, reasons, dataset, objective)
    if values["method"] == "full":
        billions = ModelShape.of(model).parameters / 1e9
        values["learning_rate"], why = recommendation.learning_rate(values.get("objective", "sft"), "full", billions)
        reasons["learning_rate"] = f"the guide's is for adapters: {why}"
    return {**values, "reasons": recommendation.explained(reasons, values["method"])}


def _follow_the_data(
    values: dict[str, Any], reasons: dict[str, str], dataset: Dataset | None, given: objectives.Objective | None
) -> None:
    """The guide writes answers only: to learn from preferences some of its values must give way, and say so."""
    found, why = objectives.fitting(objectives.count_rows(dataset)) if dataset is not None else ("sft", "")
    objective = given or found
    values["objective"] = objective
    reasons["objective"] = why if objective == found else recommendation.CHOSEN
    if objective == "sft":
        return
    rate = values["learning_rate"]
    values["learning_rate"] = recommendation.preference_rate(rate, ModelShape.of(values["model"]).parameters / 1e9)
    reasons["learning_rate"] = f"the guide's {rate:g} is for writing answers; preferences take a fraction of it"
    values |= {"packing": False, "dropout": 0.0, "beta": recommendation.BETA}
    reasons |= recommendation.PREFERENCES
    if objective == "kto" and values["batch_size"] < 2:
        values |= {"batch_size": 2, "accumulation": EXAMPLES_A_STEP // 2}
        reasons["batch_size"] = "the guide's 1 leaves kto nothing to compare in a batch"
