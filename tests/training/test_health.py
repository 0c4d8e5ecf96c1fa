"""What curves say in words: on made ones with one fault each, and on those of real runs of the starter model."""

import numpy as np
import pandas as pd
import pytest

from studio.training.health import judge

SAMPLE = [1.238, 1.087, 0.895, 0.687, 0.544, 0.43, 0.272, 0.121, 0.065, 0.054, 0.042, 0.038, 0.058, 0.024, 0.02, 0.043, 0.017, 0.038, 0.023,
          0.014, 0.011, 0.007, 0.007, 0.017, 0.008, 0.008, 0.008, 0.007, 0.019, 0.007, 0.005, 0.02, 0.004, 0.009, 0.009, 0.006, 0.007, 0.007,
          0.006, 0.009, 0.011, 0.007, 0.007, 0.004, 0.004, 0.008, 0.017, 0.004, 0.008, 0.004, 0.004, 0.004, 0.009, 0.003, 0.003, 0.003, 0.009,
          0.005, 0.003, 0.013, 0.005, 0.003, 0.006, 0.002]  # fmt: skip
"""The recommended recipe on the sample, a point each three steps, and its evaluations."""
SAMPLE_SEEN = {0: 1.1493, 32: 0.0468, 64: 0.0189, 96: 0.0116, 128: 0.0098, 160: 0.0098, 192: 0.0098}
SHORT = [1.345, 1.058, 0.766, 0.89, 0.795, 0.684, 0.697, 0.564, 0.556, 0.593, 0.594, 0.543, 0.453, 0.658, 0.412, 0.419, 0.415, 0.456, 0.361,
         0.43, 0.486, 0.397]  # fmt: skip
"""One epoch of 88 rows: too short."""
SHORT_SEEN = {0: 1.1497, 5: 0.7062, 10: 0.5487, 15: 0.4508, 20: 0.4195, 22: 0.4191}
HOT = [1.345, 1.159, 6.945, 8.3, 8.124, 8.258, 8.309, 10.807, 7.871, 6.414, 5.151, 5.381, 5.836, 5.174, 5.202, 5.128, 5.029, 4.738, 4.735,
       4.736, 4.602, 4.654, 4.643, 4.617, 4.597, 4.596, 4.46, 4.536, 4.37, 4.665]  # fmt: skip
"""The same rows at a learning rate of 0.3."""


def metrics(losses: list[float], seen: dict[int, float] | None = None, every: int = 1, of: int = 0) -> pd.DataFrame:
    steps = [every * (place + 1) for place in range(len(losses))]
    rows = [{"step": step, "loss": loss, "is_evaluation": False} for step, loss in zip(steps, losses, strict=True)]
    rows += [{"step": step, "eval_loss": loss, "is_evaluation": True} for step, loss in (seen or {}).items()]
    table = pd.DataFrame(rows, columns=["step", "loss", "eval_loss", "is_evaluation"]).sort_values(
        "step", kind="stable"
    )
    return table.assign(of_steps=of or steps[-1])


def kinds(*given: object, ended: bool = True, watched: int | None = None, **more: object) -> list[str]:
    return [remark.kind for remark in judge(metrics(*given, **more), ended, watched)]  # type: ignore[arg-type]


def falling(count: int = 60, noise: float = 0.02) -> list[float]:
    rng = np.random.default_rng(0)
    return [float(loss) for loss in 0.4 + np.exp(-np.arange(count) / 10) + rng.normal(0, noise, count)]


def test_real_runs_raise_no_false_alarm_at_any_moment() -> None:
    for until in range(1, len(SAMPLE) + 1):
        seen = {step: loss for step, loss in SAMPLE_SEEN.items() if step <= 3 * until}
        assert kinds(SAMPLE[:until], seen, every=3, of=192, ended=False, watched=111) == []
    assert kinds(SAMPLE, SAMPLE_SEEN, every=3, watched=111) == ["flat"]
    assert kinds(SHORT, SHORT_SEEN, watched=111) == ["falling"]


def test_a_real_run_that_burst_diverges() -> None:
    found = judge(metrics(HOT, {0: 1.1497, 14: 5.0773, 28: 4.495}), True)
    assert [remark.kind for remark in found][:2] == ["diverging", "worse"]
    assert "step 28" in found[0].text


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_said_with_its_step(broken: float) -> None:
    [remark] = judge(metrics([*falling(20), broken, broken], {0: 1.5, 10: 0.8}), False)
    assert remark.kind == "not-finite" and "step 21" in remark.text and "step 10" in remark.text


def test_a_spike_is_found_and_noise_is_not() -> None:
    losses = falling()
    assert "spike" not in kinds(losses)
    losses[40] = 3.0
    [spike] = [remark for remark in judge(metrics(losses), True) if remark.kind == "spike"]
    assert "step 41" in spike.text and "came back" in spike.text
    assert "spike" not in kinds(falling(noise=0.15))


def test_not_learning_waits_for_a_third_of_the_run() -> None:
    flat = [float(loss) for loss in 2 + np.random.default_rng(1).normal(0, 0.05, 40)]
    assert kinds(flat, of=200, ended=False) == []
    assert kinds(flat, of=100, ended=False) == ["not-learning"]
    assert kinds(falling(40), of=100, ended=False) == []


def test_overfitting_names_the_best_step_and_says_it_is_kept() -> None:
    seen = {0: 1.5, 10: 0.9, 20: 0.7, 30: 0.72, 40: 0.78}
    [remark] = judge(metrics(falling(40), seen), True)
    assert remark.kind == "overfitting" and "Step 20 was the best, and that one is kept" in remark.text
    assert "overfitting" not in kinds(falling(40), {0: 1.5, 10: 0.9, 20: 0.7, 30: 0.72})


def test_few_examples_give_a_wide_interval() -> None:
    found = {remark.kind: remark for remark in judge(metrics(falling(20), {0: 1.5, 20: 0.8}), False, watched=10)}
    assert "0.3 to 1.3" in found["few-watched"].text
    assert "few-watched" not in kinds(falling(20), {0: 1.5, 20: 0.8}, watched=111)


def test_nothing_is_said_of_nothing() -> None:
    assert (
        judge(
            pd.DataFrame(columns=["step", "loss", "eval_loss", "is_evaluation", "of_steps"]).astype(
                {"is_evaluation": bool}
            ),
            False,
        )
        == []
    )
