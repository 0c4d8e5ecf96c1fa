"""What a search may try: for each field of a recipe a range or a list of choices; the guide's space and the studio's."""

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from studio.errors import InputError, RecipeError
from studio.examples import Dataset
from studio.training.recipe import Recipe

EVALUATIONS = 5  # so many a trial, whatever its length: without them nothing can be pruned
PATIENCE = 3
GUIDE: dict[str, Any] = {
    "learning_rate": {"low": 1e-5, "high": 5e-4, "log": True},
    "batch_size": [2, 4, 8],
    "warmup_share": {"low": 0.0, "high": 0.1},
    "weight_decay": {"low": 0.0, "high": 0.1},
    "r": [8, 16, 32, 64],
    "alpha": [16, 32, 64],
    "epochs": 1,
    "targets": ["q_proj", "v_proj"],
    "dropout": 0.05,
    "logging_steps": 10,
    "patience": PATIENCE,
    "global_batch": 16,
}
"""The guide's (G8). global_batch is batch_size x accumulation."""
PRESETS = ("guide", "studio")
WHOLE = ("batch_size", "accumulation", "r", "alpha", "max_length", "logging_steps", "patience", "seed")
ADAPTER = ("r", "alpha", "dropout", "targets", "use_dora", "use_rslora")
SET_BY_SEARCH = ("model", "method", "base_bits", "objective", "evaluations", "packing", "samples", "wandb")
OFF = {"packing": False, "samples": 0, "wandb": False}  # a trial is short, and only its loss is wanted
OF_ONE_TRIAL = ("epochs", "logging_steps", "patience")
"""fixed for the trials alone: a training on all data has its own"""


