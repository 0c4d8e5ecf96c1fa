"""Whose own Python code the owner of the machine allows to run: per model, for exactly the files that were read.

Kept in STUDIO_HOME and in no project, recipe or environment variable, so that nothing that is loaded or shared can give it.
The one exception are files for a rented machine, which take along what was allowed of the model in them: whoever starts
these runs the studio in them anyway.
"""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from filelock import FileLock

from studio import model_files, store
from studio.errors import InputError

FILE = "consents.json"
FORMAT = 1
REMEDY = "Read it and allow it in tab 3 under Model, or choose another model"


@dataclass(frozen=True)
class Consent:
    """`model` is a Hub id or a folder, `commit` that of the Hub ("" for a folder), `given` a time in UTC (ISO 8601),
    `files` the SHA-256 of each file with code by its path in the model's folder."""

    model: str
    commit: str
    given: str
    files: Mapping[str, str] = field(repr=False)


def listed(home: Path) -> list[Consent]:
    """All that were given and not withdrawn, in the order of their models."""
    path = home / FILE
    if not path.exists():
        return []
    rows = store.read_description(path, FORMAT, "The list of allowed code")["models"]
    return [Consent(**row) for row in sorted(rows, key=lambda row: str(row["model"]))]


def given_to(home: Path, model: str) -> Consent | None:
    return next((one for one in listed(home) if one.model == model), None)


def give(home: Path, model: str, folder: Path, read: Mapping[str, str], commit: str = "") -> Consent:
    """Allows the code in `folder`, which is `read` (SHA-256 by path). Raises InputError when that is no longer what is
    there: allowed is only what was read."""
    if dict(read) != model_files.code_hashes(folder):
        raise InputError("The model's code has changed while you read it", str(folder), "Read it again")
    consent = Consent(model, commit, datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), dict(read))
    _keep(home, model, [consent])
    return consent


def carry(home: Path, model: str, given: str, files: Mapping[str, str]) -> None:
    """Keeps what was allowed on another machine for a model that lies here as `model`; it holds for the same files alone."""
    _keep(home, model, [Consent(model, "", given, files)])


def withdraw(home: Path, model: str) -> None:
    """Takes it back; what is running goes on, and nothing new starts with it."""
    _keep(home, model, [])


def _keep(home: Path, model: str, new: list[Consent]) -> None:
    with FileLock(home / f".{FILE}.lock"):
        others = [one for one in listed(home) if one.model != model]
        rows = [{**asdict(one), "files": dict(one.files)} for one in [*others, *new]]
        store.write_json(home / FILE, {"format": FORMAT, "models": rows})


def check(home: Path | None, model: str, folder: Path, made_from_it: bool = False) -> None:
    """Raises InputError unless the code in `folder` is the code that was allowed for `model`; with `made_from_it` some of
    those files and no other will do, as in a folder that was saved after a training."""
    consent = given_to(home, model) if home is not None else None
    found = model_files.code_hashes(folder)
    names = ", ".join(found) or "none in its folder"
    if consent is None:
        raise InputError(f"The model {model} needs code of its own to run, which nobody allowed", names, REMEDY)
    same = set(found.values()) <= set(consent.files.values()) if made_from_it else found == consent.files
    if not same:
        raise InputError(
            f"The code of the model {model} has changed since it was allowed on {consent.given[:10]}", names, REMEDY
        )
