"""What a run does not need for its first step waits until after it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from studio import Project, models, store
from studio.training.imports import compile_later
from studio.training.samples import SampleCallback

pytestmark = pytest.mark.usefixtures("one_thread")
ADDED = 0.5
"""What the adapter adds to each of its weights: enough that it answers in another way."""


def test_no_compiler_is_loaded_before_a_training_begins(tmp_path: Path) -> None:
    """Of a job without a description: all is imported when it is looked for."""
    code = f"""
import sys
from pathlib import Path
from studio.errors import NotFoundError
from studio.jobs.job import Job
from studio.training import worker
try:
    worker.work(Job(Path({str(tmp_path)!r})))
except NotFoundError:
    print("bitsandbytes" in sys.modules, "trl.trainer.sft_trainer" in sys.modules, "torch._inductor.compile_fx" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True, capture_output=True)
    assert ran.stdout.split() == [b"True", b"True", b"False"]


def test_what_is_compiled_later_is_compiled_once_and_as_it_was_asked() -> None:
    asked: list[dict[str, Any]] = []

    def compiled(function: Any, **options: Any) -> Any:
        asked.append(options)
        return lambda number: function(number) * 10

    @compile_later(compiled, dynamic=False)  # type: ignore[untyped-decorator]
    def next_one(number: int) -> int:
        return number + 1

    assert asked == [] and next_one.__name__ == "next_one"
    assert [next_one(1), next_one(2)] == [20, 30] and asked == [{"dynamic": False}]


@pytest.fixture
def asking(tmp_path: Path) -> SampleCallback:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "Which room has lamp 3?", "completion": "Room 21."}\n')
    rows = Project.open("start", home=tmp_path / "home").load(path)
    return SampleCallback(tmp_path / "samples.jsonl", rows, 1, 128, has_evaluation=True)


def test_the_base_is_asked_after_the_first_step_with_the_adapter_off(asking: SampleCallback) -> None:
    from peft import LoraConfig, get_peft_model

    base, tokenizer = models.load("starter", for_training=True)
    model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)

    def tell(moment: str) -> list[tuple[int, str]]:
        getattr(asking, moment)(None, state, None, model=model, processing_class=tokenizer)
        rows = store.read_json_lines(asking.file) if asking.file.exists() else []
        return [(row["step"], row["answer"]) for row in rows]

    assert tell("on_evaluate") == tell("on_step_begin") == []
    state.global_step = 1
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight += ADDED
    learning = [name for name, weight in model.named_parameters() if weight.requires_grad]
    ((step, of_base),) = tell("on_step_begin")
    assert step == 0 and [name for name, weight in model.named_parameters() if weight.requires_grad] == learning
    assert model.training and tell("on_step_begin") == tell("on_train_end") == [(0, of_base)]
    _, (later, of_adapter) = tell("on_evaluate")
    assert later == 1 and of_adapter != of_base
    with model.disable_adapter():
        _, _, (_, again) = tell("on_evaluate")
    assert again == of_base


@pytest.mark.parametrize("moment", ["on_evaluate", "on_train_end"])
def test_whatever_comes_first_after_the_first_step_brings_the_answers_of_the_base(
    asking: SampleCallback, moment: str
) -> None:
    from peft import LoraConfig, get_peft_model

    base, tokenizer = models.load("starter", for_training=True)
    model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    asking.on_evaluate(None, state, None, model=model, processing_class=tokenizer)
    state.global_step = 1
    getattr(asking, moment)(None, state, None, model=model, processing_class=tokenizer)
    expected = [0, 1] if moment == "on_evaluate" else [0]
    assert [row["step"] for row in store.read_json_lines(asking.file)] == expected


@pytest.mark.parametrize("written", [[], [{"step": 0, "id": "r1", "answer": "as it began"}, {"step": 2, "id": "r1"}]])
def test_a_run_that_goes_on_asks_the_base_when_nobody_has(
    asking: SampleCallback, written: list[dict[str, Any]]
) -> None:
    from peft import LoraConfig, get_peft_model

    for row in written:
        store.append_json_line(asking.file, row)
    base, tokenizer = models.load("starter", for_training=True)
    model: Any = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    state = SimpleNamespace(global_step=4, is_world_process_zero=True)
    for moment in ("on_train_begin", "on_step_begin", "on_train_end"):
        getattr(asking, moment)(None, state, None, model=model, processing_class=tokenizer)
    answered = [row["answer"] for row in store.read_json_lines(asking.file) if row.get("step") == 0]
    assert len(answered) == 1 and (answered == ["as it began"]) == bool(written)


def test_a_model_without_an_adapter_is_asked_before(asking: SampleCallback) -> None:
    model, tokenizer = models.load("starter", for_training=True)
    state = SimpleNamespace(global_step=0, is_world_process_zero=True)
    asking.on_evaluate(None, state, None, model=model, processing_class=tokenizer)
    assert [row["step"] for row in store.read_json_lines(asking.file)] == [0]
