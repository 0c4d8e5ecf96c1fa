"""Providers that exist in a folder only: their command-line tools and SDKs, written by hand, with what a test decides in
files. `login` holds good, none or expired; `stages` what the next looks say, the last one again and again; `calls` what
was asked."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

COMMON = """#!{python} -IS
import json, os, sys
from pathlib import Path

HERE = Path({place!r})
asked = sys.argv[1:]
with open(HERE / "calls", "a") as calls:
    calls.write(json.dumps([Path(sys.argv[0]).name, *asked]) + "\\n")
login = (HERE / "login").read_text()


def stage():
    left = (HERE / "stages").read_text().split()
    if len(left) > 1:
        (HERE / "stages").write_text("\\n".join(left[1:]))
    return left[0]


def expired():
    sys.exit("An error occurred (ExpiredToken): the security token " + os.environ.get("AWS_SESSION_TOKEN", "") + " is expired")


"""
SKY = """
jobs = HERE / "jobs"
if login == "expired":
    expired()
if asked[0] == "check":
    print("Checking...", json.dumps({"default": ["AWS [compute, storage]"] if login == "good" else []}))
elif asked[1] == "launch":
    assert Path(asked[-1]).exists() and Path("package/start.py").exists(), "run in the folder of the files"
    jobs.write_text(asked[asked.index("--name") + 1])
    print("Managed job submitted with HF_TOKEN", os.environ.get("HF_TOKEN"))
elif asked[1] == "queue":
    said = stage() if jobs.exists() else ""
    if said == "BROKEN":
        sys.exit("the API server cannot be reached")
    print(json.dumps([{"job_id": 7, "job_name": jobs.read_text(), "status": said}] if said else []))
elif asked[1] == "logs":
    print("(train, pid=1) beginning\\n(train, pid=1) step 3 of 12")
elif asked[1] == "cancel":
    (HERE / "stages").write_text("CANCELLED")
    print("Job cancelled")
"""
BUCKET = """
def fetch(folder):
    import shutil

    if not (HERE / "bucket").exists():
        sys.exit("fatal error: An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation")
    shutil.copytree(HERE / "bucket", folder, dirs_exist_ok=True)


"""
AWS = """
assert asked[:3] == ["s3", "cp", "--recursive"]
fetch(asked[4])
"""
KUBECTL = """
if asked[:2] == ["auth", "can-i"]:
    print("yes" if login == "good" else "no")
    sys.exit(login != "good")
elif asked[:2] == ["get", "job"]:
    said = stage()
    if said == "running":
        print(json.dumps({"status": {"active": 1}}))
    else:
        print(json.dumps({"status": {"conditions": [{"type": said, "status": "True"}]}}))
elif asked[0] == "cp" and ":" in asked[1]:
    fetch(asked[2])
elif asked[0] == "cp":
    assert Path(asked[1]).exists()
elif asked[:2] == ["apply", "-f"]:
    assert Path(asked[2]).exists()
elif asked[0] == "logs":
    sys.exit("container is creating")
"""
RUNPOD = """
import json
from pathlib import Path

HERE = Path({place!r})
api_key = None


class AuthenticationError(Exception):
    pass


def note(*asked):
    with open(HERE / "calls", "a") as calls:
        calls.write(json.dumps(["runpod", *asked]) + "\\n")
    if (HERE / "login").read_text() != "good":
        raise AuthenticationError("Unauthorized request, please check your API key.")


def get_user():
    note("user")
    return {{"id": "u"}}


def create_pod(**given):
    note("create", given["name"], given["gpu_type_id"], given["env"]["PACKAGE_URL"])
    return {{"id": "pod-1"}}


def get_pod(pod):
    note("get", pod)
    left = (HERE / "stages").read_text().split()
    (HERE / "stages").write_text("\\n".join(left[1:] or left))
    return {{"desiredStatus": left[0]}}


def stop_pod(pod):
    note("stop", pod)
