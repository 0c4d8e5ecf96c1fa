"""Models of other families than the starter's take the whole path: train, answer, merge, load elsewhere."""

import json
from pathlib import Path

import pytest
import torch

from studio import InputError, Project, Recipe, chat, models
from studio.inference import answers
from studio.memory import ModelShape
from tests.families import CHATML, CONTEXT, FAMILIES, make_model

SHORT = {"epochs": 2, "batch_size": 4, "accumulation": 1, "learning_rate": 1e-2, "max_length": 128, "dropout": 0.0,
         "logging_steps": 1, "evaluations": 2}  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen2 with a chat template, GPT-2 and GPT-NeoX without."""
    template = CHATML if request.param == "qwen2" else None
    return make_model(tmp_path_factory.mktemp("models") / request.param, request.param, template)


def project_with_rows(home: Path) -> Project:
    path = home / "greetings.jsonl"
    names = ["Ola", "Mia", "Tom", "Ada", "Max", "Lea", "Ben", "Zoe"] * 2
    path.write_text("".join(json.dumps({"prompt": f"Greet {name}.", "completion": "Hello."}) + "\n" for name in names))
    project = Project.open("families", home=home)
    project.load(path)
    return project


def test_the_shape_is_read_from_the_configuration(model: Path) -> None:
    shape = ModelShape.of(str(model))
    loaded, _ = models.load(model)
    assert shape.known and shape.layers == 2
    assert shape.parameters == pytest.approx(sum(weight.numel() for weight in loaded.parameters()), rel=0.02)


# peft 0.21.2 says this when an adapter made on 4-bit layers is put on GPT-2's Conv1D, and does what is right
@pytest.mark.filterwarnings(r"ignore:fan_in_fan_out is set to False:UserWarning:peft\.tuners\.lora")
def test_it_learns_answers_and_goes_out_whole(model: Path, tmp_path: Path, jobs_here: None) -> None:
    project = project_with_rows(tmp_path)
    data = project.dataset("greetings")
    recipe = Recipe(model=str(model), method="qlora", **SHORT)
    assert project.memory(recipe)["fits"]
    run = project.train(data, recipe, evaluation=data)
    losses = run.metrics()["eval_loss"].dropna()
    assert losses.iloc[-1] < losses.iloc[0] - 0.5
    adapter = adapter_parameters(model, recipe.r)
    every = adapter + sum(weight.numel() for weight in models.load(model)[0].parameters())
    assert (run.result["trainable_parameters"], run.result["all_parameters"]) == (adapter, every)  # also of 4 bits
    assert run.parameters == f"{adapter:,} of {every:,} ({100 * adapter / every:.3f} %)"

    tuned, tokenizer = models.load(model, "4bit", adapter=run.adapter_folder)
    last = list(answers.stream_pair(tuned, tokenizer, asked("Greet Eva."), max_new_tokens=12))[-1]
    assert last["tuned"] == "Hello." and last["base"] != "Hello."

    bundle = project.export(run, "merged")
    assert bundle.parity is not None and bundle.parity["equal_answers"] == 1
    assert plain_answer(bundle.folder, "Greet Eva.") == "Hello."
    assert "Hello." in set(project.evaluate(run, data).answers["tuned"])


def asked(prompt: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": chat.DEFAULT_SYSTEM}, {"role": "user", "content": prompt}]


def adapter_parameters(model: Path, r: int) -> int:
    """r x (in + out) of every linear layer but the head; GPT-2's Conv1D is one too."""
    from transformers.pytorch_utils import Conv1D

    loaded, _ = models.load(model)
    head = loaded.get_output_embeddings()
    linears = [
        layer for layer in loaded.modules() if isinstance(layer, (torch.nn.Linear, Conv1D)) and layer is not head
    ]
    return sum(r * sum(layer.weight.shape) for layer in linears)


def plain_answer(folder: Path, prompt: str) -> str:
    """As somebody without the studio would ask: by transformers alone, and the files of the bundle."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(asked(prompt), tokenize=False, add_generation_prompt=True)
    given = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    made = model.generate(**given, max_new_tokens=12, do_sample=False)
    return str(tokenizer.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True))


def test_targets_that_the_model_lacks_are_named(model: Path, tmp_path: Path, jobs_here: None) -> None:
    data = project_with_rows(tmp_path).dataset("greetings")
    with pytest.raises(InputError, match="no module nowhere_proj.*all-linear"):
        Project.open("families", home=tmp_path).train(data, Recipe(model=str(model), targets=["nowhere_proj"], **SHORT))


def test_a_prompt_longer_than_the_context_is_refused(model: Path) -> None:
    loaded, tokenizer = models.load(model)
    with pytest.raises(InputError, match=f"of {CONTEXT}"):
        answers.generate(loaded, tokenizer, [asked("word " * CONTEXT)])