@dataclass(frozen=True)
class Space:
    """`searched` maps a field to {"low", "high", "log"} or a list of choices; `fixed` is what every trial has."""

    searched: dict[str, Any]
    fixed: dict[str, Any] = field(default_factory=dict)
    global_batch: int | None = None

    @classmethod
    def of(cls, wanted: str | dict[str, Any], recipe: Recipe, dataset: Dataset) -> "Space":
        """A preset by its name, or a space of one's own in the form of GUIDE: a range, a list of choices, or one value
        that all trials have. Raises InputError with every mistake."""
        if not isinstance(wanted, str | dict):
            raise InputError("The search space cannot be used", f"it is a {type(wanted).__name__}", "Give guide or studio; else a space is a dict")  # fmt: skip
        if isinstance(wanted, str):
            if wanted not in PRESETS:
                raise InputError(
                    "There is no such space", repr(wanted), f"Choose {' or '.join(PRESETS)}, or give a dict"
                )
            given = GUIDE if wanted == "guide" else studio_space(recipe, dataset)
        else:
            given = wanted
        if mistakes := _mistakes(given, recipe):
            raise InputError("The search space cannot be used", "; ".join(mistakes), "Correct it and search again")
        useless = () if recipe.uses_adapter else ADAPTER
        searched = {name: value for name, value in given.items() if _is_searched(name, value) and name not in useless}
        fixed = {name: value for name, value in given.items() if name not in searched and name not in useless}
        together = fixed.pop("global_batch", None)
        if together is None and "batch_size" in searched and "accumulation" not in searched:
            together = recipe.batch_size * recipe.accumulation
        return cls(searched, {"epochs": 1, **fixed}, together)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Space":
        return cls(**plain)

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """The values of one trial, asked of Optuna."""
        return {name: self._suggest(trial, name, value) for name, value in self.searched.items()}

    @staticmethod
    def _suggest(trial: Any, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return trial.suggest_categorical(name, value)
        ask = trial.suggest_int if name in WHOLE else trial.suggest_float
        return ask(name, value["low"], value["high"], log=bool(value.get("log", False)))

    def values_of(self, recipe: Recipe) -> dict[str, Any] | None:
        """The recipe's own values, to try first; None when one of them lies outside the space."""
        own = {name: getattr(recipe, name) for name in self.searched}
        inside = all(
            own[name] in value if isinstance(value, list) else value["low"] <= own[name] <= value["high"]
            for name, value in self.searched.items()
        )
        return own if inside else None

    def largest_step(self, recipe: Recipe) -> int:
        """The most examples that one optimiser step of any trial takes."""
        if self.global_batch is not None:
            return max(self.global_batch, int(self.most("batch_size", recipe)))
        return int(self.most("batch_size", recipe) * self.most("accumulation", recipe))

    def most(self, name: str, recipe: Recipe) -> Any:
        """The greatest value that any trial has of a number of the recipe."""
        return max(_ends(self.searched.get(name, self.fixed.get(name, getattr(recipe, name)))))

    def trial_recipe(self, recipe: Recipe, values: dict[str, Any]) -> Recipe:
        """The recipe of one trial: not packed, and evaluated EVALUATIONS times where it has steps enough."""
        chosen = {
            **recipe.model_dump(),
            **self.fixed,
            **values,
            **self._passes(recipe, values),
            **OFF,
            "evaluations": EVALUATIONS,
        }
        patience = int(values.get("patience", self.fixed.get("patience", PATIENCE)))
        return Recipe(**{**chosen, "patience": patience if patience < EVALUATIONS else 0})

    def best_recipe(self, recipe: Recipe, values: dict[str, Any], reason: str) -> Recipe:
        """The recipe with what was found, for a training on all data: its epochs, evaluations and packing stay."""
        fixed = {name: value for name, value in self.fixed.items() if name not in OF_ONE_TRIAL}
        found = {**fixed, **values, **self._passes(recipe, values)}
        found.pop("patience", None)  # it counts the evaluations of a trial
        return Recipe(**{**recipe.model_dump(), **found, "reasons": dict.fromkeys(found, reason)})

    def _passes(self, recipe: Recipe, values: dict[str, Any]) -> dict[str, int]:
        if self.global_batch is None:
            return {}
        batch = values.get("batch_size", self.fixed.get("batch_size", recipe.batch_size))
        return {"accumulation": max(1, self.global_batch // batch)}


def studio_space(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    """Around the rate that suits the size of the model and what it learns: a tiny one needs a thousand times the rate of a
    large one's full training, and answers many times that of preferences. The batch is the recipe's: at the same product with accumulation it changes nothing but memory."""
    rate = Recipe.recommended(dataset, recipe.model, recipe.method, objective=recipe.objective).learning_rate
    space: dict[str, Any] = {
        "learning_rate": {"low": round(rate * 0.3, 9), "high": round(rate * 3, 9), "log": True},
        "warmup_share": {"low": 0.0, "high": 0.1},
        "weight_decay": {"low": 0.0, "high": 0.1},
    }
    if recipe.uses_adapter:
        space |= {"r": [8, 16, 32, 64], "alpha": [16, 32, 64], "dropout": [0.0, 0.05, 0.1]}
    return space


def _is_searched(name: str, value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and name != "targets")


def _ends(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value["low"], value["high"]]
    return list(value) if isinstance(value, list) else [value]


def _mistakes(given: dict[str, Any], recipe: Recipe) -> list[str]:
    wrong = []
    for name, value in given.items():
        if name in SET_BY_SEARCH:
            wrong.append(f"{name} is the recipe's or the search's to set")
        elif isinstance(value, dict) and not ({"low", "high"} <= set(value) <= {"low", "high", "log"}):
            wrong.append(
                f"{name}: a range has low, high and perhaps log (found {', '.join(map(str, value)) or 'nothing'})"
            )
        elif isinstance(value, dict) and not all(is_number(value[end]) for end in ("low", "high")):
            wrong.append(f"{name}: low and high are numbers (found {value['low']!r} and {value['high']!r})")
        elif isinstance(value, dict) and value["low"] >= value["high"]:
            wrong.append(f"{name}: low must lie below high (found {value['low']} and {value['high']})")
        elif isinstance(value, dict) and value.get("log") and value["low"] <= 0:
            wrong.append(f"{name}: a range with log begins above 0 (found {value['low']})")
        elif isinstance(value, list) and not value:
            wrong.append(f"{name}: the list of choices is empty")
        elif name == "global_batch":
            wrong += _not_together(value, given, recipe)
        else:
            wrong += _refused(name, value, recipe)
    if not any(_is_searched(name, value) for name, value in given.items()):
        wrong.append("nothing is searched: give at least one range or list of choices")
    return wrong


def _not_together(together: Any, given: dict[str, Any], recipe: Recipe) -> list[str]:
    """Why a global_batch can't be made of the batches that the trials have."""
    if not isinstance(together, int) or isinstance(together, bool) or together < 1:
        return [f"global_batch: a whole number from 1 (found {together!r})"]
    if "accumulation" in given:
        return ["global_batch: it sets the accumulation of each trial, so give one of the two"]
    sizes = given.get("batch_size", recipe.batch_size)
    if isinstance(sizes, dict):
        return ["batch_size: with a global_batch give a list of choices that divide it, and no range"]
    odd = [size for size in _ends(sizes) if isinstance(size, int) and size > 0 and together % size]
    if not odd:
        return []
    whose = "batch_size" if "batch_size" in given else "the recipe's batch_size"
    found = " or ".join(map(str, odd))
    return [
        f"global_batch: {together} examples a step can't be made of whole batches of {found} ({whose}); choose a multiple"
    ]


def _refused(name: str, value: Any, recipe: Recipe) -> list[str]:
    """What a recipe says of the ends of a range and of each choice. One that it takes for another value, as "4" for 4, is
    refused too: the trials would have the one and the table of trials the other."""
    tried = [value] if name == "targets" else _ends(value)
    plain = {**recipe.model_dump(), "patience": 0}
    found: list[str] = []
    for one in tried:
        try:
            made = Recipe(**{**plain, name: one} | ({"evaluations": 1000} if name == "patience" else {}))
        except RecipeError as error:
            mistakes = error.mistakes
        else:
            mistakes = _taken_for(name, value, one, getattr(made, name))
        found += [mistake for mistake in mistakes if mistake not in found]
    return found


def _taken_for(name: str, value: Any, one: Any, made: Any) -> list[str]:
    if isinstance(made, bool) and isinstance(value, dict):
        return [f"{name}: it is true or false; give the choices [false, true] and no range"]
    if one != made or isinstance(one, bool) != isinstance(made, bool):
        return [f"{name}: it should be {json.dumps(made)} (found {one!r})"]
    return []


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
