"""The verbs that say before a start whether it fits, how long it takes and what it costs; `studio.Project` inherits them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import hardware, prices
from studio.examples import Dataset
from studio.memory import ModelShape
from studio.training import calibration, context, launching
from studio.training.fit import nearest_changes
from studio.training.recipe import Recipe
from studio.training.run import Run
from studio.training.token_lengths import own_count


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
        changes = nearest_changes(ModelShape.of(recipe.model), recipe, machine, longest, learned)
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

    def cost(self, recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
        """Before a start: seconds, dollars, dollars_an_hour, date (of the price), measured (by runs of this machine; else
        computed on a CPU, and on a GPU by the guide's table for a 7B model, scaled by size), text. No step."""
        machine = hardware.machine()
        found = calibration.speed(self.home, machine, recipe)
        if found is None and machine.device == "cuda":
            return self._guides_cost(recipe, len(dataset))
        price = prices.own_price(self.home)
        pace, words = found or calibration.first_guess(machine, recipe)
        own = own_count(dataset, recipe.model)
        lengths = dataset.columns("tokens")["tokens"] * own.factor
        seconds = float(lengths.clip(upper=recipe.max_length).sum()) * recipe.epochs / pace
        return {
            "seconds": seconds, "dollars": seconds / 3600 * price.dollars_an_hour, "dollars_an_hour": price.dollars_an_hour,
            "date": price.date, "measured": found is not None, "text": "; ".join(filter(None, [words, own.words])),
        }  # fmt: skip

    def _guides_cost(self, recipe: Recipe, examples: int) -> dict[str, Any]:
        guide = prices.training_cost(examples, recipe.epochs, known=prices.machine_prices(self.home))
        parameters = ModelShape.of(recipe.model).parameters
        scale = parameters / 7e9
        return {
            "seconds": guide.hours * 3600 * scale, "dollars": guide.dollars * scale, "dollars_an_hour": guide.dollars_an_hour,
            "date": guide.date, "measured": False, "text": "the guide's figure for QLoRA of a 7B model on an aws g5.xlarge, "
            f"scaled to {parameters / 1e9:,.3g} B parameters; nothing was measured here yet",
        }  # fmt: skip

    def measured(self) -> list[dict[str, Any]]:
        """This project's finished runs on this machine, the newest first: run, low, expected, high and measured (bytes),
        seconds, and dollars (at the price that held when it ran; None where none was known). No step."""
        return [
            {
                **row,
                "run": row["run"].rsplit("/", 1)[-1],
                "dollars": Run(self.home / "projects" / row["run"]).cost.dollars,
            }
            for row in reversed(calibration.records(self.home, hardware.machine()))
            if row["run"].startswith(f"{self.folder.name}/")
        ]

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
