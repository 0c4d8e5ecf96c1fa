"""Trains the recipe that lies beside this file on a rented machine, and goes on where an earlier machine was taken away.

`python3 start.py`, with any Python of 3.8 and later: where the studio's packages are missing they are installed into a
.venv beside this file. What must outlive the machine goes to the folder STUDIO_BUCKET (a bucket or a volume): whole
checkpoints, metrics, and at the end the adapter and result.json. Nothing there is renamed or appended to: a mounted
bucket can do neither.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 11)
CUDA_13 = (580, 7.5)
"""The least driver and compute capability for CUDA 13, which the pinned torch of PyPI is built for."""
OLDER_BUILD = "cu126"
OLDEST_DRIVER = 525
"""For the same version of torch from its own index, and also for older GPUs."""
IN_VAIN = 78
"""The exit status where no other try would end in another way (EX_CONFIG of sysexits.h): the GPU that is paid for cannot be
used, or the model not be trained."""
REFUSED = "This machine has a GPU that the training would not use, and every hour of it is paid. "
WHOLE = "whole.json"
LOOK_EVERY = 2.0  # seconds
FOLLOWED = ("metrics.jsonl", "spent.jsonl", "samples.jsonl", "log.txt", "state.json")


def prepare() -> None:
    """Goes on in this Python when it has what is needed, else in one that is set up beside this file."""
    if sys.version_info >= OLDEST_PYTHON and importlib.util.find_spec("trl"):
        return
    python = HERE / ".venv" / "bin" / "python"
    if Path(sys.executable) == python:
        raise SystemExit("The packages could not be installed: see the messages above")
    build, uv = build_of_torch(), [sys.executable, "-m", "uv"]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    subprocess.run([*uv, "venv", "--quiet", "--allow-existing", "--python", "3.11", str(HERE / ".venv")], check=True)
    requirements = str(HERE / "requirements.txt")
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), "-r", requirements]
    subprocess.run([*install, *build], check=True)
    os.execv(str(python), [str(python), str(Path(__file__).resolve()), *sys.argv[1:]])


def build_of_torch() -> "list[str]":
    """What the installer is told beside the pinned versions, by the driver of this machine: what PyPI has needs a newer
    one than many rented machines have."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip().splitlines()
    try:
        driver, capability = said[0].split(",")
        major, is_old = int(driver.split(".")[0]), float(capability) < CUDA_13[1]
    except (ValueError, IndexError):
        return []
    if major < OLDEST_DRIVER and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        print(f"{REFUSED}Driver {driver} is too old for torch. Fix: take an image with driver {CUDA_13[0]} or newer")
        raise SystemExit(IN_VAIN)
    is_new = major >= CUDA_13[0] and not is_old
    return [] if is_new else ["--torch-backend", OLDER_BUILD]


def why_no_gpu() -> str:
    """What keeps torch from the GPU that this machine has, and what to do; empty where it can use it, where somebody has
    hidden it (CUDA_VISIBLE_DEVICES is empty), and where there is none."""
    from studio import hardware

    hardware.ask_torch()
    return hardware.machine().gpu_problem or ""


def why_no_model(home: Path, allowed: "dict[str, Any] | None") -> str:
    """What keeps everybody from training the model of the recipe here, and what to do; empty where nothing does, also where
    the Hub has to answer first. `allowed` is the consent to the code of the model that came along."""
    from studio import consent, models
    from studio.errors import InputError, NotFoundError

    model = json.loads((HERE / "recipe.json").read_text())["model"]
    try:
        if allowed:
            consent.carry(home, models.known_as(model), allowed["given"], allowed["files"])
        models.source_of(model, home)
    except NotFoundError:
        return ""
    except InputError as error:
        return str(error)
    return ""


def is_whole(checkpoint: Path) -> bool:
    """Whether every file that was copied is there in its full size."""
    try:
        sizes = json.loads((checkpoint / WHOLE).read_text())
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def copy_checkpoint(source: Path, target: Path) -> None:
    """With the list of what it holds written last; one that the trainer removes meanwhile is given up."""
    sizes = {}
    shutil.rmtree(target, ignore_errors=True)
    try:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(source))
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / name)
                sizes[name] = (target / name).stat().st_size
        if source.exists():
            (target / WHOLE).write_text(json.dumps(sizes))
    except FileNotFoundError:
        shutil.rmtree(target, ignore_errors=True)


