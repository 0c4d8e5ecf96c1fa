"""A training job of SageMaker, by ModelTrainer of its SDK 3: managed spot, checkpoints that SageMaker keeps in S3."""

import importlib.util
import json
import sys

from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import Machine, Missing, Provider, Stage, fetched_from_s3, is_logged_in_to_aws

SCRIPT = "sagemaker_job.py"
MACHINES = [
    Machine("sagemaker", "ml.g5.2xlarge", 1, 24), Machine("sagemaker", "ml.g5.xlarge", 1, 24), Machine("sagemaker", "ml.g5.4xlarge", 1, 24),
    Machine("sagemaker", "ml.p4d.24xlarge", 8, 40),
]  # fmt: skip
"""The guide's table (G5), its default first; 320 GB are on the eight GPUs together."""
IMAGE = ("huggingface-pytorch-training", "2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04")
ACCOUNT = "763104351884"  # of AWS's Deep Learning Containers in most regions
LONGEST_RUN, LONGEST_WAIT = 24 * 3600, 48 * 3600

TEMPLATE = '''"""Submits, asks for and ends this training on SageMaker (SDK 3.27):
python {script} check | submit | status | log | cancel.

Needs `pip install sagemaker`, a login of AWS, and SAGEMAKER_ROLE where the default role is not wanted.
"""

import json
import os
import sys
from pathlib import Path

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import CheckpointConfig, StoppingCondition
from sagemaker.core.training.configs import Compute, SourceCode
from sagemaker.train import ModelTrainer

HERE = Path(__file__).resolve().parent
SUBMITTED = HERE / "submitted.json"
NAME, BUCKET, MACHINE, SPOT = {name!r}, {bucket!r}, {machine!r}, {spot!r}


def submit():
    session = Session()
    image = "{account}.dkr.ecr." + session.boto_region_name + ".amazonaws.com/{image}"
    trainer = ModelTrainer(
        sagemaker_session=session,
        role=os.environ.get("SAGEMAKER_ROLE"),
        base_job_name=NAME,
        training_image=image,
        source_code=SourceCode(source_dir=str(HERE / "package"), command="python3 start.py"),
        compute=Compute(
            instance_type=MACHINE, instance_count=1, volume_size_in_gb=100, enable_managed_spot_training=SPOT
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds={longest_run}{longest_wait}),
        checkpoint_config=CheckpointConfig(
            s3_uri="s3://" + BUCKET + "/" + NAME, local_path="/opt/ml/checkpoints"
        ),
        environment={{
            "STUDIO_BUCKET": "/opt/ml/checkpoints", "HF_HOME": "/tmp/huggingface",
            **{{key: os.environ[key] for key in {secrets!r} if key in os.environ}},
        }},
    )
    trainer.train(wait=False, logs=False)
    SUBMITTED.write_text(json.dumps({{"name": trainer._latest_training_job.training_job_name}}))


def job():
    return TrainingJob.get(training_job_name=json.loads(SUBMITTED.read_text())["name"])


def log():
    logs, group = Session().boto_session.client("logs"), "/aws/sagemaker/TrainingJobs"
    name = json.loads(SUBMITTED.read_text())["name"]
    for stream in logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=200)["events"]
        print("\\n".join(event["message"] for event in events))


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        print(json.dumps({{"account": Session().boto_session.client("sts").get_caller_identity()["Account"]}}))
    elif sys.argv[1:] == ["submit"]:
        submit()
    elif sys.argv[1:] == ["status"]:
        print(json.dumps({{"status": job().training_job_status}}))
    elif sys.argv[1:] == ["log"]:
        log()
    elif sys.argv[1:] == ["cancel"]:
        job().stop()
    else:
        sys.exit(__doc__)
'''


def files(plan: Plan) -> dict[str, str]:
    wait = f", max_wait_time_in_seconds={LONGEST_WAIT}" if plan.spot else ""
    text = TEMPLATE.format(
        script=SCRIPT, name=plan.name, bucket=plan.bucket, machine=plan.machine, spot=plan.spot, account=ACCOUNT,
        image=":".join(IMAGE), longest_run=LONGEST_RUN, longest_wait=wait, secrets=SECRETS,
    )  # fmt: skip
    return {SCRIPT: text}


def submit(name: str) -> list[list[str]]:
    return [[sys.executable, SCRIPT, "submit"]]


def check(machine: str) -> list[str]:
    return [sys.executable, SCRIPT, "check"]


def allows(output: str, machine: str) -> bool:
    return bool(json.loads(output.strip().splitlines()[-1])["account"])


def status(name: str) -> list[str]:
    return [sys.executable, SCRIPT, "status"]


def reads(output: str, name: str) -> Stage:
    said = json.loads(output.strip().splitlines()[-1])["status"]
    stages: dict[str, Stage] = {
        "Completed": "finished", "Failed": "failed", "Stopped": "cancelled", "Stopping": "cancelled", "InProgress": "running",
    }  # fmt: skip
    return stages.get(said, "waiting")


def log(name: str) -> list[str]:
    return [sys.executable, SCRIPT, "log"]


def cancel(name: str) -> list[str]:
    return [sys.executable, SCRIPT, "cancel"]


def missing(machine: str) -> list[Missing]:
    found = []
    if importlib.util.find_spec("sagemaker") is None:
        found.append(Missing("the SDK of SageMaker", "pip install sagemaker, into the studio's own environment"))
    if not is_logged_in_to_aws():
        found.append(Missing("a login of AWS", "aws configure"))
    return found


def results(plan: Plan) -> list[list[str]]:
    return [fetched_from_s3(plan)]


PROVIDER = Provider(
    "sagemaker", "AWS SageMaker", MACHINES, files, submit, check, allows, status, reads, log, cancel, missing,
    login="aws configure; and set SAGEMAKER_ROLE to a role that may train", results=results,
)  # fmt: skip
