"""What a dataset can teach beside answers to imitate: pairs, judged answers and texts; and the switches of an adapter."""

import copy
import json

import pytest

from studio import InputError, Project, Recipe, RecipeError, chat, machine, models
from studio.examples import Dataset
from studio.inference import answers
from studio.jobs.job import Job
from studio.store import read_json_lines
from studio.training import objectives, rows
from studio.training.run import Run
from tests.families import CHATML
from tests.jobs_here import work_here

NAMES = [
    "Ola",
    "Mia",
    "Tom",
    "Ada",
    "Max",
    "Lea",
    "Ben",
    "Zoe",
    "Ida",
    "Jon",
    "Eva",
    "Kai",
    "Uwe",
    "Pia",
    "Leo",
    "Nina",
]
SHORT = {"batch_size": 4, "accumulation": 1, "epochs": 3, "learning_rate": 5e-4, "max_length": 128, "dropout": 0.0,
         "logging_steps": 1, "evaluations": 3}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _jobs_here() -> object:
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("methods", home=tmp_path_factory.mktemp("home"))


def load(project: Project, name: str, rows: list[dict[str, object]]) -> Dataset:
    path = project.folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project.load(path, name=name)


@pytest.fixture(scope="module")
def pairs(project: Project) -> Dataset:
    return load(project, "pairs", [
        {"prompt": f"Greet {name}.", "chosen": f"Hello {name}!", "rejected": f"Go away {name}."} for name in NAMES
    ])  # fmt: skip


@pytest.fixture(scope="module")
def preferring(project: Project, pairs: Dataset) -> Run:
    return project.train(pairs, Recipe(objective="dpo", **SHORT), evaluation=pairs)


def test_a_pair_teaches_to_prefer_the_better_answer(preferring: Run) -> None:
    measured = preferring.metrics()
    margins = measured["eval_reward_margin"].dropna()
    assert abs(margins.iloc[0]) < 0.01  # as it begins it is its own reference
    assert margins.iloc[-1] > 0.5 and margins.is_monotonic_increasing
    assert measured["eval_reward_accuracy"].dropna().iloc[-1] == 1
    assert measured["eval_loss"].dropna().iloc[-1] < 0.5 < measured["eval_loss"].dropna().iloc[0]
    assert measured["reward_margin"].dropna().iloc[-1] > 0.3


def test_a_stopped_comparison_goes_on_as_if_it_had_not_stopped(
    project: Project, pairs: Dataset, preferring: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Job, "stop_requested", lambda job: len(read_json_lines(job.folder / "metrics.jsonl")) >= 6)
        run = project.train(pairs, Recipe(objective="dpo", **SHORT), evaluation=pairs)
    stopped_at = int(run.metrics()["step"].max())
    assert 4 <= stopped_at < preferring.result["steps"] and (run.folder / "checkpoints").exists()
    run.job.set_state(status="stopped")
    run.resume()
    assert run.result["steps"] == preferring.result["steps"]
    for measured in ("loss", "eval_loss", "reward_margin"):
        whole, halved = (one.metrics().dropna(subset=measured).set_index("step")[measured] for one in (preferring, run))
        assert halved.loc[whole.index].to_dict() == whole.to_dict()  # where it stopped it was measured once more


def test_its_adapter_goes_out_and_answers(project: Project, preferring: Run) -> None:
    folder = project.export(preferring, "adapter").folder
    model, tokenizer = models.load("starter", "4bit", adapter=folder)
    asked = [{"role": "system", "content": chat.DEFAULT_SYSTEM}, {"role": "user", "content": "Greet Ola."}]
    last = list(answers.stream_pair(model, tokenizer, asked, max_new_tokens=12))[-1]
    assert last["tuned"].strip() and last["tuned"] != last["base"]


