"""Kill -9 at random moments: of the worker, of the studio that started it, of both. The moments come from a seed that a
failure prints; FAULT_SEED=... repeats them.

What is expected of a run that was killed, stopped and resumed: the losses and the adapter of one that was left alone, to
the last bit on a CPU, where optimiser, schedule, data order, dropout and the precision of the adapter all continue. On a
GPU the order of its sums is not fixed: there the losses may differ by 1 % at most.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from studio import JobError, Project, Recipe, store
from studio.examples import Dataset
from studio.jobs import queue
from studio.jobs.job import ENDED, Job, process_started
from studio.training import checkpoints
from studio.training.run import Run
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).resolve().parents[2]
RECIPE = Recipe(epochs=6, batch_size=4, accumulation=1, learning_rate=1e-3, max_length=64, dropout=0.05, logging_steps=1,
                evaluations=10, samples=0)  # fmt: skip
STEPS, LATEST = 60, 40  # a moment is chosen up to the latest step: the run must not end while it is killed


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("FAULT_SEED") or time.time_ns() % 1_000_000)
    print(f"FAULT_SEED={chosen}")
    return chosen


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("faults", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def parts(project: Project) -> tuple[Dataset, Dataset]:
    rows = [{"prompt": f"Ticket {number}: help.", "completion": f'{{"ticket": {number}}}'} for number in range(50)]
    return project.split(project.load(pasted="\n".join(map(json.dumps, rows)), name="rows"), test=0.2, seed=0)


@pytest.fixture(scope="module")
def twin(project: Project, parts: tuple[Dataset, Dataset], one_thread: None) -> Run:
    """The run that is left alone."""
    run = project.train(parts[0], RECIPE, evaluation=parts[1])
    assert run.wait(timeout=300) == "finished" and run.result["steps"] == STEPS
    return run


FOLLOWS = """
import sys, time
from studio import Project
home, name, verb = sys.argv[1:4]
project = Project.open(name, home=home)
if verb == "train":
    train, test = (project.dataset(reference) for reference in sys.argv[4:6])
    from studio.training.recipe import Recipe
    run = project.train(train, Recipe.from_json(sys.argv[6]), evaluation=test)
else:
    run = project.run(sys.argv[4]).resume()
print(run.id, flush=True)
while True:
    project.card_holder(), run.state, run.metrics()
    time.sleep(0.05)
