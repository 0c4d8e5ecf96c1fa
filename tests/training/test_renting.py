"""A training on a rented machine, from here: submitted, followed, cancelled, by tools and SDKs that only pretend."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio import ForbiddenError, InputError, JobError, Project, Recipe
from studio.examples import Dataset
from studio.jobs import queue
from studio.jobs.job import Job, Stopped
from studio.training.cloud import worker
from studio.training.cloud.files import CloudFiles
from studio.training.cloud.renting import CloudJob
from tests.fake_clouds import FakeClouds, without_logins
from tests.waiting import until

RECIPE = Recipe(epochs=1, batch_size=4, accumulation=1, max_length=64)
Made = dict[str, CloudFiles]
LINK = "https://bucket.example/package.zip?signature=linksecret"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("rents", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": f"Ticket {at}.", "completion": f"{at}."}) for at in range(8)))
    return project.load(path)


@pytest.fixture(scope="module")
def made(project: Project, rows: Dataset) -> Made:
    return {one.name: project.cloud_files(rows, RECIPE, provider=one.name) for one in project.providers()}


@pytest.fixture(autouse=True)
def no_jobs(project: Project) -> Iterator[None]:
    """Each test begins with none: the same training is under way only once."""
    yield
    shutil.rmtree(project.folder / "jobs", ignore_errors=True)


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClouds:
    without_logins(monkeypatch, tmp_path)
    made = FakeClouds(tmp_path / "clouds")
    made.use(monkeypatch)
    made.holds_results()
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    return made


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The following is done in the test's own process, before `submit` returns."""

    def begin(home: Path, folder: Path, kind: str, request: dict[str, Any], secret: str | None = None) -> Job:
        from studio import store
        from studio.jobs import worker as jobs

        job = Job(folder)
        store.write_json(folder / "job.json", {"format": 1, "kind": kind, "home": str(home), "request": request, "needs_card": False})  # fmt: skip
        if secret:
            os.environ[queue.SECRET_VARIABLE] = secret
        job.set_state(**{**queue.ANEW, "status": "running", "pid": os.getpid()})
        job.set_state(**jobs._work(job))
        return job

    monkeypatch.setattr(queue, "begin", begin)


def asked(clouds: FakeClouds, tool: str) -> list[str]:
    return [" ".join(call[1:3]) for call in clouds.calls if call[0] == tool]


