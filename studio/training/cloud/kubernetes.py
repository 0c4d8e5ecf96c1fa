"""A Kubernetes Job: the package and the checkpoints on one volume, and a pod that is made again when its machine goes."""

import json
import os
from pathlib import Path
from typing import Any

from studio.training.cloud import start
from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import RESULTS, Machine, Missing, Provider, Stage, tool_is_there

VOLUME, JOB = "volume.yaml", "job.yaml"
IMAGE = "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime"
RESTARTS = 20
START = "python3 -m zipfile -e {package} /studio && cd /studio/package && exec python3 start.py"
EARLIER_PACKAGE = "/bucket/package.zip"
"""Where the jobs of an earlier studio look for their package, whatever their name."""
MACHINES = [Machine("kubernetes", f"{count} x NVIDIA GPU", count) for count in (1, 4, 8)]


def package_on_volume(name: str) -> str:
    """A place for each training: another one on the same volume may be submitted before the pod of this one begins, or
    begins again."""
    return f"/bucket/{name}.zip"


def upload_pod(name: str) -> str:
    return f"{name}-upload"


def volume(plan: Plan) -> list[dict[str, Any]]:
    """The volume, and a pod that lives for an hour so that the package can be copied onto it."""
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": plan.bucket},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Gi"}}},
    }  # fmt: skip
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": upload_pod(plan.name)},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "upload", "image": IMAGE, "command": ["sleep", "3600"], "volumeMounts": [{"name": "bucket", "mountPath": "/bucket"}],
            }],
            "volumes": [{"name": "bucket", "persistentVolumeClaim": {"claimName": plan.bucket}}],
        },
    }  # fmt: skip
    return [claim, pod]


def job(plan: Plan) -> dict[str, Any]:
    """A pod that lost its machine costs no attempt; one that failed is tried again, and goes on from the volume, but
    not where torch cannot use the GPU."""
    secret = f"{plan.name}-keys"
    environment: list[dict[str, Any]] = [{"name": "STUDIO_BUCKET", "value": f"/bucket/{plan.name}"}]
    environment += [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": secret, "key": key, "optional": True}}} for key in SECRETS
    ]
    container = {
        "name": "train", "image": IMAGE, "env": environment,
        "command": ["bash", "-c", START.format(package=package_on_volume(plan.name))],
        "resources": {"requests": {"cpu": "4", "memory": "24Gi"}, "limits": {"nvidia.com/gpu": plan.gpus, "memory": "32Gi"}},
        "volumeMounts": [
            {"name": "bucket", "mountPath": "/bucket"}, {"name": "work", "mountPath": "/studio"}, {"name": "shared-memory", "mountPath": "/dev/shm"},
        ],
    }  # fmt: skip
    pod = {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 120, "containers": [container],
        "volumes": [
            {"name": "bucket", "persistentVolumeClaim": {"claimName": plan.bucket}}, {"name": "work", "emptyDir": {}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ],
    }  # fmt: skip
    taken_away = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    in_vain = {
        "action": "FailJob", "onExitCodes": {"containerName": "train", "operator": "In", "values": [start.IN_VAIN]},
    }  # fmt: skip
    return {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": plan.name},
        "spec": {"backoffLimit": RESTARTS, "podFailurePolicy": {"rules": [taken_away, in_vain]}, "template": {"spec": pod}},
    }  # fmt: skip


def files(plan: Plan) -> dict[str, str]:
    import yaml

    return {
        VOLUME: yaml.safe_dump_all(volume(plan), sort_keys=False),
        JOB: yaml.safe_dump(job(plan), sort_keys=False),
    }


def submit(name: str) -> list[list[str]]:
    pod = upload_pod(name)
    return [
        ["kubectl", "apply", "-f", VOLUME],
        ["kubectl", "wait", "--for=condition=Ready", f"pod/{pod}", "--timeout=600s"],
        ["kubectl", "cp", "package.zip", f"{pod}:{package_on_volume(name)}"],
        ["kubectl", "delete", "pod", pod],
        ["kubectl", "delete", "job", name, "--ignore-not-found"],  # one that has ended would not begin again
        ["kubectl", "apply", "-f", JOB],
    ]


def check(machine: str) -> list[str]:
    return ["kubectl", "auth", "can-i", "create", "jobs.batch"]


def allows(output: str, machine: str) -> bool:
    return output.strip().lower().startswith("yes")


def status(name: str) -> list[str]:
    return ["kubectl", "get", "job", name, "-o", "json"]


def reads(output: str, name: str) -> Stage:
    said = json.loads(output).get("status", {})
    conditions = {one["type"] for one in said.get("conditions", []) if one["status"] == "True"}
    if "Complete" in conditions:
        return "finished"
    if "Failed" in conditions:
        return "failed"
    return "running" if said.get("active") else "waiting"


def log(name: str) -> list[str]:
    return ["kubectl", "logs", f"job/{name}", "--tail=200"]


def cancel(name: str) -> list[str]:
    return ["kubectl", "delete", "job", name]


def missing(machine: str) -> list[Missing]:
    found = []
    if not tool_is_there("kubectl"):
        found.append(Missing("the tool kubectl", "see kubernetes.io/docs/tasks/tools"))
    if not (os.environ.get("KUBECONFIG") or (Path.home() / ".kube" / "config").exists()):
        found.append(Missing("a cluster", "put its kubeconfig at ~/.kube/config, or set KUBECONFIG"))
    return found


def results(plan: Plan) -> list[list[str]]:
    """The volume is read through the pod that filled it, made again."""
    pod = upload_pod(plan.name)
    return [
        ["kubectl", "apply", "-f", VOLUME],
        ["kubectl", "wait", "--for=condition=Ready", f"pod/{pod}", "--timeout=600s"],
        ["kubectl", "cp", f"{pod}:/bucket/{plan.name}", RESULTS],
        ["kubectl", "delete", "pod", pod],
    ]


PROVIDER = Provider(
    "kubernetes", "Kubernetes", MACHINES, files, submit, check, allows, status, reads, log, cancel, missing,
    login="ask whoever runs the cluster for a kubeconfig that may create jobs", results=results, packs="zip",
    notes=["For gated models or Weights & Biases: kubectl create secret generic NAME-keys --from-literal=HF_TOKEN=... before submitting.",
           "Whether its machines are spot is your cluster's choice; the Job goes on in both cases."],
)  # fmt: skip
