"""What a run writes while it learns: figures that survive a resume, sample answers that change nothing, curves for wandb."""

import json
import shlex
import sys
from glob import glob
from pathlib import Path
from subprocess import run as process
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from transformers import TrainerState

from components import curves, live_words
from studio import JobError, NotFoundError, Project, Recipe, store
from studio.jobs.job import Job
from studio.training.run import Run, to_json_number

pytestmark = pytest.mark.usefixtures("one_thread")
KEY = "0123456789abcdef0123456789abcdef01234567"


def test_answers_and_wandb_change_no_loss_and_no_key_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs_here: None
) -> None:
    """4-bit, with dropout, evaluated in the middle: the losses are those of a run without either, to the last bit."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps({"prompt": f"Greet guest {row}.", "completion": f"Hello, guest {row}."}) + "\n"
            for row in range(16)
        )
    )
    project = Project.open("live", home=tmp_path / "home")
    rows = project.load(path)
    common = {
        "batch_size": 4,
        "accumulation": 1,
        "epochs": 2,
        "max_length": 128,
        "logging_steps": 1,
        "evaluations": 4,
        "dropout": 0.1,
    }
    watched, plain = (
        project.train(rows, Recipe(**common, **more), evaluation=rows)
        for more in ({"samples": 3, "wandb": True}, {"samples": 0})
    )
    assert watched.wait(200) == plain.wait(200) == "finished"
    for column in ("loss", "eval_loss", "gradient_norm"):
        pd.testing.assert_series_equal(watched.metrics()[column], plain.metrics()[column])
    answers = watched.samples()
    assert answers.groupby("step").size().tolist() == [3] * 5 and set(answers["step"]) == {0, 2, 4, 6, 8}
    assert answers["expected"].str.startswith("Hello, guest").all() and answers["answer"].str.len().gt(0).any()
    assert len(plain.samples()) == 0 and plain.tracking == ""
    assert "offline" in watched.tracking and plain.sync_command == ""
    said, folders = shlex.split(watched.sync_command)[:2], shlex.split(watched.sync_command)[2]
    assert said == ["wandb", "sync"] and any(file for place in glob(folders) for file in Path(place).glob("*.wandb"))
    assert not [file for file in project.folder.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    training = watched.metrics().query("not is_evaluation")
    assert (
        training["memory"].gt(1e8).all()
        and training["cpu_use"].between(0, 100, inclusive="right").all()
        and training["gpu_use"].isna().all()
        and training["tokens"].is_monotonic_increasing
        and (training["of_steps"] == 8).all()
    )


def test_wandb_is_not_imported_until_it_is_asked_for() -> None:
    code = "import sys, studio.training.tracking; sys.exit('wandb' in sys.modules)"
    assert process([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_a_failure_of_wandb_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.training.tracking import WandbCallback

    run = made_run(tmp_path)
    callback = WandbCallback(run)

    def burst() -> None:
        raise OSError("no space")

    monkeypatch.setattr(callback, "_begin", burst)
    callback.on_train_begin(None, SimpleNamespace(is_world_process_zero=True), None)
    callback.on_log(None, SimpleNamespace(global_step=1), None, {"loss": 1.0})
    assert "OSError: no space" in run.tracking and "goes on" in run.tracking


def test_gpu_use_and_memory_are_what_the_driver_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's tool and a card made by hand, up to the question that is put to them."""
    import torch

    from studio.training import progress

    tool, asked, says = tmp_path / "nvidia-smi", tmp_path / "asked", tmp_path / "says"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {asked}\ncat {says}\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=f"abc-{device}"))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 3 * 1024**3)
    run = made_run(tmp_path)
    listener = progress.ProgressCallback(run.job, run.folder / "metrics.jsonl", run.recipe)
    state = SimpleNamespace(global_step=0, max_steps=4, is_world_process_zero=True)
    for said, later in (("37\n", 0.0), ("99\n", 0.0), ("58\n", 900.0), ("[N/A]\n", 900.0)):
        says.write_text(said)
        listener._gpu.asked -= later
        state.global_step += 1
        listener.on_log(None, state, None, {"loss": 1.0, "num_tokens": 10.0 * state.global_step})
    metrics = run.metrics()
    np.testing.assert_array_equal(
        metrics["gpu_use"].to_numpy(float), [37, 37, 58, np.nan]
    )  # a tool that is not asked each step
    assert metrics["memory"].tolist() == [3 * 1024**3] * 4
    question = "--id=GPU-abc-1 --query-gpu=utilization.gpu --format=csv,noheader,nounits"
    assert asked.read_text().splitlines() == [question] * 3
    drawn = curves.measured({run.id: metrics}, "gpu_use").dropna()
    assert drawn["value"].tolist() == [37, 37, 58] and drawn["step"].tolist() == [1, 2, 3]
    assert "GPU" not in live_words.small_print(run, metrics)


