"""The project's folder on disk: where it is, and writing so that a crash leaves the old or the new, never half."""

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xxhash import xxh3_128

from studio.errors import FormatError, InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def studio_home(home: str | Path | None = None) -> Path:
    """The folder of all projects: `home`, else STUDIO_HOME, else the platform's user data folder. Made when absent."""
    import platformdirs

    chosen = Path(home or os.environ.get("STUDIO_HOME") or platformdirs.user_data_dir("fine-tuning-studio", False))
    chosen = chosen.expanduser().absolute()
    (chosen / "projects").mkdir(parents=True, exist_ok=True)
    return chosen


def check_name(name: str) -> str:
    """`name` when it can be a folder's name, so that no name ever leads out of the project. Raises InputError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(
            "This name cannot be used",
            repr(name)[:80],
            "Use 1 to 64 letters, digits, - or _, and begin with a letter or digit",
        )
    return name


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to `path` when all went well, removed when not. What was written is on
    disk before its name is, and the name before this returns: a power cut leaves the old or the new.

    Raises InputError when the disk is full or read-only."""
    beside = path.with_name(f".{uuid.uuid4().hex[:16]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        sync_file(beside)
        os.replace(beside, path)
        sync_names(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(
            f"{path.name} could not be written", str(error), "Free some space or check the folder's rights"
        ) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Returns when the disk has what the file holds; its name is the folder's matter (`sync_names`)."""
    # Windows wants the right to write, others are content with a file that is read-only
    opened = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_names(folder: Path) -> None:
    """Returns when the disk has the names in the folder, as they are now."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no such call, and keeps names by itself
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_folder(folder: Path) -> None:
    """Returns when the disk has all that is in the folder, at any depth."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(place, name))
        sync_names(Path(place))


def write_bytes(path: Path, content: bytes) -> None:
    """Whole or not at all, on disk before it returns. Raises InputError when the disk is full or read-only."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_description(path: Path, newest_format: int, name: str) -> dict[str, Any]:
    """The JSON object at `path`. Raises FormatError when its `format` is over `newest_format`; `name` says whose it is."""
    found = dict(read_json(path))
    if found["format"] > newest_format:
        raise FormatError(f"{name} was written by a newer studio", f"format {found['format']}", "Update the studio")
    return found


def append_json_line(path: Path, value: Any, on_disk: bool = True) -> None:
    """One line in one write; a line cut short by a crash is passed over when read.

    Without `on_disk` it returns before the disk has it: for what is written many times a minute and may be lost in a
    power cut, such as progress.
    """
    line = (json.dumps(value, ensure_ascii=False) + "\n").encode()
    if path.exists() and path.stat().st_size and not _ends_with_newline(path):
        line = b"\n" + line
    is_new = not path.exists()
    with open(path, "ab") as file:
        file.write(line)
        file.flush()
        if on_disk:
            os.fsync(file.fileno())
    if on_disk and is_new:
        sync_names(path.parent)


def _ends_with_newline(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_json_lines(path: Path) -> list[Any]:
    if not path.exists():
        return []
    values = []
    for line in path.read_bytes().splitlines():
        try:
            values.append(json.loads(line))
        except ValueError:
            continue  # the last line of a process that was killed while it wrote
    return values


def new_numbered_folder(parent: Path, kind: str) -> Path:
    """Makes and returns PARENT/KIND-001 or the next free number; two at once get two folders."""
    parent.mkdir(parents=True, exist_ok=True)
    numbers = [path.name.removeprefix(f"{kind}-") for path in parent.glob(f"{kind}-*")]
    number = max((int(digits) for digits in numbers if digits.isdigit()), default=0) + 1
    while True:
        folder = parent / f"{kind}-{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:  # another process was quicker
            number += 1
        else:
            return folder


@contextmanager
def making_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` to fill; renamed to `target` when all went well, removed when not. All of it is on disk
    before its name is."""
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    beside.mkdir(parents=True)
    try:
        yield beside
        sync_folder(beside)
        os.replace(beside, target)
        sync_names(target.parent)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise InputError(
            f"{target.name} could not be written", str(error), "Free some space or check the folder's rights"
        ) from error
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """As making_folder, where one may stand already: it stands until the new one is whole. No call puts one folder in
    the place of another, so readers ask `standing` which one it is."""
    _settle(target)
    with making_folder(_newer(target)) as beside:
        yield beside
    _settle(target)


def standing(target: Path) -> Path:
    """The whole folder that is meant by `target` now: also when a crash came before the new one had its name."""
    newer = _newer(target)
    return newer if newer.exists() else target


def _newer(target: Path) -> Path:
    return target.with_name(f".{target.name}.new")


def _settle(target: Path) -> None:
    if _newer(target).exists():
        shutil.rmtree(target, ignore_errors=True)
        os.replace(_newer(target), target)
        sync_names(target.parent)


def content_hash(path: Path) -> str:
    """XXH3 (128 bits) of a file's bytes in 32 hex digits: it tells what is the same, and is not made against forgers."""
    digest = xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
