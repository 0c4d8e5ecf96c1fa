"""A model comes from the Hub as a job of its own process: stopped, cut off, gone on with, checked, and never a pickle."""

import json
import os
import shutil
from pathlib import Path

import pytest

from studio import InputError, JobError, NotFoundError, Project, models, store
from studio.catalogue import download
from studio.jobs import queue, worker
from studio.jobs.job import FORMAT, Job, process_started
from tests.hub_server import COMMIT, TOKEN, HubServer
from tests.own_code import make_model
from tests.waiting import until

SIZE = (models.STARTER / "model.safetensors").stat().st_size
PLACE = "models--maker--starter"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of a download in the test's own process."""

    def begin(home: Path, folder: Path, kind: str, request: dict) -> Job:
        job = Job(folder)
        described = {"format": FORMAT, "kind": kind, "home": str(home), "request": request, "needs_card": False}
        store.write_json(folder / "job.json", described)
        job.set_state(status="running", pid=os.getpid(), process_started=process_started(os.getpid()))
        job.set_state(**worker._work(job))
        return job

    monkeypatch.setattr(queue, "begin", begin)


def test_it_comes_in_a_process_of_its_own_and_is_stopped_and_gone_on_with(
    project: Project, server: HubServer, cache: Path
) -> None:
    server.open.clear()
    server.wait_at = 1 << 20
    job = project.start_download("maker/starter")
    with pytest.raises(JobError, match="is coming already"):
        project.start_download("maker/starter")
    until(lambda: server.sent["model.safetensors"] >= 1 << 20)
    job.stop()
    server.open.set()
    assert job.wait(60) in ("stopped", "finished") and project.downloads()[0].id == job.id
    if job.state.status == "stopped":
        project.resume_download(job)
        assert job.wait(60) == "finished"
    assert job.progress.done == job.progress.of > SIZE
    folder = cache / PLACE / "snapshots" / COMMIT
    assert (folder / "model.safetensors").read_bytes() == (models.STARTER / "model.safetensors").read_bytes()
    assert {"pytorch_model.bin", "setup.py", "README.md", "training.json"}.isdisjoint({*server.sent})
    assert project.look_at_model("maker/starter").where == "cache"
    with pytest.raises(InputError, match="on this machine already"):
        project.start_download("maker/starter")


def test_a_file_that_was_cut_off_goes_on_where_it_was(
    project: Project, server: HubServer, cache: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "RETRIES", 1)
    server.cut_after = 2_000_000
    job = project.start_download("maker/starter")
    assert job.state.status == "failed" and "Resume goes on where it was" in job.state.fix
    assert project.look_at_model("maker/starter").missing == SIZE - 2_000_000
    server.cut_after = None
    server.sent.clear()
    assert project.resume_download(job).state.status == "finished"
    assert server.ranges[-1] == "bytes=2000000-" and server.sent["model.safetensors"] == SIZE - 2_000_000
    assert models.load("maker/starter", "4bit")[1].chat_template == models.load("starter", "4bit")[1].chat_template


def test_what_is_not_what_the_hub_said_is_thrown_away(
    project: Project, server: HubServer, cache: Path, here: None
) -> None:
    blob = cache / PLACE / "blobs"
    blob.mkdir(parents=True)
    digest = server.info("maker/starter")["siblings"]
    name = next(one["lfs"]["sha256"] for one in digest if one["rfilename"] == "model.safetensors")
    part = blob / f"{name}{download.PARTIAL}"
    part.write_bytes(b"x" * 1000)
    job = project.start_download("maker/starter")
    assert job.state.status == "failed" and "damaged" in job.state.error and not part.exists()
    assert project.resume_download(job).state.status == "finished"


def test_gated_and_missing_models_and_full_disks_are_refused_before_anything_comes(
    project: Project, server: HubServer, cache: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.gated.add("maker/starter")
    with pytest.raises(NotFoundError, match="is gated.*huggingface.co/maker/starter"):
        project.start_download("maker/starter")
    with pytest.raises(NotFoundError, match="There is no model maker/nothing"):
        project.start_download("maker/nothing")
    project.use_token(TOKEN)
    try:
        usage = shutil.disk_usage(project.home)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=download.RESERVE + SIZE))
            with pytest.raises(InputError, match=r"no room for the model.*needs 7\.\d MB.*HF_HOME"):
                project.start_download("maker/starter")
        assert project.downloads() == []
        assert project.start_download("maker/starter").state.status == "finished"
    finally:
        project.use_token(None)
    models.load("maker/starter")  # from the cache, though the token is forgotten


def test_a_token_is_on_no_disk(project: Project, server: HubServer, cache: Path, tmp_path: Path) -> None:
    server.gated.add("maker/starter")
    assert project.token_source() == ""
    (cache.parent / "token").parent.mkdir(exist_ok=True)
    (cache.parent / "token").write_text("hf_of_a_login")
    assert project.token_source() == "login"
    project.use_token(f" {TOKEN}\n")
    try:
        assert project.token_source() == "typed"
        assert (
            project.start_download("maker/starter").wait(60) == "finished"
        )  # a process of its own, told by its environment
        assert TOKEN in server.tokens
        project.load(pasted='{"prompt": "Greet Ola.", "completion": "Hello."}')
        project.export_notebook()
    finally:
        project.use_token(None)
    assert project.token_source() == "login"
    with pytest.raises(InputError, match="This is no token. found: 12 characters") as refused:
        project.use_token("hf_with a blank"[3:])
    assert "blank" not in str(refused.value)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []


def test_code_comes_to_be_read_and_runs_from_the_commit_that_was_allowed(
    project: Project, server: HubServer, cache: Path, here: None, tmp_path: Path
) -> None:
    marker = tmp_path / "it-ran"
    server.models["maker/own"] = make_model(tmp_path / "own", marker)
    assert project.look_at_model("maker/own").consent == "needed"
    with pytest.raises(InputError, match="not on this machine"):
        project.model_code("maker/own")
    assert project.start_download("maker/own").state.status == "finished"
    code = project.model_code("maker/own")
    assert set(code) == {"configuration_tiny.py", "modeling_tiny.py"} and "touch()" in code["modeling_tiny.py"]
    with pytest.raises(InputError, match="nobody allowed"):
        models.load("maker/own", home=project.home)
    with pytest.raises(InputError, match="not what was read"):
        project.allow_code("maker/own", {**code, "modeling_tiny.py": "harmless"})
    given = project.allow_code("maker/own", code)
    assert given.commit == COMMIT and project.look_at_model("maker/own").consent == "allowed"
    assert not marker.exists()
    loaded, _ = models.load("maker/own", home=project.home)
    assert marker.exists() and loaded.name_or_path == "maker/own"
    written = cache / "models--maker--own" / "snapshots" / COMMIT / "modeling_tiny.py"
    written.unlink()
    written.write_text("import os")
    assert project.look_at_model("maker/own").consent == "changed"
    with pytest.raises(InputError, match="has changed since it was allowed"):
        models.load("maker/own", home=project.home)
    project.withdraw_code("maker/own")
    assert project.allowed_code() == [] and json.loads((project.home / "consents.json").read_text())["models"] == []
