"""What to do about what the curves of a run say, fitted to its recipe: what helps an adapter that writes answers would
wreck a training of all weights, or one that learns from preferences."""

from studio.errors import StudioError
from studio.training.recipe import Recipe

HIGH, LOW = 3.0, 1.5
"""A rate is high above so many times the one that the studio recommends, and low below so large a part of it."""
LOOK = {
    "sft": "check in Look that the answers are trained on",
    "dpo": "check in Look that the better answers are the better ones, and that they differ from the worse in what matters",
    "kto": "check in Look that the answers judged good and bad differ in what matters",
}


def not_learning(recipe: Recipe | None) -> str:
    if recipe is None:
        return f"Try a higher learning rate; {LOOK['sft']}."
    rate, own, kind = recipe.learning_rate, usual_rate(recipe), _kind(recipe)
    times = 3 if recipe.objective == "sft" and recipe.uses_adapter else 2
    if own is None:
        first = f"Try a learning rate up to {times} times as high (it was {rate:g})"
    elif rate * LOW < own:
        first = f"The learning rate of {rate:g} is low for {kind}: try the {own:g} that the studio recommends"
    elif rate > HIGH * own:
        first = (
            f"The learning rate of {rate:g} is high for {kind}, and too high a one learns nothing either: try {own:g}"
        )
    else:
        first = f"The learning rate of {rate:g} is usual for {kind}: try at most {times} times as much, or more epochs"
    return f"{first}; {LOOK[recipe.objective]}."


def diverging(recipe: Recipe | None) -> str:
    return f"Stop; use {_third(recipe)}, a longer warm-up, or larger batches."


def not_finite(recipe: Recipe | None) -> str:
    clip = " and max_gradient_norm at 0.3" if recipe is None or recipe.max_gradient_norm > 0.3 else ""
    return (
        f"Stop, and start again with {_third(recipe)}{clip}; if it comes back, look at the rows with the most tokens."
    )


def overfitting(recipe: Recipe | None) -> str:
    ways = ["fewer epochs", "more or more varied examples"]
    if recipe is not None and recipe.objective != "sft":
        ways += ["a higher beta"]
    elif recipe is None or recipe.uses_adapter:
        ways += ["more dropout"]
    ways += ["a lower rank" if recipe is None or recipe.uses_adapter else "an adapter (lora) in place of all weights"]
    return f"You can stop now. Next time: {', '.join(ways[:-1])}, or {ways[-1]}."


def still_falling(recipe: Recipe | None) -> str:
    if recipe is not None and recipe.objective != "sft":
        return "More epochs may help, but of comparisons seen too often a model only learns to avoid words: look at its answers."
    return "More epochs may help."


def usual_rate(recipe: Recipe) -> float | None:
    """The learning rate that the studio recommends for this objective, method and size of model; None where nothing is
    known of the model."""
    from studio.memory import ModelShape
    from studio.training import recommendation

    try:
        billions = ModelShape.of(recipe.model).parameters / 1e9
    except (StudioError, OSError, ValueError, LookupError):  # it is gone, or was never here
        return None
    return recommendation.learning_rate(recipe.objective, recipe.method, billions)[0]


def _third(recipe: Recipe | None) -> str:
    return "a third of the learning rate" + ("" if recipe is None else f" ({recipe.learning_rate / 3:.2g})")


def _kind(recipe: Recipe) -> str:
    what = "answers" if recipe.objective == "sft" else recipe.objective.upper()
    return f"{what} with an adapter" if recipe.uses_adapter else f"{what} with all weights"
