"""Every choice of one training, validated as a whole, to JSON and back; presets of the guide; and a recommendation."""

import json
import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from studio.errors import FormatError, RecipeError
from studio.examples import Dataset
from studio.memory import ModelShape

FORMAT = 1
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
Method = Literal["qlora", "lora", "full"]


class Recipe(BaseModel):
    """The defaults are those of a small first run; `Recipe.recommended` fits them to data and model with reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field("starter", min_length=1, description="starter, a local model folder, or a Hub id")
    method: Method = Field("qlora", description="qlora (4-bit base, adapter), lora (16-bit base, adapter), or full")
    epochs: float = Field(3, gt=0, le=100, description="times that every example is seen")
    batch_size: int = Field(4, ge=1, le=1024, description="examples in one forward pass on one device")
    accumulation: int = Field(4, ge=1, le=1024, description="passes that make one optimiser step")
    learning_rate: float = Field(2e-4, gt=0, lt=1, description="peak learning rate of AdamW")
    weight_decay: float = Field(0.01, ge=0, lt=1, description="decoupled weight decay")
    warmup_share: float = Field(0.03, ge=0, lt=1, description="share of the steps over which the rate rises")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="how the rate falls after warm-up")
    max_length: int = Field(
        2048, ge=16, le=1_048_576, description="tokens of one example; longer ones are cut and counted"
    )
    packing: bool = Field(False, description="several examples in one row (bfd_split: nothing is lost)")
    r: int = Field(16, ge=1, le=1024, description="rank of the adapter's matrices")
    alpha: int = Field(32, ge=1, le=4096, description="scale of the adapter: its output is multiplied by alpha / r")
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout before the adapter, in training")
    targets: list[str] | Literal["all-linear"] = Field("all-linear", description="modules that get an adapter")
    optimizer: Literal["adamw_torch", "paged_adamw_8bit", "adamw_8bit"] = Field("adamw_torch", description="optimiser")
    max_gradient_norm: float = Field(1.0, gt=0, description="gradients are scaled down to this norm")
    gradient_checkpointing: bool = Field(False, description="recompute activations: less memory, about 30 % slower")
    logging_steps: int = Field(10, ge=1, description="optimiser steps between two points of the loss curve")
    evaluations: int = Field(5, ge=1, le=1000, description="evaluations over the run, where there is an evaluation set")
    seed: int = Field(0, ge=0, lt=2**32, description="of the data order, dropout and the adapter's start")
    reasons: dict[str, str] = Field(default_factory=dict, exclude=True, repr=False, description="why each value")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise RecipeError([_sentence(mistake) for mistake in error.errors()]) from None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.targets == []:
            raise ValueError("targets is empty: name modules, or use all-linear")
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(self.to_json())

    @property
    def uses_adapter(self) -> bool:
        return self.method != "full"

    def steps_for(self, rows: int) -> int:
        """Optimiser steps of the whole run over `rows` unpacked examples."""
        return max(1, math.ceil(math.ceil(rows / self.batch_size) / self.accumulation * self.epochs))

    def differences(self) -> dict[str, Any]:
        """The fields that differ from the defaults: what the Python of a step shows."""
        defaults = Recipe().model_dump()
        return {key: value for key, value in self.model_dump().items() if value != defaults[key]}

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **self.model_dump()}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Raises RecipeError with every mistake, FormatError when a newer studio wrote it."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise RecipeError([f"it is not JSON ({error})"]) from None
        if not isinstance(values, dict):
            raise RecipeError([f"it is a JSON {type(values).__name__}, not an object"])
        if values.pop("format", FORMAT) != FORMAT:
            raise FormatError("This recipe was written by a newer studio", "another format number", "Update the studio")
        return cls(**values)

    @classmethod
    def preset(cls, name: str) -> "Recipe":
        """guide-lora, guide-qlora, guide-7B, guide-13B or guide-70B: the guide's own values (G6, G7, G8)."""
        if name not in PRESETS:
            raise RecipeError([f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}"])
        return cls(**{**GUIDE, **PRESETS[name], "reasons": {"preset": f"the guide's values, as {name}"}})

    @classmethod
    def recommended(cls, dataset: Dataset, model: str = "starter", method: Method = "qlora") -> "Recipe":
        """A recipe that fits the data and the model, each value with its reason in `.reasons`."""
        return _recommend(cls, dataset, model, method)


def _sentence(mistake: Any) -> str:
    where = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return f"{where} is no field of a recipe"
    words = mistake["msg"].removeprefix("Value error, ")
    return f"{where}: {words[0].lower() + words[1:]} (found {str(mistake['input'])[:60]!r})" if where else words


GUIDE: dict[str, Any] = {
    "model": "mistralai/Mistral-7B-v0.1", "epochs": 3, "batch_size": 4, "accumulation": 4, "learning_rate": 2e-4, "weight_decay": 0.01,
    "warmup_share": 0.03, "schedule": "cosine", "logging_steps": 10, "evaluations": 3, "gradient_checkpointing": True,
    "optimizer": "paged_adamw_8bit", "max_gradient_norm": 0.3, "max_length": 2048, "packing": True, "targets": TARGETS,
    "r": 16, "alpha": 32, "dropout": 0.05, "method": "lora",
}  # fmt: skip
PRESETS: dict[str, dict[str, Any]] = {
    "guide-lora": {},
    "guide-qlora": {"method": "qlora", "r": 64, "alpha": 16, "dropout": 0.1},
    "guide-7B": {"learning_rate": 2e-4, "batch_size": 4, "r": 16, "alpha": 32, "warmup_share": 0.03},
    "guide-13B": {"learning_rate": 1e-4, "batch_size": 2, "r": 32, "alpha": 64, "warmup_share": 0.05},
    "guide-70B": {"learning_rate": 5e-5, "batch_size": 1, "r": 64, "alpha": 128, "warmup_share": 0.05},
}
FEWEST_STEPS = 100
MOST_EPOCHS = 10


def _recommend(cls: type[Recipe], dataset: Dataset, model: str, method: Method) -> Recipe:
    rows, tokens = len(dataset), dataset.columns("tokens")["tokens"]
    billions = ModelShape.of(model).parameters / 1e9
    values: dict[str, Any] = {"model": model, "method": method}
    reasons: dict[str, str] = {}

    def choose(field: str, value: Any, reason: str) -> None:
        values[field], reasons[field] = value, reason

    adapter_rates = [(0.1, 1e-3), (9, 2e-4), (30, 1e-4), (math.inf, 5e-5)]
    rate = next(rate for size, rate in adapter_rates if billions < size)
    if method == "full":
        rate = 5e-4 if billions < 0.1 else 2e-5
        choose(
            "learning_rate",
            rate,
            "all weights move, so each moves less than an adapter's" if billions >= 0.1 else "a very small model",
        )
    else:
        choose("learning_rate", rate, f"adapters of a model of {_size(billions)} learn well at this rate")
    batch, accumulation = (16, 1) if billions < 0.1 else (4, 4)
    epochs = 3.0
    while math.ceil(rows / (batch * accumulation)) * epochs < FEWEST_STEPS and batch * accumulation > 4:
        batch, accumulation = (batch, accumulation // 2) if accumulation > 1 else (batch // 2, 1)
    choose(
        "batch_size", batch, "fits a small card" if billions >= 0.1 else "the model is tiny, so many rows go at once"
    )
    choose("accumulation", accumulation, f"{batch * accumulation} examples make one step")
    while math.ceil(rows / (batch * accumulation)) * epochs < FEWEST_STEPS and epochs < MOST_EPOCHS:
        epochs += 1
    steps = math.ceil(rows / (batch * accumulation)) * epochs
    few = steps < FEWEST_STEPS
    choose(
        "epochs",
        epochs,
        f"{steps:.0f} optimiser steps"
        + (f": few, because {rows} examples are few; add more" if few else ", enough to learn from"),
    )
    longest = int(tokens.max()) if rows else 0
    length = min(2048, max(64, math.ceil((longest + 16) / 64) * 64))
    cut = int((tokens > length).sum())
    choose(
        "max_length", length, "the longest example fits" if not cut else f"{cut} longer examples are cut; filter them"
    )
    choose("packing", False, "packing short rows would leave too few steps")
    if billions >= 0.1 and steps > 20 * FEWEST_STEPS:
        choose("packing", True, "there is enough data that packing saves time and leaves steps enough")
    choose(
        "gradient_checkpointing",
        billions >= 0.1,
        "saves memory" if billions >= 0.1 else "memory is no concern at this size",
    )
    choose(
        "optimizer",
        "paged_adamw_8bit" if billions >= 0.5 else "adamw_torch",
        "an optimiser state of 2 bytes a weight" if billions >= 0.5 else "exact, and small here",
    )
    choose("logging_steps", max(1, int(steps) // 50), "about fifty points on the loss curve")
    choose("evaluations", 6, "often enough to see it turn")
    choose("warmup_share", 0.05, "a gentle start")
    choose("max_gradient_norm", 1.0, "cuts only spikes")
    if method != "full":
        choose("r", 16, "enough for a format or a style")
        choose("alpha", 32, "twice the rank")
        choose(
            "dropout",
            0.05 if billions >= 0.1 else 0.0,
            "against learning by heart" if billions >= 0.1 else "a tiny adapter needs none",
        )
        choose("targets", "all-linear", "adapters on every linear layer come near a full training (QLoRA, section 4)")
    return cls(**values, reasons=reasons)


def _size(billions: float) -> str:
    return f"{billions:.1f} B parameters" if billions >= 0.1 else f"{billions * 1000:.1f} M parameters"
