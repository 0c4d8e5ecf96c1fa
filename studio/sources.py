"""What the user brings, copied into the project: a notebook finds it when the upload is gone."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from studio import store
from studio.errors import ForbiddenError

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def check_allowed(source: Path) -> None:
    """In the demo: raises ForbiddenError for any file but an upload or the sample, whether it is there or not."""
    uploads = Path(os.environ.get("GRADIO_TEMP_DIR", Path(tempfile.gettempdir()) / "gradio"))
    inside = (uploads.resolve(), ASSETS.resolve())
    if not any(source.resolve().is_relative_to(place) for place in inside):
        raise ForbiddenError(
            "Files of this machine cannot be read here", "a shared Space", "Upload the file or use the sample"
        )


@contextmanager
def bringing(project_folder: Path, source: Path) -> Iterator[Path]:
    """Yields the project's copy of an existing file, made once for each content and name; a new copy goes again when
    what is done with it fails. Raises InputError when the disk is full."""
    kept = project_folder / "sources" / store.content_hash(source) / source.name
    is_new = not kept.exists()
    if is_new:
        with store.replacing(kept) as beside:
            shutil.copyfile(source, beside)
    try:
        yield kept
    except BaseException:
        if is_new:
            kept.unlink(missing_ok=True)
            with suppress(OSError):  # another name of the same content lies there
                kept.parent.rmdir()
        raise


def dataset_name(path: Path) -> str:
    """A dataset's name from a file's."""
    cleaned = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in path.stem
    ).strip("-_")
    return cleaned[:64] or "data"
