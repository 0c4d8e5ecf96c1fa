"""A merged bundle is a model like any other: plain transformers loads it, and it answers as its card says."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio import NotFoundError, Project, Recipe, models
from studio.export import adapter
from studio.export.bundle import Bundle
from studio.inference import answers
from studio.training.run import Run
from tests.jobs_here import work_here

TOPICS = ["login", "parcel", "invoice", "refund"]


def example(number: int) -> dict[str, str]:
    topic = TOPICS[number % 4]
    return {"prompt": f"Ticket {number}: please look at my {topic}.", "completion": json.dumps({"topic": topic})}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Run, Bundle]:
    home = tmp_path_factory.mktemp("home")
    path = home / "tickets.jsonl"
    path.write_text("".join(json.dumps(example(number)) + "\n" for number in range(32)))
    project = Project.open("bundles", home=home)
    data = project.load(path)
    recipe = Recipe(
        epochs=3, batch_size=8, accumulation=1, learning_rate=3e-3, max_length=128, dropout=0.0, logging_steps=2
    )
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        run = project.train(data, recipe)
        return project, run, project.export(run, "merged")


def test_plain_transformers_answers_as_the_run_does(exported: tuple[Project, Run, Bundle]) -> None:
    """On the prompts of its card and on new ones; nothing of the studio takes part in the plain answers."""
    _, run, bundle = exported
    assert bundle.parity is not None
    asked = [
        [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": example(number)["prompt"]},
        ]
        for number in (*range(bundle.parity["prompts"]), 97, 98, 99, 100)
    ]
    trained, run_tokenizer = models.load(run.recipe.model, "4bit", adapter=run.adapter_folder)
    names = [models.TUNED] * len(asked)
    expected = answers.generate(trained, run_tokenizer, asked, names, max_new_tokens=32)

    plain, tokenizer = AutoModelForCausalLM.from_pretrained(bundle.folder), AutoTokenizer.from_pretrained(bundle.folder)
    given, gaps = [], []
    for messages in asked:
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        made = plain.generate(**ids, max_new_tokens=32, do_sample=False)
        given.append(tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))
        with torch.inference_mode():
            gaps.append((trained(**ids).logits[0, -1].float() - plain(**ids).logits[0, -1].float()).abs().max().item())
    on_card = bundle.parity["prompts"]
    same = [one == other for one, other in zip(given, expected, strict=True)]
    assert sum(same[:on_card]) / on_card == bundle.parity["equal_answers"]
    assert sum(same) / len(same) >= 0.9
    assert any(answer.startswith('{"topic": "') for answer in given)
    # the card's gap is over each token of the answers, this one over the first alone
    assert max(gaps[:on_card]) <= bundle.parity["largest_logit_gap"] + 1e-3


def test_the_card_states_what_was_measured(exported: tuple[Project, Run, Bundle]) -> None:
    _, run, bundle = exported
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    parity = bundle.parity
    assert parity is not None and 0 < parity["mean_logit_gap"] < parity["largest_logit_gap"]
    assert f"the largest logit gap is {parity['largest_logit_gap']}, the mean {parity['mean_logit_gap']}" in card
    assert f"Measured on {parity['prompts']} prompts of tickets@v1" in card
    recipe = json.loads(re.search(r"```json\n(.*?)```", card, re.DOTALL)[1])  # type: ignore[index]
    assert recipe["learning_rate"] == run.recipe.learning_rate


def test_the_zip_holds_the_folder_and_only_safe_weights(exported: tuple[Project, Run, Bundle]) -> None:
    _, _, bundle = exported
    with zipfile.ZipFile(bundle.zip) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
    assert names == {f"{bundle.id}/{path.relative_to(bundle.folder)}" for path in bundle.folder.rglob("*")}
    assert f"{bundle.id}/model.safetensors" in names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert bundle.size == bundle.zip.stat().st_size


def test_a_run_that_lost_its_weights_makes_no_bundle(
    exported: tuple[Project, Run, Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run, _ = exported
    lost = tmp_path / "adapter"
    shutil.copytree(run.adapter_folder, lost, ignore=shutil.ignore_patterns("*.safetensors"))
    monkeypatch.setattr(Run, "adapter_folder", lost)
    with pytest.raises(NotFoundError, match="no weights"):
        adapter.write(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
