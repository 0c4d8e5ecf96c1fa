"""A managed job of SkyPilot (0.14): a spot machine, found again when it is taken away, and checkpoints in a bucket."""

import json
import os
from typing import Any

from studio import prices
from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import (
    RESULTS,
    Machine,
    Missing,
    Provider,
    Stage,
    fetched_from_s3,
    is_logged_in_to_aws,
    is_logged_in_to_google,
    tool_is_there,
)

TASK = "task.yaml"
GPUS = {"g5.xlarge": (1, 24), "g5.2xlarge": (1, 24), "p4d.24xlarge": (8, 40), "a2-highgpu-1g": (1, 40), "a2-highgpu-8g": (8, 40)}  # fmt: skip
MACHINES = [Machine(cloud, name, *GPUS[name]) for cloud, name in prices.MACHINES]
CLOUDS = {name: cloud for cloud, name in prices.MACHINES}
STORES = {"aws": "s3", "gcp": "gcs"}
AWS, GOOGLE = "aws configure", "gcloud auth application-default login"


def task(plan: Plan) -> dict[str, Any]:
    """A secret's value is null: SkyPilot takes it from `--secret NAME`, which reads the environment of who submits."""
    cloud = CLOUDS[plan.machine]
    resources: dict[str, Any] = {
        "infra": cloud, "instance_type": plan.machine, "use_spot": plan.spot, "disk_size": 100,
    }  # fmt: skip
    if plan.spot:
        resources["job_recovery"] = {"strategy": "FAILOVER", "max_restarts_on_errors": 3}
    return {
        "name": plan.name,
        "resources": resources,
        "workdir": "package",
        "file_mounts": {"/bucket": {"name": plan.bucket, "store": STORES[cloud], "mode": "MOUNT"}},
        "envs": {"STUDIO_BUCKET": f"/bucket/{plan.name}"},
        "run": "python3 start.py\n",
    }


def files(plan: Plan) -> dict[str, str]:
    import yaml

    return {TASK: yaml.safe_dump(task(plan), sort_keys=False)}


def submit(name: str) -> list[list[str]]:
    """Only the secrets that are there: SkyPilot refuses one that the environment lacks."""
    secrets = [part for secret in SECRETS if os.environ.get(secret) for part in ("--secret", secret)]
    return [["sky", "jobs", "launch", "--name", name, "--yes", "--detach-run", *secrets, TASK]]


def check(machine: str) -> list[str]:
    return ["sky", "check", CLOUDS[machine], "--output", "json"]


def allows(output: str, machine: str) -> bool:
    """The answer lists, for each workspace, the clouds that can be used."""
    said = json.loads(output[output.index("{") :])
    return any(str(cloud).lower().startswith(CLOUDS[machine]) for clouds in said.values() for cloud in clouds)


def status(name: str) -> list[str]:
    return ["sky", "jobs", "queue", "--all", "--refresh", "--output", "json"]


def reads(output: str, name: str) -> Stage:
    """Of several jobs of this name the newest."""
    jobs = [job for job in json.loads(output[output.index("[") :]) if job.get("job_name") == name]
    if not jobs:
        return "waiting"
    said = str(max(jobs, key=lambda job: job.get("job_id") or 0)["status"]).rsplit(".", 1)[-1]
    if said == "SUCCEEDED":
        return "finished"
    if said.startswith("CANCELL"):
        return "cancelled"
    if said.startswith("FAILED"):
        return "failed"
    return "running" if said in ("RUNNING", "RECOVERING", "WINDING_DOWN") else "waiting"


def log(name: str) -> list[str]:
    return ["sky", "jobs", "logs", "--name", name, "--no-follow", "--tail", "200"]


def cancel(name: str) -> list[str]:
    return ["sky", "jobs", "cancel", "--name", name, "--yes"]


def missing(machine: str) -> list[Missing]:
    cloud = CLOUDS[machine]
    found = []
    if not tool_is_there("sky"):
        found.append(
            Missing("the tool sky", f'pip install "skypilot[{cloud}]", in an environment of its own, on the PATH')
        )
    if cloud == "aws" and not is_logged_in_to_aws():
        found.append(Missing("a login of AWS", AWS))
    if cloud == "gcp" and not is_logged_in_to_google():
        found.append(Missing("a login of Google Cloud", GOOGLE))
    return found


def results(plan: Plan) -> list[list[str]]:
    if CLOUDS[plan.machine] == "aws":
        return [fetched_from_s3(plan)]
    made = ["mkdir", "-p", RESULTS]  # gcloud copies into a folder that is there
    return [made, ["gcloud", "storage", "cp", "--recursive", f"gs://{plan.bucket}/{plan.name}/*", RESULTS]]


PROVIDER = Provider(
    "skypilot", "SkyPilot (AWS, Google)", MACHINES, files, submit, check, allows, status, reads, log, cancel, missing,
    login=f"{AWS}, or {GOOGLE}; then sky check", results=results,
)  # fmt: skip
