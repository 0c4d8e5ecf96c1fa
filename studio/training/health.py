"""What the curves of a run say, in words, each with what to do. Pure functions over `Run.metrics()`.

Every threshold is held against the noise (robust: Curve) and has a floor, as a share or in nats, so that the noise of small
batches and of a loss near zero is no alarm. The rules and their floors were set on made curves: tests/training/test_health.py.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from studio.training import health_advice
from studio.training.curve import Curve, disorder, spread, wavering
from studio.training.recipe import Recipe

SPIKE_WINDOW = 20  # points before it that a point is held against
FEWEST_BEFORE, MANY_BEFORE = 4, 8
SPIKE_SPREADS = 6.0
SPIKE_NATS = 0.2
FEWEST = 8
"""Points of the training loss, of which fewer say nothing of its course."""
CLIMB, CLIMB_NATS, CLIMB_ERRORS = 0.15, 0.1, 4.0
LITTLE = {"sft": 0.02, "dpo": 0.004, "kto": 0.004}
"""A fall by so small a share is none: a loss of preferences begins at 0.693 or 0.5 and falls little where much is learned."""
SURE, WITNESSED = 3.0, 7.0
"""How many times LITTLE the fall could be at most that is taken for none, where the evaluation does not say the same and
where it does."""
RISES = {"once": 7.5, "twice": 5.7, "often": 5.5, "steadily": 3.5}
"""How far above its best the evaluation is, in standard deviations of its own noise, before that is taken for a rise: by how
many evaluations, and by three that only rise or five that hardly ever fall. Of 100 flat curves in noise of 5 % at most 2 are
taken for one, in 10 % 6, and in 20 % 18: of 3 evaluations 12, of 4 or 5 the most."""
CAME_BACK = 0.05
"""A last evaluation that is above the best by no larger a share is as good as it."""
FEW_POINTS = 3
FEW_WATCHED = 50
"""At 50 examples the 95 % interval of a mean is about 28 % either way, where the loss of an example varies as widely as
its mean (a coefficient of variation of 1)."""


@dataclass(frozen=True)
class Remark:
    """`kind` is not-finite, spike, not-learning, diverging, overfitting, worse, few-watched, few-points, falling or flat;
    `level` is good, look or bad; `text` is what was found and at which step, `advice` what to do."""

    kind: str
    level: str
    text: str
    advice: str


def judge(metrics: pd.DataFrame, ended: bool, watched: int | None = None, recipe: Recipe | None = None) -> list[Remark]:
    """What is to be said now, the worst first. `watched` is the number of evaluation examples, None without any; `recipe` is
    what the advice is fitted to."""
    training, evaluation = metrics[~metrics["is_evaluation"]], metrics[metrics["is_evaluation"]]
    learnt, seen = Curve.of(training, "loss"), Curve.of(evaluation, "eval_loss")
    steps = int(metrics["of_steps"].max()) if len(metrics) and metrics["of_steps"].notna().any() else 0
    few = few_watched(seen, watched)
    if broken := not_finite(training, evaluation, seen, recipe):
        return [broken, *([few] if few else [])]
    risen = diverging(learnt, seen, steps, recipe)
    trouble = [
        found
        for found in (
            risen or not_learning(learnt, seen, steps, recipe),
            None if risen else overfitting(learnt, seen, recipe),
            worse(seen, steps),
            spike(learnt),
            few,
        )
        if found
    ]
    kinds = {found.kind for found in trouble}
    if not ended or kinds & {"diverging", "not-learning", "overfitting", "worse"}:
        return trouble
    last = few_points(len(learnt), int(metrics["step"].max()), recipe) if len(metrics) else None
    return [*trouble, *(found for found in (last, outlook(learnt, seen, recipe)) if found)]


def not_finite(training: pd.DataFrame, evaluation: pd.DataFrame, seen: Curve, recipe: Recipe | None) -> Remark | None:
    """A loss that is not a number, or infinite."""
    steps: list[int] = []
    for rows, column in ((training, "loss"), (evaluation, "eval_loss")):
        steps += rows["step"][~np.isfinite(rows[column].to_numpy(float))].tolist()
    if not steps:
        return None
    first = int(min(steps))
    before = seen.until(first - 1).after(0)
    kept = f" The best before it, step {before.best_step:,}, is kept." if len(before) else ""
    return Remark(
        "not-finite", "bad",
        f"The loss is not a number from step {first:,} on: the weights are spoilt and will not recover.{kept}",
        health_advice.not_finite(recipe),
    )  # fmt: skip


def spikes(curve: Curve) -> np.ndarray:
    """Positions of the points far above the median of those before them, on the scale of the logarithm."""
    logs = np.log(np.maximum(curve.losses, 1e-6))
    found: list[int] = []
    # of many points few are looked at one by one: the page judges them all again with each that comes
    medians = pd.Series(logs).rolling(SPIKE_WINDOW, FEWEST_BEFORE).median().shift(1).to_numpy()
    for at in np.flatnonzero(logs - medians > np.log(1.5)).tolist():
        before = logs[max(0, at - SPIKE_WINDOW) : at]
        usual = float(np.median(before))
        jump = logs[at] - usual
        floor = np.log(1.5 if len(before) >= MANY_BEFORE else 2)  # of few points the spread is a guess
        if jump > max(SPIKE_SPREADS * spread(before), floor) and curve.losses[at] - np.exp(usual) > SPIKE_NATS:
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


def diverging(learnt: Curve, seen: Curve, steps: int, recipe: Recipe | None) -> Remark | None:
    """The loss has gone up for good: at once and far, or slowly all the time."""
    risen = burst(learnt) or climb(learnt, steps)
    if risen is None:
        return None
    lowest, at, now, how = risen
    after = seen.after(0)
    kept = f" The adapter of step {after.best_step:,} is kept." if len(after) else ""
    return Remark(
        "diverging", "bad", f"The loss has gone up from {lowest:.3g} (about step {at:,}) to {now:.3g} and {how}.{kept}",
        health_advice.diverging(recipe),
    )  # fmt: skip


Risen = tuple[float, int, float, str]
"""The lowest loss, its step, the loss now, and what it does."""


def burst(curve: Curve) -> Risen | None:
    """By half and by more than its noise, whenever that was."""
    if len(curve) < 10:
        return None
    smooth = pd.Series(curve.losses).rolling(5).median().to_numpy()[4:]
    start = float(np.median(curve.losses[:3]))  # a run that bursts at once has no low median of five
    lowest, now = min(start, float(smooth.min())), float(smooth[-1])
    risen = now > 1.5 * lowest and now - lowest > max(0.3, 4 * curve.noise)
    if not risen or curve.losses[-5:].min() <= 1.25 * lowest:
        return None
    at = int(curve.steps[1] if start <= smooth.min() else curve.steps[4 + int(smooth.argmin())])
    return lowest, at, now, "stays there"


def climb(curve: Curve, steps: int) -> Risen | None:
    """A third of the run is over (so it is no warm-up), and its last fifth is above an earlier one."""
    if len(curve) < FEWEST or not steps or curve.steps[-1] * 3 < steps:
        return None
    part = max(3, len(curve) // 5)
    parts = [slice(start, start + part) for start in range(len(curve) % part, len(curve), part)]
    levels = [curve.level(one)[0] for one in parts]
    error = curve.level(parts[-1])[1] * np.sqrt(2)
    lowest, now = min(levels), levels[-1]
    if now - lowest <= max(CLIMB * lowest, CLIMB_NATS, CLIMB_ERRORS * error):
        return None
    around = curve.steps[parts[levels.index(lowest)]]
    return lowest, int(around[len(around) // 2]), now, "does not come down"


def not_learning(learnt: Curve, seen: Curve, steps: int, recipe: Recipe | None) -> Remark | None:
    """A third of the run is over, and the loss has not fallen; where it is too noisy to tell nothing is said."""
    if len(learnt) < FEWEST or not steps or learnt.steps[-1] * 3 < steps:
        return None
    part = max(3, len(learnt) // 5)
    first, first_error = learnt.level(slice(part))
    now, now_error = learnt.level(slice(-max(part, len(learnt) // 3), None))
    if first < 0.05:
        return None  # it began learned
    little = LITTLE[recipe.objective if recipe else "sft"]
    if len(seen) > 1 and seen.losses[0] - seen.losses[1:].min() > max(little * seen.losses[0], 0.002):
        return None  # also where it fell before the first point was logged
    witnessed = len(seen) > 1 and seen.steps[0] == 0
    guess = 1 + 4 / len(learnt)  # the noise of few points is one itself
    fall, error = first - now, guess * float(np.hypot(first_error, now_error))
    most = (WITNESSED if witnessed else SURE) * little * first
    if fall > max(little * first, (2 if witnessed else 1) * error):
        return None
    if fall > -2 * error and max(fall, 0.0) + error > most:
        return None  # too noisy to tell
    return Remark(
        "not-learning", "bad",
        f"It is not learning: after {learnt.steps[-1] / steps:.0%} of the run the loss is {now:.3g}, and it began at {first:.3g}.",
        health_advice.not_learning(recipe),
    )  # fmt: skip


def overfitting(learnt: Curve, seen: Curve, recipe: Recipe | None) -> Remark | None:
    """The evaluation loss has risen since its best, while the training loss did not."""
    after = seen.after(0)
    best = int(after.losses.argmin()) if len(after) else 0
    later = after.losses[best + 1 :]
    if not len(later) or not has_risen(after, best):
        return None
    at, lowest, last = int(after.steps[best]), float(after.losses[best]), float(after.losses[-1])
    rise = f"the evaluation loss rises since step {at:,} (from {lowest:.3g} to {last:.3g})"
    kept = f"Step {at:,} was the best, and that one is kept."
    before, since = learnt.until(at).losses[-5:], learnt.after(at).losses[-5:]
    compared = len(before) > 0 and len(since) > 0
    usual, now = (float(np.median(before)), float(np.median(since))) if compared else (0.0, 0.0)
    if now > usual + max(0.1 * usual, 2 * learnt.noise):
        return Remark(
            "diverging", "bad", f"It unlearns: {rise}, and the training loss with it. {kept}", health_advice.diverging(recipe)
        )  # fmt: skip
    while_training = f" while the training loss {'falls' if now < usual else 'does not'}" if compared else ""
    return Remark(
        "overfitting", "look", f"It learns by heart: {rise}{while_training}. {kept}", health_advice.overfitting(recipe)
    )  # fmt: skip


def has_risen(after: Curve, best: int) -> bool:
    """Whether the evaluations since the best one, the last three at most, are above it by more than chance: the fewer there
    are, and the more they waver, the larger a rise it takes."""
    lowest, later = float(after.losses[best]), after.losses[best + 1 :]
    if later[-1] - lowest <= max(0.005, CAME_BACK * lowest):
        return False
    how = ("once", "twice", "often")[min(len(later), 3) - 1]
    if len(later) >= 3 and disorder(after.losses[best:]) <= (0.2 if len(later) >= 5 else 0):
        how = "steadily"
    level = float(np.median(later[-3:]))
    rise = np.log(level / max(lowest, 1e-6)) if level > 0 else 0.0
    return level - lowest > 0.005 and bool(rise > RISES[how] * wavering(after.losses, best))


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


def few_points(count: int, steps: int, recipe: Recipe | None) -> Remark | None:
    """Of a run that has ended, after so many steps."""
    if count >= FEW_POINTS or not steps:
        return None
    if steps < FEW_POINTS:
        return Remark(
            "few-points", "look", f"It made only {steps} optimiser step{'s' if steps > 1 else ''}: nothing is learned in so few.",
            "Use more epochs, more examples, or a smaller batch_size and accumulation.",
        )  # fmt: skip
    often = "" if recipe is None else f" (logging_steps is {recipe.logging_steps:,})"
    return Remark(
        "few-points", "look", f"Its {steps:,} steps left {count or 'no'} point{'' if count == 1 else 's'} of the training loss{often}: "
        "how it learned cannot be told.",
        f"Log more often: logging_steps of at most {max(1, steps // 20):,}.",
    )  # fmt: skip


def outlook(learnt: Curve, seen: Curve, recipe: Recipe | None) -> Remark | None:
    """Of a run that has ended well: whether it was still falling, or flat since when."""
    after = seen.after(0)
    if len(after) >= 3:
        last, steps = float(after.losses[-1]), int(after.steps[-1])
        near = max(0.005, 0.02 * last)
        earlier = after.until(int(0.7 * steps))
        if len(earlier) and earlier.losses[-1] - last > max(0.01, 0.05 * last) and last <= after.losses.min() + near:
            return _still_falling("evaluation", int(earlier.steps[-1]), float(earlier.losses[-1]), last, recipe)
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
        return _still_falling("training", int(learnt.steps[-third]), before, now, recipe)
    return None


def _still_falling(which: str, step: int, before: float, now: float, recipe: Recipe | None) -> Remark:
    return Remark(
        "falling", "good", f"The {which} loss is still falling ({before:.3g} at about step {step:,}, {now:.3g} at the end).",
        health_advice.still_falling(recipe),
    )  # fmt: skip
