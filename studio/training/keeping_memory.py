"""Memory that one step of a training frees stays with the process, which the next step takes again.

By default glibc gives it back to the system, and takes it back page by page, zeroed: about ten thousand pages a step of a
small model, a twentieth of its time.
"""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Their numbers in glibc's malloc.h."""
LARGEST = 32 * 1024**2
"""What is larger has pages of its own, as before: glibc's own limit of this setting."""
KEPT = 1024**3
"""Bytes that may lie free at the end of the heap."""


def keep_freed_memory() -> bool:
    """Whether this system's allocator could be asked; on any other nothing changes."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        ask = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another allocator than glibc's
        return False
    return bool(ask(MMAP_THRESHOLD, LARGEST)) and bool(ask(TRIM_THRESHOLD, KEPT))
