"""A real evaluation of a real adapter on the starter, in this process; the queue's side is in tests/jobs."""

import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from studio import chat, examples, models, store
from studio.errors import JobError, NotFoundError
from studio.evaluation import evaluate, worker
from studio.evaluation.evaluate import Evaluation
from studio.inference import answers
from studio.inference.answers import Contestant
from studio.jobs.job import Job
from studio.training import rows
from studio.training.recipe import Recipe
from tests.inference.small_run import ANSWER, QUESTIONS, conversation, train_adapter

ROWS = 6


def table_of(conversations: list[list[dict[str, str]]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"r{number:06d}" for number in range(1, len(conversations) + 1)],
            "messages": conversations,
            "source": "test",
            "tokens": [sum(len(message["content"]) for message in messages) // 4 for messages in conversations],
            "quality": 1.0,
            "flags": [[] for _ in conversations],
            "tools": None,
        }
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project with a finished run, its training data, and test data of which one row is too long to ask."""
    folder = tmp_path_factory.mktemp("home") / "projects" / "triage"
    folder.mkdir(parents=True)
    examples.write_dataset(folder, "train", table_of([conversation(question) for question in QUESTIONS]))
    asked = [conversation(f"Ticket {number}: I cannot log in.") for number in range(ROWS)]
    examples.write_dataset(folder, "test", table_of([*asked, conversation("word " * 3000)]))
    make_run(folder, "run-001", "qlora")
    train_adapter(folder / "runs" / "run-001" / "adapter")
    return folder


def make_run(project: Path, run_id: str, method: str) -> Path:
    folder = project / "runs" / run_id
    store.write_text(folder / "recipe.json", Recipe(model="starter", method=method).to_json())
    request = {"project_folder": str(project), "dataset": "train@v1", "evaluation": None}
    store.write_json(
        folder / "job.json", {"format": 1, "kind": "train", "home": str(project.parents[1]), "request": request}
    )
    return folder


def make_job(project: Path, run_id: str, evaluation_id: str) -> Job:
    folder = project / "evaluations" / evaluation_id
    request = {
        "project_folder": str(project),
        "run_id": run_id,
        "dataset": "test@v1",
        "train_dataset": "train@v1",
        "max_new_tokens": 24,
    }
    store.write_json(
        folder / "job.json", {"format": 1, "kind": "evaluate", "home": str(project.parents[1]), "request": request}
    )
    return Job(folder)


@pytest.fixture(scope="module")
def evaluated(project: Path) -> Evaluation:
    job = make_job(project, "run-001", "evaluation-001")
    worker.work(job)
    return evaluate.open_evaluation(project, "evaluation-001")


def test_the_table_shows_what_training_did(evaluated: Evaluation) -> None:
    table = evaluated.table.set_index("metric")
    assert list(table.index) == ["exact_match", "valid_json", "rouge_l", "perplexity"]
    assert table.loc["exact_match", "base"] == 0 and table.loc["exact_match", "tuned"] == 1
    assert table.loc["valid_json", "tuned"] == 1 and table.loc["rouge_l", "tuned"] == 1
    assert 1 <= table.loc["perplexity", "tuned"] < 1.5 < table.loc["perplexity", "base"]
    assert table.loc["perplexity", "base_few_shot"] < table.loc["perplexity", "base"]
    for name in evaluate.CONTESTANTS:
        assert (table[f"{name}_low"] <= table[name]).all() and (table[name] <= table[f"{name}_high"]).all()


def test_the_answers_are_kept_in_the_order_of_the_rows(evaluated: Evaluation) -> None:
    answers = evaluated.answers
    assert list(answers.columns) == ["id", "prompt", "expected", "base", "base_few_shot", "tuned"]
    assert list(answers["id"]) == [f"r{number:06d}" for number in range(1, ROWS + 1)]
    assert set(answers["tuned"]) == {ANSWER} and ANSWER not in set(answers["base"])


def test_rows_that_cannot_be_asked_are_left_out_and_named(evaluated: Evaluation) -> None:
    description = evaluated.description
    assert description["rows"] == ROWS and description["left_out"] == [f"r{ROWS + 1:06d}"]
    assert description["shots"] == evaluate.SHOTS and description["dataset"] == "test@v1"
    assert evaluated.run_id == "run-001" and evaluated.job.progress.note == "finished"


def test_perplexity_is_that_of_the_answer_tokens_alone(project: Path, evaluated: Evaluation) -> None:
    """Against one row at a time through the model's own loss, without padding."""
    model, tokenizer = models.load("starter", "4bit", adapter=project / "runs" / "run-001" / "adapter")
    total, tokens = 0.0, 0
    for number in range(ROWS):
        row = chat.encode(tokenizer, conversation(f"Ticket {number}: I cannot log in."))
        ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
        with torch.inference_mode(), model.disable_adapter():
            total += float(model(input_ids=ids, labels=labels).loss) * row.trained_tokens
        tokens += row.trained_tokens
    found = evaluated.table.set_index("metric").loc["perplexity", "base"]
    assert found == pytest.approx(math.exp(total / tokens), rel=0.03)  # bf16


def test_a_stop_leaves_no_results(project: Path) -> None:
    job = make_job(project, "run-001", "evaluation-002")
    (job.folder / "stop").touch()
    worker.work(job)
    stopped = Evaluation(job.folder)
    assert not stopped.is_ready
    with pytest.raises(JobError, match="no results"):
        _ = stopped.table


def test_after_a_full_training_the_tuned_model_is_its_own(project: Path) -> None:
    folder = make_run(project, "run-002", "full")
    model, tokenizer = models.load("starter")
    with torch.no_grad():  # a model that differs from the base in every answer
        model.model.norm.weight.zero_()
    model.save_pretrained(folder / "adapter")
    tokenizer.save_pretrained(folder / "adapter")
    job = make_job(project, "run-002", "evaluation-003")
    worker.work(job)
    perplexity = Evaluation(job.folder).table.set_index("metric").loc["perplexity"]
    # it gives each token the same chance
    assert perplexity["tuned"] == pytest.approx(model.config.vocab_size, rel=1e-3)
    assert perplexity["base"] != pytest.approx(model.config.vocab_size, rel=0.1)


def test_evaluations_are_listed(project: Path, evaluated: Evaluation) -> None:
    assert evaluated.id in [found.id for found in evaluate.list_evaluations(project)]
    with pytest.raises(NotFoundError):
        evaluate.open_evaluation(project, "evaluation-404")


def test_shots_are_repeatable_and_never_a_test_question() -> None:
    train = table_of([conversation(f"Question {number}", f"Answer {number}") for number in range(20)])
    asked, without = evaluate.questions(train.head(2))
    shots = evaluate.choose_shots(train, asked)
    assert shots == evaluate.choose_shots(train, asked) and len(shots) == 3 and without == []
    assert not {shot[-2]["content"] for shot in shots} & {"Question 0", "Question 1"}
    turns = Contestant("base_few_shot", shots=shots).conversation(conversation("New", None))
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 3, "user"]


