"""What a start is said to take: every token that is gone through, evaluations, checkpoints and the start itself, at the
owner's price."""

import json
from pathlib import Path
from typing import Any

import pytest

from studio import Machine, Project, Recipe, hardware
from studio.chat import TokenCounter
from studio.examples import Dataset
from studio.hardware import GIB
from studio.memory import ModelShape
from studio.models import STARTER
from studio.training import time_needed
from studio.training.workload import tokens_an_epoch

CPU = Machine("cpu", "CPU", 2, 0, 0, 24 * GIB, 20 * GIB, None)
CARD = Machine("cuda", "a card", 8, 24 * GIB, 23 * GIB, 64 * GIB, 60 * GIB, None)
SFT = Recipe(epochs=2, batch_size=8, accumulation=1, max_length=64, evaluations=4, samples=0)
DPO = Recipe(**{**SFT.model_dump(), "objective": "dpo", "dropout": 0.0})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("costs", home=tmp_path)


def loaded(project: Project, name: str, rows: list[dict[str, Any]]) -> Dataset:
    path = project.home / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project.load(path)


@pytest.fixture
def long(project: Project) -> Dataset:
    rows = [{"prompt": f"Count from {at}. " * 9, "completion": f"It is {at} and more. " * 20} for at in range(32)]
    return loaded(project, "long", rows)


@pytest.fixture
def pairs(project: Project) -> Dataset:
    rows = [
        {"prompt": f"Question {at}?", "chosen": f"Yes, {at}.", "rejected": f"No, {at}, never at any time. " * 6}
        for at in range(32)
    ]
    return loaded(project, "pairs", rows)


def measured(home: Path, machine: Machine, **row: Any) -> None:
    """One run of the starter more: by default 100 tokens a second of its kind."""
    one = {
        "run": f"other/runs/run-{len(list(home.iterdir()))}-{json.dumps(row)}", "device": machine.device, "name": machine.name,
        "cores": machine.cores, "known": False, "computed": GIB, "measured": GIB, "tokens_per_second": 100.0, "parameters": ModelShape.of("starter").parameters,
        "model": "starter", "method": "qlora", "objective": "sft", "operations": 4, **row,
    }  # fmt: skip
    with open(home / "measured.jsonl", "a") as file:
        file.write(json.dumps(one) + "\n")


def test_every_token_that_is_gone_through_counts(long: Dataset, pairs: Dataset) -> None:
    counter = TokenCounter(STARTER)
    whole = [counter.count(list(messages)) for messages in long.examples["messages"]]
    packed = Recipe(**{**SFT.model_dump(), "packing": True})
    assert tokens_an_epoch(long, packed) == sum(whole) > 3 * 32 * 64  # it is split and nothing of it lost
    assert tokens_an_epoch(long, SFT) == 32 * 64
    rows = pairs.examples
    better = [counter.count(list(messages)) for messages in rows["messages"]]
    worse = [
        counter.count([*messages[:-1], {"role": "assistant", "content": rejected}])
        for messages, rejected in zip(rows["messages"], rows["rejected"], strict=True)
    ]
    roomy = DPO.model_copy(update={"max_length": 512})
    assert tokens_an_epoch(pairs, roomy) == pytest.approx(sum(better) + sum(worse), rel=0.05)
    assert tokens_an_epoch(pairs, roomy) > 3 * sum(better)
    assert tokens_an_epoch(pairs, SFT) == pytest.approx(sum(better), rel=0.05)


def test_what_is_no_answer_is_not_counted_and_a_passage_is_whole(project: Project) -> None:
    judged = [{"prompt": f"Who is {at}?", "completion": f"It is {at}.", "label": at % 2 == 0} for at in range(8)]
    some = loaded(project, "judged", judged)
    kto = Recipe(**{**DPO.model_dump(), "objective": "kto"})
    assert tokens_an_epoch(some, kto) == pytest.approx(2 * tokens_an_epoch(some, SFT), rel=0.3)
    text = loaded(project, "text", [{"text": "A long story of many words. " * 60}])
    assert tokens_an_epoch(text, SFT) > 3 * SFT.max_length


