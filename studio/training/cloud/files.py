"""The files of one training on a rented machine, in the project's exports, and the command that submits them."""

import hashlib
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studio import prices, store
from studio.errors import InputError, NotFoundError
from studio.examples import Dataset
from studio.prices import Rate
from studio.training import checks, launching
from studio.training.cloud import capacity, kubernetes, package, runpod, sagemaker, skypilot
from studio.training.cloud.package import Plan
from studio.training.cloud.provider import Estimate, Provider, estimate
from studio.training.recipe import Recipe

FORMAT = 2
PROVIDERS = {one.PROVIDER.name: one.PROVIDER for one in (skypilot, sagemaker, runpod, kubernetes)}
DESCRIPTION = "cloud.json"
OPTIONS: dict[str, tuple[type, ...]] = {
    "machine": (str, type(None)), "spot": (bool, type(None)), "gpus": (int,), "sharded": (bool,), "bucket": (str,), "name": (str, type(None)),
}  # fmt: skip
BUCKET = "fine-tuning-studio"


@dataclass(frozen=True)
class CloudFiles:
    """`texts` are the provider's files by name; the package lies beside them, and `zip` holds it all. `rate` is what an
    hour of the machine cost when they were made, `results` the commands that fetch what was learned into RESULTS, each a
    line. `recipe` and `request` are what the run is to be; files of an earlier studio know neither. `memory` is a sentence
    where the training does not fit into the machine by what is predicted, or may not."""

    id: str
    folder: Path
    zip: Path
    provider: str
    name: str
    machine: str
    spot: bool
    texts: dict[str, str]
    estimate: Estimate
    results: str
    recipe: Recipe | None = None
    request: dict[str, Any] = field(default_factory=dict)
    memory: str = ""

    @property
    def submitting(self) -> list[list[str]]:
        """The commands that submit it, to be run in `folder`."""
        commands = PROVIDERS[self.provider].submit(self.name)
        if kubernetes.EARLIER_PACKAGE not in self.texts.get(kubernetes.JOB, ""):
            return commands
        place = kubernetes.package_on_volume(self.name)
        return [[part.replace(place, kubernetes.EARLIER_PACKAGE) for part in one] for one in commands]

    @property
    def fetching(self) -> list[list[str]]:
        """The commands of `results`, to be run in `folder`; none where a part of them is typed on the machine."""
        return [shlex.split(line) for line in self.results.splitlines()] if PROVIDERS[self.provider].fetches else []

    @property
    def command(self) -> str:
        """What a person types in `folder` to submit it."""
        plain = [["python", *one[1:]] if one[0].endswith(("python", "python3", "python3.11")) else one for one in self.submitting]  # fmt: skip
        return "\n".join(shlex.join(one) for one in plain)


def plan_of(
    home: Path, dataset: Dataset, recipe: Recipe, evaluation: Dataset | None, provider: str, options: dict[str, Any]
) -> tuple[Provider, Plan]:
    """Raises InputError with all that cannot be: unknown provider, machine or option, names, spot, GPUs, a batch that is
    not divisible, what cannot be sharded, and what `train` refuses on any machine, code that nobody allowed among it."""
    mistakes = []
    if provider not in PROVIDERS:
        mistakes.append(f"provider {str(provider)[:60]!r}: there are {', '.join(PROVIDERS)}")
    mistakes += [_wrong_option(name, value) for name, value in options.items() if not _is_option(name, value)]
    given = {name: value for name, value in options.items() if _is_option(name, value)}
    gpus, sharded = int(given.get("gpus", 1)), bool(given.get("sharded", False))
    bucket = str(given.get("bucket", BUCKET))
    name = str(given.get("name") or name_of(recipe, dataset, evaluation))
    mistakes += package.check_names(name, bucket)
    place = PROVIDERS.get(provider)
    machine, spot = given.get("machine"), given.get("spot")
    chosen = None if place is None else place.machine(str(machine)) if machine else place.machines[0]
    if place is not None:
        if chosen is None:
            mistakes.append(
                f"machine {machine!r}: {place.title} has {', '.join(one.name for one in place.machines)} here"
            )
        elif not 1 <= gpus <= chosen.gpus:
            mistakes.append(f"gpus {gpus}: {chosen.name} has {chosen.gpus}")
        if spot and not place.has_spot:
            mistakes.append(f"spot: {place.title}'s SDK rents on demand only")
    mistakes += launching.mistakes(recipe, max(1, gpus), sharded)
    mistakes += checks.words_of(checks.anywhere(dataset, recipe, evaluation))
    allowed = None
    try:
        allowed = package.allowed_code(home, recipe.model)
    except NotFoundError:
        pass  # said by the checks
    except InputError as error:
        mistakes += checks.words_of([error])
    if mistakes or place is None or chosen is None:
        raise InputError("These cloud files cannot be made", "; ".join(mistakes), "Correct them and try again")
    on_spot = place.has_spot if spot is None else bool(spot)
    rate = prices.rate(home, chosen.seller, chosen.name, on_spot)
    return place, Plan(name, chosen.name, on_spot, gpus, bucket, recipe, dataset, evaluation, sharded, rate, allowed)


