"""A pod of RunPod, by its SDK (1.12): it fetches the package from a link, and stops itself when the training is done."""

import importlib.util
import json
import os
import sys
from pathlib import Path

from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import Machine, Missing, Provider, Stage

SCRIPT = "runpod_pod.py"
GPU_IDS = {"RTX_4090": "NVIDIA GeForce RTX 4090", "A100_80GB": "NVIDIA A100 80GB PCIe"}
MACHINES = [Machine("runpod", "RTX_4090", 1, 24), Machine("runpod", "A100_80GB", 1, 80)]
IMAGE = "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime"
PROCESSORS, MEMORY, VOLUME = 8, 32, 100  # vCPU, GB and GB (G5)
ATTEMPTS = 3
"""How often a training that fails is begun again from its last checkpoint; then the pod stops, so that nobody pays for it."""
KEY = "set RUNPOD_API_KEY (runpod.io, Settings, API Keys) before the studio starts"

TEMPLATE = '''"""Submits, asks for and ends this training on RunPod (SDK 1.12): python {script} check | submit | status | cancel.

Needs `pip install runpod`, RUNPOD_API_KEY, and PACKAGE_URL: a private link from which the pod can fetch package.zip.
"""

import json
import os
import sys
from pathlib import Path

import runpod

SUBMITTED = Path(__file__).resolve().parent / "submitted.json"
# no double quote, backslash or line break: the SDK puts it into its request as it is
START = (
    "import os,subprocess as s,sys,urllib.request as u,zipfile as z;p='/workspace/package.zip';"
    "os.path.exists(p) or u.urlretrieve(os.environ['PACKAGE_URL'],p);z.ZipFile(p).extractall('/workspace');"
    "code=next((0 for _ in range({attempts}) if s.call([sys.executable,'start.py'],cwd='/workspace/package')==0),1);"
    "s.call(['runpodctl','stop','pod',os.environ['RUNPOD_POD_ID']]);sys.exit(code)"
)


def submit():
    pod = runpod.create_pod(
        name={name!r},
        image_name={image!r},
        gpu_type_id={gpu!r},
        gpu_count=1,
        min_vcpu_count={processors},
        min_memory_in_gb={memory},
        volume_in_gb={volume},
        container_disk_in_gb=50,
        volume_mount_path="/workspace",
        docker_args="bash -c 'printenv START | python3 -'",
        env={{
            "START": START, "STUDIO_BUCKET": "/workspace/bucket", "HF_HOME": "/workspace/huggingface",
            "PACKAGE_URL": os.environ["PACKAGE_URL"],
            **{{key: os.environ[key] for key in {secrets!r} if key in os.environ}},
        }},
    )
    SUBMITTED.write_text(json.dumps({{"id": pod["id"]}}))


def pod():
    return json.loads(SUBMITTED.read_text())["id"]


if __name__ == "__main__":
    runpod.api_key = os.environ.get("RUNPOD_API_KEY", runpod.api_key)
    if sys.argv[1:] == ["check"]:
        print(json.dumps({{"user": bool(runpod.get_user())}}))
    elif sys.argv[1:] == ["submit"]:
        submit()
    elif sys.argv[1:] == ["status"]:
        print(json.dumps({{"status": (runpod.get_pod(pod()) or {{}}).get("desiredStatus", "TERMINATED")}}))
    elif sys.argv[1:] == ["cancel"]:
        runpod.stop_pod(pod())
    else:
        sys.exit(__doc__)
'''


def files(plan: Plan) -> dict[str, str]:
    text = TEMPLATE.format(
        script=SCRIPT, name=plan.name, image=IMAGE, gpu=GPU_IDS[plan.machine], processors=PROCESSORS, memory=MEMORY, volume=VOLUME,
        secrets=SECRETS, attempts=ATTEMPTS,
    )  # fmt: skip
    return {SCRIPT: text}


def submit(name: str) -> list[list[str]]:
    return [[sys.executable, SCRIPT, "submit"]]


def check(machine: str) -> list[str]:
    return [sys.executable, SCRIPT, "check"]


def allows(output: str, machine: str) -> bool:
    return bool(json.loads(output.strip().splitlines()[-1])["user"])


def status(name: str) -> list[str]:
    return [sys.executable, SCRIPT, "status"]


def reads(output: str, name: str) -> Stage:
    """A pod stops itself when its training has ended."""
    said = json.loads(output.strip().splitlines()[-1])["status"]
    stages: dict[str, Stage] = {"EXITED": "finished", "TERMINATED": "failed", "RUNNING": "running"}
    return stages.get(said, "waiting")


def log(name: str) -> None:
    return None


def cancel(name: str) -> list[str]:
    return [sys.executable, SCRIPT, "cancel"]


def missing(machine: str) -> list[Missing]:
    found = []
    if importlib.util.find_spec("runpod") is None:
        found.append(Missing("the SDK of RunPod", "pip install runpod, into the studio's own environment"))
    if not (os.environ.get("RUNPOD_API_KEY") or (Path.home() / ".runpod" / "config.toml").exists()):
        found.append(Missing("a key of RunPod", KEY))
    return found


def results(plan: Plan) -> list[list[str]]:
    """The first in the pod; it tells a code for the second."""
    return [["runpodctl", "send", "/workspace/bucket"], ["runpodctl", "receive", "CODE"]]


PROVIDER = Provider(
    "runpod", "RunPod", MACHINES, files, submit, check, allows, status, reads, log, cancel, missing,
    login=KEY, results=results, packs="zip", has_spot=False, needs_link=True, fetches=False,
    notes=["Put package.zip where the pod can fetch it (a private link of any bucket) and set PACKAGE_URL to it.",
           "A pod stops itself when its training is done, or has failed three times; which of the two is in bucket/log.txt of its volume. "
           "RunPod gives its log in its console only, and a stopped pod's volume costs until you remove it there."],
)  # fmt: skip
