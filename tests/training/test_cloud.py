"""Files for rented machines: they hold to the providers' own schemas and signatures, carry no secret, and the start script
that they run goes on from the bucket after its machine is gone."""

import ast
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from studio import InputError, Project, Recipe, prices, store, torch_build
from studio.examples import Dataset
from studio.export.notebook import ancestry
from studio.inference import client
from studio.jobs.job import Job
from studio.training import spending
from studio.training.cloud import kubernetes, package, runpod, sagemaker, skypilot, start
from studio.training.cloud.files import PROVIDERS, CloudFiles, name_of

SCHEMA = json.loads(Path(__file__).with_name("skypilot_schema.json").read_text())
MODEL_TRAINER = {"sagemaker_session", "role", "base_job_name", "source_code", "compute", "stopping_condition", "training_image",
                 "checkpoint_config", "environment"}  # fmt: skip
"""of sagemaker-train 1.27 (SDK 3.27), those that are used; so below"""
CREATE_POD = {"name", "image_name", "gpu_type_id", "gpu_count", "min_vcpu_count", "min_memory_in_gb", "volume_in_gb", "container_disk_in_gb",
              "volume_mount_path", "docker_args", "env"}  # fmt: skip
RECIPE = Recipe(
    epochs=4,
    batch_size=4,
    accumulation=1,
    learning_rate=1e-3,
    max_length=64,
    dropout=0.0,
    logging_steps=1,
    evaluations=12,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("clouds", home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def rows(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text(
        "\n".join(json.dumps({"prompt": f"Ticket {at}: help.", "completion": f"Ticket {at}."}) for at in range(48))
    )
    return project.load(path)


@pytest.fixture(scope="module")
def made(project: Project, rows: Dataset) -> dict[str, CloudFiles]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "hf_verysecret")
        patch.setenv("WANDB_API_KEY", "wandbverysecret")
        return {name: project.cloud_files(rows, RECIPE, provider=name) for name in PROVIDERS}


def calls(text: str, name: str) -> set[str]:
    found = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    ]
    return {str(keyword.arg) for keyword in found[0].keywords}


def test_skypilot_task_holds_to_its_schema(made: dict[str, CloudFiles]) -> None:
    task = yaml.safe_load(made["skypilot"].texts[skypilot.TASK])
    jsonschema.validate(task, SCHEMA["task"])
    jsonschema.validate(task["resources"], SCHEMA["resources"])
    jsonschema.validate(task["file_mounts"]["/bucket"], SCHEMA["storage"])
    assert task["resources"]["use_spot"] and task["resources"]["job_recovery"]["max_restarts_on_errors"] == 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**task, "spot": True}, SCHEMA["task"])


def test_kubernetes_objects_hold_to_their_schema(made: dict[str, CloudFiles]) -> None:
    validate = importlib.import_module("kubernetes_validate")
    texts = made["kubernetes"].texts
    objects = [*yaml.safe_load_all(texts[kubernetes.VOLUME]), yaml.safe_load(texts[kubernetes.JOB])]
    for one in objects:
        validate.validate(one, "1.37", strict=True)
    with pytest.raises(validate.ValidationError):
        validate.validate({**objects[-1], "spec": {"completion": 1}}, "1.37", strict=True)


def test_scripts_call_the_sdks_by_their_names(made: dict[str, CloudFiles]) -> None:
    script = made["sagemaker"].texts[sagemaker.SCRIPT]
    assert calls(script, "ModelTrainer") == MODEL_TRAINER
    assert calls(script, "Compute") == {
        "instance_type",
        "instance_count",
        "volume_size_in_gb",
        "enable_managed_spot_training",
    }
    assert "'ml.g5.2xlarge'" in script
    pod = made["runpod"].texts[runpod.SCRIPT]
    assert calls(pod, "runpod.create_pod") == CREATE_POD
    assert "min_vcpu_count=8" in pod and "min_memory_in_gb=32" in pod and "volume_in_gb=100" in pod
    start = next(ast.literal_eval(node.value) for node in ast.walk(ast.parse(pod)) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "START")  # fmt: skip
    compile(start, "START", "exec")
    assert not set(start) & set('"\\\n')