def _is_option(name: str, value: Any) -> bool:
    wanted = OPTIONS.get(name)
    return wanted is not None and isinstance(value, wanted) and not (isinstance(value, bool) and bool not in wanted)


def _wrong_option(name: str, value: Any) -> str:
    if name not in OPTIONS:
        return f"there is no option {str(name)[:60]!r}: there are {', '.join(OPTIONS)}"
    return f"{name} {str(value)[:60]!r}: it is a {OPTIONS[name][0].__name__}"


def name_of(recipe: Recipe, dataset: Dataset, evaluation: Dataset | None) -> str:
    """The same for the same training, so that one that was taken away goes on, and another for every other one: they
    would find each other's checkpoints in the bucket, and nothing would be trained."""
    digest = hashlib.sha256(recipe.to_json().encode())
    for part in filter(None, (dataset, evaluation)):
        digest.update(part.reference.encode())
        for path in sorted(part.folder.glob("*.parquet")):
            digest.update(store.content_hash(path).encode())
    return f"fine-tuning-{digest.hexdigest()[:8]}"


def write(project_folder: Path, provider: Provider, plan: Plan) -> CloudFiles:
    """Writes exports/cloud-NNN and exports/cloud-NNN.zip, whole or not at all."""
    number = store.new_numbered_folder(project_folder / "exports", "cloud")
    number.rmdir()  # the name is taken; the folder comes filled
    texts, machine = provider.files(plan), provider.machine(plan.machine)
    foreseen = capacity.foresee(plan, machine) if machine else capacity.Foreseen()
    with store.making_folder(number) as folder:
        for name, text in texts.items():
            store.write_text(folder / name, text)
        package.write(folder / "package", plan)
        if provider.packs == "zip":
            package.zip_folder(folder / "package", folder / "package.zip", "package")
        about: dict[str, Any] = {
            "format": FORMAT, "provider": provider.name, "name": plan.name, "machine": plan.machine, "spot": plan.spot, "files": sorted(texts),
            "examples": plan.examples, "epochs": plan.recipe.epochs, "rate": plan.rate and asdict(plan.rate), "results": "\n".join(map(shlex.join, provider.results(plan))),
            "recipe": plan.recipe.to_json(), "request": package.request(plan), **asdict(foreseen),
        }  # fmt: skip
        store.write_json(folder / DESCRIPTION, about)
        package.zip_folder(folder, number.with_name(f"{number.name}.zip"), number.name)
    return open_files(project_folder, number.name)


def open_files(project_folder: Path, files_id: str) -> CloudFiles:
    """Raises NotFoundError."""
    folder = project_folder / "exports" / store.check_name(files_id)
    if not (folder / DESCRIPTION).exists():
        raise NotFoundError("There are no such cloud files", files_id, "Make them again")
    about = store.read_description(folder / DESCRIPTION, FORMAT, files_id)
    machine = PROVIDERS[about["provider"]].machine(about["machine"])
    if machine is None or about["format"] < FORMAT:  # the first format knew no price and gave every training one name
        raise NotFoundError(
            "These files are of an earlier studio", f"{files_id}, {about['machine']}", "Make them again"
        )
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in about["files"]}
    rate = about["rate"] and Rate(**about["rate"])
    return CloudFiles(
        folder.name, folder, folder.with_name(f"{folder.name}.zip"), about["provider"], about["name"], about["machine"], about["spot"], texts,
        estimate(machine, rate, about["examples"], about["epochs"], about.get("parameters", 0)), about["results"],
        Recipe.from_json(about["recipe"]) if "recipe" in about else None, about.get("request", {}), about.get("memory", ""),
    )  # fmt: skip
