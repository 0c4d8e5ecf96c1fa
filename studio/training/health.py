"""What the curves of a run say, in words, each with what to do. Pure functions over `Run.metrics()`.

Every threshold is robust (medians and the median absolute deviation, MAD) and has a floor in nats, so that the noise of
small batches and of a loss near zero is no alarm. 1.4826 x MAD is the standard deviation where the noise is normal.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

SPIKE_WINDOW = 20  # points before it that a point is held against
FEWEST_BEFORE = 8
SPIKE_SPREADS = 6.0
SPIKE_NATS = 0.2
FEW_WATCHED = 50
"""At 50 examples the 95 % interval of a mean is about 28 % either way, where the loss of an example varies as widely as
its mean (a coefficient of variation of 1)."""


@dataclass(frozen=True)
class Remark:
    """`kind` is not-finite, spike, not-learning, diverging, overfitting, worse, few-watched, falling or flat; `level` is
    good, look or bad; `text` is what was found and at which step, `advice` what to do."""

    kind: str
    level: str
    text: str
    advice: str


@dataclass(frozen=True)
class Curve:
    """Points with a finite loss, in nats a token, in the order of their optimiser steps."""

    steps: np.ndarray
    losses: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, column: str) -> "Curve":
        values = rows[column].to_numpy(float)
        finite = np.isfinite(values)
        return cls(rows["step"].to_numpy(int)[finite], values[finite])

    def __len__(self) -> int:
        return len(self.steps)

    def after(self, step: int) -> "Curve":
        return Curve(self.steps[self.steps > step], self.losses[self.steps > step])

    def until(self, step: int) -> "Curve":
        return Curve(self.steps[self.steps <= step], self.losses[self.steps <= step])

    @property
    def noise(self) -> float:
        """Standard deviation of a point about the trend, from the differences of neighbours."""
        return spread(np.diff(self.losses)) / np.sqrt(2) if len(self) > 2 else 0.0


def spread(values: np.ndarray) -> float:
    """The standard deviation, by the MAD: half of the values may be anything."""
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def judge(metrics: pd.DataFrame, ended: bool, watched: int | None = None) -> list[Remark]:
    """What is to be said now, the worst first. `watched` is the number of evaluation examples, None without any."""
    training, evaluation = metrics[~metrics["is_evaluation"]], metrics[metrics["is_evaluation"]]
    learnt, seen = Curve.of(training, "loss"), Curve.of(evaluation, "eval_loss")
    steps = int(metrics["of_steps"].max()) if len(metrics) and metrics["of_steps"].notna().any() else 0
    few = few_watched(seen, watched)
    if broken := not_finite(training, evaluation, seen):
        return [broken, *([few] if few else [])]
    trouble = [
        found
        for found in (
            diverging(learnt, seen),
            not_learning(learnt, seen, steps),
            overfitting(learnt, seen),
            worse(seen, steps),
            spike(learnt),
            few,
        )
        if found
    ]
    kinds = {found.kind for found in trouble}
    if ended and not kinds & {"diverging", "not-learning", "overfitting", "worse"} and (good := outlook(learnt, seen)):
        trouble.append(good)
    return trouble


def not_finite(training: pd.DataFrame, evaluation: pd.DataFrame, seen: Curve) -> Remark | None:
    """A loss that is not a number, or infinite."""
    steps: list[int] = []
    for rows, column in ((training, "loss"), (evaluation, "eval_loss")):
        steps += rows["step"][~np.isfinite(rows[column].to_numpy(float))].tolist()
    if not steps:
        return None
    first = int(min(steps))
    before = seen.until(first - 1).after(0)
    kept = f" The best before it, step {best_step(before):,}, is kept." if len(before) else ""
    return Remark(
        "not-finite", "bad",
        f"The loss is not a number from step {first:,} on: the weights are spoilt and will not recover.{kept}",
        "Stop, and start again with a third of the learning rate and max_gradient_norm at 0.3; if it comes back, look at the rows "
        "with the most tokens.",
    )  # fmt: skip


def spikes(curve: Curve) -> np.ndarray:
    """Positions of the points far above the median of those before them, on the scale of the logarithm."""
    logs = np.log(np.maximum(curve.losses, 1e-6))
    found: list[int] = []
    for at in range(FEWEST_BEFORE, len(curve)):
        before = logs[max(0, at - SPIKE_WINDOW) : at]
        usual = float(np.median(before))
        jump = logs[at] - usual
        if jump > max(SPIKE_SPREADS * spread(before), np.log(1.5)) and curve.losses[at] - np.exp(usual) > SPIKE_NATS:
            found.append(at)
    return np.array(found, dtype=int)


def spike(curve: Curve) -> Remark | None:
    found = spikes(curve)
    if not len(found):
        return None
    last = int(found[-1])
    usual = float(np.median(curve.losses[max(0, last - SPIKE_WINDOW) : last]))
    events = 1 + int((np.diff(found) > 1).sum())
    back = last < len(curve) - 1
    times = f", the latest of {events}" if events > 1 else ""
    text = f"The loss jumped from about {usual:.3g} to {curve.losses[last]:.3g} at step {curve.steps[last]:,}{times}"
    if back and events < 3:
        return Remark(
            "spike", "look", text + ", and came back.", "Nothing to do once; if it repeats, halve the learning rate."
        )
    return Remark(
        "spike",
        "look",
        text + ".",
        "Halve the learning rate or lower max_gradient_norm; look at the rows of that step.",
    )


def diverging(learnt: Curve, seen: Curve) -> Remark | None:
    """The loss was low and has gone up for good: by half and by more than its noise."""
    if len(learnt) < 10:
        return None
    smooth = pd.Series(learnt.losses).rolling(5).median().to_numpy()[4:]
    start = float(np.median(learnt.losses[:3]))  # a run that bursts at once has no low median of five
    lowest, now = min(start, float(smooth.min())), float(smooth[-1])
    risen = now > 1.5 * lowest and now - lowest > max(0.3, 4 * learnt.noise)
    if not risen or learnt.losses[-5:].min() <= 1.25 * lowest:
        return None
    at = int(learnt.steps[1] if start <= smooth.min() else learnt.steps[4 + int(smooth.argmin())])
    after = seen.after(0)
    kept = f" The adapter of step {best_step(after):,} is kept." if len(after) else ""
    return Remark(
        "diverging", "bad",
        f"The loss has gone up from {lowest:.3g} (about step {at:,}) to {now:.3g} and stays there.{kept}",
        "Stop; use a third of the learning rate, a longer warm-up, or larger batches.",
    )  # fmt: skip


def not_learning(learnt: Curve, seen: Curve, steps: int) -> Remark | None:
    """A third of the run is over, and the loss has fallen by no more than its noise."""
    if len(learnt) < 8 or not steps or learnt.steps[-1] * 3 < steps:
        return None
    part = max(3, len(learnt) // 5)
    first, now = float(np.median(learnt.losses[:part])), float(np.median(learnt.losses[-part:]))
    if first < 0.05 or now > first + 0.3:
        return None  # it began learned, or it diverges
    if first - now > max(0.02 * first, 2 * learnt.noise * np.sqrt(2 / part)):
        return None
    if len(seen) > 1 and seen.losses[0] - seen.losses[-1] > 0.03 * seen.losses[0]:
        return None  # it fell before the first point was logged
    return Remark(
        "not-learning", "bad",
        f"It is not learning: after {learnt.steps[-1] / steps:.0%} of the run the loss is {now:.3g}, and it began at {first:.3g}.",
        "Try a learning rate three to ten times as high (adapters need 1e-4 to 1e-3); check in Look that the answers are trained on.",
    )  # fmt: skip


def overfitting(learnt: Curve, seen: Curve) -> Remark | None:
    """The evaluation loss rose at two evaluations or more since its best, while the training loss fell."""
    after = seen.after(0)
    if len(after) < 3:
        return None
    best = int(after.losses.argmin())
    since = after.losses[best:]
    rise = float(since[-1] - since[0])
    if len(since) < 3 or not (np.diff(since[-3:]) > 0).all() or rise <= max(0.002, 0.02 * since[0]):
        return None
    at = int(after.steps[best])
    around, later = learnt.until(at).losses[-5:], learnt.after(at).losses[-5:]
    if not len(around) or not len(later) or np.median(later) >= np.median(around):
        return None
    return Remark(
        "overfitting", "look",
        f"It learns by heart: the evaluation loss rises since step {at:,} (from {since[0]:.3g} to {since[-1]:.3g}) while the training "
        f"loss falls. Step {at:,} was the best, and that one is kept.",
        "You can stop now. Next time: fewer epochs, more or more varied examples, more dropout, or a lower rank.",
    )  # fmt: skip


def worse(seen: Curve, steps: int) -> Remark | None:
    """No evaluation after the start is better than the model was before the training."""
    after = seen.after(0)
    if not len(after) or seen.steps[0] != 0 or not steps or after.steps[-1] * 3 < steps:
        return None
    before, best = float(seen.losses[0]), float(after.losses.min())
    if best <= before * 1.02 + 0.002:
        return None
    return Remark(
        "worse", "bad",
        f"On the evaluation it is worse than before the training: {before:.3g} at the start, {best:.3g} at best since.",
        "Do the evaluation rows look like the training rows? If so, lower the learning rate; otherwise split them anew.",
    )  # fmt: skip


def few_watched(seen: Curve, watched: int | None) -> Remark | None:
    if watched is None or watched >= FEW_WATCHED or not len(seen):
        return None
    loss, wide = float(seen.losses[-1]), 1.96 / np.sqrt(max(watched, 1))
    return Remark(
        "few-watched", "look",
        f"The evaluation has only {watched} examples: its loss of {loss:.3g} could as well be {max(0.0, loss * (1 - wide)):.2g} to "
        f"{loss * (1 + wide):.2g} on others like them (95 %).",
        f"Hold back at least {FEW_WATCHED} examples to tell small differences.",
    )  # fmt: skip


def outlook(learnt: Curve, seen: Curve) -> Remark | None:
    """Of a run that has ended well: whether it was still falling, or flat since when."""
    after = seen.after(0)
    if len(after) >= 3:
        last, steps = float(after.losses[-1]), int(after.steps[-1])
        near = max(0.005, 0.02 * last)
        earlier = after.until(int(0.7 * steps))
        if len(earlier) and earlier.losses[-1] - last > max(0.01, 0.05 * last) and last <= after.losses.min() + near:
            return _still_falling("evaluation", int(earlier.steps[-1]), float(earlier.losses[-1]), last)
        away = np.flatnonzero(np.abs(after.losses - last) > near)
        since = int(away[-1]) + 1 if len(away) else 0
        if len(after) - since >= 3 and after.steps[since] <= 0.7 * steps:
            return Remark(
                "flat", "good", f"The evaluation loss is flat since step {after.steps[since]:,} (about {last:.3g}).",
                "It has learned what these examples teach: a shorter run would do; better answers need better or more examples.",
            )  # fmt: skip
        return None
    if len(seen) or len(learnt) < 12:
        return None
    third = len(learnt) // 3
    half = third // 2
    before, now = (
        float(np.median(part)) for part in (learnt.losses[-third : -half or None], learnt.losses[-half or -1 :])
    )
    if before - now > max(0.005, 0.03 * now, 2 * learnt.noise * np.sqrt(2 / max(half, 1))):
        return _still_falling("training", int(learnt.steps[-third]), before, now)
    return None


def _still_falling(which: str, step: int, before: float, now: float) -> Remark:
    return Remark(
        "falling", "good", f"The {which} loss is still falling ({before:.3g} at about step {step:,}, {now:.3g} at the end).",
        "More epochs may help.",
    )  # fmt: skip


def best_step(evaluations: Curve) -> int:
    return int(evaluations.steps[evaluations.losses.argmin()])
