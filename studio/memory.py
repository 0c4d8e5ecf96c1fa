"""How much memory a training needs at its highest, by part, as an interval. Reads a configuration, never weights.

Sources: QLoRA (Dettmers et al. 2023, section 2) for 4.127 bits a parameter with double quantisation; LoRA (Hu et al.
2021) for r x (in + out) parameters; Chen et al. 2016 for activations with checkpointing; TRL 1.16's chunked head for the
loss. What one layer keeps for the way back was counted in torch 2.13 with transformers 5.23 and peft 0.21, tensor by
tensor, and a test counts it again.
"""

from dataclasses import dataclass
from typing import Any

from studio.hardware import GIB, Machine
from studio.model_shapes import Linear, ModelShape

NF4_BYTES = 4.127 / 8
HEAD_TILE = 4096, 32_768
"""Tokens and words of the vocabulary that TRL's head holds at once; the tile is made whole however small the vocabulary."""
FULL_LOGITS_BYTES = 12
"""A logit held whole, as before the chunked head: in 16 bits, its copy in 32, and the gradients of both."""
CONTEXT_BYTES = 141 * 1024**2
"""What CUDA itself takes on a card."""
LIBRARY_BYTES = int(0.9 * GIB)
"""What torch, transformers, trl and the rest take in the memory of a computer, until runs have told."""
FRAGMENTATION = 0.05
"""Share of what is allocated that lies unused between the pieces on a card."""
UNSURE = {True: (0.15, 0.20), False: (0.40, 0.60)}
"""How far below and above the sum the need may lie before a run was measured; the second for a guessed shape."""
FEW_BYTES = 256 * 1024**2
"""Nobody knows the need of a process more exactly than this while few runs were measured."""
PARTS = ("weights", "adapter", "gradients", "optimiser", "activations", "head", "overhead")

CPU_TILE = 2**21
"""Logits that the head for a CPU holds at once (8 MB in 32 bits)."""
CPU_LOGIT_BYTES = {"one": 16, "more": 18}
"""What it takes for each of them where one tile holds all, and where those of the tile before are still there: in 32 bits the
logits, their logarithms of probabilities, the probabilities and a product of both."""
TORCH_LOGIT_BYTES = 33
"""What TRL's head takes for each logit of a tile on a CPU, on the way back: it is folded in torch."""
SHORT_ROWS = 256
"""Tokens up to which attention computes all scores of a row at once on a CPU: torch 2.13's own, which holds none, takes up
to four times as long there in bf16 (136 tokens: 54 ms forwards and back against 14; 512: 161 against 98), and from about a
thousand on is the quicker."""


SPARE = 0.1
"""Share of the free memory that unpacked copies of 4-bit weights may take on a CPU."""


def keeps_unpacked(weights: int, free: int) -> bool:
    """Whether a training of `sft` on a CPU keeps its 4-bit weights unpacked too, in 16 bits; `free` in bytes."""
    return 2 * weights <= SPARE * free


def attends_whole(device: str, packed: bool, longest: int) -> bool:
    """Whether a training of `sft` computes attention by whole scores (transformers' eager), which it holds for the way
    back: short rows on a CPU. Packed rows of a batch are one long row."""
    return device == "cpu" and not packed and longest <= SHORT_ROWS


@dataclass(frozen=True)
class Kept:
    """Bytes that one layer keeps of a token for the way back: for each unit of hidden, query, key/value and feed-forward
    width, and what an adapter's dropout adds for each of hidden and feed-forward. `stream`: bytes of a unit of what goes from
    layer to layer; `width`: of what matrices are multiplied in; `end`: of a unit of hidden between the last layer and the
    head."""

    hidden: float
    query: float
    key_value: float
    feed_forward: float
    dropout_hidden: float
    dropout_feed_forward: float
    stream: int
    width: int
    end: int


KEPT = {
    ("cuda", "qlora"): Kept(12, 4, 4, 8, 14, 1, 2, 2, 6),
    ("cuda", "lora"): Kept(20, 4, 4, 8, 6, 1, 2, 2, 6),
    ("cuda", "full"): Kept(26, 4, 4, 8, 0, 0, 4, 2, 12),
    ("cpu", "qlora"): Kept(12, 4, 4, 8, 20, 2, 2, 2, 8),
    ("cpu", "lora"): Kept(16, 8, 8, 16, 40, 4, 4, 4, 8),
    ("cpu", "full"): Kept(24, 8, 8, 16, 0, 0, 4, 4, 12),
}
"""A card computes in bf16 under autocast and marks what dropout drops in a byte; a CPU computes in what the weights are."""
WAY_BACK = 18
"""Bytes of a token and unit of hidden width that go back through the last norm, before any layer has given up what it kept."""


