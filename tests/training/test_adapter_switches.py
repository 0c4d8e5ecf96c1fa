"""DoRA, rsLoRA, patience and packing on the starter, as far as a comparison of the answers."""

import json
from pathlib import Path

import pytest

from studio import InputError, Project, Recipe, chat, models
from studio.examples import Dataset
from studio.inference import answers

SHORT = {"batch_size": 4, "accumulation": 1, "epochs": 2, "learning_rate": 2e-3, "max_length": 128, "dropout": 0.0,
         "logging_steps": 1, "evaluations": 4}  # fmt: skip


def greetings(home: Path) -> tuple[Project, Dataset]:
    path = home / "greetings.jsonl"
    names = ["Ola", "Mia", "Tom", "Ada", "Max", "Lea", "Ben", "Zoe"]
    path.write_text("".join(json.dumps({"prompt": f"Greet {name}.", "completion": "Hello."}) + "\n" for name in names))
    project = Project.open("switches", home=home)
    return project, project.load(path)


def test_dora_learns_and_its_base_can_be_asked_beside_it(tmp_path: Path, jobs_here: None) -> None:
    project, data = greetings(tmp_path)
    run = project.train(data, Recipe(use_dora=True, use_rslora=True, **SHORT), evaluation=data)
    losses = run.metrics()["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0]
    written = json.loads((run.adapter_folder / "adapter_config.json").read_text())
    assert written["use_dora"] and written["use_rslora"]
    model, tokenizer = models.load("starter", "4bit", adapter=run.adapter_folder)
    asked = [{"role": "system", "content": chat.DEFAULT_SYSTEM}, {"role": "user", "content": "Greet Eva."}]
    last = list(answers.stream_pair(model, tokenizer, asked, max_new_tokens=8))[-1]
    alone = [answers.generate(model, tokenizer, [asked], [name], 8)[0] for name in (models.BASE, models.TUNED)]
    assert [last["base"], last["tuned"]] == alone and alone[0] != alone[1]
    plain, _ = models.load("starter", "4bit")
    assert answers.generate(plain, tokenizer, [asked], None, 8)[0] == alone[0]


def test_a_run_that_gets_no_better_ends(tmp_path: Path, jobs_here: None) -> None:
    project, data = greetings(tmp_path)
    recipe = Recipe(patience=1, **{**SHORT, "learning_rate": 0.3, "epochs": 4, "schedule": "constant"})
    run = project.train(data, recipe, evaluation=data)
    assert run.result["ended_early"] and run.result["steps"] < 8


def test_an_8_bit_base_without_a_gpu_is_explained() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="8-bit base needs a GPU"):
        models.load("starter", "8bit")
