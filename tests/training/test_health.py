"""What curves say in words: on made ones with one fault each, and on those of real runs of the starter model."""

import numpy as np
import pandas as pd
import pytest

from studio.training.curve import Curve
from studio.training.health import judge, overfitting
from studio.training.recipe import Recipe

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


def kinds(
    *given: object, ended: bool = True, watched: int | None = None, recipe: Recipe | None = None, **more: object
) -> list[str]:
    return [remark.kind for remark in judge(metrics(*given, **more), ended, watched, recipe)]  # type: ignore[arg-type]


def falling(count: int = 60, noise: float = 0.02) -> list[float]:
    rng = np.random.default_rng(0)
    return [float(loss) for loss in 0.4 + np.exp(-np.arange(count) / 10) + rng.normal(0, noise, count)]


ALARMS = {"not-finite", "diverging", "not-learning", "overfitting", "worse", "spike"}
LEARNED = {0: 2.0, 10: 0.9, 20: 0.7, 30: 0.64, 40: 0.61, 50: 0.6, 60: 0.6}


def fall(count: int, first: float, last: float, noise: float = 0.02, seed: int = 0, pace: float = 0.25) -> list[float]:
    """Exponentially, over a share `pace` of the run, with so large a relative noise."""
    return noisy(last + (first - last) * np.exp(-np.arange(count) / (pace * count)), noise, seed)


def noisy(values: "np.ndarray | list[float]", noise: float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(value) for value in np.asarray(values) * np.exp(rng.normal(0, noise, len(values)))]


def line(count: int, first: float, last: float, noise: float = 0.005) -> list[float]:
    return noisy(np.linspace(first, last, count), noise)


def each(every: int, *losses: float) -> dict[int, float]:
    """Evaluations after so many steps each, none before the first step."""
    return {every * (place + 1): loss for place, loss in enumerate(losses)}