@dataclass(frozen=True)
class Correction:
    """What earlier runs of a device taught: `factor` on what is computed, `overhead` in bytes in place of the guess, how
    far off (a share) the estimate still may be to either side, and from how many runs that is."""

    factor: float = 1.0
    overhead: int | None = None
    unsure: float | None = None
    runs: int = 0


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes by part, and the interval of their sum; `free` is what the machine has now. `computed` is the sum without the
    overhead and before any correction: what later measurements are held against. `doubt`: a sentence where it is a guess."""

    parts: dict[str, int]
    low: int
    high: int
    free: int
    computed: int
    doubt: str = ""

    @property
    def expected(self) -> int:
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        return self.high <= self.free

    @property
    def verdict(self) -> str:
        return "fits" if self.fits else ("may not fit" if self.low <= self.free else "does not fit")

    def sentence(self) -> str:
        return f"Needs {self.low / GIB:.1f} to {self.high / GIB:.1f} GB of {self.free / GIB:.1f} GB free: {self.verdict}.{self.doubt}"


def estimate(
    shape: ModelShape, recipe: Any, machine: Machine, longest: int | None = None, correction: Correction | None = None,
    chunked_head: bool = True,
) -> MemoryEstimate:  # fmt: skip
    """What training `recipe` (a Recipe) on a model of this shape takes at its highest.

    `longest`: tokens of the longest example, where it is known; a batch is no longer than that unless it is packed.
    `chunked_head=False` is the loss over whole logits, as before TRL's fused head: for comparison with older figures.
    """
    correction = correction or Correction()
    on_gpu = machine.device == "cuda"
    length = recipe.max_length if recipe.packing or longest is None else min(recipe.max_length, longest)
    rows = recipe.batch_size * (1 if recipe.objective == "sft" else 2)  # the better and the worse answer go together
    tokens = rows * length
    kept, again = _activations(shape, recipe, machine.device, rows, length)
    head = _head(shape, recipe, on_gpu, tokens)
    if chunked_head:  # what it takes is free again when the way back goes on
        again = max(0, max(again, WAY_BACK * tokens * shape.hidden) - head)
    else:
        head = tokens * shape.vocabulary * FULL_LOGITS_BYTES
    sizes = {**_state(shape, recipe, machine), "activations": kept + again, "head": head}
    if on_gpu and not recipe.uses_adapter and recipe.optimizer == "adamw_torch":
        # its step makes one more copy of all weights, when what the way back needed is gone
        passing = sizes["activations"] + sizes["head"]
        sizes["optimiser"] += max(0, 4 * shape.parameters - passing)
    computed = sum(int(amount) for amount in sizes.values())
    parts = {name: int(amount * correction.factor) for name, amount in sizes.items()}
    guessed = CONTEXT_BYTES + int(FRAGMENTATION * sum(parts.values())) if on_gpu else LIBRARY_BYTES
    parts["overhead"] = guessed if correction.overhead is None else correction.overhead
    total = sum(parts.values())
    below, above = UNSURE[shape.known] if correction.unsure is None else (correction.unsure, correction.unsure)
    margin = 0 if on_gpu else FEW_BYTES // (1 + correction.runs)
    low, high = int(total * (1 - below)) - margin, int(total * (1 + above)) + margin
    return MemoryEstimate(
        {name: parts[name] for name in PARTS}, max(0, low), high, machine.memory_free, computed, shape.doubt
    )


def _state(shape: ModelShape, recipe: Any, machine: Machine) -> dict[str, float]:
    """Bytes of what stays: weights, adapter, gradients and the optimiser's state."""
    on_gpu = machine.device == "cuda"
    if not recipe.uses_adapter:
        # autocast keeps a copy in 16 bits of what it multiplies by
        weights: float = shape.parameters * 4 + (shape.linear_parameters * 2 if on_gpu else 0)
        if recipe.objective != "sft":
            weights += shape.parameters * 4  # the model as it began, beside it
        trainable, width = shape.parameters, 4
    else:
        quantised = recipe.method == "qlora"
        plain = 2 if on_gpu or quantised else 4
        linear = (NF4_BYTES if recipe.base_bits == 4 else 1) if quantised else plain
        weights = shape.linear_parameters * linear + shape.other_parameters * plain
        if (
            not on_gpu
            and quantised
            and recipe.objective == "sft"
            and keeps_unpacked(shape.linear_parameters, machine.memory_free)
        ):
            weights += shape.linear_parameters * 2
        trainable = shape.adapter_parameters(recipe.r, recipe.targets)
        if recipe.use_dora:
            trainable += sum(matrix.outputs * matrix.count for matrix in shape.matrices)
        width = 2 if quantised else 4  # TRL keeps the adapter of a quantised model in bf16
    return {
        "weights": weights,
        "adapter": trainable * width if recipe.uses_adapter else 0,
        "gradients": trainable * width,
        "optimiser": trainable * (2 if "8bit" in recipe.optimizer else 2 * width),
    }