def test_a_job_outlives_the_studio_is_followed_again_and_comes_home(
    project: Project, rows: Dataset, made: Made, clouds: FakeClouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_verysecret")
    files = made["skypilot"]
    assert project.before_submit(files)["missing"] == []
    clouds.says("good", "PENDING", "RUNNING")
    job = project.submit(files)
    until(lambda: job.rented.stage == "running" and job.job.progress.of == 12)
    assert job.words == "runs" and job.cost.startswith("$0.00 for 0 min at $0.350 an hour (price of 2025-01)")
    assert "step 3 of 12" in job.log
    with pytest.raises(JobError, match="under way there already"):
        project.submit(files)
    pid = job.job.state.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    again = Project.open(project.name, home=project.home).cloud_jobs()[-1]
    until(lambda: again.state == "interrupted")
    clouds.says("good", "RUNNING", "SUCCEEDED")
    assert again.resume().wait(60) == "finished"
    run = project.runs()[-1]
    assert again.words == f"finished: it is {run.id} here" and again.rented.until is not None
    assert run.is_ready and run.state == "finished" and run.recipe == RECIPE and run.train_dataset == rows.reference
    assert run.metrics()["loss"].tolist() == [3.0, 0.5] and run.result["steps"] == 12
    step = project.journal.steps()[-1]
    assert step.results == [run.id] and step.code.startswith("run = project.bring_run(files") and "sources" in step.code
    assert [call for call in asked(clouds, "sky") if call == "jobs launch"] == ["jobs launch"]
    launched = next(call for call in clouds.calls if call[1:3] == ["jobs", "launch"])
    assert launched[-3:] == ["--secret", "HF_TOKEN", "task.yaml"] and files.name in launched
    for path in again.folder.rglob("*"):
        assert not path.is_file() or b"verysecret" not in path.read_bytes()
    assert "HF_TOKEN [secret]" in again.job.log_tail()
    with pytest.raises(JobError, match="it has finished there"):
        again.resume()


def test_results_that_do_not_come_are_fetched_again(
    project: Project, made: Made, clouds: FakeClouds, here: None
) -> None:
    clouds.says("good", "RUNNING", "SUCCEEDED")
    shutil.move(clouds.folder / "bucket", clouds.folder / "away")
    job = project.submit(made["skypilot"])
    assert job.state == "failed" and job.words == "finished" and job.lacks_results
    assert "its results did not come" in job.job.state.error and "NoSuchBucket" in job.job.state.error
    runs = len(project.runs())
    shutil.move(clouds.folder / "away", clouds.folder / "bucket")
    clouds.calls_begin_anew()
    assert job.resume().state == "finished" and len(project.runs()) == runs + 1
    assert {call[0] for call in clouds.calls} == {"aws"}  # nothing is submitted or followed any more


def test_a_folder_without_results_is_refused_with_all_that_is_wrong(
    project: Project, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.bin").touch()
    runs = len(project.runs())
    with pytest.raises(InputError) as refused:
        project.bring_run(made["skypilot"], tmp_path)
    for words in ("result.json is missing", "holds no weights", "adapter/adapter_model.bin could run code"):
        assert words in str(refused.value)
    with pytest.raises(InputError, match="no such folder"):
        project.bring_run(made["skypilot"], tmp_path / "elsewhere")
    with pytest.raises(ForbiddenError):
        Project.open(project.name, home=project.home, demo=True).bring_run(made["skypilot"], tmp_path)
    assert len(project.runs()) == runs and project.journal.steps()[-1].state == "failed"


def test_stop_cancels_there(project: Project, made: Made, clouds: FakeClouds) -> None:
    job = project.submit(made["skypilot"])
    until(lambda: job.rented.stage == "running")
    job.stop()
    assert job.wait(60) == "stopped" and job.words == "cancelled"
    assert asked(clouds, "sky")[-1] == "jobs cancel"
    assert job.rented.until is not None


def test_a_cancel_that_fails_says_that_it_may_still_cost(
    project: Project, made: Made, clouds: FakeClouds, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_while_nobody_is_logged_in(following: worker.Following, seconds: float) -> None:
        clouds.says("expired", "RUNNING")
        raise Stopped

    monkeypatch.setattr(worker.Following, "wait", stop_while_nobody_is_logged_in)
    job = project.submit(made["skypilot"])
    assert job.state == "failed" and not job.is_over
    assert (
        "may go on at SkyPilot (AWS, Google), and cost" in job.job.state.error and "aws configure" in job.job.state.fix
    )


def test_a_training_that_fails_there(project: Project, made: Made, clouds: FakeClouds, here: None) -> None:
    clouds.says("good", "STARTING", "RUNNING", "FAILED")
    job = project.submit(made["skypilot"])
    assert (job.state, job.words) == ("failed", "failed there") and "step 3 of 12" in job.job.state.error
    assert "goes on from its last checkpoint" in job.job.state.fix


def test_nothing_is_asked_without_what_it_needs(
    project: Project, rows: Dataset, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_logins(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    for provider, needed in {
        "skypilot": ("the tool sky", "aws configure"), "sagemaker": ("the SDK of SageMaker", "aws configure"),
        "runpod": ("the SDK of RunPod", "RUNPOD_API_KEY", "a link to package.zip"), "kubernetes": ("the tool kubectl", "kubeconfig"),
    }.items():  # fmt: skip
        files = made[provider]
        before = len(project.cloud_jobs())
        with pytest.raises(InputError) as error:
            project.submit(files)
        assert all(words in str(error.value) for words in needed)
        assert len(project.cloud_jobs()) == before
    google = project.cloud_files(rows, RECIPE, machine="a2-highgpu-1g")
    assert [one.how for one in project.before_submit(google)["missing"]][1] == "gcloud auth application-default login"


@pytest.mark.parametrize("login", ["none", "expired"])
def test_a_login_that_is_refused_rents_nothing(
    project: Project, made: Made, clouds: FakeClouds, here: None, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "tokensecret")
    clouds.says(login, "RUNNING")
    job = project.submit(made["skypilot"])
    assert job.state == "failed" and "refuses the login" in job.job.state.error and "aws configure" in job.job.state.fix
    assert asked(clouds, "sky") == ["check aws"]
    assert "tokensecret" not in job.job.state.error + job.job.log_tail()


def test_a_login_that_expires_while_it_runs_loses_nothing(
    project: Project, made: Made, clouds: FakeClouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = project.submit(made["skypilot"])
    until(lambda: job.rented.stage == "running")
    clouds.says("expired", "RUNNING")
    until(lambda: job.state == "failed")
    assert "refuses the login" in job.job.state.error and "The training goes on there" in job.job.state.fix
    clouds.says("good", "SUCCEEDED")
    assert job.resume().wait(60) == "finished"


def test_a_look_that_fails_is_tried_again(project: Project, made: Made, clouds: FakeClouds, here: None) -> None:
    clouds.says("good", "RUNNING", "BROKEN", "BROKEN", "SUCCEEDED")
    assert project.submit(made["skypilot"]).state == "finished"
    clouds.says("good", "RUNNING", "BROKEN")
    job = project.submit(made["skypilot"])
    assert job.state == "failed" and "cannot be reached" in job.job.state.error and not job.is_over


def test_kubernetes(project: Project, made: Made, clouds: FakeClouds, here: None) -> None:
    clouds.says("good", "running", "Complete")
    job = project.submit(made["kubernetes"])
    assert job.state == "finished" and job.cost == "no price of 1 x NVIDIA GPU was known"
    assert asked(clouds, "kubectl")[:7] == [
        "auth can-i", "apply -f", "wait --for=condition=Ready", "cp package.zip", "delete pod", "delete job", "apply -f",
    ]  # fmt: skip
    assert asked(clouds, "kubectl")[-2].startswith("cp fine-tuning-") and project.runs()[-1].is_ready
    clouds.says("none", "running")
    assert "does not say that we may rent there" in project.submit(made["kubernetes"]).job.state.error


def test_runpod(project: Project, made: Made, clouds: FakeClouds, here: None) -> None:
    clouds.says("good", "CREATED", "RUNNING", "EXITED")
    files = made["runpod"]
    job = project.submit(files, link=LINK)
    assert job.state == "finished" and ["runpod", "create", files.name, "NVIDIA GeForce RTX 4090", LINK] in clouds.calls
    told = b"".join(path.read_bytes() for folder in (job.folder, files.folder) for path in folder.rglob("*") if path.is_file())  # fmt: skip
    assert b"linksecret" not in told and b"rp_verysecret" not in told
    clouds.says("expired", "RUNNING")
    refused = project.submit(made["runpod"], link=LINK)
    assert "refuses the login" in refused.job.state.error and "RUNPOD_API_KEY" in refused.job.state.fix


def test_sagemaker(project: Project, made: Made, clouds: FakeClouds, here: None) -> None:
    clouds.says("good", "InProgress", "Completed")
    files = made["sagemaker"]
    job = project.submit(files)
    assert job.state == "finished" and ["sagemaker", "train", files.name] in clouds.calls and job.log == "step 5 of 10"
    clouds.says("good", "InProgress", "Stopped")
    stopped = project.submit(made["sagemaker"])
    assert stopped.state == "failed" and "was cancelled there" in stopped.job.state.error


def test_the_demo_rents_nothing(project: Project, rows: Dataset, made: Made, clouds: FakeClouds) -> None:
    demo = Project.open(project.name, home=project.home, demo=True)
    for attempt in (
        lambda: demo.submit(made["skypilot"]), lambda: demo.cloud_files(rows, RECIPE), lambda: demo.keep_prices([]), demo.reset_prices,
    ):  # fmt: skip
        with pytest.raises(ForbiddenError):
            attempt()
    assert clouds.calls == [] and not [step for step in project.journal.steps() if step.verb == "submit"]


def test_names_of_jobs_lead_nowhere_else(project: Project) -> None:
    with pytest.raises(InputError):
        project.cloud_job("../../etc")
    assert all(isinstance(job, CloudJob) for job in project.cloud_jobs())
