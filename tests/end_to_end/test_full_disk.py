"""A disk that fills up while a training saves: a clear state, the last whole checkpoint kept, and Resume goes on."""

import json
import resource
import time
from pathlib import Path

import pytest

from studio import JobError, Project, Recipe, store
from studio.training.checkpoints import last_whole
from studio.training.run import Run

pytestmark = pytest.mark.usefixtures("one_thread")
A_FEW_KILOBYTES = 32 * 1024
"""Room for states, metrics and the log, not for weights."""


def training(home: Path) -> Run:
    path = home / "rows.jsonl"
    rows = [{"prompt": f"Ticket {number}: help.", "completion": json.dumps({"ticket": number})} for number in range(96)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.open("full", home=home)
    recipe = Recipe(epochs=2, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, dropout=0.0,
                    logging_steps=1, evaluations=12)  # fmt: skip
    return project.train(project.load(path), recipe)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux can take room from a running process")
def test_a_checkpoint_that_does_not_fit(tmp_path: Path) -> None:
    run = training(tmp_path)
    checkpoints = run.folder / "checkpoints"
    deadline = time.monotonic() + 120
    while last_whole(checkpoints) is None:
        assert time.monotonic() < deadline and run.state in ("queued", "running")
        time.sleep(0.02)
    pid = run.job.state.pid
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (A_FEW_KILOBYTES, A_FEW_KILOBYTES))
    with pytest.raises(JobError, match="disk is full.*resume"):
        run.wait(timeout=120)
    state = store.read_json(run.folder / "state.json")
    assert state["status"] == "failed" and "disk is full" in state["error"] and state["ended"] > state["started"]
    assert not run.is_ready and not run.adapter_folder.exists()
    kept = last_whole(checkpoints)
    assert kept is not None
    reached = store.read_json(kept / "trainer_state.json")["global_step"]
    written = len(store.read_json_lines(run.folder / "metrics.jsonl"))

    run.resume()
    assert run.wait(timeout=120) == "finished"
    steps = run.metrics()["step"].tolist()
    assert run.is_ready and run.result["steps"] == run.recipe.steps_for(96) == steps[-1]
    assert steps == sorted(set(steps))
    went_on = store.read_json_lines(run.folder / "metrics.jsonl")[written:]
    assert next(row["step"] for row in went_on if "step" in row) == reached + 1
