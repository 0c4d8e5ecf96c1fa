"""Makes the starter model: `python -m assets.make.starter OUTPUT [--steps 4200] [--seed 0]`.

A small Llama pretrained from nothing on the conversations of `corpus.py`. It writes weights (bf16 safetensors),
configuration, tokenizer with chat template, and `training.json` with the losses seen. About an hour on 2 cores.
"""

import argparse
import json
import math
import time
from pathlib import Path
from random import Random
from typing import Any

VOCABULARY = 2000
CONTEXT = 1024
TOKENS_A_BATCH = 3840
COPYING_STEPS = 700
WARM_UP = 150
LEARNING_RATE = 2e-3
PROMPT_SHARE = 0.05  # of the prompt's tokens, learned beside the answers so that it reads as well as writes
SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}<|assistant|>"
    "{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_tokenizer(seed: int) -> Any:
    """Byte-level BPE over single digits, trained on the corpus and on the wide list of words."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from assets.make.corpus import conversations
    from assets.make.vocabulary import LABEL_WORDS

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    stream = conversations(seed)
    texts = (message["content"] for _ in range(20_000) for message in next(stream))
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *LABEL_WORDS * 20], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: Any, seed: int) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            intermediate_size=704,
            num_hidden_layers=4,
            num_attention_heads=8,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
    )


def encode(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation and which of them are the assistant's, by hand: the template's own mask is slow."""
    ids: list[int] = []
    answer: list[bool] = []
    end = tokenizer.eos_token_id
    for message in messages:
        body = [*tokenizer.encode(message["content"], add_special_tokens=False), end]
        is_answer = message["role"] == "assistant"
        ids += [tokenizer.convert_tokens_to_ids(f"<|{message['role']}|>"), *body]
        answer += [False] + [is_answer] * len(body)
    return ids, answer


def batches(tokenizer: Any, seed: int, copying_only: bool) -> Any:
    """Endless batches of about TOKENS_A_BATCH tokens; rows of like length together, so little is padding."""
    import torch

    from assets.make.corpus import conversations

    random, stream = Random(seed), conversations(seed, copying_only)
    while True:
        rows = []
        while sum(len(ids) for ids, _ in rows) < 24 * TOKENS_A_BATCH:
            rows.append(encode(tokenizer, next(stream)))
        rows.sort(key=lambda row: len(row[0]))
        groups, group = [], []
        for row in rows:
            if group and len(row[0]) * (len(group) + 1) > TOKENS_A_BATCH * 1.1:
                groups.append(group)
                group = []
            group.append(row)
        groups.append(group)
        random.shuffle(groups)
        for group in groups:
            length = max(len(ids) for ids, _ in group)
            inputs = torch.full((len(group), length), tokenizer.pad_token_id)
            labels = torch.full((len(group), length), -100)
            for at, (ids, answer) in enumerate(group):
                inputs[at, : len(ids)] = torch.tensor(ids)
                kept = [
                    token if is_answer or random.random() < PROMPT_SHARE else -100
                    for token, is_answer in zip(ids, answer, strict=True)
                ]
                labels[at, : len(ids)] = torch.tensor(kept)
            yield inputs, labels


def learning_rate(step: int, steps: int) -> float:
    """Linear warm-up, then cosine to a tenth."""
    if step < WARM_UP:
        return LEARNING_RATE * (step + 1) / WARM_UP
    progress = (step - WARM_UP) / (steps - WARM_UP)
    return LEARNING_RATE * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(output: Path, steps: int, seed: int) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    tokenizer = make_tokenizer(seed)
    model = make_model(tokenizer, seed)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    copying, mixed = batches(tokenizer, seed + 1, True), batches(tokenizer, seed + 2, False)
    history: list[dict[str, float]] = []
    seen, begun, recent = 0, time.monotonic(), []
    body = torch.compile(model.model, dynamic=True)
    model.train()
    for step in range(steps):
        inputs, labels = next(copying if step < COPYING_STEPS else mixed)
        with torch.autocast("cpu", torch.bfloat16):
            # no mask: padding stands on the right, where causal attention never looks
            hidden = body(input_ids=inputs, use_cache=False).last_hidden_state
        learned = labels[:, 1:] != -100
        logits = hidden[:, :-1][learned].float() @ model.lm_head.weight.T
        loss = cross_entropy(logits, labels[:, 1:][learned])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        optimizer.step()
        optimizer.zero_grad()
        seen += inputs.numel()
        recent.append(loss.item())
        if step % 50 == 49:
            spent = time.monotonic() - begun
            row = {
                "step": step + 1,
                "loss": round(sum(recent) / len(recent), 4),
                "tokens": seen,
                "seconds": round(spent),
            }
            history.append(row)
            recent = []
            print(row, f"{seen / spent:,.0f} tokens/s", flush=True)
        if step % 500 == 499:
            save(model, tokenizer, output, history)
    save(model, tokenizer, output, history)


def save(model: Any, tokenizer: Any, output: Path, history: list[dict[str, float]]) -> None:
    """Writes a bf16 copy; the training goes on in float32."""
    import copy

    import torch

    output.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / "training.json").write_text(json.dumps(history, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=4200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.output, arguments.steps, arguments.seed)