def test_without_a_gpu_the_page_says_what_is_measured_instead(tmp_path: Path) -> None:
    run = made_run(tmp_path, [{"step": 1, "of_steps": 1, "seconds": 1, "loss": 1.0, "memory": 2e9, "cpu_use": 48.6}])
    metrics = run.metrics()
    assert live_words.facts(run, metrics)["CPU use"] == "49 %" and "GPU use" not in live_words.facts(run, metrics)
    assert "No GPU is used here: CPU use and memory" in live_words.small_print(run, metrics)
    assert curves.measured({run.id: metrics}, "gpu_use").dropna().empty


def made_run(folder: Path, lines: list[dict[str, object]] | None = None) -> Run:
    """A finished run as its files say, without any training."""
    place = store.new_numbered_folder(folder / "runs", "run")
    request = {"project_folder": str(folder), "dataset": "rows@v1", "evaluation": None}
    store.write_text(
        place / "recipe.json", Recipe().to_json()
    )  # first, as a start writes it: a page may look meanwhile
    store.write_json(place / "job.json", {"format": 1, "kind": "train", "home": str(folder), "request": request})
    for line in lines or []:
        store.append_json_line(place / "metrics.jsonl", line)
    Job(place).set_state(status="finished")
    return Run(place)


def test_a_resumed_curve_has_no_gap_and_no_double_point(tmp_path: Path) -> None:
    from studio.training.progress import ProgressCallback

    run = made_run(tmp_path)
    control = SimpleNamespace(should_save=False, should_training_stop=False)

    def train(first: int, last: int) -> None:
        listener = ProgressCallback(run.job, run.folder / "metrics.jsonl", run.recipe)
        state = TrainerState(global_step=first, max_steps=10)
        listener.on_train_begin(None, state, control)
        for step in range(first + 1, last + 1):
            state.global_step = step
            listener.on_step_end(None, state, control)
            logs = {
                "loss": 1 / step,
                "learning_rate": 1e-3,
                "grad_norm": 1.0,
                "num_tokens": 100.0 * (step - first),
                "epoch": 0.1 * step,
            }
            listener.on_log(None, state, control, logs)

    train(0, 7)
    train(4, 6)  # from the checkpoint at step 4: what was written of 5 to 7 is taken back
    metrics = run.metrics()
    assert metrics["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert metrics["tokens"].tolist() == [100, 200, 300, 400, 500, 600]
    assert metrics["seconds"].is_monotonic_increasing


def test_what_is_no_number_is_written_as_json_and_read_back(tmp_path: Path) -> None:
    values = [1.5, float("nan"), float("inf"), float("-inf")]
    run = made_run(
        tmp_path, [{"step": step, "of_steps": 4, "loss": to_json_number(value)} for step, value in enumerate(values)]
    )
    text = (run.folder / "metrics.jsonl").read_text()
    for line in text.splitlines():
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    np.testing.assert_array_equal(run.metrics()["loss"].to_numpy(float), values)
    assert run.health()[0].kind == "not-finite"


def test_a_run_is_named_and_deleted_but_never_while_it_waits(tmp_path: Path) -> None:
    run, other = made_run(tmp_path), made_run(tmp_path)
    run.remember("first try ", "high rate")
    assert (run.name, run.notes) == ("first try", "high rate")
    run.job.set_state(status="queued")
    with pytest.raises(JobError, match="queued"):
        run.delete()
    other.delete()
    assert not (other.folder / "job.json").exists() and not list(other.folder.iterdir())
    assert other.state == "deleted" and "deleted" in repr(other)
    for act in (other.wait, other.stop, other.resume, other.delete, lambda: other.recipe, other.health):
        with pytest.raises(NotFoundError, match=r"run-002 is deleted\."):
            act()
    assert not list(other.folder.iterdir())
    assert made_run(tmp_path).id == "run-003"


def test_smoothing_does_not_begin_at_zero_and_keeps_what_is_constant() -> None:
    values = pd.Series([2.0, 2.0, float("nan"), 2.0])
    assert curves.smoothed(values, 0.9).dropna().tolist() == pytest.approx([2, 2, 2])
    expected = (0.1 * 3 + 0.9 * 0.1 * 1) / (1 - 0.9**2)
    assert curves.smoothed(pd.Series([1.0, 3.0]), 0.9).tolist() == pytest.approx([1, expected])


def test_runs_keep_their_colours_and_no_two_share_one() -> None:
    assert curves.colours_of(["run-002"])["run-002"] == curves.colours_of(["run-001", "run-002"])["run-002"] == "orange"
    assert len(set(curves.colours_of(["run-001", "run-009"]).values())) == 2


def test_thinning_loses_no_spike(tmp_path: Path) -> None:
    lines = [
        {"step": step, "of_steps": 5000, "seconds": step, "tokens": step, "loss": 9.0 if step == 3333 else 1.0}
        for step in range(1, 5001)
    ]
    metrics = made_run(tmp_path, []).metrics().iloc[:0]
    metrics = pd.concat([metrics, pd.DataFrame(lines).assign(is_evaluation=False)], ignore_index=True)
    drawn = curves.losses({"run-001": metrics}, 0).dropna()
    assert len(drawn) < 1000 and drawn["value"].max() == 9 and drawn["hours"].iloc[-1] == pytest.approx(5000 / 3600)