def bring_back(bucket: Path, run: Path) -> "str | None":
    """Copies the whole checkpoints and the curves of an earlier machine to this one. The newest one's name."""
    found = [path for path in (bucket / "checkpoints").glob("checkpoint-*") if is_whole(path)]
    found.sort(key=lambda path: int(path.name.split("-")[1]))
    for path in found:
        kept = run / "checkpoints" / path.name
        shutil.copytree(path, kept, copy_function=shutil.copyfile, dirs_exist_ok=True)
        (kept / WHOLE).unlink()
        state = json.loads((kept / "trainer_state.json").read_text())
        if state.get("best_model_checkpoint"):  # the earlier machine may have had another folder
            state["best_model_checkpoint"] = str(kept.parent / Path(state["best_model_checkpoint"]).name)
            (kept / "trainer_state.json").write_text(json.dumps(state))
    if found and (bucket / "metrics.jsonl").exists():
        shutil.copyfile(bucket / "metrics.jsonl", run / "metrics.jsonl")
    if (bucket / "spent.jsonl").exists():  # what it cost it has cost, whether anything is left of it or not
        shutil.copyfile(bucket / "spent.jsonl", run / "spent.jsonl")
    return found[-1].name if found else None


def save(run: Path, bucket: Path, newest: "Path | None") -> None:
    """The curves and the newest whole checkpoint to the bucket; the checkpoints that the trainer let go leave it too."""
    for name in FOLLOWED:  # first: whoever goes on from the checkpoint has the curves that led to it
        if (run / name).exists():
            shutil.copyfile(run / name, bucket / name)
    kept = bucket / "checkpoints"
    if newest is not None and not is_whole(kept / newest.name):
        copy_checkpoint(newest, kept / newest.name)
        if is_whole(kept / newest.name):
            print("kept " + newest.name, flush=True)
            for old in kept.glob("checkpoint-*"):
                if not (newest.parent / old.name).exists():
                    shutil.rmtree(old, ignore_errors=True)


def main() -> int:
    prepare()
    sys.path.insert(0, str(HERE / "source"))
    from studio import cards, prices, store
    from studio.jobs import queue
    from studio.jobs.job import ENDED
    from studio.training.checkpoints import last_whole

    plan = json.loads((HERE / "package.json").read_text())
    bucket = Path(os.environ.get("STUDIO_BUCKET") or HERE / "bucket").absolute()
    bucket.mkdir(parents=True, exist_ok=True)
    if (bucket / "result.json").exists():
        print("this training has finished: its adapter is in the bucket", flush=True)
        return 0
    if problem := why_no_gpu():
        print(
            f"This machine has a GPU that the training would not use, and every hour of it is paid. {problem}",
            flush=True,
        )
        print(
            "Nothing was trained. To train on its processor all the same: set CUDA_VISIBLE_DEVICES to nothing",
            flush=True,
        )
        return IN_VAIN
    home = store.studio_home(os.environ.get("STUDIO_HOME") or HERE / "home")
    os.chdir(HERE)  # a model that came along is named by its folder here
    if problem := why_no_model(home, plan["allowed"]):
        print(f"Nothing was trained. {problem}", flush=True)
        return IN_VAIN
    project = home / "projects" / "cloud"
    run = project / "runs" / "run-001"
    run.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "datasets", project / "datasets", dirs_exist_ok=True)
    shutil.copyfile(HERE / "recipe.json", run / "recipe.json")
    begun_from = bring_back(bucket, run)
    print("going on from " + begun_from if begun_from else "beginning", flush=True)
    if not cards.visible():
        print("no GPU is used: it trains on the processor", flush=True)

    if plan["price"]:
        prices.keep_own_price(home, prices.OwnPrice(**plan["price"]))
    job = queue.submit(home, run, "train", {"project_folder": str(project), **plan["request"]})
    signal.signal(signal.SIGTERM, lambda *_: None if job.state.status in ENDED else job.stop())
    told = ""
    while (state := job.state).status not in ENDED:
        save(run, bucket, last_whole(run / "checkpoints"))
        if job.progress.note != told:
            told = job.progress.note
            print(told, flush=True)
        time.sleep(LOOK_EVERY)
    save(run, bucket, last_whole(run / "checkpoints"))
    if state.status != "finished":
        print(job.log_tail(40), flush=True)
        print(f"{state.status}: {state.error or state.message} {state.fix}", flush=True)
        return 1
    shutil.copytree(run / "adapter", bucket / "adapter", copy_function=shutil.copyfile, dirs_exist_ok=True)
    shutil.copyfile(run / "result.json", bucket / "result.json")
    shutil.rmtree(bucket / "checkpoints", ignore_errors=True)  # nothing goes on from them, and keeping them costs
    print("finished", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