def _activations(shape: ModelShape, recipe: Any, device: str, rows: int, length: int) -> tuple[float, float]:
    """Bytes kept for the way back, and of what is held in turn: with checkpointing one layer that is computed again, and the
    largest matrix, unpacked."""
    kept = KEPT[device, str(recipe.method)]
    tokens = rows * length
    whole = recipe.objective == "sft" and attends_whole(device, recipe.packing, length)
    # torch's attention with a mask is given keys and values for each query head, and a copy of the mask in each layer
    masked = not whole and (rows > 1 or recipe.packing)
    a_token = (
        kept.hidden * shape.hidden
        + kept.query * shape.query
        + kept.key_value * (shape.query if masked else shape.key_value)
        + kept.feed_forward * shape.feed_forward
        + shape.recurrent
    )
    if shape.norms_heads:
        a_token += 4 * (shape.query + shape.key_value)
    if recipe.uses_adapter:
        a_token += kept.width * shape.adapted(recipe.targets) * recipe.r / max(1, shape.layers)
        if recipe.dropout > 0 and recipe.objective == "sft":
            a_token += kept.dropout_hidden * shape.hidden + kept.dropout_feed_forward * shape.feed_forward
    if whole:
        a_token += kept.width * shape.heads * length
    end = tokens * shape.hidden * kept.end
    if masked and shape.heads:
        row = tokens if recipe.packing else length  # packed rows of a batch are one long row
        a_token += kept.width * row
        end += tokens * row  # the mask itself, a byte each
    one_layer = tokens * a_token
    whole_matrices: float = shape.largest_matrix * (2 if recipe.method == "qlora" else 0)
    if recipe.uses_adapter and recipe.use_dora:
        whole_matrices += shape.largest_matrix * 4 * 3  # DoRA takes the norm of each weight with its adapter
    # of the experts of a layer that get adapters PEFT makes a copy with what these add, which has a gradient of its own
    adapted = recipe.uses_adapter and shape.adapts_experts(recipe.targets)
    experts = kept.width * shape.expert_parameters / max(1, shape.layers) if adapted else 0
    whole_matrices += experts
    if not recipe.gradient_checkpointing:
        return (one_layer + experts) * shape.layers + end, whole_matrices
    one_layer += experts
    passing = tokens * (shape.feed_forward + shape.hidden) * kept.width  # gradients on their way
    return tokens * shape.hidden * kept.stream * shape.layers + end, one_layer + passing + whole_matrices


def _head(shape: ModelShape, recipe: Any, on_gpu: bool, tokens: int) -> float:
    """Bytes of the chunked head: its tile, and the gradient of the hidden states."""
    method = str(recipe.method)
    width = 2 if on_gpu or method == "qlora" else 4
    if not on_gpu and recipe.uses_adapter and recipe.objective == "sft":
        every = tokens * shape.vocabulary
        held = min(every, max(CPU_TILE, shape.vocabulary))
        return held * CPU_LOGIT_BYTES["one" if held == every or width == 4 else "more"] + tokens * shape.hidden * width
    rows, words = min(tokens, HEAD_TILE[0]), HEAD_TILE[1]
    # without Triton only what is written of the tile is held
    tile = rows * words * width if on_gpu else rows * min(words, shape.vocabulary) * TORCH_LOGIT_BYTES
    gradients = tokens * shape.hidden * 4
    if method == "full":
        gradients += shape.vocabulary * shape.hidden * 4
    return tile + gradients


__all__ = ["Correction", "Linear", "MemoryEstimate", "ModelShape", "estimate"]
