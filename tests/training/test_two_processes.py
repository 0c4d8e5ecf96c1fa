"""One training in two processes that speak over gloo: the same losses as in one, and an end that leaves nobody behind."""

import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from studio import JobError, Project, Recipe, RecipeError
from studio.examples import Dataset
from studio.jobs import launching as starting
from studio.training import launching
from studio.training.checkpoints import last_whole
from studio.training.run import Run
from tests.jobs_here import work_here
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 24
TOLERANCE = 1e-3
"""relative, on each loss: two processes add in another order"""


def processes_of(run: Run) -> list[psutil.Process]:
    """The launcher and the processes that it started, the first rank first."""
    pid = run.job.state.pid
    assert pid is not None
    launcher = psutil.Process(pid)
    ranks = {}
    for child in launcher.children():
        with suppress(
            psutil.NoSuchProcess
        ):  # a helper of the launcher may end meanwhile; what has just begun has no rank yet
            ranks[child.environ().get("RANK", "")] = child
    return [launcher, *(child for rank, child in sorted(ranks.items()) if rank)]


def recipe(**changes: object) -> Recipe:
    """STEPS steps of eight examples: enough that a stop comes before the end."""
    values = {"method": "lora", "batch_size": 4, "accumulation": 2, "epochs": STEPS // 4, "learning_rate": 5e-4, "max_length": 128, "dropout": 0.0,
              "logging_steps": 1, "evaluations": 2, "samples": 0}  # fmt: skip
    return Recipe(**{**values, **changes})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("devices", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def parts(project: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Dataset]:
    path: Path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    lines = [
        f'{{"prompt": "Which room has lamp {at}?", "completion": "Room {at * 7 % 50} on floor {at % 4}."}}'
        for at in range(40)
    ]
    path.write_text("\n".join(lines))
    train, test = project.split(project.load(path), test=8 / 40, seed=0)
    assert (len(train), len(test)) == (32, 8)
    return train, test


@pytest.fixture(scope="module")
def alone(project: Project, parts: tuple[Dataset, Dataset]) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        return project.train(parts[0], recipe(), evaluation=parts[1])


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_two_processes_have_the_losses_of_one_also_over_a_stop(
    project: Project, parts: tuple[Dataset, Dataset], alone: Run
) -> None:
    run = project.train(parts[0], recipe(), evaluation=parts[1], processes=2)
    assert "processes=2" in project.journal.steps()[-1].code
    until(lambda: run.job.progress.done >= 2)
    ranks = processes_of(run)
    run.stop()
    assert run.wait(timeout=60) == "stopped"
    assert run.is_ready and last_whole(run.folder / "checkpoints") is not None
    until(lambda: gone(ranks), 20)
    reached = run.result["steps"]
    assert 2 <= reached < STEPS
    run.resume()
    until(lambda: run.job.state.status == "running" and run.job.progress.done > reached + 1)
    everybody = processes_of(run)
    everybody[2].send_signal(signal.SIGKILL)
    with pytest.raises(JobError, match="interrupted|Another process of this run has ended|failed"):
        run.wait(timeout=60)
    until(lambda: gone(everybody), 40)
    for measured, most in (("loss", reached + 1), ("eval_loss", 0)):
        expected, found = (one.metrics().dropna(subset=measured).set_index("step")[measured] for one in (alone, run))
        both = expected.index.intersection(found.index)
        assert both.max() >= most
        assert found[both].to_numpy() == pytest.approx(expected[both].to_numpy(), rel=TOLERANCE)
    assert run.metrics()["loss"].dropna().iloc[-1] < alone.metrics()["loss"].dropna().iloc[0]


def test_a_launcher_that_is_killed_takes_its_processes_along(project: Project, parts: tuple[Dataset, Dataset]) -> None:
    run = project.train(parts[0], recipe(), evaluation=parts[1], processes=2)
    until(lambda: len(processes_of(run)) == 3)
    everybody = processes_of(run)
    everybody[0].send_signal(signal.SIGKILL)
    until(lambda: gone(everybody), 40)
    assert run.state == "interrupted"


def test_the_batch_of_a_step_stays_what_it_is() -> None:
    four = launching.share_of(recipe(batch_size=4, accumulation=4), 4)
    assert (four.batch_size, four.accumulation) == (4, 1)
    two = launching.share_of(recipe(batch_size=6, accumulation=1), 2)
    assert (two.batch_size, two.accumulation) == (3, 1) and "6 examples a step" in two.words
    three = launching.share_of(recipe(batch_size=4, accumulation=3), 3)
    assert three.batch_size * three.accumulation * 3 == 12
    with pytest.raises(RecipeError, match="16 examples a step cannot be divided among 3 devices"):
        launching.share_of(recipe(batch_size=4, accumulation=4), 3)


def test_what_cannot_be_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDP_VERSION", "2")
    with pytest.raises(RecipeError) as error:
        launching.check(recipe(method="qlora", batch_size=5, accumulation=1), 2, sharded=True)
    assert len(error.value.mistakes) == 3 and "FSDP2 cannot hold 4-bit weights" in str(error.value)


def test_one_process_sees_one_device_and_several_as_many() -> None:
    given = {"PATH": "/bin", "RANK": "3", "CUDA_VISIBLE_DEVICES": "4,5,6"}
    order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **starting.KERNELS}
    assert starting.environment(given, {}) == {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "4", **order}
    assert starting.environment(given, {"processes": 2})["CUDA_VISIBLE_DEVICES"] == "4,5"
    assert starting.environment({}, {})["CUDA_VISIBLE_DEVICES"] == "0"
    assert starting.environment({"CUDA_VISIBLE_DEVICES": ""}, {})["CUDA_VISIBLE_DEVICES"] == ""
    sharded = starting.command(Path("/runs/run-001"), {"processes": 2, "sharded": True})
    assert sharded[-3:] == ["-m", "studio.jobs.worker", "/runs/run-001"]
    assert sharded[sharded.index("--fsdp_version") + 1] == "1" and "--use_fsdp" in sharded


@pytest.mark.parametrize("kind", ["sft", "packed", "dpo"])
def test_rows_that_no_step_holds_evenly_teach_what_they_teach_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Thirteen rows in steps of four (dpo: of eight in two passes): the last step of an epoch has one (five)."""
    answer = "completion" if kind != "dpo" else "chosen"
    other = ', "rejected": "Nobody knows."' if kind == "dpo" else ""
    lines = [
        f'{{"prompt": "Which room has lamp {at}?", "{answer}": "{"Room " * (1 + at % 5)}{at}."{other}}}'
        for at in range(13)
    ]
    data = project.load(pasted="\n".join(lines), name=f"thirteen-{answer}")
    choices = recipe(
        method="full" if kind == "dpo" else "lora", objective="dpo" if kind == "dpo" else "sft", packing=kind == "packed",
        max_length=64, batch_size=4, accumulation=2 if kind == "dpo" else 1, epochs=2, evaluations=1, learning_rate=1e-4,
    )  # fmt: skip
    two = project.train(data, choices, evaluation=data, processes=2)
    two.wait(timeout=120)
    with monkeypatch.context() as patch:
        work_here(patch)
        one = project.train(data, choices, evaluation=data)
    for measured in ("loss", "eval_loss", "eval_reward_accuracy", "eval_reward_margin"):
        if measured in one.metrics():
            expected, found = (run.metrics()[measured].dropna().to_numpy() for run in (one, two))
            assert found == pytest.approx(expected, rel=TOLERANCE, abs=1e-6)
    assert two.result["tokens"] == one.result["tokens"] > 0
