"""What is known of one model before a training: where it is, how large, whether it can learn here, its template, its code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from studio import chat, consent, model_files
from studio.catalogue import download, remote
from studio.errors import InputError, NotFoundError, StudioError
from studio.model_shapes import ModelShape
from studio.models import known_as, resolve


@dataclass(frozen=True)
class ModelReport:
    """`bytes` are those of its weights, `missing` those still to fetch; `parameters` None where its shape is unknown.

    `why_not` says why it cannot be trained here, empty when it can. `brings_template` is None while its files are not
    here; `sample` is a short conversation as its template writes it. `code` are the files of code that it needs to run,
    and `consent` whether they may: "" (needs none), "needed", "allowed", or "changed" since.
    """

    model: str
    where: Literal["starter", "cache", "folder", "hub"]
    folder: Path | None = None
    bytes: int = 0
    missing: int = 0
    gated: bool = False
    private: bool = False
    family: str = ""
    parameters: int | None = None
    why_not: str = ""
    brings_template: bool | None = None
    sample: str = ""
    code: tuple[str, ...] = ()
    consent: Literal["", "needed", "allowed", "changed"] = ""
    commit: str = ""
    problem: str = field(default="")


def report(model: str, home: Path) -> ModelReport:
    """Raises NotFoundError for a name that is nothing. What the Hub refuses or does not answer stands in `problem`."""
    place = resolve(model)
    if isinstance(place, Path):
        return _of_files(model, "starter" if model == "starter" else "folder", place, home)
    folder = model_files.cached_folder(place)
    return _of_files(model, "cache", folder, home) if folder is not None else _of_hub(place)


def _of_files(model: str, where: Literal["starter", "cache", "folder"], folder: Path, home: Path) -> ModelReport:
    config = model_files.read_json(folder / "config.json")
    why_not = model_files.why_not_causal(config)
    if not why_not and not model_files.weight_files(folder):
        why_not = "it has no safetensors weights; convert it with save_pretrained"
    code = tuple(model_files.code_hashes(folder)) if model_files.needs_own_code(config) else ()
    return ModelReport(
        model, where, folder, model_files.weight_bytes(folder), 0, family=str(config.get("model_type", "")),
        parameters=_parameters(config), why_not=why_not, brings_template=chat.brings_template(folder),
        sample=_sample(folder), code=code, consent=_consent(home, model, folder) if model_files.needs_own_code(config) else "",
        commit=folder.name if where == "cache" else "",
    )  # fmt: skip


def _of_hub(model: str) -> ModelReport:
    try:
        found = remote.details(model)
    except NotFoundError as error:
        return ModelReport(model, "hub", problem=str(error))
    sizes = sum(one.size for one in found.files if remote.WEIGHTS.fullmatch(one.name))
    said = {"gated": found.gated, "private": found.private, "commit": found.commit}
    try:
        remote.check_weights(found)
        config = download.small_text(model, "config.json")
    except StudioError as error:
        return ModelReport(model, "hub", None, sizes, sizes, problem=str(error), **said)  # type: ignore[arg-type]
    return ModelReport(
        model, "hub", None, sizes, download.missing_bytes(model, found.commit, found.files), family=str(config.get("model_type", "")),
        parameters=_parameters(config), why_not=model_files.why_not_causal(config),
        code=tuple(one.name for one in found.code) if model_files.needs_own_code(config) else (),
        consent="needed" if model_files.needs_own_code(config) else "", **said,  # type: ignore[arg-type]
    )  # fmt: skip


def _parameters(config: dict[str, object]) -> int | None:
    try:
        return ModelShape.from_config(config).parameters
    except (InputError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _sample(folder: Path) -> str:
    from jinja2 import TemplateError

    try:
        return chat.template_sample(folder)
    except (TemplateError, ValueError, KeyError):
        return ""  # a template for other conversations than this one


def _consent(home: Path, model: str, folder: Path) -> Literal["needed", "allowed", "changed"]:
    given = consent.given_to(home, known_as(model))
    if given is None:
        return "needed"
    return "allowed" if given.files == model_files.code_hashes(folder) else "changed"
