"""Two short real runs: what they took is kept beside what was predicted, and the next estimate is nearer."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studio import Machine, Project, Recipe, hardware
from studio.hardware import GIB, machine
from studio.memory import CONTEXT_BYTES, Correction
from studio.training import calibration

CARD = Machine("cuda", "a card", 8, 80 * GIB, 79 * GIB, 100 * GIB, 90 * GIB, None)


def test_the_estimate_learns_from_two_runs(tmp_path: Path, one_thread: None) -> None:
    project = Project.open("learning", home=tmp_path)
    rows = [{"prompt": f"What is {at} and {at}?", "completion": str(2 * at)} for at in range(16)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    raw = project.load(tmp_path / "rows.jsonl")
    recipe = Recipe(epochs=1, batch_size=4, accumulation=1, max_length=64, samples=0)
    before = project.memory(recipe, raw)
    assert before["corrected_by"] == 0 and not project.cost(recipe, raw)["measured"]
    project.train(raw, recipe).wait()
    project.keep_price(0.36, 0, 0, "2026-11-24")
    project.train(raw, recipe).wait()
    newest, oldest = project.measured()
    assert (newest["run"], oldest["run"]) == ("run-002", "run-001")
    assert newest["measured"] == project.run("run-002").result["peak_memory"]
    assert oldest["expected"] == before["expected"]
    assert abs(newest["expected"] - newest["measured"]) < abs(oldest["expected"] - oldest["measured"]) + 30 * 1024**2
    assert newest["low"] <= newest["measured"] <= newest["high"]
    after = project.memory(recipe, raw)
    assert after["corrected_by"] == 2
    assert after["expected"] == pytest.approx(newest["measured"], rel=0.05)
    result = project.run("run-002").result
    assert (
        result["seconds"] == pytest.approx(sum(result["parts"].values()), abs=0.5) and result["parts"]["learning"] > 0
    )
    cost = project.cost(recipe, raw)
    started = [project.run(row["run"]).result["parts"]["starting"] for row in (newest, oldest)]
    assert cost["parts"]["starting"] == pytest.approx(sum(started) / 2) and min(started) > 0.5
    assert (
        newest["dollars_an_example"] == pytest.approx(newest["dollars"] / 16) and oldest["dollars_an_example"] is None
    )
    assert cost["measured"] and cost["dollars"] == pytest.approx(cost["seconds"] * 0.0001)
    project.keep_price(90, 0, 0, "2026-11-25")  # after the runs: it changes nothing of what they cost
    assert [row["dollars"] for row in project.measured()] == [pytest.approx(newest["seconds"] * 0.0001), None]
    assert project.run("run-002").cost.words.endswith("($0.360 an hour of rent, price of 2026-11-24)")
    assert project.run("run-001").cost.words == f"no price of {machine().name} was known when it ran"
    assert Project.open("another", home=tmp_path).memory(recipe, raw)["corrected_by"] == 2


def measured(home: Path, factor: float, runs: int) -> None:
    with open(home / "measured.jsonl", "a") as file:
        for at in range(runs):
            computed = (4 + at) * GIB
            row = {"run": f"a/runs/run-{at}", "device": "cuda", "name": "a card", "cores": 8, "known": True, "computed": computed,
                   "measured": int(computed * factor) + CONTEXT_BYTES, "tokens_per_second": 100.0, "parameters": 10**9,
                   "model": "a/model-1B", "method": "qlora"}  # fmt: skip
            file.write(json.dumps(row) + "\n")


def test_a_card_s_runs_move_the_factor_within_bounds(tmp_path: Path) -> None:
    assert calibration.correction(tmp_path, CARD) == Correction()
    measured(tmp_path, 1.2, 4)
    learned = calibration.correction(tmp_path, CARD)
    assert learned.factor == pytest.approx(1.2) and learned.unsure == calibration.LEAST_UNSURE and learned.runs == 4
    assert calibration.correction(tmp_path, machine()).runs == 0  # another device
    measured(tmp_path, 9.0, 4)  # the same runs again replace what they said before
    assert calibration.correction(tmp_path, CARD).factor == calibration.FACTORS[1]


def test_speed_is_scaled_where_the_model_was_never_trained(tmp_path: Path) -> None:
    assert calibration.speed(tmp_path, CARD, Recipe()) is None
    measured(tmp_path, 1.0, 2)
    same = calibration.speed(tmp_path, CARD, Recipe(model="a/model-1B"))
    other = calibration.speed(tmp_path, CARD, Recipe(model="another/model-2B"))
    assert same is not None and same[0] == 100 and "2 runs" in same[1]
    assert other is not None and other[0] == pytest.approx(50, rel=0.2) and "scaled" in other[1]


TWO_CORES = Machine("cpu", "CPU", 2, 0, 0, 24 * GIB, 20 * GIB, None)


def busy(monkeypatch: pytest.MonkeyPatch, others: float, cores: int = 2) -> None:
    monkeypatch.setattr("psutil.getloadavg", lambda: (0.0, others, 0.0))
    monkeypatch.setattr("psutil.cpu_count", lambda: cores)


@pytest.mark.parametrize(
    ("model", "others", "measured"), [("starter", 0, 6000), ("starter", 10, 700), ("starter", 14, 600)]
)
def test_the_first_guess_holds_what_runs_did(
    model: str, others: float, measured: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens a second of the starter: on one core alone, and on two beside five and seven times as much to do."""
    busy(monkeypatch, others)
    pace, words = calibration.first_guess(TWO_CORES, Recipe(model=model))
    assert pace / calibration.OFF < measured < pace * calibration.OFF
    assert "computed, not measured" in words and "3 times as long" in words
    assert ("leaves about" in words) == (others > 0)
    full, _ = calibration.first_guess(TWO_CORES, Recipe(model=model, method="full"))
    assert full == pytest.approx(pace * 4 / 6)


