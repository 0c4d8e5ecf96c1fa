"""The model card of a bundle: where it comes from, how it was trained, how to use it, what it cannot do."""

import json
from pathlib import Path
from typing import Any

from studio.training.run import Run

USE = {
    "adapter": """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base = AutoModelForCausalLM.from_pretrained("PATH_OR_ID_OF_THE_BASE_MODEL")  # the base named above
model = PeftModel.from_pretrained(base, ".")
tokenizer = AutoTokenizer.from_pretrained(".")""",
    "merged": """from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(".", dtype="bfloat16")
tokenizer = AutoTokenizer.from_pretrained(".")""",
}


def base_name(model: str) -> str:
    """The model without the folders of this machine."""
    return Path(model).name if Path(model).is_absolute() else model


def write(run: Run, kind: str, parity: dict[str, Any] | None) -> str:
    """Markdown with the header that the Hub reads."""
    recipe, result = run.recipe, run.result
    if not recipe.uses_adapter:
        kind = "merged"
    loss, base = result.get("best_eval_loss"), base_name(recipe.model)
    lines = [
        "---", f"base_model: {base}", "library_name: " + ("peft" if kind == "adapter" else "transformers"),
        "tags: [fine-tuning-studio]", "---", "", f"# {run.id}: {base}, fine-tuned with {recipe.method}", "",
        f"Trained on `{run.train_dataset}` for {result.get('steps', 0):,} steps in {result.get('seconds', 0) / 60:.1f} minutes"
        + (f"; the best evaluation loss was {loss:.4f} at step {result['best_step']:,}." if loss is not None else "."),
        "", "## How to use it", "", "```python", USE[kind], "```", "",
    ]  # fmt: skip
    if parity:
        lines += [
            "## Does it answer like the run did?", "",
            f"Measured on {parity['prompts']} prompts of {parity['dataset']} against the run as it was trained: the largest logit gap is "
            f"{parity['largest_logit_gap']}, the mean {parity['mean_logit_gap']}, and {parity['equal_answers']:.0%} of the greedy "
            "answers are the same to the letter.", "",
        ]  # fmt: skip
    lines += [
        "## Recipe", "", "```json", json.dumps({**recipe.model_dump(), "model": base}, indent=1), "```", "", "## Limits", "",
        "It was judged on one dataset only. Check it on your own cases, and the licence of the base model, before you rely on it.", "",
    ]  # fmt: skip
    return "\n".join(lines)