"""
SAGEMAKER = {
    "__init__.py": "", "core/__init__.py": "", "core/helper/__init__.py": "", "core/training/__init__.py": "",
    "core/helper/session_helper.py": '''
from sagemaker.fake import HERE, note


class Caller:
    def get_caller_identity(self):
        note("identity")
        return {"Account": "1"}

    def describe_log_streams(self, **given):
        return {"logStreams": [{"logStreamName": given["logStreamNamePrefix"] + "/algo-1"}]}

    def get_log_events(self, **given):
        return {"events": [{"message": "step 5 of 10"}]}


class Session:
    boto_region_name = "us-east-1"

    @property
    def boto_session(self):
        return self

    def client(self, name):
        return Caller()
''',
    "core/resources.py": '''
from sagemaker.fake import HERE, note


class TrainingJob:
    @classmethod
    def get(cls, training_job_name):
        note("get", training_job_name)
        return cls()

    @property
    def training_job_status(self):
        left = (HERE / "stages").read_text().split()
        (HERE / "stages").write_text("\\n".join(left[1:] or left))
        return left[0]

    def stop(self):
        note("stop")
''',
    "core/shapes.py": "class CheckpointConfig:\n    def __init__(self, s3_uri, local_path): pass\n\n\nclass StoppingCondition:\n    def __init__(self, max_runtime_in_seconds, max_wait_time_in_seconds=None): pass\n",
    "core/training/configs.py": "class Compute:\n    def __init__(self, instance_type, instance_count, volume_size_in_gb, enable_managed_spot_training): pass\n\n\nclass SourceCode:\n    def __init__(self, source_dir, command): pass\n",
    "train.py": '''
from sagemaker.fake import note


class ModelTrainer:
    def __init__(self, sagemaker_session, role, base_job_name, training_image, source_code, compute, stopping_condition, checkpoint_config, environment):
        self.name = base_job_name

    def train(self, wait, logs):
        note("train", self.name)

    @property
    def _latest_training_job(self):
        self.training_job_name = self.name + "-1"
        return self
''',
}  # fmt: skip
FAKE = """
import json
from pathlib import Path

HERE = Path({place!r})


def note(*asked):
    with open(HERE / "calls", "a") as calls:
        calls.write(json.dumps(["sagemaker", *asked]) + "\\n")
    if (HERE / "login").read_text() != "good":
        raise RuntimeError("An error occurred (InvalidClientTokenId): the security token is invalid")
"""


class FakeClouds:
    """All four in one folder; `use` puts them where the studio looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools, self.modules, self.home = (folder / name for name in ("tools", "modules", "person"))
        for place in (self.tools, self.modules, self.home / ".aws", self.home / ".kube"):
            place.mkdir(parents=True, exist_ok=True)
        (self.home / ".aws" / "credentials").touch()
        (self.home / ".kube" / "config").touch()
        for name, rest in (("sky", SKY), ("aws", BUCKET + AWS), ("kubectl", BUCKET + KUBECTL)):
            tool = self.tools / name
            tool.write_text(COMMON.format(python=sys.executable, place=str(folder)) + rest)
            tool.chmod(0o755)
        (self.modules / "runpod.py").write_text(RUNPOD.format(place=str(folder)))
        for name, text in {**SAGEMAKER, "fake.py": FAKE.format(place=str(folder))}.items():
            path = self.modules / "sagemaker" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.says("good", "RUNNING")

    def says(self, login: str, *stages: str) -> None:
        (self.folder / "login").write_text(login)
        (self.folder / "stages").write_text("\n".join(stages))

    def holds_results(self) -> None:
        """The bucket has what a finished training leaves there; nobody could answer with these weights."""
        bucket = self.folder / "bucket"
        (bucket / "adapter").mkdir(parents=True)
        save_file({"weights": np.ones(3, dtype=np.float32)}, bucket / "adapter" / "adapter_model.safetensors")
        (bucket / "result.json").write_text('{"steps": 12, "complete": true}')
        (bucket / "metrics.jsonl").write_text('{"step": 1, "loss": 3.0}\n{"step": 12, "loss": 0.5}\n')

    @property
    def calls(self) -> list[list[str]]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def calls_begin_anew(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.tools), os.environ.get("PATH", "")])
        return {
            "PATH": path,
            "PYTHONPATH": str(self.modules),
            "HOME": str(self.home),
            "RUNPOD_API_KEY": "rp_verysecret",
        }

    def use(self, patch: pytest.MonkeyPatch) -> None:
        for name, value in self.environment.items():
            patch.setenv(name, value)
        patch.syspath_prepend(str(self.modules))


def without_logins(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """A person who has never logged in anywhere."""
    patch.setenv("HOME", str(folder))
    for name in (
        "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG", "RUNPOD_API_KEY",
    ):  # fmt: skip
        patch.delenv(name, raising=False)