def test_the_guides_machines() -> None:
    price = {row.machine: row.dollars_an_hour for row in prices.GUIDE if row.provider == "sagemaker"}
    table = {one.name: (one.gpus * (one.memory or 0), price[one.name]) for one in sagemaker.MACHINES}
    assert table == {
        "ml.g5.xlarge": (24, 1.41),
        "ml.g5.2xlarge": (24, 1.69),
        "ml.g5.4xlarge": (24, 2.27),
        "ml.p4d.24xlarge": (320, 37.69),
    }
    assert sagemaker.MACHINES[0].name == "ml.g5.2xlarge" and [one.name for one in runpod.MACHINES] == [
        "RTX_4090",
        "A100_80GB",
    ]
    assert (package.SAVE_EVERY, package.CHECKPOINTS_KEPT) == (100, 3)


def test_no_secret_is_in_any_file(made: dict[str, CloudFiles]) -> None:
    for files in made.values():
        for path in files.folder.rglob("*"):
            assert not path.is_file() or b"verysecret" not in path.read_bytes()
        assert files.zip.exists() and json.loads((files.folder / "package" / "recipe.json").read_text())["epochs"] == 4
        assert "verysecret" not in files.command


def test_each_training_has_a_place_of_its_own_on_a_volume(project: Project, rows: Dataset, tmp_path: Path) -> None:
    """Two are submitted to one volume, and only then the first pod begins, or begins again."""
    volume = tmp_path / "bucket"
    volume.mkdir()
    others = [Recipe(**{**RECIPE.model_dump(), "r": rank}) for rank in (16, 4)]
    both = [project.cloud_files(rows, recipe, provider="kubernetes") for recipe in others]
    for files in both:
        (copying,) = [words for words in map(str.split, files.command.splitlines()) if words[1] == "cp"]
        shutil.copy(files.folder / copying[2], str(volume) + copying[3].split(":/bucket", 1)[1])
    for files, recipe in zip(both, others, strict=True):
        container = yaml.safe_load(files.texts[kubernetes.JOB])["spec"]["template"]["spec"]["containers"][0]
        unpack = container["command"][-1].split(" && ")[0]
        assert unpack.startswith("python3 -m zipfile -e /bucket/") and unpack.endswith(" /studio")
        pod = tmp_path / files.name
        subprocess.run(unpack.replace("/bucket", str(volume)).replace("/studio", str(pod)).split(), check=True)
        assert Recipe.from_json((pod / "package" / "recipe.json").read_text()) == recipe


def test_files_of_an_earlier_studio_are_submitted_to_where_their_job_looks(
    project: Project, made: dict[str, CloudFiles]
) -> None:
    files = made["kubernetes"]
    earlier = store.new_numbered_folder(project.folder / "exports", "cloud")
    shutil.copytree(files.folder, earlier, ignore=shutil.ignore_patterns("package*"), dirs_exist_ok=True)
    job = (earlier / kubernetes.JOB).read_text().replace(f"/bucket/{files.name}.zip", "/bucket/package.zip")
    (earlier / kubernetes.JOB).write_text(job)
    assert f"cp package.zip {files.name}-upload:/bucket/package.zip\n" in project.open_cloud_files(earlier.name).command


def test_what_train_refuses_wherever_it_is_makes_no_files(project: Project, rows: Dataset) -> None:
    with pytest.raises(InputError) as error:
        project.cloud_files(
            rows, Recipe(objective="dpo", patience=2, model="/nowhere"), provider="runpod", machine="H9"
        )
    for words in ("dpo cannot learn from conversations", "without an evaluation", "no such model", "machine 'H9'"):
        assert words in str(error.value)
    before = list((project.folder / "exports").iterdir())
    with pytest.raises(InputError, match="kto cannot learn from conversations"):
        project.cloud_files(rows, Recipe(objective="kto"), rows)
    assert list((project.folder / "exports").iterdir()) == before
    eight_bits = Recipe(**{**RECIPE.model_dump(), "base_bits": 8})  # here there may be no GPU, there there is one
    assert project.cloud_files(rows, eight_bits).recipe == eight_bits


def test_a_machine_whose_memory_is_too_small_is_said_and_not_refused(
    project: Project, rows: Dataset, made: dict[str, CloudFiles]
) -> None:
    large = {**RECIPE.model_dump(), "model": "meta-llama/Llama-3.1-70B"}
    full = project.cloud_files(rows, Recipe(**{**large, "method": "full"}), provider="runpod", machine="RTX_4090")
    said = project.before_submit(full)["notes"][0]
    assert said == full.memory and "and RTX_4090 has 24 GB: it does not fit" in said and "guessed from its name" in said
    one = project.cloud_files(rows, Recipe(**{**large, "method": "lora"}), machine="p4d.24xlarge", gpus=4)
    assert "and each GPU of p4d.24xlarge has 40 GB: it does not fit" in one.memory
    divided = project.cloud_files(rows, Recipe(**{**large, "method": "lora"}), machine="p4d.24xlarge", gpus=4, sharded=True)  # fmt: skip
    assert "it may not fit" in divided.memory
    assert all(files.memory == "" for files in made.values())
    unknown = project.cloud_files(rows, Recipe(**{**large, "model": "someone/something"}))
    assert unknown.memory == ""


