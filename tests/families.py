"""Tiny random models of other families than the starter's, each with a small tokenizer of its own; no network."""

from pathlib import Path
from typing import Any

END = "<|endoftext|>"
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""As Qwen's: without generation marks, and an answer ends with a token of the template's own."""
CONTEXT = 256
FAMILIES = ("qwen2", "gpt2", "gpt_neox")


def make_model(folder: Path, family: str, chat_template: str | None = None) -> Path:
    """A model folder as `save_pretrained` writes it, in bf16, with random weights from a fixed seed."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    tokenizer = _tokenizer(chat_template)
    model = AutoModelForCausalLM.from_config(_configuration(family, len(tokenizer), tokenizer.eos_token_id))
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapted_parameters(config: Any, r: int, targets: list[str] | str = "all-linear") -> int:
    """How many parameters the adapter has that PEFT puts on the model of this configuration, which is made without weights."""
    import warnings

    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    with warnings.catch_warnings():  # of fan_in_fan_out, which it sets right, and of ranks that it does use
        warnings.simplefilter("ignore")
        adapted = get_peft_model(model, LoraConfig(r=r, target_modules=targets, task_type="CAUSAL_LM"))
    return sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)


def _configuration(family: str, vocabulary: int, end: int) -> Any:
    from transformers import (
        GPT2Config,
        GPTNeoXConfig,
        Mamba2Config,
        MambaConfig,
        MixtralConfig,
        Qwen2Config,
        RwkvConfig,
    )

    common = {"vocab_size": vocabulary, "bos_token_id": end, "eos_token_id": end}
    if family == "gpt2":
        return GPT2Config(n_embd=64, n_layer=2, n_head=4, n_positions=CONTEXT, **common)
    small = {"hidden_size": 64, "num_hidden_layers": 2, **common}
    if family == "mamba":
        return MambaConfig(**small, state_size=8)
    if family == "mamba2":
        return Mamba2Config(**small, state_size=8, num_heads=8, head_dim=16, n_groups=1)
    if family == "rwkv":
        return RwkvConfig(**small, context_length=CONTEXT)
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": CONTEXT}
    if family == "gpt_neox":
        return GPTNeoXConfig(**sizes, intermediate_size=256, **common)
    if family == "mixtral":
        return MixtralConfig(**sizes, intermediate_size=96, num_key_value_heads=2, num_local_experts=4, **common)
    return Qwen2Config(**sizes, intermediate_size=160, num_key_value_heads=2, **common)


def _tokenizer(chat_template: str | None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = [END, *(["<|im_start|>", "<|im_end|>"] if chat_template else [])]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    text = ["Where is my parcel? Please greet Ola, Mia and Tom. You are a helpful assistant. ### User: ### System:"]
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    made.chat_template = chat_template
    return made
