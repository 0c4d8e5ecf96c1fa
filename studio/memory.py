"""How much memory a training needs, by part, as an interval. Reads a model's configuration, never its weights.

Formulas: QLoRA (Dettmers et al. 2023, section 2) for 4.127 bits a parameter with double quantisation; LoRA (Hu et al.
2021) for r x (in + out) parameters; activations with checkpointing as layers x tokens x hidden (Chen et al. 2016).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.errors import InputError, NotFoundError
from studio.hardware import GIB, Machine
from studio.models import resolve

NF4_BYTES = 4.127 / 8
UNGATED = ("gpt2", "gpt_neo", "gpt_neox", "gptj", "gpt_bigcode", "opt", "bloom", "falcon", "mpt", "phi", "starcoder2")
"""Families (model_type) whose feed-forward has two matrices, and no gate as a third."""
LEARNED_POSITIONS = ("gpt2", "gpt_neo", "gpt_bigcode", "opt")
"""Families with an embedding for each position of the context."""
PROCESS_BYTES = {"cuda": 141 * 1024**2 + 300 * 1024**2, "cpu": int(0.9 * GIB)}  # context, or the loaded libraries


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a causal language model in units: hidden, feed-forward and key/value width, layers, vocabulary, and
    `positions` that have an embedding of their own. `gated`: three feed-forward matrices, not two."""

    hidden: int
    feed_forward: int
    layers: int
    key_value: int
    vocabulary: int
    tied: bool
    gated: bool = True
    positions: int = 0
    known: bool = True

    @property
    def linears(self) -> list[tuple[int, int]]:
        """(in, out) of each linear layer of one block."""
        attention = [(self.hidden, self.hidden)] * 2 + [(self.hidden, self.key_value)] * 2
        return [
            *attention,
            *[(self.hidden, self.feed_forward)] * (2 if self.gated else 1),
            (self.feed_forward, self.hidden),
        ]

    @property
    def linear_parameters(self) -> int:
        return self.layers * sum(a * b for a, b in self.linears)

    @property
    def other_parameters(self) -> int:
        embeddings = self.vocabulary * (1 if self.tied else 2) + self.positions
        return (embeddings + 2 * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.other_parameters

    @classmethod
    def of(cls, model: str) -> "ModelShape":
        """From config.json; a Hub model that is not here yet is judged by the size in its name (7B), and says so."""
        place = resolve(model)
        if isinstance(place, Path):
            return cls.from_config(json.loads((place / "config.json").read_text(encoding="utf-8")))
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(place, "config.json")
        if isinstance(cached, str):
            return cls.from_config(json.loads(Path(cached).read_text(encoding="utf-8")))
        return cls._from_name(place)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModelShape":
        config = config.get("text_config", config)
        try:
            hidden = config.get("hidden_size") or config["n_embd"]
            layers = config.get("num_hidden_layers") or config["n_layer"]
            heads = config.get("num_attention_heads") or config["n_head"]
            head = config.get("head_dim") or hidden // heads
            family = config.get("model_type")
            length = config.get("max_position_embeddings") or config.get("n_positions") or 0
            return cls(
                hidden, config.get("intermediate_size") or config.get("n_inner") or config.get("ffn_dim") or 4 * hidden, layers,
                head * (config.get("num_key_value_heads") or heads), config["vocab_size"], bool(config.get("tie_word_embeddings", True)),
                gated=family not in UNGATED, positions=length if family in LEARNED_POSITIONS else 0,
            )  # fmt: skip
        except KeyError as error:
            raise InputError(
                "This model's config.json is not that of a language model", f"no {error}", "Choose another model"
            ) from None

    @classmethod
    def _from_name(cls, name: str) -> "ModelShape":
        """A Llama-like shape of about the size that the name tells."""
        found = re.search(r"(\d+(?:\.\d+)?)\s*([bm])\b", name, re.IGNORECASE)
        if not found:
            raise NotFoundError(
                f"Nothing is known of the model {name}", "no config.json in the cache and no size in its name",
                "Download it first, or choose the starter or a local model folder",
            )  # fmt: skip
        parameters = float(found[1]) * (1e9 if found[2].lower() == "b" else 1e6)
        hidden = round((parameters / 7e9) ** (1 / 3) * 4096 / 64) * 64 or 64
        per_layer = hidden * hidden * 4 + 3 * hidden * int(2.7 * hidden)
        return cls(
            hidden, int(2.7 * hidden), max(1, round(parameters * 0.96 / per_layer)), hidden, 32_000, False, known=False
        )


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by part, and the interval of their sum; `free` is what the machine has now."""

    parts: dict[str, int]
    low: int
    high: int
    free: int

    @property
    def fits(self) -> bool:
        return self.high <= self.free

    def sentence(self) -> str:
        verdict = "fits" if self.fits else ("may not fit" if self.low <= self.free else "does not fit")
        return f"Needs {self.low / GIB:.1f} to {self.high / GIB:.1f} GB of {self.free / GIB:.1f} GB free: {verdict}."


def estimate(shape: ModelShape, recipe: Any, machine: Machine) -> MemoryEstimate:
    """What training `recipe` (a Recipe) on a model of this shape takes."""
    adapter = recipe.uses_adapter
    linear_bytes = NF4_BYTES if recipe.method == "qlora" else (2.0 if adapter else 4.0)
    weights = shape.linear_parameters * linear_bytes + shape.other_parameters * (2.0 if adapter else 4.0)
    pairs = shape.linears if recipe.targets == "all-linear" else shape.linears[: len(recipe.targets)]
    trainable = shape.layers * sum(recipe.r * (a + b) for a, b in pairs) if adapter else shape.parameters
    state = 2 if "8bit" in recipe.optimizer else 8
    tokens = recipe.batch_size * recipe.max_length
    width = 4 if machine.device == "cpu" or not adapter else 2
    one_layer = tokens * (8 * shape.hidden + 3 * shape.feed_forward + 2 * shape.key_value) * width
    if recipe.gradient_checkpointing:
        activations = shape.layers * tokens * shape.hidden * width + one_layer
    else:
        activations = shape.layers * one_layer
    largest = max(a * b for a, b in shape.linears)
    parts = {
        "weights": int(weights + (largest * 2 if recipe.method == "qlora" else 0)),
        "adapter": int(trainable * 4) if adapter else 0,
        "gradients": int(trainable * 4),
        "optimiser": int(trainable * state),
        "activations": int(activations),
        "head": int(min(tokens, 4096) * min(shape.vocabulary, 32768) * 4 + tokens * shape.hidden * 4),
        "process": PROCESS_BYTES[machine.device],
    }
    total = sum(parts.values())
    return MemoryEstimate(parts, int(total * 0.8), int(total * (1.3 if shape.known else 1.6)), machine.memory_free)