STEEP = fall(60, 2.0, 0.02, 0.05)
FLOOR = [2, 1.5, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, *[0.001] * 50]
WARMING = [*np.linspace(1.2, 1.6, 6), *np.linspace(1.5, 1.1, 6), *fall(48, 1.1, 0.6, 0.01)]
EPOCHS = noisy([1.2] * 20 + [0.8] * 20 + [0.45] * 20, 0.05)
HEALTHY = {
    "noise of 10 %": (fall(60, 2, 0.6, 0.1), LEARNED),
    "noise of 20 %": (fall(60, 2, 0.6, 0.2), LEARNED),
    "noise of 20 % and another one": (fall(60, 2, 0.6, 0.2, seed=1), LEARNED),
    "noise of 20 % without an evaluation": (fall(40, 2, 0.6, 0.2, seed=2), None),
    "a little learned in much noise": (fall(60, 1.2, 1.08, 0.1), {0: 1.2, 20: 1.15, 40: 1.12, 60: 1.11}),
    "the evaluation itself is noisy": (STEEP, {0: 2.0, **each(10, 0.9, 0.62, 0.66, 0.6, 0.63, 0.61)}),
    "an evaluation that is flat": (fall(60, 2, 0.5, 0.05), each(10, 0.6, 0.602, 0.599, 0.601, 0.603, 0.602)),
    "an evaluation near zero": (STEEP, {0: 1.1, **each(10, 0.02, 0.012, 0.0098, 0.0101, 0.0115, 0.0112)}),
    "one evaluation": (STEEP, {60: 0.5}),
    "up once, and back": (STEEP, {0: 2.0, **each(10, 0.9, 0.5, 0.35, 0.56, 0.36, 0.35)}),
    "a hair up at the end": (STEEP, each(20, 0.9, 0.6, 0.63)),
    "a dent on the way down": (STEEP, each(10, 0.9, 0.6, 0.66, 0.55, 0.5, 0.47)),
    "ten points": (fall(10, 2, 1.2, 0.05), None),
    "ten noisy points": (fall(10, 2, 1.0, 0.15), {0: 2.0, 5: 1.4, 10: 1.1}),
    "three points": ([1.4, 1.2, 1.1], {3: 1.1}),
    "one point": ([1.4], {0: 1.5, 1: 1.4}),
    "a bump while it warms up": (WARMING, None),
    "a bump while it warms up, evaluated": (WARMING, {0: 1.2, 10: 1.3, 30: 0.8, 60: 0.7}),
    "learned at once, then flat": ([1.5, 0.9, *noisy([0.5] * 58, 0.1)], {0: 1.6, 20: 0.5, 40: 0.5, 60: 0.5}),
    "learned before the first point": (noisy([0.5] * 20, 0.05), {0: 1.6, 10: 0.5, 20: 0.5}),
    "a step down at each epoch": (EPOCHS, {0: 1.3, 20: 1.0, 40: 0.98, 60: 0.99}),
    "one evaluation an epoch": (EPOCHS, {20: 1.0, 40: 0.97, 60: 1.02}),
    "so low that noise is all": (noisy([0.01] * 40, 0.5), {0: 0.012, 20: 0.011, 40: 0.0112}),
    "a long plateau before it learns": ([*noisy([2.0] * 15, 0.02), *fall(45, 2, 0.5, 0.02)], None),
}
"""Training loss and evaluations of which nothing is to be said that would alarm."""
ILL = {
    "up at every second evaluation": (STEEP, each(5, 0.5, 0.6, 0.55, 0.8, 0.7, 1, 0.9, 1.2, 1.1, 1.5, 1.4, 1.8), {"overfitting"}),
    "three evaluations, the second was the best": (STEEP, each(20, 0.9, 0.6, 0.95), {"overfitting"}),
    "three evaluations and three times the best": (STEEP, each(20, 0.9, 0.5, 1.5), {"overfitting"}),
    "three evaluations that only rise": (STEEP, each(20, 0.5, 0.6, 0.8), {"overfitting"}),
    "far up, then a hair lower": (STEEP, {0: 2.0, **each(10, 0.9, 0.5, 0.4, 0.35, 0.56, 0.553)}, {"overfitting"}),
    "far up at the last evaluation": (STEEP, {0: 2.0, **each(10, 0.9, 0.5, 0.4, 0.35, 0.3, 0.9)}, {"overfitting"}),
    "a zigzag upwards": (STEEP, {0: 2.0, **each(10, 0.9, 0.5, 0.6, 0.75, 0.74, 0.95)}, {"overfitting"}),
    "the training loss is on its floor": (FLOOR, {0: 2.0, **each(10, 0.4, 0.2, 0.3, 0.4, 0.5, 0.6)}, {"overfitting"}),
    "slowly, over many evaluations": (STEEP, each(5, 0.9, 0.7, 0.6, 0.58, 0.59, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66), {"overfitting"}),
    "too few points of training to compare": ([0.5], each(20, 0.5, 0.8, 1.0), {"overfitting"}),
    "both rise": (line(60, 1.0, 1.1), each(10, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3), {"not-learning", "overfitting"}),
    "from 2 to 2.9": (line(40, 2.0, 2.9), None, {"diverging"}),
    "from 4 to 5.9": (line(40, 4.0, 5.9), None, {"diverging"}),
    "from 1 to 1.45": (line(40, 1.0, 1.45), {20: 1.2, 40: 1.4}, {"diverging"}),
    "from 1 to 1.25": (line(40, 1.0, 1.25), None, {"diverging"}),
    "from 2 to 2.9 in noise of 10 %": (line(60, 2.0, 2.9, 0.1), None, {"diverging"}),
    "from 2 to 2.9 in ten points": (line(10, 2.0, 2.9, 0.02), None, {"diverging"}),
    "learned, then lost a half of it": ([*fall(40, 2, 0.5), *line(40, 0.5, 1.2)], None, {"diverging"}),
    "worse than before": (line(40, 2.0, 2.9), {0: 2.0, **each(10, 2.2, 2.4, 2.6, 2.8)}, {"diverging", "worse"}),
    "up by a tenth": (line(40, 1.0, 1.1), None, {"not-learning"}),
    "flat": (noisy([2.0] * 40, 0.02), None, {"not-learning"}),
    "flat in noise of 10 %, and so is the evaluation": (noisy([2.0] * 40, 0.1), {0: 2.0, 20: 2.0, 40: 1.99}, {"not-learning"}),
    "a spike at six of ten points": ([2, 1.8, 1.6, 1.5, 1.4, 6, 1.3, 1.2, 1.1, 1], {0: 2, 2: 1.7, 10: 1.1}, {"spike"}),
    "a spike at the fifth point": ([1.2, 1.1, 1, 0.9, 5, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.35], None, {"spike"}),
    "a spike in noise": ([*fall(40, 2, 0.6, 0.1)[:30], 4.0, *fall(40, 2, 0.6, 0.1)[31:]], None, {"spike"}),
}  # fmt: skip
"""The same, with the alarms that are to be given."""


@pytest.mark.parametrize("name", HEALTHY)
def test_of_a_healthy_curve_nothing_alarming_is_said(name: str) -> None:
    losses, seen = HEALTHY[name]
    assert not ALARMS & set(kinds(losses, seen))


@pytest.mark.parametrize("name", ILL)
def test_what_is_wrong_with_a_curve_is_said_and_nothing_else(name: str) -> None:
    losses, seen, expected = ILL[name]
    assert ALARMS & set(kinds(losses, seen)) == expected


@pytest.mark.parametrize("until", [8, 14, 20, 35])
def test_while_it_runs_a_warm_up_and_a_start_of_preferences_are_no_alarm(until: int) -> None:
    assert kinds(WARMING[:until], of=60, ended=False) == []
    assert kinds(slow_preferences()[:until], of=40, ended=False, recipe=PREFERENCES) == []


PREFERENCES = Recipe(objective="dpo", dropout=0.0, learning_rate=2e-4)


