"""What this machine's runs really took, kept for all projects under STUDIO_HOME, and what the estimate learns from it."""

import statistics
from pathlib import Path
from typing import Any

from studio import store
from studio.examples import Dataset
from studio.hardware import Machine
from studio.memory import CONTEXT_BYTES, LIBRARY_BYTES, UNSURE, Correction, MemoryEstimate, ModelShape, estimate
from studio.training.recipe import Recipe
from studio.training.token_lengths import own_count

NEWEST = 20
"""Runs of a device that are learned from."""
FACTORS = 0.5, 2.0
"""A measured run never moves what is computed beyond these."""
ENOUGH = 3
"""Runs from which on their own spread, and not the guess, says how unsure the estimate is."""
LEAST_UNSURE = 0.05
OPERATIONS_A_CORE = 25e9
"""Multiplications and additions a second of one processor core in a training, before any run was measured: 20 to 80 billion
on a core with AVX512-BF16 (the starter's runs, on a busy and on a quiet machine)."""


def longest_example(dataset: Dataset, recipe: Recipe) -> int | None:
    """Tokens of the longest row for the recipe's model; None where the answers to avoid, which are not counted, may be
    longer."""
    if recipe.objective != "sft" or not len(dataset):
        return None
    own = own_count(dataset, recipe.model)
    return own.longest or int(dataset.columns("tokens")["tokens"].max())


def predict(recipe: Recipe, dataset: Dataset | None, machine: Machine, home: Path) -> MemoryEstimate:
    """The estimate with everything that this device's runs have taught."""
    longest = None if dataset is None else longest_example(dataset, recipe)
    return estimate(ModelShape.of(recipe.model), recipe, machine, longest, correction(home, machine))


def record(
    home: Path, folder: Path, recipe: Recipe, dataset: Dataset, machine: Machine, result: dict[str, Any]
) -> None:
    """Keeps what a finished run in `folder` took, beside what was predicted for it. A shape that was guessed teaches
    nothing of memory, but its speed counts."""
    shape = ModelShape.of(recipe.model)
    found = predict(recipe, dataset, machine, home)
    reserved = result.get("reserved_memory")
    # what a card's allocator holds, and CUDA itself, is what others cannot have
    measured = result["peak_memory"] if reserved is None else reserved + CONTEXT_BYTES
    row = {
        "run": folder.relative_to(home / "projects").as_posix(), "device": machine.device, "name": machine.name, "cores": machine.cores,
        "model": recipe.model, "method": recipe.method, "parameters": shape.parameters, "known": shape.known,
        "computed": found.computed, "expected": found.expected, "low": found.low, "high": found.high, "measured": measured,
        "tokens_per_second": result["tokens_per_second"], "seconds": result["seconds"],
    }  # fmt: skip
    store.append_json_line(home / "measured.jsonl", row)


def records(home: Path, machine: Machine) -> list[dict[str, Any]]:
    """The newest measured runs of this device, the oldest first, each once."""
    this = (machine.device, machine.name, machine.cores)
    latest = {
        row["run"]: row
        for row in store.read_json_lines(home / "measured.jsonl")
        if (row["device"], row["name"], row["cores"]) == this
    }
    return list(latest.values())[-NEWEST:]


def correction(home: Path, machine: Machine) -> Correction:
    """On a CPU small runs tell what the process itself takes, and larger ones by how much the rest is off; on a card,
    whose process takes little, every run tells the latter."""
    rows = [row for row in records(home, machine) if row["known"]]
    if not rows:
        return Correction()
    on_gpu = machine.device == "cuda"
    small = [] if on_gpu else [row for row in rows if row["computed"] < LIBRARY_BYTES]
    overhead = max(0, int(statistics.median(row["measured"] - row["computed"] for row in small))) if small else None
    around = (CONTEXT_BYTES if on_gpu else LIBRARY_BYTES) if overhead is None else overhead
    large = rows if on_gpu else [row for row in rows if row["computed"] >= LIBRARY_BYTES]
    factor = statistics.median((row["measured"] - around) / row["computed"] for row in large) if large else 1.0
    factor = min(max(factor, FACTORS[0]), FACTORS[1])
    if on_gpu:
        overhead = CONTEXT_BYTES  # what lies unused between the pieces is in the factor now
    unsure = UNSURE[True][0]
    if len(rows) >= ENOUGH:
        off = [abs(row["measured"] / (factor * row["computed"] + around) - 1) for row in rows]
        unsure = max(LEAST_UNSURE, 1.25 * max(off))
    return Correction(factor, overhead, unsure, len(rows))


def speed(home: Path, machine: Machine, recipe: Recipe) -> tuple[float, str] | None:
    """Tokens a second of the newest runs here and whence: of the same model and method, else of the nearest in size,
    scaled by the parameters (Kaplan et al. 2020: the work of a token is proportional to them)."""
    rows = [row for row in records(home, machine) if row["tokens_per_second"] > 0]
    same = [row for row in rows if (row["model"], row["method"]) == (recipe.model, recipe.method)][-5:]
    if same:
        pace = statistics.median(row["tokens_per_second"] for row in same)
        return pace, f"{pace:,.0f} tokens a second, measured in {len(same)} run{'s' if len(same) > 1 else ''} here"
    if not rows:
        return None
    parameters = ModelShape.of(recipe.model).parameters
    near = min(rows, key=lambda row: max(row["parameters"] / parameters, parameters / row["parameters"]))
    pace = near["tokens_per_second"] * near["parameters"] / parameters
    return pace, f"about {pace:,.1f} tokens a second, scaled by size from a run of {near['model']} here"


def first_guess(machine: Machine, recipe: Recipe) -> tuple[float, str]:
    """Tokens a second on a CPU, before any run was measured here, and whence: a token takes two operations a weight on the
    way there and four back, of which two are saved where the weights do not learn (Kaplan et al. 2020, section 2.1)."""
    parameters = ModelShape.of(recipe.model).parameters
    operations = parameters * (4 if recipe.uses_adapter else 6)
    operations += 2 * parameters if recipe.gradient_checkpointing else 0
    pace = machine.cores * OPERATIONS_A_CORE / operations
    return pace, (
        f"computed, not measured: about {pace:,.0f} tokens a second for {parameters / 1e6:,.1f} M parameters on "
        f"{machine.cores} cores; nothing was measured here yet"
    )
