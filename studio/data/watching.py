"""How far a long look at many rows is, told to whoever watches: the process that does a step for a page, and else nobody."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

Watcher = Callable[[float, float, str], None]
"""done, of, and what is done, in words"""
Part = TypeVar("Part", bound=Sized)
_watchers: list[Watcher] = []


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """For the whole process, whichever thread does the work."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell(done: float, of: float, what: str) -> None:
    for watcher in _watchers:
        watcher(done, of, what)


def telling(parts: Iterable[Part], of: int, what: str, share: tuple[float, float] = (0.0, 1.0)) -> Iterator[Part]:
    """The parts one after the other, their rows counted as they are done; `share` is from where to where in the whole
    work these `of` rows are."""
    begin, end = share
    done = 0
    for part in parts:
        yield part
        done += len(part)
        tell(of * (begin + (end - begin) * done / max(1, of)), of, what)
