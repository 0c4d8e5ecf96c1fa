"""What is uploaded to a rented machine: the recipe, the rows, the studio's engine and a script that starts its worker."""

import re
import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from studio import consent, model_files, models, store
from studio.consent import Consent
from studio.errors import InputError
from studio.examples import Dataset
from studio.prices import OwnPrice, Rate
from studio.training.recipe import Recipe

SAVE_EVERY, CHECKPOINTS_KEPT = 100, 3
"""The guide's settings for a machine that may be taken away (G12): optimiser steps, and how many are kept."""
SOURCE = Path(models.__file__).resolve().parent
PAGE_ONLY = ("gradio", "plotly")
LARGEST_MODEL = 2_000_000_000  # bytes; a larger local model is better on the Hub than in every upload
SECRETS = ("HF_TOKEN", "WANDB_API_KEY")
"""Named in the files, never their values: the provider's tool takes those from the environment of who submits."""
JOB_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?")
BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")


@dataclass(frozen=True)
class Plan:
    """One training on a rented machine; `gpus` processes on `gpus` devices of it, the weights divided among them where
    `sharded`. `rate` is what an hour costs now, where that is known; `allowed` what the owner allows of the model's own
    code, where it needs any."""

    name: str
    machine: str
    spot: bool
    gpus: int
    bucket: str
    recipe: Recipe
    dataset: Dataset
    evaluation: Dataset | None = None
    sharded: bool = False
    rate: Rate | None = None
    allowed: Consent | None = None

    @property
    def examples(self) -> int:
        return len(self.dataset)


def check_names(name: str, bucket: str) -> list[str]:
    """One sentence for each that cannot be used; they reach the provider's files and commands."""
    mistakes = []
    if not JOB_NAME.fullmatch(name):
        mistakes.append(f"name {name[:60]!r}: 1 to 40 small letters, digits and -, beginning with a letter")
    if not BUCKET_NAME.fullmatch(bucket):
        mistakes.append(f"bucket {bucket[:70]!r}: 3 to 63 small letters, digits and -")
    return mistakes


def write(folder: Path, plan: Plan) -> None:
    """Fills `folder` with all that `start.py` needs; there is no secret in it, and nothing outside it is asked for but
    a model from the Hub. Raises InputError when a local model is too large to come along."""
    folder.mkdir(parents=True)
    recipe = _bring_model(folder, plan.recipe)
    store.write_text(folder / "recipe.json", recipe.to_json())
    allowed = plan.allowed and {"given": plan.allowed.given, "files": dict(plan.allowed.files)}
    about = {"format": 1, "name": plan.name, "request": request(plan), "price": price(plan), "allowed": allowed}
    store.write_json(folder / "package.json", about)
    shutil.copyfile(Path(__file__).with_name("start.py"), folder / "start.py")
    pinned = (SOURCE.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    store.write_text(
        folder / "requirements.txt", "".join(f"{line}\n" for line in pinned if not line.startswith(PAGE_ONLY))
    )
    shutil.copytree(SOURCE, folder / "source" / "studio", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for dataset in filter(None, (plan.dataset, plan.evaluation)):
        place = folder / "datasets" / dataset.name / f"v{dataset.version}"
        shutil.copytree(dataset.folder, place, dirs_exist_ok=True)


def request(plan: Plan) -> dict[str, Any]:
    """What the worker is asked on the rented machine, beside its project's folder."""
    several = {"processes": plan.gpus, "sharded": plan.sharded, "cpu": False} if plan.gpus > 1 else {}
    return {
        "dataset": plan.dataset.reference, "evaluation": plan.evaluation.reference if plan.evaluation else None,
        "save_every": SAVE_EVERY, "checkpoints_kept": CHECKPOINTS_KEPT, **several,
    }  # fmt: skip


def price(plan: Plan) -> dict[str, Any] | None:
    """What an hour of it costs, so that the run is kept there with its own price; of a range, the most."""
    if plan.rate is None:
        return None
    return asdict(OwnPrice(rent=plan.rate.high, date=plan.rate.date, machine=plan.machine))


def allowed_code(home: Path, model: str) -> Consent | None:
    """What goes along of the owner's consents: that to the code of a model in a folder which cannot do without. The Hub
    is not asked. Raises NotFoundError, and InputError for what cannot be trained, here or on a rented machine."""
    place = models.resolve(model)
    folder = place if isinstance(place, Path) else model_files.cached_folder(place)
    if folder is None or not models.source_of(model, home).trusted:
        return None
    if isinstance(place, str):
        raise InputError(
            "A model of the Hub that needs code of its own cannot be trained on a rented machine, where nobody could read it", model,
            f"Choose its folder on this machine as the model, {folder}, and allow the code there"
        )  # fmt: skip
    return consent.given_to(home, models.known_as(model))


def _bring_model(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe as it holds on the other machine: a local model goes along, and is named by its place there."""
    place = models.resolve(recipe.model)
    if isinstance(place, str):
        return recipe
    if recipe.model == "starter":
        shutil.copytree(place, folder / "source" / "assets" / "starter")
        return recipe
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    if size > LARGEST_MODEL:
        raise InputError(
            "This model is too large to be uploaded with a training", f"{place}, {size / 1e9:.1f} GB", "Put it on the Hub and name its id"
        )  # fmt: skip
    shutil.copytree(place, folder / "model")
    return recipe.model_copy(update={"model": "model"})  # as it stands: here there may be another folder of this name


def zip_folder(folder: Path, target: Path, top: str) -> None:
    """The whole of `folder` as TARGET, inside a folder `top`."""
    with store.replacing(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{top}/{path.relative_to(folder)}")
