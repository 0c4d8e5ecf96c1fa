"""Tokens a second of a studio run over a plain TRL script with the same recipe, both in processes of their own.

`python -m tests.benchmarks.training`: medians of ROUNDS runs each, in turns; the clock of both runs from the first to
the last optimiser step, without loading, evaluation and checkpoints. A run that resumed counts its own steps only.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from studio import Project, Recipe
from studio.models import STARTER

ROUNDS = 3
PLAIN = """
import json, sys, time, torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer

class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__): self.begun = time.monotonic()
    def on_train_end(self, *_, **__): self.seconds = time.monotonic() - self.begun

starter, rows, folder, recipe = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                               bnb_4bit_compute_dtype=torch.bfloat16)
model = AutoModelForCausalLM.from_pretrained(starter, quantization_config=quantised, dtype=torch.bfloat16)
model.config.use_cache = False
for module in model.modules():
    if hasattr(module, "support_avx512bf16_for_cpu"):
        module.support_avx512bf16_for_cpu = False
tokenizer = AutoTokenizer.from_pretrained(starter)
clock = Clock()
trainer = SFTTrainer(
    model=model, processing_class=tokenizer, train_dataset=Dataset.from_json(rows), callbacks=[clock],
    peft_config=LoraConfig(r=recipe["r"], lora_alpha=recipe["alpha"], lora_dropout=recipe["dropout"],
                           target_modules="all-linear", task_type="CAUSAL_LM"),
    args=SFTConfig(output_dir=folder, use_cpu=not torch.cuda.is_available(), bf16=torch.cuda.is_available(), report_to="none",
                   num_train_epochs=recipe["epochs"], per_device_train_batch_size=recipe["batch_size"],
                   gradient_accumulation_steps=recipe["accumulation"], learning_rate=recipe["learning_rate"],
                   weight_decay=recipe["weight_decay"], warmup_steps=0, lr_scheduler_type=recipe["schedule"],
                   max_length=recipe["max_length"], optim=recipe["optimizer"], max_grad_norm=recipe["max_gradient_norm"],
                   gradient_checkpointing=recipe["gradient_checkpointing"], logging_steps=recipe["logging_steps"],
                   save_strategy="no", assistant_only_loss=True, disable_tqdm=True, dataloader_pin_memory=False, seed=recipe["seed"]))
trainer.train()
tokens = max(row.get("num_tokens", 0) for row in trainer.state.log_history)
print(json.dumps({"tokens_per_second": tokens / clock.seconds}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project.open("benchmark", home=folder)
        clean = project.filter(project.load(Project.sample()))
        train, _ = project.split(clean, test=0.5)
        recipe = Recipe.recommended(train, model="starter")
        recipe = Recipe(**{**recipe.model_dump(), "epochs": 1, "warmup_share": 0.0, "evaluations": 1})
        rows = Path(folder) / "rows.jsonl"
        rows.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in train.examples["messages"]))
        ours, plain = [], []
        for round_ in range(ROUNDS):
            command = [
                sys.executable,
                "-c",
                PLAIN,
                str(STARTER),
                str(rows),
                f"{folder}/{round_}",
                json.dumps(recipe.model_dump()),
            ]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            plain.append(json.loads(printed.splitlines()[-1])["tokens_per_second"])
            run = project.train(train, recipe)
            run.wait()
            ours.append(run.result["tokens_per_second"])
        result = {
            "name": "training", "ratio": statistics.median(ours) / statistics.median(plain),
            "ours_tokens_per_second": ours, "plain_tokens_per_second": plain,
        }  # fmt: skip
        print(json.dumps(result))


if __name__ == "__main__":
    main()