def test_the_parts_are_those_that_were_measured(
    project: Project, long: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "machine", lambda: CPU)
    measured(project.home, CPU, starting=7.0, around=0.5, answers=False, evaluation_pace=400.0)
    tokens = 32 * 64
    found = project.cost(SFT, long, evaluation=long)
    assert found["parts"] == pytest.approx(
        {"starting": 7.0, "learning": tokens * 2 / 100, "evaluating": 5 * tokens / 400, "around": 2.5}
    )
    assert found["seconds"] == pytest.approx(sum(found["parts"].values())) and found["measured"]
    assert "5 evaluations of 32 rows" in found["text"] and "4 checkpoints" in found["text"]
    assert project.cost(SFT, long)["parts"]["evaluating"] == 0
    short = Recipe(**{**SFT.model_dump(), "epochs": 1, "batch_size": 16})  # two steps, so only two stops
    assert project.cost(short, long, evaluation=long)["parts"]["around"] == pytest.approx(1.5)


def test_objectives_are_not_mixed(project: Project, pairs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "machine", lambda: CPU)
    measured(project.home, CPU)
    scaled = project.cost(DPO, pairs)
    assert "scaled by the work of each token" in scaled["text"]
    assert scaled["parts"]["learning"] == pytest.approx(2 * tokens_an_epoch(pairs, DPO) / (100 * 4 / 6))
    measured(project.home, CPU, objective="dpo", operations=6, tokens_per_second=30.0)
    own = project.cost(DPO, pairs)
    assert (
        own["parts"]["learning"] == pytest.approx(2 * tokens_an_epoch(pairs, DPO) / 30) and "reference" in own["text"]
    )
    assert project.cost(SFT, pairs)["parts"]["learning"] == pytest.approx(2 * tokens_an_epoch(pairs, SFT) / 100)


def test_before_any_run_the_guesses_stand_for_all_parts(
    project: Project, long: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "machine", lambda: CPU)
    found = project.cost(SFT, long, evaluation=long)
    assert not found["measured"] and found["parts"]["starting"] >= time_needed.LIBRARIES
    assert found["parts"]["evaluating"] == pytest.approx(found["parts"]["learning"] / 2 * 5 / 3)
    with_answers = project.cost(Recipe(**{**SFT.model_dump(), "samples": 3}), long)["parts"]["around"]
    assert with_answers > found["parts"]["around"] > 0


def test_the_owners_price_wins_on_a_card_too(project: Project, long: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "machine", lambda: CARD)
    seven = Recipe(model="a/model-7B", epochs=1)
    guide = project.cost(seven, long)
    assert guide["dollars_an_hour"] == 1.006 and guide["dollars"] == pytest.approx(
        guide["seconds"] / 3600 * 1.006 * 1.2
    )
    assert guide["dollars_an_example"] == pytest.approx(guide["dollars"] / 32)
    project.keep_price(0, 350, 0.30, "2026-11-26")
    own = project.cost(seven, long)
    assert (own["seconds"], own["dollars_an_hour"], own["date"]) == (
        guide["seconds"],
        pytest.approx(0.105),
        "2026-11-26",
    )
    assert own["dollars"] == pytest.approx(own["seconds"] / 3600 * 0.105 * 1.2) and "your own price" in own["text"]


def test_the_guides_savings_leave_what_is_learned_as_it_is(
    project: Project, long: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "machine", lambda: CPU)
    recipe = Recipe(batch_size=4, accumulation=4, max_length=64, evaluations=3)
    found = project.savings(recipe, long, evaluation=long)
    assert [one["name"] for one in found["settings"]] == [
        "gradient checkpointing", "bf16", "paged 8-bit AdamW", "accumulation 8", "early stopping, patience 3",
    ]  # fmt: skip
    assert found["values"] == {
        "gradient_checkpointing": True, "optimizer": "paged_adamw_8bit", "accumulation": 8, "batch_size": 2, "patience": 3,
        "evaluations": 5,
    }  # fmt: skip
    assert found["then"]["needed_high"] < found["now"]["needed_high"] and set(found["reasons"]) == set(found["values"])
    taken = project.savings(Recipe(**{**recipe.model_dump(), **found["values"]}), long, evaluation=long)
    assert taken["values"] == {} and taken["now"] == taken["then"]
    unwatched = project.savings(Recipe(**{**recipe.model_dump(), "batch_size": 1}), long)
    assert "patience" not in unwatched["values"] and "accumulation" not in unwatched["values"]
    left = {one["name"]: one["here"] for one in unwatched["settings"]}
    assert "needs an evaluation" in left["early stopping, patience 3"] and "4 examples a step" in left["accumulation 8"]
