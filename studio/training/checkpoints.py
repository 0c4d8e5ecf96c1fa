"""The checkpoints of a run: sealed when the disk has all of one, the older ones removed only then, and the newest whole
one found again. Needs no torch."""

import shutil
from pathlib import Path

from studio import store

SEAL = "sealed.json"
STATE = "trainer_state.json"
"""Not in the seal: small, told from half by itself, and rewritten where a run goes on in another folder."""
FORMAT = 1
KEPT = 2
"""The best and the last."""


def seal(checkpoint: Path) -> None:
    """Writes down what a checkpoint holds, when the disk has it: until then it is not taken for whole."""
    store.sync_folder(checkpoint)
    store.sync_names(checkpoint.parent)
    sizes = {
        path.relative_to(checkpoint).as_posix(): path.stat().st_size
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name not in (SEAL, STATE)
    }
    store.write_json(checkpoint / SEAL, {"format": FORMAT, "sizes": sizes})


def is_whole(checkpoint: Path) -> bool:
    """Whether it was sealed and every file is there in its full size."""
    try:
        store.read_json(checkpoint / STATE)
        sizes = store.read_description(checkpoint / SEAL, FORMAT, checkpoint.name)["sizes"]
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def every(folder: Path) -> list[Path]:
    """All of a run, whole or not, the newest first."""
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]), reverse=True)


def last_whole(folder: Path) -> Path | None:
    return next((path for path in every(folder) if is_whole(path)), None)


def remove_halves(folder: Path) -> None:
    """What a crash or a full disk cut short: in nobody's way, and no longer in the room that the next one needs."""
    for path in every(folder):
        if not is_whole(path):
            shutil.rmtree(path, ignore_errors=True)


def remove_old(folder: Path, best: Path | None, kept: int) -> None:
    """Leaves the newest and the best, and of the others the newer ones, `kept` in all."""
    found = every(folder)
    others = [path for path in found[1:] if path != best]
    room = max(0, kept - (len(found) - len(others)))
    for path in others[room:]:
        shutil.rmtree(path, ignore_errors=True)