def test_rows_without_an_answer_are_set_aside() -> None:
    _, without = evaluate.questions(table_of([conversation("Where?", None)]))
    assert without == ["r000001"]


TOOLS = (
    '[{"type": "function", "function": {"name": "find_parcel", "parameters": {"type": "object", "properties": {}}}}]'
)
WITH_TOOLS = (
    "{% if tools %}{{ tools | tojson }}<|end|>{% endif %}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}{{ call['function'] | tojson }}{% endfor %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CALL = '[{"type": "function", "function": {"name": "find_parcel", "arguments": "{\\"number\\": 7}"}}]'
ASKED = [{"role": "system", "content": "Call tools."}, {"role": "user", "content": "Where is parcel 7?"}]


def test_tools_are_asked_and_expected_as_training_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model_folder = shutil.copytree(models.STARTER, tmp_path / "model")
    (model_folder / "chat_template.jinja").write_text(WITH_TOOLS)
    folder = tmp_path / "projects" / "calls"
    answers_of = [{"role": "assistant", "content": "", "tool_calls": CALL}, {"role": "assistant", "content": "Here."}]
    data = table_of([[*ASKED, answer] for answer in answers_of]).assign(tools=pd.Series([TOOLS, None], dtype=object))
    examples.write_dataset(folder, "train", data)
    test = examples.write_dataset(folder, "test", data)
    run = make_run(folder, "run-001", "full")
    recipe = Recipe(model=str(model_folder), method="full")
    store.write_text(run / "recipe.json", recipe.to_json())
    shutil.copytree(model_folder, run / "adapter")
    asked: list[list[int]] = []
    given = answers._generate

    def watched(model: Any, tokenizer: Any, prompts: list[list[int]], *others: Any) -> list[list[int]]:
        asked.extend(prompts)
        return given(model, tokenizer, prompts, *others)

    monkeypatch.setattr(answers, "_generate", watched)
    job = make_job(folder, "run-001", "evaluation-001")
    worker.work(job)
    called = Evaluation(job.folder).answers.set_index("id")["expected"].loc["r000001"]
    assert called == '{"name": "find_parcel", "arguments": {"number": 7}}'
    tokenizer = chat.load_tokenizer(model_folder)
    learned = rows.encode_rows(tokenizer, test, recipe).rows
    for number in range(2):
        ids, labels = learned[number]["input_ids"], learned[number]["labels"]
        before = ids[: next(place for place, label in enumerate(labels) if label >= 0)]
        assert asked.count(before) == 3  # by each contestant: there are no other rows to show as examples
    assert [TOOLS[3:12] in tokenizer.decode(prompt) for prompt in asked].count(True) == 3
