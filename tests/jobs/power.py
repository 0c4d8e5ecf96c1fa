"""What a disk holds when the power is cut between any two writes: images of a folder, taken while a test writes to it.

Before every call that makes, names, opens for writing or removes something in the folder, and after every fsync, an
image is taken. Of each file it knows how much the disk was told to keep (fsync): the rest may be lost, or be there in
part, however the file is named by then.
"""

import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PLACES = {"open": 0, "os.mkdir": 2, "os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.link": 2, "os.truncate": None}
"""The calls that change what is there, and where among their arguments the descriptor of a folder is."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SHARES = (0.0, 0.5, 1.0)
"""Of what the disk was not told to keep; all of it is there when only the process was killed."""

_listening: list["Disk"] = []


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and event in PLACES:
        _listening[0].before(event, arguments)


sys.addaudithook(_heard)  # stays for the life of the process, and is deaf but in `images_of`


@dataclass(frozen=True)
class Image:
    """`files`: by path, the content as written and how many bytes of it the disk was told to keep."""

    after: str
    folders: tuple[str, ...]
    files: dict[str, tuple[str, int]]


@dataclass
class Disk:
    folder: Path
    thread: int = field(default_factory=threading.get_ident)
    images: list[Image] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    _kept: dict[int, int] = field(default_factory=dict)
    _read: dict[tuple[int, int, int], str] = field(default_factory=dict)
    _laid: dict[str, Any] = field(default_factory=dict)
    _looking: bool = False

    def before(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._looking or threading.get_ident() != self.thread:
            return
        path = _path(arguments[0], arguments[place] if (place := PLACES[event]) and len(arguments) > place else -1)
        if path is None or not path.is_relative_to(self.folder):
            return
        if event == "open" and not arguments[2] & WRITING:
            return
        self.look(f"before {event} of {path.relative_to(self.folder)}")
        if (event == "os.remove" or (event == "open" and arguments[2] & os.O_TRUNC)) and path.exists():
            self._kept.pop(path.stat().st_ino, None)

    def kept_before(self, path: Path) -> None:
        found = path.stat()
        self._kept[found.st_ino] = found.st_size

    def synced(self, descriptor: int) -> None:
        if threading.get_ident() != self.thread:
            return
        found = os.fstat(descriptor)
        self._kept[found.st_ino] = found.st_size
        self.look("after fsync")

    def look(self, after: str) -> None:
        self._looking = True
        folders, files = [], {}
        for place, inner, names in os.walk(self.folder):
            folders += [os.path.relpath(os.path.join(place, name), self.folder) for name in inner]
            for name in names:
                path = Path(place, name)
                found = path.stat()
                key = (found.st_ino, found.st_size, found.st_mtime_ns)
                if key not in self._read:
                    content = path.read_bytes()
                    self._read[key] = hashlib.sha256(content).hexdigest()
                    self.contents[self._read[key]] = content
                kept = min(self._kept.get(found.st_ino, 0), found.st_size)
                files[str(path.relative_to(self.folder))] = self._read[key], kept
        self.images.append(Image(after, tuple(folders), files))
        self._looking = False

    def cuts(self) -> list["Cut"]:
        """Each state that a power cut may leave; those that differ only in hidden files come once."""
        found: dict[Any, Cut] = {}
        for number, image in enumerate(self.images):
            for share in SHARES:
                files = {
                    name: (content, kept + int((len(self.contents[content]) - kept) * share))
                    for name, (content, kept) in image.files.items()
                }
                shown = tuple(sorted((name, cut) for name, cut in files.items() if "/." not in f"/{name}"))
                words = f"cut {image.after} ({number} of {len(self.images)}), {share:.0%} kept of what was not synced"
                found.setdefault(shown, Cut(number, words, image.folders, files))
        return list(found.values())

    def lay(self, cut: "Cut") -> None:
        """Makes the folder what the cut left of it."""
        for place, inner, names in os.walk(self.folder, topdown=False):
            for name in names:
                path = Path(place, name)
                if self._laid.get(key := str(path.relative_to(self.folder))) != (
                    cut.files.get(key),
                    path.stat().st_mtime_ns,
                ):
                    path.unlink()
            for name in inner:
                if os.path.relpath(os.path.join(place, name), self.folder) not in cut.folders:
                    os.rmdir(os.path.join(place, name))
        for name in cut.folders:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, (content, size) in cut.files.items():
            if not (path := self.folder / name).exists():
                path.write_bytes(self.contents[content][:size])
            self._laid[name] = (content, size), path.stat().st_mtime_ns


@dataclass(frozen=True)
class Cut:
    number: int
    words: str
    folders: tuple[str, ...]
    files: dict[str, tuple[str, int]]


@contextmanager
def images_of(folder: Path) -> Iterator[Disk]:
    """Takes images for as long as the block runs; the disk itself is not waited for."""
    disk = Disk(folder.resolve())
    for path in (path for path in disk.folder.rglob("*") if path.is_file()):
        disk.kept_before(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", disk.synced)
        _listening.append(disk)
        try:
            yield disk
            disk.look("the end")
        finally:
            _listening.clear()


def _path(named: Any, folder: int) -> Path | None:
    """What a call names, also by the descriptor of the folder it is in; None for what is named by its own descriptor."""
    if not isinstance(named, str | bytes | os.PathLike):
        return None
    path = Path(os.fsdecode(named))
    if not path.is_absolute():
        path = (Path(os.readlink(f"/proc/self/fd/{folder}")) if folder != -1 else Path.cwd()) / path
    return path
