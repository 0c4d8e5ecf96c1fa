"""Pieces of bytes put one after the other, in a loop that Numba compiles: texts out of the lines they stand in, with what
belongs between them."""

from typing import TYPE_CHECKING

import numpy as np

from studio.data.words import Array

if TYPE_CHECKING:
    import pyarrow


def gathered(data: Array, more: bytes, starts: Array, ends: Array) -> tuple[Array, Array]:
    """(the bytes of the pieces `starts[i]` to `ends[i]`, one after the other; bounds, int64, one more than pieces). What is
    beyond `data` stands in `more`."""
    from studio.data import piece_loops

    bounds: Array = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(ends - starts, out=bounds[1:])
    whole: Array = np.empty(int(bounds[-1]), np.uint8)
    piece_loops.gather(data, np.frombuffer(more, np.uint8), starts, ends, whole)
    return whole, bounds


def strings(data: Array, starts: Array, ends: Array, more: bytes = b"") -> "pyarrow.Array":
    """The pieces, which are UTF-8, as an Arrow array of strings."""
    import pyarrow

    whole, bounds = gathered(data, more, starts, ends)
    buffers = [None, pyarrow.py_buffer(bounds), pyarrow.py_buffer(whole)]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(starts), buffers).cast(pyarrow.string())