@pytest.mark.parametrize(
    ("others", "cores", "threads", "share"), [(0, 2, 2, 1), (2, 2, 2, 0.5), (14, 2, 1, 2 / 15), (2, 64, 2, 1)]
)
def test_a_busy_machine_leaves_a_part_of_each_core(
    others: float, cores: int, threads: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(monkeypatch, others, cores)
    assert hardware.share_of_processor(threads) == pytest.approx(share)


def test_a_first_run_starts_later_on_a_busy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open("first", home=tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "What?", "completion": "That."}) + "\n")
    raw = project.load(tmp_path / "rows.jsonl")
    monkeypatch.setattr(hardware, "machine", lambda: TWO_CORES)
    parts = []
    for others in (0, 14):
        busy(monkeypatch, others)
        parts.append(project.cost(Recipe(epochs=1), raw)["parts"])
    assert parts[0]["starting"] < 10 and parts[1]["starting"] > 45  # imported beside 14 others: 40 seconds and more
    assert all(parts[1][name] > 4 * parts[0][name] for name in ("learning", "around"))


def test_the_guides_figure_is_scaled_on_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open("guide", home=tmp_path)
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "What?", "completion": "That."}) + "\n")
    raw = project.load(tmp_path / "rows.jsonl")
    monkeypatch.setattr(hardware, "machine", lambda: CARD)
    seven, one = (project.cost(Recipe(model=f"a/model-{size}B", epochs=1), raw) for size in (7, 1))
    assert seven["seconds"] == pytest.approx(3600 / 500, rel=0.1)
    assert one["seconds"] == pytest.approx(seven["seconds"] / 7, rel=0.2) and "scaled to" in one["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_the_memory_of_a_run_is_not_that_of_who_started_it() -> None:
    big = np.ones(100_000_000)  # 800 MB, which a child's ru_maxrss would show
    asked = "from studio.training.worker import peak_memory; print(peak_memory(on_gpu=False))"
    printed = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert 20 * 1024**2 < int(printed) < big.nbytes
