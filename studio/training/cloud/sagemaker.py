"""A training job of SageMaker, by ModelTrainer of its SDK 3: managed spot, checkpoints that SageMaker keeps in S3."""

import sys

from studio.training.cloud.package import SECRETS, Plan
from studio.training.cloud.provider import Machine, Provider

SCRIPT = "sagemaker_job.py"
MACHINES = [
    Machine("ml.g5.2xlarge", 1, 24, 1.69), Machine("ml.g5.xlarge", 1, 24, 1.41), Machine("ml.g5.4xlarge", 1, 24, 2.27),
    Machine("ml.p4d.24xlarge", 8, 40, 37.69),
]  # fmt: skip
"""The guide's table (G5), its default first; 320 GB are on the eight GPUs together."""
IMAGE = ("huggingface-pytorch-training", "2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04")
ACCOUNT = "763104351884"  # of AWS's Deep Learning Containers in most regions
LONGEST_RUN, LONGEST_WAIT = 24 * 3600, 48 * 3600

TEMPLATE = '''"""Submits, asks for and ends this training on SageMaker (SDK 3.27): python {script} submit | status | cancel.

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


if __name__ == "__main__":
    if sys.argv[1:] == ["submit"]:
        submit()
    elif sys.argv[1:] == ["status"]:
        print(json.dumps({{"status": job().training_job_status}}))
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


PROVIDER = Provider("sagemaker", "AWS SageMaker", MACHINES, files, submit)
