"""How loops over bytes are compiled: with Numba, once on a machine (some seconds), kept beside the source from then on.

Import this only inside a function: it brings a compiler.
"""

import atexit
import gc
import os
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any

from numba import config, njit, types
from xxhash import xxh3_64

from studio import collector, store

LENDING = ("folded_words.py", "repetition.py", "word_look.py", "word_runs.py", "words.py")
"""Their functions and numbers become part of loops in other files, of which Numba asks only whether their own file has
changed."""


def _kept_in() -> Path:
    """Where loops are kept that are made of these very files."""
    here = Path(__file__).parent
    beside = here / "__pycache__" if os.access(here, os.W_OK) else store.studio_home() / "compiled"
    digest = xxh3_64(b"".join((here / name).read_bytes() for name in LENDING)).hexdigest()
    return beside / f"loops-{digest}"


if not config.CACHE_DIR:
    config.CACHE_DIR = str(_kept_in())
# or a process would end by looking for garbage in all of the compiler, a third of a second long
atexit.register(gc.freeze)

BYTES, PLACES, HASHES = (types.Array(kind, 1, "C", readonly=True) for kind in (types.uint8, types.int64, types.uint64))
EIGHTS = types.Array(types.uint64, 1, "A", aligned=False)  # see folded_words.room


def loop(signature: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function with the types of its arguments; other threads run while it does. It is compiled, or read from
    where that is kept, at its first call."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @cache
        def compiled() -> Callable[..., Any]:
            with collector.held_back():
                made: Callable[..., Any] = njit(signature, cache=True, nogil=True)(function)
            return made

        return wraps(function)(lambda *arguments: compiled()(*arguments))

    return decorate