def test_answers_judged_one_by_one_teach_too(project: Project) -> None:
    good = [{"prompt": f"Greet {name}.", "completion": f"Hello {name}!", "label": True} for name in NAMES[:12]]
    bad = [{"prompt": f"Greet {name}.", "completion": f"Go away {name}.", "label": False} for name in NAMES[4:]]
    data = load(project, "judged", good + bad)
    assert objectives.count_rows(data) == objectives.Rows(good=12, bad=12)
    run = project.train(data, Recipe(objective="kto", **SHORT), evaluation=data)
    measured = run.metrics()
    assert measured["eval_reward_chosen"].dropna().iloc[-1] > 0 > measured["eval_reward_rejected"].dropna().iloc[-1]
    assert measured["eval_loss"].dropna().iloc[-1] < measured["eval_loss"].dropna().iloc[0]


def test_a_full_training_compares_with_what_it_began_as_and_holds_no_second_model(
    project: Project, pairs: Dataset
) -> None:
    recipe = Recipe(
        objective="dpo", **{**SHORT, "method": "full", "learning_rate": 1e-4, "epochs": 1, "evaluations": 2}
    )
    margins = project.train(pairs, recipe, evaluation=pairs).metrics()["eval_reward_margin"].dropna()
    assert abs(margins.iloc[0]) < 0.01 and margins.iloc[-1] > 0.1


def test_a_dataset_that_an_objective_cannot_use_is_refused_before_the_run(project: Project, pairs: Dataset) -> None:
    talk = load(project, "talk", [{"prompt": f"Greet {name}.", "completion": f"Hello {name}!"} for name in NAMES])
    mixed = project.mix(pairs, talk)
    with pytest.raises(InputError, match="dpo cannot learn from conversations.*16 conversations.*16 pairs.*sft"):
        project.train(mixed, Recipe(objective="dpo", **SHORT))
    with pytest.raises(InputError, match="evaluation"):
        project.train(pairs, Recipe(objective="dpo", **SHORT), evaluation=talk)
    bad = load(project, "bad", [{"prompt": "Greet.", "completion": f"No {name}", "label": False} for name in NAMES])
    with pytest.raises(InputError, match="hold nothing to imitate.*16 answers judged bad.*kto"):
        project.train(bad, Recipe(**SHORT))
    with pytest.raises(InputError, match="judged good and answers judged bad"):
        project.train(bad, Recipe(objective="kto", **SHORT))
    with pytest.raises(RecipeError, match="patience.*evaluation"):
        project.train(talk, Recipe(patience=1, **SHORT))
    assert [run for run in project.runs() if run.train_dataset == mixed.reference] == []


def test_recommended_follows_the_kind_of_the_data(project: Project, pairs: Dataset) -> None:
    recipe = Recipe.recommended(pairs, "starter")
    assert recipe.objective == "dpo" and recipe.learning_rate < Recipe(model="starter").learning_rate * 2
    assert "better and a worse answer" in recipe.reasons["objective"] and "fraction" in recipe.reasons["learning_rate"]
    assert recipe.dropout == 0 and not recipe.packing and recipe.epochs <= 3
    assert Recipe.recommended(pairs, "some/model-7B").learning_rate == pytest.approx(1e-5)


# ---- what is fed to the trainer


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return chat.load_tokenizer(models.STARTER)


def test_a_pair_is_cut_where_its_answers_begin(pairs: Dataset, tokenizer: object) -> None:
    encoded = rows.encode_rows(tokenizer, pairs, Recipe(objective="dpo"))
    row, messages = encoded.rows[0], pairs.examples["messages"].iloc[0]
    assert row["prompt_ids"] == chat.prompt_ids(tokenizer, messages[:-1])
    assert tokenizer.decode(row["chosen_ids"]) == "Hello Ola!<|end|>"
    assert tokenizer.decode(row["rejected_ids"]) == "Go away Ola.<|end|>"
    assert encoded.sentence() == ""


