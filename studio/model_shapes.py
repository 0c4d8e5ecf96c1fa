"""The sizes of a causal language model, matrix by matrix, read from its configuration and never from its weights."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio import counted_shapes
from studio.errors import InputError, NotFoundError
from studio.models import READ_PAST, resolve

LEARNED_POSITIONS = ("gpt2", "gpt_neo", "gpt_bigcode", "opt")
"""Families (model_type) with an embedding for each position of the context."""
FIXED_CONTEXT = (*LEARNED_POSITIONS, "biogpt", "codegen", "ctrl", "gptj", "mpt", "openai-gpt")
"""Families that cannot look at a position beyond their context: they keep something for each in a table."""
NORMS_HEADS = (
    "qwen3", "qwen3_moe", "olmo2", "olmo3", "olmoe", "flex_olmo", "gemma3_text", "exaone4", "apertus", "dots1",
)  # fmt: skip
"""Families whose attention norms each query and key, and keeps what they were."""
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")
PROJECTIONS = ("q_proj k_proj v_proj", "o_proj", "gate_proj up_proj", "down_proj")
"""Modules for query, key and value, for what attention gives, into the feed-forward, and out of it: Llama's names, and
those of most families since."""
NAMES: dict[str, tuple[str, str, str, str]] = {
    "gpt2": ("c_attn", "c_proj", "c_fc", "c_proj"),
    "gpt_bigcode": ("c_attn", "c_proj", "c_fc", "c_proj"),
    "gpt_neo": ("q_proj k_proj v_proj", "out_proj", "c_fc", "c_proj"),
    "gptj": ("q_proj k_proj v_proj", "out_proj", "fc_in", "fc_out"),
    "gpt_neox": ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    "bloom": ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    "falcon": ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    "opt": ("q_proj k_proj v_proj", "out_proj", "fc1", "fc2"),
    "phi": ("q_proj k_proj v_proj", "dense", "fc1", "fc2"),
    "starcoder2": ("q_proj k_proj v_proj", "o_proj", "c_fc", "c_proj"),
    "mpt": ("Wqkv", "out_proj", "up_proj", "down_proj"),
    "phi3": ("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
    "glm": ("q_proj k_proj v_proj", "o_proj", "gate_up_proj", "down_proj"),
    "glm4": ("q_proj k_proj v_proj", "o_proj", "gate_up_proj", "down_proj"),
}
"""One word for what is one matrix: "c_attn" is query, key and value together. `gate_up_proj` holds both; a family whose
feed-forward has one matrix in and no gate has any other single word there."""
TOLD = (
    "llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "glm", "glm4", "starcoder2", "gpt2", "gptj",
    "gpt_bigcode", "gpt_neo", "gpt_neox", "falcon", "opt", "bloom", "mpt", "mixtral", "gpt_oss", "qwen2_moe", "qwen3_moe", "olmoe", "deepseek_v3",
    "smollm3", "olmo", "olmo2", "olmo3", "granite", "cohere", "cohere2", "stablelm", "ernie4_5", "exaone4", "seed_oss", "glm4_moe",
)  # fmt: skip
"""Families whose configuration tells every size, exactly: a test holds each against the model itself and its adapters."""
ATTENDS_NOT = ("mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm")
"""Families without attention; what some of them call heads is another thing."""
MAMBA = ("falcon_h1", "mamba", "mamba2", "falcon_mamba", "nemotron_h")
"""Families in which PEFT 0.21 refuses an adapter on any of REFUSED, as their kernels read its weights past the adapter."""
REFUSED = ("out_proj", "conv1d")
MIXTRAL_NAMES = {"gate_up_proj": "w1 w3", "down_proj": "w2", "weight": "gate"}
QWEN_NAMES = {"gate_up_proj": "gate_proj up_proj", "down_proj": "down_proj", "weight": "gate"}
ROUTED: dict[str, dict[str, str]] = {
    **dict.fromkeys(("mixtral", "minimax", "minimax_m2"), MIXTRAL_NAMES),
    **dict.fromkeys((
        "afmoe", "cohere2_moe", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots1", "ernie4_5_moe", "exaone_moe", "flex_olmo",
        "glm4_moe", "glm4_moe_lite", "glm_moe_dsa", "hunyuan_v1_moe", "longcat_flash", "mellum", "olmoe", "qwen3_moe", "qwen3_next",
        "solar_open",
    ), QWEN_NAMES),
}  # fmt: skip
"""Families whose routed experts are one tensor a layer and get adapters from PEFT 0.21 all the same, each expert its own: for
each tensor the targets that stand for it, all of which must be named (of a router, whose tensor is its "weight", the gate)."""
RECURRENT = ("linear_attention", "mamba", "recurrent", "conv")
"""Kinds of layers that have no matrices like these: such a model is judged as if they had, and said to be so."""


@dataclass(frozen=True)
class Linear:
    """`count` matrices of the whole model that are alike: the module's name, its inputs and its outputs."""

    name: str
    inputs: int
    outputs: int
    count: int

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs * self.count


