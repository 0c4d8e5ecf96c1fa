"""What was trained on a rented machine as a run of the project: to compare, export and report like any other."""

import shutil
import time
from pathlib import Path
from typing import cast

from studio import sources, store
from studio.errors import InputError
from studio.journal import Journal
from studio.training.cloud.files import CloudFiles
from studio.training.run import Run

WEIGHTS = ".safetensors"
UNSAFE = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
"""Files that may hold code which runs when they are read."""
KEPT = ("metrics.jsonl", "samples.jsonl", "log.txt", "result.json")


def bring(project_folder: Path, home: Path, journal: Journal, files: CloudFiles, source: Path) -> Run:
    """The step that takes the results in the folder `source`, as the machine left them in its bucket. Raises InputError with
    all that is wrong with it."""
    said = {"source": str(source)}

    def make() -> Run:
        _check(files, source)
        found, _ = sources.files_of(source, lambda path: _is_result(source, path))
        with sources.bringing(project_folder, source, found) as kept:
            said["source"] = str(kept)  # the step repeats from the copy
            return _fill(project_folder, files, kept)

    def show(run: Run) -> Run:
        """The description comes last: until it is there nobody sees the run."""
        request = {"project_folder": str(project_folder), **files.request}
        store.write_json(run.folder / "job.json", {"format": 1, "kind": "train", "home": str(home), "request": request})
        return run

    inputs = {"files": files.id}
    return cast(Run, journal.step("bring_run", inputs, said, ["run"], make, lambda run: [run.id], show))


def _check(files: CloudFiles, source: Path) -> None:
    if files.recipe is None:
        raise InputError("Nothing is known of this training", f"{files.id} is of an earlier studio", "Make the files again")  # fmt: skip
    if not source.is_dir():
        raise InputError("There is no such folder", str(source), "Fetch the results by the command, then name their folder")  # fmt: skip
    wrong = []
    adapter = source / "adapter"
    if not (source / "result.json").is_file():
        wrong.append("result.json is missing, which the machine writes when it has finished")
    if not any(path.suffix == WEIGHTS for path in adapter.glob("*")):
        wrong.append("adapter holds no weights (*.safetensors)")
    wrong += [
        f"adapter/{path.name} could run code when it is read" for path in adapter.glob("*") if path.suffix in UNSAFE
    ]
    if wrong:
        raise InputError(
            "These are no results of a finished training", f"{source}: {'; '.join(wrong)}", "Fetch them again by the command"
        )  # fmt: skip


def _is_result(source: Path, path: Path) -> bool:
    """Checkpoints are not: nothing goes on from those of a training that has finished."""
    place = path.relative_to(source)
    return str(place) in KEPT or place.parts[0] == "adapter"


def _fill(project_folder: Path, files: CloudFiles, kept: Path) -> Run:
    assert files.recipe is not None
    folder = store.new_numbered_folder(project_folder / "runs", "run")
    store.write_text(folder / "recipe.json", files.recipe.to_json())
    with store.making_folder(folder / "adapter") as adapter:
        shutil.copytree(kept / "adapter", adapter, dirs_exist_ok=True)
    for name in KEPT:
        if (kept / name).is_file():
            with store.replacing(folder / name) as beside:
                shutil.copyfile(kept / name, beside)
    run, now = Run(folder), time.time()
    run.job.set_state(status="finished", message=f"trained on {files.machine}", started=now, ended=now)
    return run