def test_a_text_is_learned_whole_and_without_a_template(project: Project, tokenizer: object) -> None:
    text = "The parcel left the warehouse on Monday and was brought on Friday. " * 8
    data = load(project, "texts", [{"text": text + str(number)} for number in range(4)])
    assert objectives.count_rows(data) == objectives.Rows(passages=4)
    encoded = rows.encode_rows(tokenizer, data, Recipe(max_length=64))
    assert encoded.rows["labels"][:] == encoded.rows["input_ids"][:] and encoded.truncated == 0
    said = tokenizer.decode([token for piece in encoded.rows["input_ids"] for token in piece])
    assert said == "".join(f"{text}{number}<|end|>" for number in range(4))


TOOLS = [{"type": "function", "function": {"name": "find_parcel", "parameters": {"type": "object", "properties": {}}}}]
WITH_TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}" + CHATML


def test_tools_on_offer_are_rendered_where_the_template_can(project: Project, tokenizer: object) -> None:
    messages = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}]
    data = load(project, "tools", [{"messages": messages, "tools": TOOLS}] * 1 + [{"messages": messages[:1] + [
        {"role": "assistant", "content": "Gone."}]}])  # fmt: skip
    hidden = rows.encode_rows(tokenizer, data, Recipe())
    assert hidden.tools_hidden == 1 and "tools that the model's chat template does not show: 1" in hidden.sentence()
    knowing = copy.deepcopy(tokenizer)
    knowing.chat_template = WITH_TOOLS
    shown = rows.encode_rows(knowing, data, Recipe())
    assert shown.tools_hidden == 0
    first, second = (knowing.decode(ids) for ids in shown.rows["input_ids"])
    assert "find_parcel" in first and "find_parcel" not in second
    trained = [
        token for token, label in zip(shown.rows[0]["input_ids"], shown.rows[0]["labels"], strict=True) if label >= 0
    ]
    assert knowing.decode(trained).startswith("On its way.") and "find_parcel" not in knowing.decode(trained)


# ---- the switches of an adapter, and an early end


def test_dora_rslora_and_targets_are_what_is_trained(project: Project, pairs: Dataset) -> None:
    switches = {"use_dora": True, "use_rslora": True, "targets": ["q_proj", "v_proj"], "r": 4, "epochs": 1}
    run = project.train(pairs, Recipe(**{**SHORT, **switches}))
    written = json.loads((run.adapter_folder / "adapter_config.json").read_text())
    assert written["use_dora"] and written["use_rslora"] and set(written["target_modules"]) == {"q_proj", "v_proj"}
    model, _ = models.load("starter", "4bit", adapter=run.adapter_folder)
    names = [name for name, _ in model.named_parameters() if "lora_" in name]
    assert names and all("q_proj" in name or "v_proj" in name for name in names)
    assert any("lora_magnitude_vector" in name for name in names)
    adapted = next(module for name, module in model.named_modules() if name.endswith("q_proj"))
    assert adapted.scaling[models.TUNED] == pytest.approx(32 / 4**0.5)


def test_a_loss_that_gets_no_better_ends_the_run(project: Project, pairs: Dataset) -> None:
    bad = {**SHORT, "learning_rate": 0.5, "schedule": "constant", "epochs": 6, "evaluations": 12, "patience": 2}
    run = project.train(pairs, Recipe(**bad), evaluation=pairs)
    losses = run.metrics()["eval_loss"].dropna().tolist()
    best = losses.index(min(losses))
    assert run.result["ended_early"] and run.result["steps"] < 24
    assert len(losses) - 1 - best >= 2 and (run.folder / "result.json").exists() and run.is_ready


def test_an_eight_bit_base_without_a_gpu_is_refused_with_what_to_do(project: Project, pairs: Dataset) -> None:
    if machine().device == "cuda":
        pytest.skip("this machine has a GPU")
    before = len(project.runs())
    with pytest.raises(InputError, match="8-bit base needs a GPU.*4-bit"):
        project.train(pairs, Recipe(base_bits=8, **SHORT))
    assert len(project.runs()) == before
