"""Base and tuned side by side over tuned alone: time of an answer, and memory over a single model.

`python -m tests.benchmarks.side_by_side`. The baseline is the plain thing: `generate` of the tuned model, one prompt.
Ours is what the page shows: both answers streamed from one mixed batch, in the thread that holds the model. The adapter is fresh (it changes nothing), so
both write the same number of tokens. Timed on the starter and on a random model of 100 M parameters, in turns, medians
of ROUNDS; memory of the larger one in processes of their own (the GPU's peak, or the resident memory on a CPU).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from studio import chat, models
from studio.inference import answers

ROUNDS = 7
NEW_TOKENS = 48
QUESTION = [
    {"role": "system", "content": chat.DEFAULT_SYSTEM},
    {"role": "user", "content": "Hello, my parcel has not arrived and the order number is 48213. Where is it? " * 3},
]


def make_larger(folder: Path) -> Path:
    """A random Llama of about 100 M parameters with the starter's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = chat.load_tokenizer(models.STARTER)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=768, intermediate_size=2304, num_hidden_layers=13, num_attention_heads=12,
        max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_adapter(model_folder: Path, folder: Path) -> Path:
    from peft import LoraConfig, get_peft_model

    model, _ = models.load(model_folder, "4bit")
    get_peft_model(model, LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM")).save_pretrained(folder)
    return folder


def tuned_alone(model: Any, tokenizer: Any) -> int:
    import torch

    prompt = torch.tensor([chat.prompt_ids(tokenizer, QUESTION)], device=model.device)
    written = model.generate(
        input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW_TOKENS, do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return int(written.shape[1] - prompt.shape[1])


def both(model: Any, tokenizer: Any, model_thread: Executor) -> dict[str, str]:
    last = {"base": "", "tuned": ""}
    for pair in answers.stream_pair(model, tokenizer, QUESTION, NEW_TOKENS, model_thread):
        last = pair
    return last


def time_ratio(model_folder: Path, adapter: Path) -> dict[str, float]:
    model_thread = ThreadPoolExecutor(1)
    model, tokenizer = model_thread.submit(models.load, model_folder, "4bit", adapter=adapter).result()
    tokens = model_thread.submit(tuned_alone, model, tokenizer).result()
    last = both(model, tokenizer, model_thread)
    assert last["base"] == last["tuned"], "a fresh adapter changes nothing, so both do the same work"
    ours, plain = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        model_thread.submit(tuned_alone, model, tokenizer).result()
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        both(model, tokenizer, model_thread)
        ours.append(time.perf_counter() - began)
    median_ours, median_plain = statistics.median(ours), statistics.median(plain)
    return {"ratio": median_ours / median_plain, "both": median_ours, "alone": median_plain, "tokens": tokens}


def memory_used(model_folder: Path, adapter: Path | None) -> int:
    """Bytes taken by loading and answering: with an adapter both answers, without it the one model's."""
    import psutil
    import torch
    from peft import PeftModel  # noqa: F401  what an import takes is not the model's

    before = psutil.Process().memory_info().rss
    model_thread = ThreadPoolExecutor(1)
    model, tokenizer = model_thread.submit(models.load, model_folder, "4bit", adapter=adapter).result()
    if adapter is not None:
        both(model, tokenizer, model_thread)
    else:
        model_thread.submit(tuned_alone, model, tokenizer).result()
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return int(psutil.Process().memory_info().rss - before)


def in_own_process(model_folder: Path, adapter: Path | None) -> int:
    arguments = [str(model_folder), *([str(adapter)] if adapter else [])]
    command = [sys.executable, "-m", "tests.benchmarks.side_by_side", *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        larger = make_larger(Path(folder) / "larger")
        starter_adapter = make_adapter(models.STARTER, Path(folder) / "starter-adapter")
        larger_adapter = make_adapter(larger, Path(folder) / "larger-adapter")
        starter_time = time_ratio(models.STARTER, starter_adapter)
        larger_time = time_ratio(larger, larger_adapter)
        pairs = [(in_own_process(larger, larger_adapter), in_own_process(larger, None)) for _ in range(3)]
    together, single = (statistics.median(column) for column in zip(*pairs, strict=True))
    result = {
        "name": "side_by_side", "ratio": starter_time["ratio"], "ratio_100m": larger_time["ratio"],
        "memory_ratio": together / single, "memory_both": together, "memory_one_model": single,
        "seconds": {"starter": starter_time, "100m": larger_time},
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(memory_used(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
    else:
        main()