def test_a_model_of_ten_times_the_size_takes_ten_times_the_hours(project: Project, rows: Dataset) -> None:
    assert project.cloud_files(rows, Recipe(**{**RECIPE.model_dump(), "model": "some/model-70b"})).estimate.hours == pytest.approx(3.84, rel=0.05)  # fmt: skip


def test_all_mistakes_at_once_and_no_name_reaches_a_command(project: Project, rows: Dataset) -> None:
    with pytest.raises(InputError) as error:
        project.cloud_files(
            rows, RECIPE, provider="runpod", name="a; rm -rf /", bucket="$(id)", machine="H9", spot=True, gpu=2, gpus="two", region=1
        )  # fmt: skip
    for words in (
        "name 'a; rm", "bucket '$(id)'", "machine 'H9'", "on demand only", "no option 'gpu'", "no option 'region'", "gpus 'two': it is a int",
    ):  # fmt: skip
        assert words in str(error.value)
    with pytest.raises(InputError, match="provider 'azure'.*no option 'zone'"):
        project.cloud_files(rows, RECIPE, provider="azure", zone="a")
    with pytest.raises(InputError, match="8-bit base cannot be sharded.*4 examples a step cannot be divided among 8"):
        eight_bits = Recipe(**{**RECIPE.model_dump(), "base_bits": 8})
        project.cloud_files(rows, eight_bits, machine="p4d.24xlarge", gpus=8, sharded=True)


def test_the_guides_spot_settings_are_in_the_files(made: dict[str, CloudFiles]) -> None:
    for files in made.values():
        asked = store.read_json(files.folder / "package" / "package.json")
        assert (asked["request"]["save_every"], asked["request"]["checkpoints_kept"]) == (100, 3)
    assert made["skypilot"].spot and "job_recovery" in made["skypilot"].texts[skypilot.TASK]
    assert store.read_json(made["skypilot"].folder / "package" / "package.json")["price"]["rent"] == 0.35
    assert "enable_managed_spot_training=SPOT" in made["sagemaker"].texts[sagemaker.SCRIPT]
    assert made["skypilot"].estimate.words == "about 0.4 h and $0.16 (prices of 2025-01)"
    assert "no price" in made["runpod"].estimate.words


def test_another_training_has_another_name(rows: Dataset, made: dict[str, CloudFiles]) -> None:
    other = Recipe(**{**RECIPE.model_dump(), "seed": 5})
    assert {files.name for files in made.values()} == {name_of(RECIPE, rows, None)}
    assert name_of(other, rows, None) != name_of(RECIPE, rows, None) != name_of(RECIPE, rows, rows)


def test_what_a_machine_cost_is_known_to_the_next_though_it_left_no_checkpoint(tmp_path: Path) -> None:
    bucket, run, other = tmp_path / "bucket", tmp_path / "run", tmp_path / "other"
    for folder in (bucket, run, other):
        folder.mkdir()
    spent = {"seconds": 90.0, "cost": {"dollars": 0.5, "price": {"rent": 20.0, "date": "2026-11-01"}}}
    store.append_json_line(run / spending.FILE, spent)
    start.save(run, bucket, None)
    assert start.bring_back(bucket, other) is None and not (other / "metrics.jsonl").exists()
    found = spending.known(other)
    assert found.seconds == 90 and found.cost == prices.Spent(0.5, prices.OwnPrice(rent=20.0, date="2026-11-01"))


@pytest.fixture
def rented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rented machine whose driver's tool says that it has an A10G."""
    says = 'case "$*" in *compute_cap*) echo "535.104.05, 8.6";; *driver*) echo 535.104.05;; *) echo "NVIDIA A10G, 23028, 22500";; esac'
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{says}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "bucket"


