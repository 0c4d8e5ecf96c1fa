"""A run that trains on the processor though its machine has a GPU says so, in its log and beside its curves."""

from pathlib import Path

from studio import cards, hardware, store
from studio.jobs import launching
from studio.training.health import Remark

FILE = "unused_gpu.json"


def note(folder: Path, on_gpu: bool) -> None:
    """Keeps, prints, and tells the rest of this process why torch does not use the GPU that is there; nothing where it
    does, where there is none, and where somebody has hidden it."""
    if cards.visible():
        hardware.hear(on_gpu)
    if launching.rank() > 0:  # the first process says it for all
        return
    problem = None if on_gpu else hardware.machine().gpu_problem
    if problem is None:
        (folder / FILE).unlink(missing_ok=True)  # it is another machine now, or a mended one
        return
    store.write_json(folder / FILE, {"problem": problem})
    print(f"This run trains on the processor. {problem}", flush=True)


def remarks(folder: Path) -> list[Remark]:
    """What the page says of it for as long as the run is there."""
    if not (folder / FILE).exists():
        return []
    problem, _, fix = str(store.read_json(folder / FILE)["problem"]).partition(" Fix: ")
    return [
        Remark(
            "unused-gpu",
            "bad",
            f"It trains on the processor, which takes far longer. {problem}",
            f"Stop it, then {fix}",
        )
    ]
