"""The verbs that search for a better recipe; `studio.Project` inherits them."""

from pathlib import Path
from typing import Any

from studio.errors import ForbiddenError
from studio.examples import Dataset
from studio.jobs.queue import Placed
from studio.journal import Journal
from studio.models import check_before
from studio.training import search as searches
from studio.training.recipe import Recipe
from studio.training.search import HOURS, STARTUP_TRIALS, TRIALS, Search


class SearchVerbs:
    """Needs the folder, the home and the journal of a project."""

    folder: Path
    home: Path
    journal: Journal
    demo: bool

    def search(
        self, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, space: str | dict[str, Any] = "guide",
        trials: int = TRIALS, hours: float = HOURS, share: float = 0.15, seed: int = 0, startup: int = STARTUP_TRIALS,
    ) -> Search:  # fmt: skip
        """Tries `trials` recipes on a seeded `share` of the data, for at most `hours` of computing, and returns at once:
        `.wait()`, `.trials`, `.best`, `.stop()`, `.resume()`. The space is "guide", "studio" (around what suits the model)
        or a dict of ranges {"low", "high", "log"}, lists of choices and fixed values; a trial worse than the median is cut
        short, but none of the first `startup`. Raises what `train` would, and InputError with every mistake."""

        def make() -> Placed:
            if self.demo:
                raise ForbiddenError(
                    "Training is off in this demo", "a shared Space", "Run the studio on your own machine"
                )
            check_before(recipe.model, self.home)
            return searches.place(
                self.folder, self.home, dataset, recipe, evaluation, space, trials, hours, share, seed, startup
            )

        inputs = {"dataset": dataset.reference} | ({} if evaluation is None else {"evaluation": evaluation.reference})
        arguments = {"recipe": recipe, "space": space, "trials": trials, "hours": hours, "share": share, "seed": seed}
        if startup != STARTUP_TRIALS:
            arguments["startup"] = startup
        job = self.journal.step("search", inputs, arguments, ["search"], make, lambda made: [made.id], Placed.submit)
        return self.open_search(job.id)

    def expected_search(
        self, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, space: str | dict[str, Any] = "guide",
        share: float = 0.15,
    ) -> dict[str, Any]:  # fmt: skip
        """What `search` would do: rows and sample (words) of a trial, seconds of one trial (None where no run of this model
        was measured) and measured_by (a run). No step."""
        return searches.expected(self.folder, dataset, recipe, evaluation, space, share)

    def searches(self) -> list[Search]:
        """The oldest first."""
        return searches.list_searches(self.folder)

    def open_search(self, search_id: str) -> Search:
        """Raises NotFoundError."""
        return searches.open_search(self.folder, search_id)
