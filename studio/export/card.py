"""The model card of a bundle: where it comes from, how it was trained, how to use it, what it cannot do."""

import json
from typing import Any

from studio.training.run import Run

USE = {
    "adapter": """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer
model = AutoPeftModelForCausalLM.from_pretrained(".")  # needs the base model at its name above
tokenizer = AutoTokenizer.from_pretrained(".")""",
    "merged": """from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(".", dtype="bfloat16")
tokenizer = AutoTokenizer.from_pretrained(".")""",
}


def write(run: Run, kind: str, parity: dict[str, Any] | None) -> str:
    """Markdown with the header that the Hub reads."""
    recipe, result = run.recipe, run.result
    if not recipe.uses_adapter:
        kind = "merged"
    loss = result.get("best_eval_loss")
    lines = [
        "---", f"base_model: {recipe.model}", "library_name: " + ("peft" if kind == "adapter" else "transformers"),
        "tags: [fine-tuning-studio]", "---", "", f"# {run.id}: {recipe.model}, fine-tuned with {recipe.method}", "",
        f"Trained on `{run.train_dataset}` for {result.get('steps', 0):,} steps in {result.get('seconds', 0) / 60:.1f} minutes"
        + (f"; the best evaluation loss was {loss:.4f} at step {result['best_step']:,}." if loss is not None else "."),
        "", "## How to use it", "", "```python", USE[kind], "```", "",
    ]  # fmt: skip
    if parity:
        lines += [
            "## Does it answer like the run did?", "",
            f"Measured on {parity['prompts']} held-out prompts against the run as it was trained: the largest logit gap is "
            f"{parity['largest_logit_gap']}, the mean {parity['mean_logit_gap']}, and {parity['equal_answers']:.0%} of the greedy "
            "answers are the same to the letter.", "",
        ]  # fmt: skip
    lines += [
        "## Recipe", "", "```json", json.dumps(recipe.model_dump(), indent=1), "```", "", "## Limits", "",
        "It was judged on one dataset only. Check it on your own cases, and the licence of the base model, before you rely on it.", "",
    ]  # fmt: skip
    return "\n".join(lines)