@dataclass(frozen=True)
class ModelShape:
    """`matrices` are the linear layers but the head. The widths, in units: hidden, the widest feed-forward that one token
    goes through, query, key and value; `heads` of the query, none where nothing attends. `expert_parameters` are those of
    routed experts, which transformers 5 keeps as one tensor a layer and not as linear layers: never quantised. `routed`: what
    adapters PEFT puts on them, as if each expert were a matrix; where there are any, linear layers of the same names get
    none. `refused`: linear layers on which no adapter can be put. `recurrent`: bytes that a layer's recurrence keeps of a token
    for the way back. `from_name`: only that is known of it. `others`: parameters outside the linear layers, where they
    were counted and not reckoned. `known`: from a configuration, and not guessed from a name. `context`: tokens that it was made for, 0 where nobody says; it fails beyond where that is fixed.
    `norms_heads`: attention norms each query and key."""

    hidden: int
    feed_forward: int
    layers: int
    query: int
    key_value: int
    vocabulary: int
    tied: bool
    matrices: tuple[Linear, ...]
    expert_parameters: int = 0
    positions: int = 0
    known: bool = True
    heads: int = 1
    context: int = 0
    context_is_fixed: bool = False
    norms_heads: bool = False
    routed: tuple[Linear, ...] = ()
    refused: tuple[str, ...] = ()
    others: int = 0
    recurrent: int = 0
    from_name: bool = False

    @property
    def doubt(self) -> str:
        """Why what it needs is a rough guess, as a sentence behind another; empty where it is none."""
        if self.known:
            return ""
        if self.from_name:
            return " The model's shape is guessed from its name until it is downloaded."
        return " What layers of this kind hold is guessed roughly."

    @property
    def linear_parameters(self) -> int:
        return sum(matrix.parameters for matrix in self.matrices)

    @property
    def other_parameters(self) -> int:
        """Embeddings, head, norms and routed experts: what stays in 16 bits when the rest is quantised."""
        if self.others:
            return self.others
        embeddings = self.vocabulary * (1 if self.tied else 2) + self.positions
        return (embeddings + 2 * self.layers + 1) * self.hidden + self.expert_parameters

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.other_parameters

    @property
    def largest_matrix(self) -> int:
        """Parameters of the largest single linear layer but the head."""
        return max((matrix.inputs * matrix.outputs for matrix in self.matrices), default=0)

    @property
    def modules(self) -> list[str]:
        """The names that adapters can be put on."""
        return list(dict.fromkeys(name for one in self._adaptable for name in one.name.split()))

    @property
    def not_adapted(self) -> list[str]:
        """The names of linear layers but the head on which none can be put."""
        return list(dict.fromkeys(matrix.name for matrix in self.matrices if matrix.name in self.refused))

    def adapted(self, targets: list[str] | str) -> int:
        """How many linear layers of the whole model are targets."""
        return sum(matrix.count for matrix in self._chosen(targets) if matrix not in self.routed)

    def adapts_experts(self, targets: list[str] | str) -> bool:
        """Whether routed experts, or what routes to them, are among the targets."""
        return any(matrix in self.routed for matrix in self._chosen(targets))

    def adapter_parameters(self, r: int, targets: list[str] | str) -> int:
        """r x (in + out) of every target (LoRA, Hu et al. 2021, section 4.2)."""
        return sum(r * (matrix.inputs + matrix.outputs) * matrix.count for matrix in self._chosen(targets))

    def _chosen(self, targets: list[str] | str) -> list[Linear]:
        ends = None if isinstance(targets, str) else {target.rsplit(".", 1)[-1] for target in targets}
        return [one for one in self._adaptable if ends is None or ends.issuperset(one.name.split())]

    @property
    def _adaptable(self) -> list[Linear]:
        taken = {*self.refused, *(name for expert in self.routed for name in expert.name.split())}
        return [*(matrix for matrix in self.matrices if matrix.name not in taken), *self.routed]

    @classmethod
    def of(cls, model: str) -> "ModelShape":
        """From config.json, and for a family that this does not tell of counted on the model that transformers makes of it; a
        Hub model that is not here yet is judged by the size in its name (7B), and says so."""
        place = resolve(model)
        if isinstance(place, Path):
            return cls._from_file(place / "config.json")
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(place, "config.json")
        return cls._from_file(Path(cached)) if isinstance(cached, str) else cls._from_name(place)

    @classmethod
    def _from_file(cls, path: Path) -> "ModelShape":
        config = json.loads(path.read_text(encoding="utf-8"))
        family = str(config.get("model_type"))
        if family in TOLD:
            return cls.from_config(config)
        refused = refused_in(family)
        found = counted_shapes.counted(config, refused)
        if found is None:
            return replace(cls.from_config(config), known=False)
        shape = cls.from_config({**found["read"], **config.get("text_config", config)})
        matrices = tuple(Linear(*matrix) for matrix in found["matrices"])
        names = ROUTED.get(family, QWEN_NAMES)
        linear = sum(matrix.parameters for matrix in matrices)
        widest = max((max(matrix.inputs, matrix.outputs) for matrix in matrices), default=0)
        return replace(
            shape, matrices=matrices, others=found["parameters"] - linear, refused=refused,
            routed=tuple(Linear(names.get(tensor, tensor), *sizes) for tensor, *sizes in found["routed"]),
            feed_forward=shape.feed_forward if shape.heads else widest, recurrent=_recurrent(found["read"], family),
        )  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ModelShape":
        """Of any causal language model that transformers knows; grouped queries, tied embeddings and experts counted.

        Raises InputError when the configuration is not that of a language model."""
        config = config.get("text_config", config)
        try:
            hidden = _first(config, "hidden_size", "n_embd", "d_model")
            layers = _first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
            vocabulary = config["vocab_size"]
        except KeyError as error:
            raise InputError(
                "This model's config.json is not that of a language model", f"no {error}", "Choose another model"
            ) from None
        family = str(config.get("model_type"))
        heads = _heads(config, family)
        head = (config.get("head_dim") or hidden // heads) if heads else 0
        query, key_value = head * heads, head * _key_value_heads(config, heads)
        feed_forward = config.get("intermediate_size") or config.get("n_inner") or config.get("ffn_dim") or 4 * hidden
        names = NAMES.get(family, PROJECTIONS)
        attention: tuple[Linear, ...] = ()
        if config.get("kv_lora_rank"):
            attention = _latent_attention(config, hidden, heads, layers)
        elif heads:
            attention = _attention(names, hidden, query, key_value, layers)
        experts = _Experts.of(config, layers, feed_forward)
        dense = _feed_forward(names, hidden, feed_forward, layers - experts.layers)
        shared = _feed_forward(names, hidden, experts.shared, experts.layers) if experts.shared else ()
        if config.get("shared_expert_intermediate_size"):
            shared = (*shared, Linear("shared_expert_gate", hidden, 1, experts.layers))  # Qwen2's
        kinds = str(config.get("layer_types") or config.get("layers_block_type") or family)
        active = experts.each * experts.active + experts.shared if experts.layers else 0
        context = next((int(config[name]) for name in CONTEXT_NAMES if config.get(name)), 0)
        return cls(
            hidden, max(active, feed_forward if layers > experts.layers else 0), layers, query, key_value, vocabulary,
            bool(config.get("tie_word_embeddings", True)), (*attention, *dense, *shared), experts.parameters(hidden),
            positions=context if family in LEARNED_POSITIONS else 0,
            known=heads > 0 and not any(kind in kinds for kind in RECURRENT),
            heads=heads, context=context, context_is_fixed=family in FIXED_CONTEXT, norms_heads=family in NORMS_HEADS,
            routed=experts.adapted(hidden, ROUTED.get(family)), refused=refused_in(family),
        )  # fmt: skip

    @classmethod
    def _from_name(cls, name: str) -> "ModelShape":
        """A Llama-like shape of about the size that the name tells; of 8x7B, eight times seven."""
        found = re.search(r"(?:(\d+)x)?(\d+(?:\.\d+)?)\s*([bm])(?![a-z0-9])", name, re.IGNORECASE)
        if not found:
            raise NotFoundError(
                f"Nothing is known of the model {name}", "no config.json in the cache and no size in its name",
                "Download it first, or choose the starter or a local model folder",
            )  # fmt: skip
        parameters = int(found[1] or 1) * float(found[2]) * (1e9 if found[3].lower() == "b" else 1e6)
        hidden = round((parameters / 7e9) ** (1 / 3) * 4096 / 64) * 64 or 64
        feed_forward = int(2.7 * hidden)
        layers = max(1, round(parameters * 0.96 / (hidden * hidden * 4 + 3 * hidden * feed_forward)))
        matrices = (
            *_attention(PROJECTIONS, hidden, hidden, hidden, layers),
            *_feed_forward(PROJECTIONS, hidden, feed_forward, layers),
        )
        return cls(
            hidden,
            feed_forward,
            layers,
            hidden,
            hidden,
            32_000,
            False,
            matrices,
            known=False,
            from_name=True,
            heads=max(1, hidden // 128),
        )


@dataclass(frozen=True)
class _Experts:
    """Routed experts: in how many layers, how many in one, their width, how many a token goes through, and the width of
    those that every token goes through."""

    layers: int = 0
    count: int = 0
    each: int = 0
    active: int = 0
    shared: int = 0

    def parameters(self, hidden: int) -> int:
        return self.layers * self.count * (3 * hidden * self.each + hidden)

    def adapted(self, hidden: int, names: dict[str, str] | None) -> tuple[Linear, ...]:
        """What adapters PEFT makes of them: two ranks for the matrices into an expert, which are one tensor."""
        if not names or not self.layers:
            return ()
        return (
            Linear(names["gate_up_proj"], hidden, 2 * self.each, 2 * self.layers * self.count),
            Linear(names["down_proj"], self.each, hidden, self.layers * self.count),
            Linear(names["weight"], hidden, self.count, self.layers),
        )

    @classmethod
    def of(cls, config: dict[str, Any], layers: int, feed_forward: int) -> "_Experts":
        names = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
        count = next((int(config[name]) for name in names if config.get(name)), 0)
        if count < 2:
            return cls()
        every = config.get("decoder_sparse_step") or config.get("interleave_moe_layer_step") or 1
        plain = {*range(int(config.get("first_k_dense_replace") or 0)), *(config.get("mlp_only_layers") or [])}
        sparse = sum((layer + 1) % every == 0 and layer not in plain for layer in range(layers))
        each = config.get("moe_intermediate_size") or feed_forward
        shared = config.get("shared_expert_intermediate_size") or int(config.get("n_shared_experts") or 0) * each
        active = config.get("num_experts_per_tok") or config.get("moe_top_k") or config.get("moe_k") or 2
        return cls(sparse, count, each, int(active), int(shared))


def refused_in(family: str) -> tuple[str, ...]:
    """Ends of the names of linear layers that get no adapter in this family (a model_type): PEFT refuses them, or the adapter
    would never learn."""
    return (*REFUSED, *READ_PAST.get(family, ())) if family in MAMBA else ()


def _recurrent(read: dict[str, int], family: str) -> int:
    """Bytes that a layer's recurrence keeps of a token in transformers' own code, which is what runs where no kernels are
    installed: counted in 5.23 tensor by tensor, nearly all in 32 bits, beside what a feed-forward part would keep."""
    inner, state = read.get("intermediate_size", 2 * read["hidden_size"]), read.get("state_size", 0)
    heads, chunk = read.get("num_heads", 0), read.get("chunk_size", 0)
    if family in ("mamba", "falcon_mamba"):
        return inner * (6 + 14 * state)
    if family == "mamba2":
        return 27 * inner + heads * (10 * chunk + 23 * state)
    return 66 * read["hidden_size"] if family == "rwkv" else 0


def _heads(config: dict[str, Any], family: str) -> int:
    """Of the attention; none where nothing attends."""
    try:
        return 0 if family in ATTENDS_NOT else _first(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
    except KeyError:
        return 0


def _first(config: dict[str, Any], *names: str) -> int:
    """The first of these settings that is there. Raises KeyError with the name that is usual."""
    for name in names:
        if config.get(name):
            return int(config[name])
    raise KeyError(names[0])


def _key_value_heads(config: dict[str, Any], heads: int) -> int:
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1  # falcon and gpt_bigcode
    return int(config.get("num_key_value_heads") or config.get("num_kv_heads") or heads)


def _attention(
    names: tuple[str, ...], hidden: int, query: int, key_value: int, layers: int
) -> tuple[Linear, ...]:  # fmt: skip
    into, out = names[0].split(), names[1]
    widths = [query, key_value, key_value] if len(into) == 3 else [query + 2 * key_value]
    return (
        *(Linear(name, hidden, width, layers) for name, width in zip(into, widths, strict=True)),
        Linear(out, query, hidden, layers),
    )


def _latent_attention(config: dict[str, Any], hidden: int, heads: int, layers: int) -> tuple[Linear, ...]:
    """DeepSeek-V2's attention: keys and values from one narrow vector (section 2.1 of its paper)."""
    plain, turned, value = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    rank, narrow = config["kv_lora_rank"], config.get("q_lora_rank")
    width = heads * (plain + turned)
    queries = [("q_a_proj", hidden, narrow), ("q_b_proj", narrow, width)] if narrow else [("q_proj", hidden, width)]
    others = [
        ("kv_a_proj_with_mqa", hidden, rank + turned),
        ("kv_b_proj", rank, heads * (plain + value)),
        ("o_proj", heads * value, hidden),
    ]
    return tuple(Linear(name, inputs, outputs, layers) for name, inputs, outputs in queries + others)


def _feed_forward(names: tuple[str, ...], hidden: int, width: int, layers: int) -> tuple[Linear, ...]:
    if not layers:
        return ()
    into = names[2].split()
    outputs = 2 * width if into == ["gate_up_proj"] else width
    return (*(Linear(name, hidden, outputs, layers) for name in into), Linear(names[3], width, hidden, layers))
