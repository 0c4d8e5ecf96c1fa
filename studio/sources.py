"""What the user brings, copied into the project: a notebook finds it when the upload is gone."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from xxhash import xxh3_128

from studio import store
from studio.errors import ForbiddenError, InputError

ASSETS = Path(__file__).resolve().parents[1] / "assets"
MOST_FILES = 10_000
Left = tuple[int, str, str]
"""A file of a folder that is not read: 0, the reason, its name."""


def check_allowed(source: Path) -> None:
    """In the demo: raises ForbiddenError for any file but an upload or the sample, whether it is there or not."""
    uploads = Path(os.environ.get("GRADIO_TEMP_DIR", Path(tempfile.gettempdir()) / "gradio"))
    inside = (uploads.resolve(), ASSETS.resolve())
    if not any(source.resolve().is_relative_to(place) for place in inside):
        raise ForbiddenError(
            "Files of this machine cannot be read here", "a shared Space", "Upload the file or use the sample"
        )


def files_of(folder: Path, is_wanted: Callable[[Path], bool]) -> tuple[list[Path], list[Left]]:
    """The files in a folder and below, in the order of their names, and those left out with the reason.

    Hidden ones are passed over; a link is followed only when it leads to a file in the folder. Raises InputError when
    there is none to read or there are more than MOST_FILES.
    """
    wanted: list[Path] = []
    left: list[Left] = []
    inside = folder.resolve()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        left += [
            (0, "a link to a folder is not followed", name) for name in folders if (Path(place) / name).is_symlink()
        ]
        for name in sorted(name for name in names if not name.startswith(".")):
            path = Path(place) / name
            shown = path.relative_to(folder).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                left.append((0, "a link that leads out of the folder is not followed", shown))
            elif not path.is_file():
                left.append((0, "this is no file", shown))
            elif not is_wanted(path):
                left.append((0, "this kind of file cannot be read", shown))
            elif not path.stat().st_size:
                left.append((0, "the file is empty", shown))
            else:
                wanted.append(path)
        if len(wanted) > MOST_FILES:
            raise InputError("The folder holds too many files", f"over {MOST_FILES:,} in {folder}", "Load parts of it")
    if not wanted:
        raise InputError(
            "The folder holds no file that can be read", f"{folder}, {len(left)} other files", "Choose another folder"
        )
    return wanted, left


@contextmanager
def bringing(project_folder: Path, source: Path, files: Sequence[Path] | None = None) -> Iterator[Path]:
    """Yields the project's copy of an existing file, or of these `files` of a folder, made once for each content and
    name; a new copy goes again when what is done with it fails. Raises InputError when the disk is full."""
    content = store.content_hash(source) if files is None else _hash_of(source, files)
    kept = project_folder / "sources" / content / (source.name or "folder")
    is_new = not kept.exists()
    if is_new and files is None:
        with store.replacing(kept) as beside:
            shutil.copyfile(source, beside)
    elif is_new and files is not None:
        with store.making_folder(kept) as beside:
            for path in files:
                target = beside / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
    try:
        yield kept
    except BaseException:
        if is_new:
            shutil.rmtree(kept) if kept.is_dir() else kept.unlink(missing_ok=True)
            with suppress(OSError):  # another name of the same content lies there
                kept.parent.rmdir()
        raise


@contextmanager
def bringing_meanwhile(project_folder: Path, source: Path) -> Iterator[Callable[[], Path]]:
    """As `bringing`, of one file that is read where it is until then: yields what waits for the copy and gives its place.
    That raises InputError when the file is no more what it was, since then the copy may not be what was read."""
    before = _state(source)
    with ExitStack() as stack, ThreadPoolExecutor(1) as thread:
        copy = thread.submit(stack.enter_context, bringing(project_folder, source))

        def wait() -> Path:
            kept = copy.result()
            if _state(source) != before:
                raise InputError(
                    "The file was changed while it was read", str(source), "Load it again when nothing writes to it"
                )
            return kept

        yield wait


def _state(path: Path) -> tuple[int, int, int]:
    there = path.stat()
    return there.st_size, there.st_mtime_ns, there.st_ino


def _hash_of(folder: Path, files: Sequence[Path]) -> str:
    digest = xxh3_128()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\0{store.content_hash(path)}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def dataset_name(path: Path) -> str:
    """A dataset's name from a file's or folder's."""
    stem = path.name.split(".")[0] if path.suffix.lower() in (".gz", ".zst") else path.stem
    cleaned = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem
    ).strip("-_")
    return cleaned[:64] or "data"
