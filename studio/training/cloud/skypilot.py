"""A managed job of SkyPilot (0.14): a spot machine, found again when it is taken away, and checkpoints in a bucket."""

import os
from typing import Any

import yaml

from studio import prices
from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import Machine, Provider

TASK = "task.yaml"
GPUS = {"g5.xlarge": (1, 24), "g5.2xlarge": (1, 24), "p4d.24xlarge": (8, 40), "a2-highgpu-1g": (1, 40), "a2-highgpu-8g": (8, 40)}  # fmt: skip
MACHINES = [Machine(name, *GPUS[name], dollars) for (cloud, name), dollars in prices.MACHINES.items() if name in GPUS]
CLOUDS = {name: cloud for cloud, name in prices.MACHINES}


def task(plan: Plan) -> dict[str, Any]:
    """A secret's value is null: SkyPilot takes it from `--secret NAME`, which reads the environment of who submits."""
    resources: dict[str, Any] = {
        "infra": CLOUDS[plan.machine], "instance_type": plan.machine, "use_spot": plan.spot, "disk_size": 100,
    }  # fmt: skip
    if plan.spot:
        resources["job_recovery"] = {"strategy": "FAILOVER", "max_restarts_on_errors": 3}
    return {
        "name": plan.name,
        "resources": resources,
        "workdir": "package",
        "file_mounts": {"/bucket": {"name": plan.bucket, "mode": "MOUNT"}},
        "envs": {"STUDIO_BUCKET": f"/bucket/{plan.name}"},
        "run": "python3 start.py\n",
    }


def files(plan: Plan) -> dict[str, str]:
    return {TASK: yaml.safe_dump(task(plan), sort_keys=False)}


def submit(name: str) -> list[list[str]]:
    """Only the secrets that are there: SkyPilot refuses one that the environment lacks."""
    secrets = [part for secret in SECRETS if os.environ.get(secret) for part in ("--secret", secret)]
    return [["sky", "jobs", "launch", "--name", name, "--yes", "--detach-run", *secrets, TASK]]


PROVIDER = Provider("skypilot", "SkyPilot (AWS, Google)", MACHINES, files, submit)
