"""The adapter merged into the original base in bf16: one model that plain transformers loads.

The run was trained on a 4-bit base, so the merged model is not bit for bit the same; how far its logits are from the
run's is measured on prompts of its evaluation set (its training set where it had none), with the files just written, and stands in the card.
"""

from pathlib import Path
from typing import Any

from studio import chat, models, store
from studio.chat import Message
from studio.export import card
from studio.jobs.job import Job
from studio.training.run import Run

NEW_TOKENS = 96


def write(run: Run, folder: Path, prompts: list[list[Message]], dataset: str, job: Job) -> dict[str, Any]:
    """Writes the model and its card; returns the parity: maximum and mean logit gap, and share of equal answers."""
    import torch

    recipe, home = run.recipe, run.job.home
    if recipe.uses_adapter:
        base, tokenizer = models.load(recipe.model, "none", adapter=run.adapter_folder, home=home)
        whole = base.merge_and_unload()
    else:
        whole, tokenizer = models.load(str(run.adapter_folder), "none", home=home, code_of=recipe.model)
    whole.config.use_cache = True
    # where a template ends an answer with a token of its own, plain transformers must know that too
    whole.generation_config.eos_token_id = chat.end_token_ids(tokenizer)
    whole.generation_config.pad_token_id = tokenizer.pad_token_id
    tokenizer.padding_side = "right"
    whole.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    del whole
    job.report(1, 3, "measuring against the run")
    parity = {"dataset": dataset, **compare(run, folder, prompts)}
    store.write_text(folder / "README.md", card.write(run, "merged", parity))
    return parity


def compare(run: Run, folder: Path, prompts: list[list[Message]]) -> dict[str, Any]:
    """The run as trained against the files in `folder` as plain transformers loads them, on each token of the run's
    own greedy answers. Gaps are in logits (natural log units)."""
    import torch
    from transformers import AutoModelForCausalLM

    recipe, home = run.recipe, run.job.home
    if recipe.uses_adapter:
        trained, tokenizer = models.load(recipe.model, recipe.quantisation, adapter=run.adapter_folder, home=home)
    else:
        trained, tokenizer = models.load(str(run.adapter_folder), "none", home=home, code_of=recipe.model)
    trusted = models.source_of(folder, home, code_of=recipe.model).trusted
    plain = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, device_map={"": trained.device}, trust_remote_code=trusted
    ).eval()
    gaps, equal = [], 0
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([chat.prompt_ids(tokenizer, prompt)], device=trained.device)
            asked = {
                "input_ids": ids,
                "attention_mask": torch.ones_like(ids),
                "max_new_tokens": NEW_TOKENS,
                "do_sample": False,
            }
            ends = {"eos_token_id": chat.end_token_ids(tokenizer), "pad_token_id": tokenizer.pad_token_id}
            answers = [trained.generate(**asked, **ends), plain.generate(**asked)]
            equal += answers[0].shape == answers[1].shape and bool((answers[0] == answers[1]).all())
            logits = [
                model(input_ids=answers[0]).logits[0, ids.shape[1] - 1 : -1].float() for model in (trained, plain)
            ]
            gaps.append((logits[0] - logits[1]).abs())
    joined = torch.cat(gaps)
    return {
        "prompts": len(prompts),
        "largest_logit_gap": round(joined.max().item(), 4),
        "mean_logit_gap": round(joined.mean().item(), 5),
        "equal_answers": equal / len(prompts),
    }
