"""The files of one training on a rented machine, in the project's exports, and the command that submits them."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import store
from studio.errors import InputError, NotFoundError, RecipeError
from studio.examples import Dataset
from studio.training import launching
from studio.training.cloud import kubernetes, package, runpod, sagemaker, skypilot
from studio.training.cloud.package import Plan
from studio.training.cloud.provider import Estimate, Provider, estimate
from studio.training.recipe import Recipe

FORMAT = 1
PROVIDERS = {one.PROVIDER.name: one.PROVIDER for one in (skypilot, sagemaker, runpod, kubernetes)}
DESCRIPTION = "cloud.json"


@dataclass(frozen=True)
class CloudFiles:
    """`texts` are the provider's files by name; the package lies beside them, and `zip` holds it all."""

    id: str
    folder: Path
    zip: Path
    provider: str
    name: str
    texts: dict[str, str]
    estimate: Estimate

    @property
    def command(self) -> str:
        """What a person types in `folder` to submit it."""
        commands = PROVIDERS[self.provider].submit(self.name)
        plain = [["python", *one[1:]] if one[0].endswith(("python", "python3", "python3.11")) else one for one in commands]  # fmt: skip
        return "\n".join(shlex.join(one) for one in plain)


def plan_of(
    dataset: Dataset, recipe: Recipe, evaluation: Dataset | None, provider: str, machine: str | None = None, spot: bool | None = None,
    gpus: int = 1, bucket: str = "fine-tuning-studio", name: str = "fine-tuning",
) -> tuple[Provider, Plan]:  # fmt: skip
    """Raises InputError with all that cannot be: unknown provider or machine, names, spot, GPUs, a batch not divisible."""
    if provider not in PROVIDERS:
        raise InputError("There is no such provider", repr(provider)[:60], f"Choose {', '.join(PROVIDERS)}")
    place = PROVIDERS[provider]
    chosen = place.machine(machine) if machine else place.machines[0]
    mistakes = package.check_names(name, bucket)
    if chosen is None:
        mistakes.append(f"machine {machine!r}: {place.title} has {', '.join(one.name for one in place.machines)} here")
    elif not 1 <= gpus <= chosen.gpus:
        mistakes.append(f"gpus {gpus}: {chosen.name} has {chosen.gpus}")
    if spot and not place.has_spot:
        mistakes.append(f"spot: {place.title}'s SDK rents on demand only")
    try:
        launching.share_of(recipe, max(1, gpus))
    except RecipeError as error:
        mistakes += error.mistakes
    if mistakes or chosen is None:
        raise InputError("These cloud files cannot be made", "; ".join(mistakes), "Correct them and try again")
    on_spot = place.has_spot if spot is None else spot
    return place, Plan(name, chosen.name, on_spot, gpus, bucket, recipe, dataset, evaluation)


def write(project_folder: Path, provider: Provider, plan: Plan) -> CloudFiles:
    """Writes exports/cloud-NNN and exports/cloud-NNN.zip, whole or not at all."""
    number = store.new_numbered_folder(project_folder / "exports", "cloud")
    number.rmdir()  # the name is taken; the folder comes filled
    texts = provider.files(plan)
    with store.making_folder(number) as folder:
        for name, text in texts.items():
            store.write_text(folder / name, text)
        package.write(folder / "package", plan)
        if provider.packs == "zip":
            package.zip_folder(folder / "package", folder / "package.zip", "package")
        about: dict[str, Any] = {
            "format": FORMAT, "provider": provider.name, "name": plan.name, "machine": plan.machine, "spot": plan.spot, "files": sorted(texts),
            "examples": plan.examples, "epochs": plan.recipe.epochs,
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
    if machine is None:
        raise NotFoundError(
            "The machine of these files is no longer known", str(about["machine"]), "Make the files again"
        )
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in about["files"]}
    cost = estimate(machine, about["spot"], about["examples"], about["epochs"])
    archive = folder.with_name(f"{folder.name}.zip")
    return CloudFiles(folder.name, folder, archive, about["provider"], about["name"], texts, cost)