def slow_preferences() -> list[float]:
    """They begin at ln 2 without any noise, which grows as the two answers part."""
    rng, away = np.random.default_rng(0), np.linspace(0, 1, 40)
    return [float(loss) for loss in np.log(2) - 0.03 * away + rng.normal(0, 0.004, 40) * away]


def test_a_loss_of_preferences_that_falls_slowly_learns_and_one_that_stays_does_not() -> None:
    assert not ALARMS & set(kinds(slow_preferences(), {0: 0.6931, 20: 0.688, 40: 0.671}, recipe=PREFERENCES))
    assert not ALARMS & set(kinds(slow_preferences(), recipe=PREFERENCES))
    stays = [0.6931 + 0.0002 * (place % 2) for place in range(40)]
    assert "not-learning" in kinds(stays, {0: 0.6931, 20: 0.6931, 40: 0.693}, recipe=PREFERENCES)


@pytest.mark.parametrize(
    ("recipe", "said", "never"),
    [
        (Recipe(learning_rate=1e-3), ["usual for answers with an adapter", "at most 3 times", "trained on"], "ten"),
        (Recipe(learning_rate=1e-5), ["1e-05 is low", "0.001 that the studio recommends"], "times"),
        (Recipe(method="full", learning_rate=5e-4), ["usual for answers with all weights", "at most 2 times"], "1e-4 to"),
        (Recipe(objective="dpo", model="none/such-7B", learning_rate=1e-5), ["usual for DPO", "better answers"], "trained on"),
        (Recipe(objective="dpo", method="full", model="none/such-7B", learning_rate=1e-6), ["at most 2 times"], "1e-4"),
        (Recipe(objective="kto", learning_rate=2e-4), ["usual for KTO", "judged good and bad"], "trained on"),
        (Recipe(objective="dpo", model="none/such-7B", learning_rate=2e-4), ["high for DPO", "try 1e-05"], "times as"),
        (Recipe(method="full", model="none/such-7B", learning_rate=1e-4), ["high for answers", "try 2e-05"], "times as"),
    ],
)  # fmt: skip
def test_the_advice_fits_the_recipe(recipe: Recipe, said: list[str], never: str) -> None:
    flat = [0.6931 + 0.0002 * (place % 2) for place in range(40)]
    [remark] = [one for one in judge(metrics(flat), True, None, recipe) if one.kind == "not-learning"]
    assert all(words in remark.advice for words in said) and never not in remark.advice


def test_what_a_recipe_has_not_is_no_advice() -> None:
    seen = each(20, 0.9, 0.5, 1.5)

    def advice(**values: object) -> str:
        [remark] = judge(metrics(STEEP, seen), True, None, Recipe(**values))
        return remark.advice

    assert "rank" in advice() and "dropout" in advice()
    assert "rank" not in advice(method="full") and "dropout" not in advice(method="full")
    assert "beta" in advice(objective="dpo", dropout=0.0) and "dropout" not in advice(objective="dpo", dropout=0.0)


def test_too_few_points_to_tell_are_said() -> None:
    [remark] = judge(metrics([1.4], every=60), True, None, Recipe(logging_steps=500))
    assert remark.kind == "few-points" and "60 steps left 1 point" in remark.text and "at most 3" in remark.advice
    [remark] = judge(metrics([1.4]), True)
    assert "only 1 optimiser step:" in remark.text and "epochs" in remark.advice
    assert kinds([1.4], every=60, ended=False) == [] and kinds(falling(40)[:3]) == []


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
    seen = {0: 1.5, 10: 0.9, 20: 0.7, 30: 0.74, 40: 0.83, 50: 0.95}
    [remark] = judge(metrics(falling(50), seen), True)
    assert remark.kind == "overfitting" and "Step 20 was the best, and that one is kept" in remark.text
    assert "overfitting" not in kinds(falling(40), {0: 1.5, 10: 0.9, 20: 0.7, 30: 0.74, 40: 0.78})


@pytest.mark.parametrize(("noise", "at_most"), [(0.02, 0.0), (0.05, 0.02), (0.1, 0.06), (0.2, 0.18)])
@pytest.mark.parametrize("falls", [True, False])
@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 8, 12])
def test_noise_is_seldom_taken_for_learning_by_heart(count: int, falls: bool, noise: float, at_most: float) -> None:
    """The share of false alarms at the last of so many evaluations: of 1,000 curves that only fall, and that are flat."""
    rng, steps = np.random.default_rng(0), 10 * np.arange(1, count + 1)
    level = 0.6 + (1.4 * np.exp(-4 * np.arange(1, count + 1) / count) if falls else 0)
    learnt = Curve(np.arange(60), np.array(STEEP))
    curves = (Curve(steps, level * np.exp(rng.normal(0, noise, count))) for _ in range(1000))
    alarms = sum(overfitting(learnt, seen, None) is not None for seen in curves)
    assert alarms <= 1000 * (0.12 if count == 3 and noise == 0.2 else at_most)


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
