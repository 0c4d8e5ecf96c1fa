"""How the process of a job is started: alone on one device, or as several under `accelerate launch`."""

import os
import sys
from pathlib import Path
from typing import Any

from studio import cards

SHARDED = "ACCELERATE_USE_FSDP"
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", SHARDED)
"""What a launcher tells its processes; nobody else's may reach ours."""
FSDP = [
    "--use_fsdp", "--fsdp_version", "1", "--fsdp_sharding_strategy", "FULL_SHARD", "--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP",
    "--fsdp_state_dict_type", "FULL_STATE_DICT", "--fsdp_use_orig_params", "false", "--fsdp_sync_module_states", "true",
    "--fsdp_cpu_ram_efficient_loading", "false", "--fsdp_backward_prefetch", "BACKWARD_PRE",
]  # fmt: skip

KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256", "LRU_CACHE_CAPACITY": "256"}
"""torch 2.13 on a CPU (oneDNN, and ideep above it) keeps a kernel of about a quarter of a megabyte for each shape that it
multiplies in bf16, the last 1,024 of them twice: batches of ever other lengths took 26 MB a step of a small model, up to half
a gigabyte, and broke up the heap with them. A step needs about 50."""


def rank() -> int:
    """Which of a job's processes this is; 0 reports, saves and writes the state, the others only compute."""
    return int(os.environ.get("RANK", 0))


def is_launched() -> bool:
    """Whether this is one of several processes."""
    return "RANK" in os.environ


def is_sharded() -> bool:
    """Whether the weights of a model are divided among the processes (FSDP): the launcher says so to each."""
    return os.environ.get(SHARDED) == "true"


def command(folder: Path, request: dict[str, Any]) -> list[str]:
    """The worker of a job, the same whether one process does it or several (`processes`, `sharded` of the request)."""
    worker = ["-m", "studio.jobs.worker", str(folder)]
    count = int(request.get("processes", 1))
    if count == 1:
        return [sys.executable, *worker]
    # port 0: the launcher takes a free one, so that two studios never meet
    several = ["--multi_gpu", "--num_processes", str(count), "--num_machines", "1", "--main_process_port", "0"]
    plain = [
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]  # the recipe's own settings decide, not the user's file
    sharded = FSDP if request.get("sharded") else []
    return [sys.executable, "-m", "accelerate.commands.launch", *several, *plain, *sharded, *worker]


def environment(given: dict[str, str], request: dict[str, Any]) -> dict[str, str]:
    """The environment of a job's process: as many devices visible as it has processes, of those that are visible here, and
    a limit to the kernels that are kept, where none is given.

    With more than one visible GPU and no launcher TRL refuses to train, and everything else needs one only.
    """
    count = int(request.get("processes", 1))
    clean = KERNELS | {name: value for name, value in given.items() if name not in LAUNCHER}
    clean |= {cards.VISIBLE: cards.devices(clean, count), **cards.ORDER}
    if request.get("cpu"):
        clean |= {"ACCELERATE_USE_CPU": "true", cards.VISIBLE: ""}
    return clean
