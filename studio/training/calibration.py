"""What this machine's runs really took, kept for all projects under STUDIO_HOME, and what the estimate learns from it."""

import statistics
from pathlib import Path
from typing import Any

from studio import hardware, store
from studio.examples import Dataset
from studio.hardware import Machine
from studio.memory import CONTEXT_BYTES, LIBRARY_BYTES, UNSURE, Correction, MemoryEstimate, ModelShape, estimate
from studio.training.recipe import Recipe
from studio.training.token_lengths import own_count
from studio.training.workload import operations, tokens_an_epoch

NEWEST = 20
"""Runs of a device that are learned from."""
FACTORS = 0.5, 2.0
"""A measured run never moves what is computed beyond these."""
ENOUGH = 3
"""Runs from which on their own spread, and not the guess, says how unsure the estimate is."""
LEAST_UNSURE = 0.05
OPERATIONS_A_CORE = 50e9
"""Multiplications and additions a second of one processor core in a training, before any run was measured: 30 to 80 billion
on a core with AVX512-BF16 that has nothing else to do (the starter's runs)."""
OFF = 3
"""So many times as long, or as short, a guess may be where nothing was measured."""


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
    home: Path, folder: Path, recipe: Recipe, dataset: Dataset, machine: Machine, result: dict[str, Any], evaluation: Dataset | None = None,
) -> None:  # fmt: skip
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
        "tokens_per_second": result["tokens_per_second"], "seconds": result["seconds"], "objective": recipe.objective,
        "operations": operations(recipe), "examples": len(dataset) * recipe.epochs * result["steps"] / max(1, result.get("of_steps", result["steps"])),
        **_parts(recipe, evaluation, result),
    }  # fmt: skip
    store.append_json_line(home / "measured.jsonl", row)


def _parts(recipe: Recipe, evaluation: Dataset | None, result: dict[str, Any]) -> dict[str, Any]:
    """What one whole run teaches of the time beside the steps: `starting` in seconds (not where a full training first asked
    a reference), `evaluation_pace` in tokens a second, and `around`, the seconds of a checkpoint with its sample answers."""
    parts = result.get("parts")
    if parts is None or not result["complete"]:
        return {}
    found: dict[str, Any] = {
        "around": parts["around"] / (result["evaluations"] or occasions(recipe, result["steps"]) + 1),
        "answers": recipe.samples > 0,
    }
    if recipe.uses_adapter or recipe.objective == "sft":
        found["starting"] = parts["starting"]
    if evaluation is not None and parts["evaluating"] > 0:
        found["evaluation_pace"] = tokens_an_epoch(evaluation, recipe) * result["evaluations"] / parts["evaluating"]
    return found


def occasions(recipe: Recipe, steps: int) -> int:
    """How often a run of so many steps stops to save, and to evaluate where there is an evaluation."""
    return len(recipe.evaluation_steps(steps))


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
    """Tokens a second of the newest runs here and whence: of the same model, method and objective, else of the nearest,
    scaled by the operations that a token takes (Kaplan et al. 2020: they are proportional to the parameters)."""
    rows = [row for row in records(home, machine) if row["tokens_per_second"] > 0]
    same = [row for row in rows if key_of(row) == (recipe.model, recipe.method, recipe.objective)][-5:]
    work = operations(recipe)
    if same:
        pace = statistics.median(row["tokens_per_second"] * _operations(row) / work for row in same)
        return pace, f"{pace:,.0f} tokens a second, measured in {len(same)} run{'s' if len(same) > 1 else ''} here"
    if not rows:
        return None
    parameters = ModelShape.of(recipe.model).parameters

    def off(row: dict[str, Any]) -> tuple[float, bool]:
        between = row["parameters"] / parameters
        return max(between, 1 / between), row["method"] != recipe.method

    near = min(reversed(rows), key=off)
    pace = near["tokens_per_second"] * near["parameters"] * _operations(near) / (parameters * work)
    whence = near["run"].rsplit("/", 1)[-1] if near["model"] == recipe.model else near["model"]
    how = "scaled by size" if near["model"] != recipe.model else "scaled by the work of each token"
    of = f"{near.get('objective', 'sft')}, {near['method']}"
    return pace, f"about {pace:,.1f} tokens a second, {how} from a run of {whence} here ({of})"


def key_of(row: dict[str, Any]) -> tuple[str, str, str]:
    """Runs of an earlier studio kept no objective: they are taken for the usual one."""
    return row["model"], row["method"], row.get("objective", "sft")


def _operations(row: dict[str, Any]) -> float:
    return float(row.get("operations") or (6 if row["method"] == "full" else 4))


def first_guess(machine: Machine, recipe: Recipe) -> tuple[float, str]:
    """Tokens a second on a CPU, before any run was measured here, beside what else computes there now; and whence."""
    parameters = ModelShape.of(recipe.model).parameters
    share = hardware.share_of_processor(machine.cores)
    pace = share * operations_a_second(machine) / (parameters * operations(recipe))
    busy = "" if share == 1 else f", of which the rest of this machine leaves about {share:.0%} now"
    return pace, (
        f"computed, not measured: about {pace:,.0f} tokens a second for {parameters / 1e6:,.1f} M parameters on "
        f"{machine.cores} cores{busy}; nothing was measured here yet, so it may take {OFF} times as long, or a third"
    )


def operations_a_second(machine: Machine) -> float:
    """Of all cores, where nothing else computes."""
    return machine.cores * OPERATIONS_A_CORE
