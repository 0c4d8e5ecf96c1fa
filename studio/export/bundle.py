"""A bundle: one export of a run as a folder and a zip, ready to use elsewhere."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio import store

KINDS = ("adapter", "merged")
FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """`size` is the zip's in bytes; `parity` tells how near the merged model answers to the run (None for adapters)."""

    id: str
    kind: str
    run_id: str
    folder: Path
    zip: Path
    size: int
    parity: dict[str, Any] | None


def finish(folder: Path, target: Path, kind: str, run_id: str, parity: dict[str, Any] | None) -> None:
    """Describes the filled `folder` and zips it to TARGET.zip, stored as it is: weights do not compress."""
    store.write_json(folder / "bundle.json", {"format": FORMAT, "kind": kind, "run_id": run_id, "parity": parity})
    archived = target.with_name(f"{target.name}.zip")
    with store.replacing(archived) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, f"{target.name}/{path.relative_to(folder)}")


def list_bundles(project_folder: Path) -> list[Bundle]:
    """The whole ones, in the order of their making."""
    bundles = []
    for path in sorted((project_folder / "exports").glob("*/bundle.json")):
        about, archive = store.read_json(path), path.parent.with_name(f"{path.parent.name}.zip")
        if archive.exists():
            size = archive.stat().st_size
            bundles.append(
                Bundle(path.parent.name, about["kind"], about["run_id"], path.parent, archive, size, about["parity"])
            )
    return bundles
