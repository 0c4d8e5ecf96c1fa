"""The verbs for rented machines: the files, submitting and following them, and what machines cost; `studio.Project`
inherits them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio import prices
from studio.errors import ForbiddenError
from studio.examples import Dataset
from studio.journal import Journal
from studio.prices import Compared, MachinePrice, Rate
from studio.training.cloud import bringing, renting
from studio.training.cloud import files as cloud
from studio.training.cloud.files import PROVIDERS, CloudFiles
from studio.training.cloud.provider import Provider
from studio.training.cloud.renting import CloudJob
from studio.training.recipe import Recipe
from studio.training.run import Run


class CloudVerbs:
    """Needs the folder, the home and the journal of a project."""

    folder: Path
    home: Path
    journal: Journal
    demo: bool

    def cloud_files(
        self, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None = None, provider: str = "skypilot", **options: Any
    ) -> CloudFiles:  # fmt: skip
        """The files that train the recipe on a rented machine (skypilot, sagemaker, runpod or kubernetes), a folder and a
        zip in the exports, with `.command` to submit them. Options: machine, spot, gpus, sharded, bucket, name. Raises
        InputError with every mistake."""

        def make() -> CloudFiles:
            if self.demo:
                raise ForbiddenError("Cloud files are off in this demo", "a shared Space", "Run the studio yourself")
            return cloud.write(self.folder, *cloud.plan_of(self.home, dataset, recipe, evaluation, provider, options))

        inputs = {"dataset": dataset.reference} | ({"evaluation": evaluation.reference} if evaluation else {})
        said = {"recipe": recipe, "provider": provider, **options}
        return self.journal.step("cloud_files", inputs, said, ["files"], make, lambda made: [made.id])

    def open_cloud_files(self, files_id: str) -> CloudFiles:
        """Raises NotFoundError."""
        return cloud.open_files(self.folder, files_id)

    def bring_run(self, files: CloudFiles, source: str | Path) -> Run:
        """What a rented machine has learned, fetched into the folder `source`, as a run of this project. Raises
        ForbiddenError in the demo, InputError with all that is wrong with the folder."""
        if self.demo:
            raise ForbiddenError("Nothing is fetched into this demo", "a shared Space", "Run the studio yourself")
        return bringing.bring(self.folder, self.home, self.journal, files, Path(source).expanduser())

    @staticmethod
    def providers() -> list[Provider]:
        """Who rents machines out: `.name`, `.title`, `.machines`, `.has_spot`. No step."""
        return list(PROVIDERS.values())

    def before_submit(self, files: CloudFiles) -> dict[str, Any]:
        """missing (on this computer: `.what` and `.how`), needs_link (to package.zip), notes. No step; asks nobody."""
        return renting.facts(files)

    def submit(self, files: CloudFiles, link: str | None = None) -> CloudJob:
        """Asks the provider for the machine, by its own tool and login, and returns at once: `.words`, `.cost`, `.log`,
        `.stop()` cancels there; when it has finished its results become a run here. No step: a notebook that is run again must not rent a machine. Raises ForbiddenError in
        the demo, InputError for what is missing here, JobError when the same is under way."""
        return renting.start(self.folder, self.home, files, link, self.demo)

    def cloud_jobs(self) -> list[CloudJob]:
        """The oldest first. No step."""
        return renting.all_of(self.folder)

    def cloud_job(self, job_id: str) -> CloudJob:
        """Raises NotFoundError."""
        return renting.open_job(self.folder, job_id)

    def prices(self) -> list[MachinePrice]:
        """What each rented machine costs an hour, with its date: the guide's, or the owner's. No step."""
        return prices.machine_prices(self.home)

    def rate(self, provider: str, machine: str, spot: bool = False) -> Rate | None:
        """What an hour of a provider's machine costs now: low, high (dollars), date; None where nobody has said it. No step."""
        found = PROVIDERS[provider].machine(machine) if provider in PROVIDERS else None
        return None if found is None else prices.rate(self.home, found.seller, found.name, spot)

    def keep_prices(self, rows: Sequence[MachinePrice]) -> list[MachinePrice]:
        """Keeps the owner's prices for all projects. No step. Raises ForbiddenError in the demo, InputError with every
        mistake."""
        self._may_price()
        return prices.keep_machine_prices(self.home, rows)

    def reset_prices(self) -> list[MachinePrice]:
        """Back to the guide's. No step. Raises ForbiddenError in the demo."""
        self._may_price()
        return prices.reset_machine_prices(self.home)

    def compare_costs(self, examples: int = 10_000, epochs: float = 3) -> list[Compared]:
        """The guide's comparison (G12) at the prices that hold now. No step."""
        return prices.comparison(examples, epochs, prices.machine_prices(self.home))

    def _may_price(self) -> None:
        if self.demo:
            raise ForbiddenError("Prices are not changed in this demo", "a shared Space", "Run the studio yourself")