@pytest.mark.skipif(not torch_build.is_without_cuda(), reason="its torch could use a GPU, and is not asked here")
def test_a_paid_gpu_that_torch_cannot_use_ends_the_training_before_it_begins(
    made: dict[str, CloudFiles], rented: Path
) -> None:
    script = made["skypilot"].folder / "package" / "start.py"
    given = {**os.environ, "STUDIO_BUCKET": str(rented), "STUDIO_HOME": str(rented.parent / "home")}
    done = subprocess.run([sys.executable, str(script)], env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == start.IN_VAIN and list(rented.iterdir()) == []
    assert "build without CUDA and cannot use NVIDIA A10G. Fix: " in done.stdout and "whl/cu126" in done.stdout
    assert "on its processor all the same: set CUDA_VISIBLE_DEVICES to nothing" in done.stdout


def test_the_build_of_torch_is_one_that_the_machines_driver_can_run(rented: Path) -> None:
    """The pinned one of PyPI is for CUDA 13, and the hosts of many images have a driver for CUDA 12."""
    assert start.build_of_torch() == ["--torch-backend", "cu126"]
    tool = rented.parent / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 580.95.05, 8.6\n")
    assert start.build_of_torch() == []
    tool.write_text("#!/bin/sh\necho 580.95.05, 7.0\n")  # a V100
    assert start.build_of_torch() == ["--torch-backend", "cu126"]
    tool.write_text("#!/bin/sh\necho 470.82.01, 8.6\n")
    with pytest.raises(SystemExit) as end:  # before anything is downloaded
        start.build_of_torch()
    assert end.value.code == start.IN_VAIN
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert start.build_of_torch() == []


def test_after_the_machine_is_gone_the_next_one_goes_on_and_its_run_comes_home(
    project: Project, made: dict[str, CloudFiles], tmp_path: Path
) -> None:
    bucket, script = tmp_path / "bucket", made["skypilot"].folder / "package" / "start.py"

    def machine(number: int) -> tuple["subprocess.Popen[str]", Path]:
        home = tmp_path / f"machine-{number}"
        given = {**os.environ, "STUDIO_BUCKET": str(bucket), "STUDIO_HOME": str(home), "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, str(script)], env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return process, home / "projects" / "cloud" / "runs" / "run-001"

    first, run = machine(1)
    deadline = time.monotonic() + 120
    while not list(bucket.glob("checkpoints/*/whole.json")):
        assert time.monotonic() < deadline and first.poll() is None, first.stdout.read() if first.stdout else ""
        time.sleep(0.02)
    worker = Job(run).state.pid
    assert worker is not None
    first.kill()
    os.kill(worker, signal.SIGKILL)
    first.communicate()
    before = spending.known(bucket)
    second, run = machine(2)
    said, _ = second.communicate(timeout=180)
    assert second.returncode == 0, said
    assert "going on from checkpoint-" in said
    reached = int(said.split("going on from checkpoint-")[1].split()[0])
    result = store.read_json(bucket / "result.json")
    assert result["steps"] == RECIPE.steps_for(48) > reached > 0
    assert result["cost"]["price"] == {"rent": 0.35, "watts": 0.0, "dollars_a_kwh": 0.0, "date": "2025-01", "machine": "g5.xlarge"}  # fmt: skip
    assert result["seconds"] > before.seconds  # both machines are paid
    assert result["cost"]["dollars"] == pytest.approx(result["seconds"] / 3600 * 0.35)
    steps = [row["step"] for row in store.read_json_lines(bucket / "metrics.jsonl") if "loss" in row]
    assert steps[-1] == RECIPE.steps_for(48) and steps.count(reached + 1) >= 1 and steps.index(reached + 1) > 0
    assert not (bucket / "checkpoints").exists()

    brought = project.bring_run(made["skypilot"], bucket)
    shutil.move(bucket, tmp_path / "gone")
    assert brought.recipe == RECIPE and brought.is_complete and brought.cost.price.machine == "g5.xlarge"
    assert brought.metrics()["step"].max() == RECIPE.steps_for(48)
    answers = project.answer(brought, "Ticket 3.", max_new_tokens=8)
    assert answers["base"] and answers["tuned"]
    client.server_job(project.folder, brought).stop()

    steps = ancestry(project.journal.steps(), project.journal.name_of(brought.id))
    names: dict[str, Any] = {"project": Project.open("again", home=tmp_path / "again"), "Recipe": Recipe}
    exec("\n".join(step.code for step in steps), names)  # as its notebook does, without the bucket
    assert [step.verb for step in steps] == ["load", "cloud_files", "bring_run"]
    assert names["run"].metrics().equals(brought.metrics()) and names["run"].is_complete
