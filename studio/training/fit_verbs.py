"""The verbs that say before a start whether it fits, how long it takes and what it costs; `studio.Project` inherits them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import hardware, prices
from studio.examples import Dataset
from studio.memory import ModelShape
from studio.training import calibration, context, cost_saving, launching, time_needed
from studio.training.fit import nearest_changes
from studio.training.recipe import Recipe
from studio.training.run import Run
from studio.training.token_lengths import own_count
from studio.training.whole_answers import leaves_answers


class FitVerbs:
    """Needs the folder and the home of a project."""

    folder: Path
    home: Path

    def memory(self, recipe: Recipe, dataset: Dataset | None = None) -> dict[str, Any]:
        """needed_low, needed_high, expected and free (bytes), parts, fits, verdict, text, corrected_by (runs of this machine),
        and `changes` that make it fit: {"values" (fields of the recipe), "reasons", "words", "needed_high"}. No step."""
        machine = hardware.machine()
        found = calibration.predict(recipe, dataset, machine, self.home)
        learned = calibration.correction(self.home, machine)
        longest = None if dataset is None else calibration.longest_example(dataset, recipe)
        nearest = nearest_changes(ModelShape.of(recipe.model), recipe, machine, longest, learned)
        changes = [one for one in nearest if leaves_answers(one.recipe, dataset)]
        text = found.sentence()
        if dataset is not None and (whose := own_count(dataset, recipe.model).words):
            text += f" {whose[0].upper()}{whose[1:]}."
        if dataset is not None and (beyond := context.sentence(recipe, dataset)):
            text += f" {beyond}"
        return {
            "needed_low": found.low, "needed_high": found.high, "expected": found.expected, "free": found.free, "fits": found.fits,
            "verdict": found.verdict, "parts": found.parts, "text": text, "corrected_by": learned.runs,
            "changes": [
                {"values": one.values, "reasons": one.reasons, "words": one.words, "needed_high": one.estimate.high} for one in changes
            ],
        }  # fmt: skip

    def cost(self, recipe: Recipe, dataset: Dataset, *, evaluation: Dataset | None = None) -> dict[str, Any]:
        """Before a start: seconds, dollars, dollars_an_hour, dollars_an_example (seen), date (of the price), parts (seconds of
        starting, learning, evaluating and around, which is checkpoints with sample answers; empty by the guide's table),
        measured (by runs of this machine; else computed on a CPU, and on a GPU by the guide's table for a 7B model, scaled by
        size), text (what is in the figure). The owner's price wins where there is one. No step."""
        machine, price = hardware.machine(), prices.own_price(self.home)
        if machine.device == "cuda" and calibration.speed(self.home, machine, recipe) is None:
            return self._guides_cost(recipe, len(dataset), price)
        found = time_needed.needed(self.home, machine, recipe, dataset, evaluation)
        dollars = found.seconds / 3600 * price.dollars_an_hour
        return {
            "seconds": found.seconds, "dollars": dollars, "dollars_an_hour": price.dollars_an_hour,
            "dollars_an_example": prices.an_example(dollars, len(dataset) * recipe.epochs), "date": price.date,
            "parts": found.parts, "measured": found.measured, "text": found.words,
        }  # fmt: skip

    def _guides_cost(self, recipe: Recipe, examples: int, own: prices.OwnPrice) -> dict[str, Any]:
        guide = prices.training_cost(examples, recipe.epochs, known=prices.machine_prices(self.home))
        parameters = ModelShape.of(recipe.model).parameters
        scale = parameters / 7e9
        rate, date = (own.dollars_an_hour, own.date) if own.is_known else (guide.dollars_an_hour, guide.date)
        dollars = guide.hours * scale * rate * prices.OVERHEAD
        whose = "at your own price of an hour" if own.is_known else "at its price"
        return {
            "seconds": guide.hours * 3600 * scale, "dollars": dollars, "dollars_an_hour": rate,
            "dollars_an_example": prices.an_example(dollars, examples * recipe.epochs), "date": date, "parts": {}, "measured": False,
            "text": "the guide's figure for QLoRA of a 7B model on an aws g5.xlarge, "
            f"scaled to {parameters / 1e9:,.3g} B parameters, {whose}; a fifth is added to the money, and not to the time, for evaluations "
            "and checkpoints; nothing was measured here yet",
        }  # fmt: skip

    def savings(self, recipe: Recipe, dataset: Dataset, *, evaluation: Dataset | None = None) -> dict[str, Any]:
        """The guide's cost-saving settings (G12) for this recipe: `settings` ({"name", "saves", "here"}), `values` (fields of
        the recipe that they change) with their `reasons`, and `now` and `then`, each with needed_high (bytes), seconds and
        dollars before a start. No step."""
        found = cost_saving.settings(recipe, hardware.machine(), evaluation is not None)
        values = {field: value for one in found for field, value in one.values.items()}
        changed = Recipe(**{**recipe.model_dump(), **values})

        def judged(one: Recipe) -> dict[str, float]:
            cost = self.cost(one, dataset, evaluation=evaluation)
            return {
                "needed_high": self.memory(one, dataset)["needed_high"],
                "seconds": cost["seconds"],
                "dollars": cost["dollars"],
            }

        return {
            "settings": [{"name": one.name, "saves": one.saves, "here": one.here} for one in found],
            "values": values, "reasons": dict.fromkeys(values, cost_saving.REASON), "now": judged(recipe), "then": judged(changed),
        }  # fmt: skip

    def measured(self) -> list[dict[str, Any]]:
        """This project's finished runs on this machine, the newest first: run, low, expected, high and measured (bytes),
        seconds, and dollars and dollars_an_example (seen; at the price that held when it ran; None where none was known). No
        step."""

        def priced(row: dict[str, Any]) -> dict[str, Any]:
            dollars, seen = Run(self.home / "projects" / row["run"]).cost.dollars, row.get("examples")
            an_example = None if dollars is None or seen is None else prices.an_example(dollars, seen)
            return {**row, "run": row["run"].rsplit("/", 1)[-1], "dollars": dollars, "dollars_an_example": an_example}

        rows = reversed(calibration.records(self.home, hardware.machine()))
        return [priced(row) for row in rows if row["run"].startswith(f"{self.folder.name}/")]

    @staticmethod
    def devices() -> tuple[int, str]:
        """How many devices of this machine one training may take (`processes` of `train`), and that in words. No step."""
        return launching.devices()

    @staticmethod
    def guide_costs() -> list[dict[str, Any]]:
        """The guide's comparison for 10,000 examples seen three times: way, machine, hours, dollars, date. No step."""
        return [{**asdict(row), "date": prices.DATE} for row in prices.comparison()]

    def price(self) -> prices.OwnPrice:
        """What an hour of this machine costs. No step."""
        return prices.own_price(self.home)

    def keep_price(self, rent: float, watts: float, dollars_a_kwh: float, date: str) -> prices.OwnPrice:
        """Keeps what an hour of this machine costs: rent, and electricity of an own one. No step. Raises InputError."""
        return prices.keep_own_price(self.home, prices.OwnPrice(rent, watts, dollars_a_kwh, date))