"""


@contextmanager
def studio(project: Project, *told: str) -> Iterator[tuple["subprocess.Popen[str]", Run]]:
    """A studio in a process of its own that has begun or resumed a run, and looks at it all the time."""
    command = [sys.executable, "-c", FOLLOWS, str(project.home), project.name, *told]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, project.run(process.stdout.readline().strip())
        finally:
            process.kill()


def wait_for_a_moment(run: Run, chance: random.Random) -> str:
    """Some seconds after the start, or some way behind a step that it has not reached yet; not near the end."""
    if chance.random() < 0.25:
        seconds, what = chance.uniform(0, 6), "the start"
    else:
        step, seconds = min(steps_seen(run) + chance.randint(1, 9), LATEST), chance.uniform(0, 0.3)
        until(lambda: steps_seen(run) >= step or run.state in ENDED)
        what = f"step {step}"
    over = time.monotonic() + seconds
    until(lambda: time.monotonic() >= over or steps_seen(run) > LATEST)
    return f"at most {seconds:.2f} s after {what}"


def steps_seen(run: Run) -> int:
    metrics = run.metrics()
    return int(metrics["step"].max()) if len(metrics) else 0


def saved(run: Run) -> int:
    """The step of the last whole checkpoint; 0 before the first."""
    last = checkpoints.last_whole(run.folder / "checkpoints")
    return int(last.name.split("-")[1]) if last else 0


def killed(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: all(process_started(pid) is None for pid in pids))


def test_a_run_that_is_killed_stopped_and_resumed_ends_as_one_left_alone(
    project: Project, parts: tuple[Dataset, Dataset], twin: Run, seed: int
) -> None:
    chance = random.Random(seed)
    steps = project.journal.steps()
    with studio(project, "train", *(part.reference for part in parts), RECIPE.to_json()) as (first, run):
        behind = missing_run(project.home, "export-001")
        print("the studio is killed", wait_for_a_moment(run, chance))
        killed(first.pid)
        assert run.state == "running"  # it needs nobody
        print("its worker is killed", wait_for_a_moment(run, chance))
        before = saved(run)
        killed(worker_of(run))
        check_whole(project, run, before)
        with pytest.raises(JobError, match="interrupted"):
            run.wait()
    assert [step.verb for step in project.journal.steps()] == [*(step.verb for step in steps), "train"]
    went_on(behind)

    with studio(project, "resume", run.id) as (second, run):
        behind = missing_run(project.home, "export-002")
        print("both are killed", wait_for_a_moment(run, chance))
        before = saved(run)
        killed(*chance.sample([second.pid, worker_of(run)], 2))
        check_whole(project, run, before)
    assert project.card_holder() is not None  # the next studio looks
    went_on(behind)

    run.resume()
    until(lambda: run.job.progress.note.startswith("step"))
    print("it is stopped", wait_for_a_moment(run, chance))
    run.stop()
    assert run.wait(timeout=120) == "stopped" and run.is_ready and saved(run)
    run.resume()
    assert run.wait(timeout=300) == "finished"
    check_same(run, twin)
    assert "Traceback" not in (run.folder / "log.txt").read_text(encoding="utf-8", errors="replace")


def worker_of(run: Run) -> int:
    until(lambda: run.job.state.pid is not None)
    pid = run.job.state.pid
    assert pid is not None and run.state == "running"
    return pid


def check_whole(project: Project, run: Run, before: int) -> None:
    """Nothing that was on disk is lost or half."""
    assert run.state == "interrupted"
    assert saved(run) >= before and not run.adapter_folder.exists()
    for path in project.home.rglob("*.json"):
        if not path.name.startswith("."):
            store.read_json(path) if "checkpoint-" not in str(path) else None
    steps = run.metrics()["step"].tolist()
    assert steps == sorted(steps) and set(range(1, saved(run) + 1)) <= set(steps)


def check_same(run: Run, twin: Run) -> None:
    assert run.result["steps"] == twin.result["steps"] and run.result["best_step"] == twin.result["best_step"]
    for measured in ("loss", "eval_loss"):
        expected, found = (one.metrics().dropna(subset=measured).set_index("step")[measured] for one in (twin, run))
        assert found.loc[expected.index].to_dict() == expected.to_dict()  # a stop evaluates once more
    one, other = (load_file(each.adapter_folder / "adapter_model.safetensors") for each in (twin, run))
    assert one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def missing_run(home: Path, name: str) -> Job:
    """A job that fails by itself, quickly: it exports a run that is not there."""
    request = {"project_folder": str(home / "projects" / "none"), "run_id": "run-404", "kind": "adapter"}
    return queue.submit(home, home / "projects" / "none" / "jobs" / name, "export", request)


def went_on(job: Job) -> None:
    """The queue came to it, and it ended in its own words."""
    with pytest.raises(JobError, match="run-404"):
        job.wait(timeout=60)


SUBMITS = """
import os, signal, sys
from pathlib import Path
from studio.jobs import queue
home, left = Path(sys.argv[1]), int(sys.argv[2])
def count(event, arguments):
    global left
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if (writes or event in ("os.rename", "os.remove", "os.mkdir")) and str(arguments[0]).startswith(str(home)):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
request = {"project_folder": str(home / "projects" / "none"), "run_id": "run-404", "kind": "adapter"}
for number in (1, 2):
    queue.submit(home, home / "projects" / "none" / "jobs" / f"export-00{number}", "export", request)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_studio_killed_at_any_write_of_a_submit_leaves_each_job_done_once_or_not_there(
    tmp_path: Path, seed: int
) -> None:
    """Also between the start of a worker and the line that says so: such a worker must not work beside the next one."""
    moments = random.Random(seed).sample(range(1, 40), 4)
    homes = {moment: store.studio_home(tmp_path / str(moment)) for moment in moments}
    studios = [
        subprocess.Popen([sys.executable, "-c", SUBMITS, str(home), str(moment)], cwd=ROOT)
        for moment, home in homes.items()
    ]
    assert {process.wait(timeout=60) for process in studios} == {-signal.SIGKILL}
    for moment, home in homes.items():
        jobs = [Job(path.parent) for path in sorted((home / "projects" / "none" / "jobs").glob("*/job.json"))]
        for job in jobs:
            went_on(job)
            assert job.log_tail(200).count("Traceback") == 1, f"after {moment} writes"
        assert queue.waiting(home) == []
