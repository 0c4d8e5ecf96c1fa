"""Every choice of one training, validated as a whole, to JSON and back; two recipes compared."""

import json
import math
import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from studio.errors import FormatError, RecipeError
from studio.examples import Dataset
from studio.training.objectives import Objective, count_rows

if TYPE_CHECKING:
    import pandas as pd

    from studio.models import Quantisation

FORMAT = 3
"""1 knew one objective, 2 kept no reasons; what an older one lacks has its default."""
Method = Literal["qlora", "lora", "full"]
ANSWER_TOKENS = 64
"""Tokens of a sample answer at most."""
SHOWN = 60
"""Letters of a wrong name or value at most."""


def _writable(text: str) -> str:
    """JSON can hold half of a character (a lone surrogate), and no file in UTF-8 can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it should hold whole characters alone, no half of one") from None
    return text


Text = Annotated[str, AfterValidator(_writable)]


class Recipe(BaseModel):
    """The defaults are those of a small first run; `Recipe.recommended` fits them to data and model with reasons."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = Field("starter", min_length=1, description="starter, a local model folder, or a Hub id")
    method: Method = Field("qlora", description="qlora (4-bit base, adapter), lora (16-bit base, adapter), or full")
    base_bits: Literal[4, 8] = Field(
        4, description="bits of a weight of qlora's base; 8 is nearer the original, on a GPU only"
    )
    objective: Objective = Field(
        "sft", description="sft (write the answers), dpo (prefer the better of two), kto (prefer good to bad ones)"
    )
    beta: float = Field(0.1, gt=0, le=10, description="dpo, kto: how closely the model stays to the one it began as")
    epochs: float = Field(3.0, gt=0, le=100, description="times that every example is seen")
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
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout before the adapter, in training (sft only)")
    targets: list[Text] | Literal["all-linear"] = Field("all-linear", description="modules that get an adapter")
    use_dora: bool = Field(
        False, description="DoRA: the size of each weight is learned apart from its direction; slower"
    )
    use_rslora: bool = Field(False, description="rsLoRA: scale by alpha / sqrt(r), so that a high rank learns as fast")
    optimizer: Literal["adamw_torch", "paged_adamw_8bit", "adamw_8bit"] = Field("adamw_torch", description="optimiser")
    max_gradient_norm: float = Field(1.0, gt=0, description="gradients are scaled down to this norm")
    gradient_checkpointing: bool = Field(False, description="recompute activations: less memory, about 30 % slower")
    logging_steps: int = Field(10, ge=1, description="optimiser steps between two points of the loss curve")
    evaluations: int = Field(5, ge=1, le=1000, description="evaluations over the run, where there is an evaluation set")
    patience: int = Field(
        0, ge=0, le=1000, description="evaluations without a better loss that end the run; 0 is never"
    )
    samples: int = Field(
        3, ge=0, le=20, description="questions that are answered at each evaluation, to see it learn; 0 for none"
    )
    wandb: bool = Field(False, description="also write the curves for Weights & Biases; offline without an account")
    seed: int = Field(0, ge=0, lt=2**32, description="of the data order, dropout and the adapter's start")
    reasons: dict[Text, Text] = Field(default_factory=dict, exclude=True, repr=False, description="why each value")

    def __init__(self, /, **values: Any) -> None:
        unknown = [name for name in values if name not in type(self).model_fields]
        values = {name: value for name, value in values.items() if name not in unknown}
        if isinstance(model := values.get("model"), str):
            values["model"] = _from_anywhere(model)
        mistakes: list[str] = []
        unsound: set[str] = set()
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = {str(mistake["loc"][0]): mistake for mistake in error.errors()}
            mistakes, unsound = [_sentence(name, mistake) for name, mistake in found.items()], set(found)
            # the sound ones alone, so that those of them that do not fit together are named in the same round
            super().__init__(**{name: value for name, value in values.items() if name not in unsound})
        mistakes += [f"{_shown(name)} is no field of a recipe" for name in unknown]
        mistakes += [words for fields, words in self._clashes() if not unsound & fields]
        if mistakes:
            raise RecipeError(mistakes)

    def _clashes(self) -> list[tuple[set[str], str]]:
        """Sound values that do not fit together: the fields that are at odds, and the mistake in words."""
        found = [({"targets"}, "targets: it is empty; name modules, or use all-linear")] if not self.targets else []
        if self.base_bits == 8 and self.method != "qlora":
            words = f"base_bits: only qlora has a quantised base (found 8 with {self.method})"
            found.append(({"base_bits", "method"}, words))
        for name in ("use_dora", "use_rslora"):
            if getattr(self, name) and self.method == "full":
                found.append(({name, "method"}, f"{name}: a full training has no adapter (found true with full)"))
        if self.packing and self.objective != "sft":
            words = f"packing: only texts to write are packed (found true with {self.objective})"
            found.append(({"packing", "objective"}, words))
        if self.objective == "kto" and self.batch_size < 2:
            words = "batch_size: kto compares the answers of one batch, so it needs at least 2 (found 1)"
            found.append(({"batch_size", "objective"}, words))
        if self.patience and self.patience >= self.evaluations:
            words = f"patience: {self.patience} evaluations without a better loss can't come before the end of {self.evaluations}"
            found.append(({"patience", "evaluations"}, words))
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash(json.dumps(self.model_dump()))

    @property
    def uses_adapter(self) -> bool:
        return self.method != "full"

    @property
    def quantisation(self) -> "Quantisation":
        """How the base is loaded, to train and to answer."""
        if self.method != "qlora":
            return "none"
        return "8bit" if self.base_bits == 8 else "4bit"

    @property
    def scheduler(self) -> str:
        """The schedule by the trainer's name for it: its own "constant" knows no warm-up."""
        return "constant_with_warmup" if self.schedule == "constant" else self.schedule

    def steps_for(self, rows: int) -> int:
        """Optimiser steps of the whole run over `rows` unpacked examples."""
        an_epoch = math.ceil(math.ceil(rows / self.batch_size) / self.accumulation)
        return max(1, math.ceil(an_epoch * self.epochs))

    def steps_on(self, dataset: Dataset) -> int:
        """Optimiser steps of the whole run over a dataset whose rows are neither packed nor, as passages, cut."""
        return self.steps_for(count_rows(dataset).shown(self.objective))

    def evaluation_steps(self, steps: int) -> list[int]:
        """After which of a run's optimiser steps it is saved, and evaluated where there is an evaluation: so many as the
        recipe asks for (each where there are fewer), spread evenly, the last one among them."""
        count = min(self.evaluations, steps)
        return [round(place * steps / count) for place in range(1, count + 1)]

    def differences(self) -> dict[str, Any]:
        """The fields that differ from the defaults: what the Python of a step shows."""
        defaults = Recipe().model_dump()
        return {key: value for key, value in self.model_dump().items() if value != defaults[key]}

    def to_json(self) -> str:
        """All fields, and why each value where that is known."""
        why = {"reasons": self.reasons} if self.reasons else {}
        return json.dumps({"format": FORMAT, **self.model_dump(), **why}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Raises RecipeError with every mistake, FormatError when a newer studio wrote it."""
        try:
            return cls._read(text)
        except RecursionError:  # of the reading, or of what names the value that is wrong
            raise RecipeError(["it is JSON nested far deeper than any recipe"]) from None

    @classmethod
    def _read(cls, text: str) -> "Recipe":
        try:
            values = json.loads(text)
        except ValueError as error:
            raise RecipeError([f"it is not JSON ({error})"]) from None
        if not isinstance(values, dict):
            raise RecipeError([f"it is a JSON {type(values).__name__}, not an object"])
        written = values.pop("format", FORMAT)
        if not isinstance(written, int) or isinstance(written, bool) or written < 1:
            raise RecipeError([f"format: it should be a whole number from 1 (found {str(written)[:SHOWN]!r})"])
        if written > FORMAT:
            raise FormatError("This recipe was written by a newer studio", f"format {written}", "Update the studio")
        return cls(**values)

    @classmethod
    def preset(cls, name: str, dataset: Dataset | None = None, **given: Any) -> "Recipe":
        """guide-lora, guide-qlora, guide-7B, guide-13B or guide-70B: the guide's own values (G6, G7, G8), with the reason
        for each. With a dataset of preferences, of which the guide knows nothing, the objective and what hangs on it
        follow the data. `given`: a model, a method or an objective of one's own. Raises RecipeError."""
        from studio.training import presets

        return cls(**presets.values_of(name, dataset, **given))

    @classmethod
    def recommended(
        cls, dataset: Dataset, model: str = "starter", method: Method = "qlora", objective: Objective | None = None
    ) -> "Recipe":
        """A recipe that fits the data, the model and this machine's memory, each value with its reason in `.reasons`.
        The objective follows the data unless it is given."""
        from studio.training import recommendation

        values, reasons = recommendation.recommend(dataset, model, method, objective)
        return cls(**values, reasons=reasons)

    def compared_with(self, other: "Recipe") -> "pd.DataFrame":
        """The fields in which the two differ: field, first (this one), second, first_reason, second_reason, meaning."""
        import pandas as pd

        mine, theirs = self.model_dump(), other.model_dump()
        rows = [
            (name, mine[name], theirs[name], self.reasons.get(name, ""), other.reasons.get(name, ""), field.description)
            for name, field in type(self).model_fields.items()
            if name in mine and mine[name] != theirs[name]
        ]
        columns = ["field", "first", "second", "first_reason", "second_reason", "meaning"]
        return pd.DataFrame(rows, columns=columns, dtype=object)


def _from_anywhere(model: str) -> str:
    """A folder by its whole path: who reads the recipe later may be in another one. All else as it is."""
    if not model or model == "starter" or os.path.isabs(model):
        return model
    place = os.path.expanduser(model)
    return os.path.abspath(place) if os.path.isdir(place) else model


def _sentence(name: str, mistake: Any) -> str:
    words = mistake["msg"].removeprefix("Value error, ")
    words = words[0].lower() + words[1:]
    if name == "targets":  # two forms, each with a complaint of its own
        words = "it should be all-linear or a list of module names"
    return f"{name}: {words} (found {str(mistake['input'])[:SHOWN]!r})"


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= SHOWN else repr(name[:SHOWN])
