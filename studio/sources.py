"""What the user brings, copied into the project: a notebook finds it when the upload is gone."""

import os
import shutil
import tempfile
from pathlib import Path

from studio import store
from studio.errors import ForbiddenError, InputError

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def kept_place(project_folder: Path, source: Path) -> Path:
    """Where the copy of a file lies (or will lie); the given path where there is no such file."""
    if not source.is_file():
        return source
    return project_folder / "sources" / store.content_hash(source) / source.name


def bring(project_folder: Path, source: Path, uploads_only: bool = False) -> Path:
    """Copies the file, once, and returns the copy. Raises InputError when there is none, and ForbiddenError with
    `uploads_only` (the demo) for any file but an upload or the sample."""
    if not source.is_file():
        raise InputError("There is no such file", str(source), "Check the path")
    if uploads_only and not _is_uploaded(source):
        raise ForbiddenError(
            "Files of this machine cannot be read here", "a shared Space", "Upload the file or use the sample"
        )
    kept = kept_place(project_folder, source)
    if not kept.exists():
        kept.parent.parent.mkdir(exist_ok=True)
        with store.making_folder(kept.parent) as folder:
            shutil.copyfile(source, folder / kept.name)
    return kept


def dataset_name(path: Path) -> str:
    """A dataset's name from a file's."""
    cleaned = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in path.stem
    ).strip("-_")
    return cleaned[:64] or "data"


def _is_uploaded(source: Path) -> bool:
    uploads = Path(os.environ.get("GRADIO_TEMP_DIR", Path(tempfile.gettempdir()) / "gradio"))
    inside = (uploads.resolve(), ASSETS.resolve())
    return any(source.resolve().is_relative_to(place) for place in inside)
