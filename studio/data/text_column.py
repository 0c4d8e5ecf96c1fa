"""A column of text as its bytes: what can be told of a million texts without making a Python string of each."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from studio.data import pieces
from studio.data.words import Array

if TYPE_CHECKING:
    import pyarrow

SIGNS = b'()[]{}"`'
KINDS = len(SIGNS) + 1  # the last are the line breaks of ASCII
_KIND = np.full(256, KINDS, np.uint8)
_KIND[[10, 11, 12, 13, 28, 29, 30]] = len(SIGNS)
_KIND[list(SIGNS)] = np.arange(len(SIGNS))
_INSIDE = np.zeros(256, bool)  # bytes at which a text is surely stripped
_INSIDE[0x21:0x7F] = True


class TextColumn:
    """Text number `at` is `data[starts[at]:ends[at]]` (UTF-8) and, without the whitespace around it, that between
    `first[at]` and `last[at]`. Takes any Arrow array of strings or bytes; a null is an empty text."""

    data: Array
    starts: Array
    ends: Array

    def __init__(self, array: "pyarrow.Array") -> None:
        import pyarrow

        if isinstance(array, pyarrow.ChunkedArray):
            array = array.combine_chunks()
        if not pyarrow.types.is_large_binary(array.type):
            array = array.cast(pyarrow.large_string()).view(pyarrow.large_binary())
        self.array = array.fill_null(b"") if array.null_count else array
        _, offsets, data = self.array.buffers()
        bounds = np.frombuffer(offsets, np.int64)[self.array.offset :][: len(array) + 1] if len(array) else _NONE
        self.starts, self.ends = bounds[:-1], bounds[1:]
        self.data = np.frombuffer(data, np.uint8)[: bounds[-1]] if data else np.zeros(0, np.uint8)

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Self":
        import pyarrow

        return cls(pyarrow.array([text.encode("utf-8", "surrogatepass") for text in texts], pyarrow.large_binary()))

    @classmethod
    def within(cls, data: Array, starts: Array, ends: Array) -> "Self":
        """Texts that stand anywhere in `data`, with other bytes between them."""
        made = cls.__new__(cls)
        made.data, made.starts, made.ends = data, starts, ends
        return made

    @cached_property
    def array(self) -> "pyarrow.Array":
        """The texts one after the other, as large_binary."""
        return self._of(self.starts, self.ends)

    def strings(self) -> "pyarrow.Array":
        """The texts, which are UTF-8, as an Arrow array of strings."""
        return pieces.strings(self.data, self.starts, self.ends)

    def _of(self, starts: Array, ends: Array) -> "pyarrow.Array":
        import pyarrow

        whole, bounds = pieces.gathered(self.data, b"", starts, ends)
        buffers = [None, pyarrow.py_buffer(bounds), pyarrow.py_buffer(whole)]
        return pyarrow.Array.from_buffers(pyarrow.large_binary(), len(starts), buffers)

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, at: int) -> str:
        return self.data[self.starts[at] : self.ends[at]].tobytes().decode("utf-8", "surrogatepass")

    def stripped(self, at: int) -> str:
        return self.data[self.first[at] : self.last[at]].tobytes().decode("utf-8", "surrogatepass")

    def texts(self) -> list[str]:
        return [self.text(at) for at in range(len(self))]

    @cached_property
    def is_all_ascii(self) -> bool:
        inside = self.data[self.starts[0] :] if len(self) else self.data  # perhaps more than the texts
        return not len(inside) or bool(inside.max() < 0x80)

    @cached_property
    def characters(self) -> Array:
        import pyarrow
        import pyarrow.compute

        if self.is_all_ascii:
            return self.ends - self.starts
        return pyarrow.compute.utf8_length(self.array.view(pyarrow.large_string())).to_numpy()

    @cached_property
    def is_ascii(self) -> Array:
        return self.characters == self.ends - self.starts

    @cached_property
    def is_stripped(self) -> Array:
        """Whether nothing is stripped of a text."""
        return (self.first == self.starts) & (self.last == self.ends)

    @property
    def first(self) -> Array:
        return self._inner[0]

    @property
    def last(self) -> Array:
        return self._inner[1]

    @property
    def stripped_characters(self) -> Array:
        return self._inner[2]

    @cached_property
    def _inner(self) -> tuple[Array, Array, Array]:
        first, last, characters = self.starts.copy(), self.ends.copy(), self.characters.copy()
        filled = last > first
        edges = self._byte(first, filled), self._byte(last - 1, filled)
        for at in np.flatnonzero(filled & ~(_INSIDE[edges[0]] & _INSIDE[edges[1]])).tolist():
            text = self.text(at)
            inner = text.strip()
            before = text[: len(text) - len(text.lstrip())]
            first[at] += len(before.encode("utf-8", "surrogatepass"))
            last[at] = first[at] + len(inner.encode("utf-8", "surrogatepass"))
            characters[at] = len(inner)
        return first, last, characters

    def _byte(self, places: Array, valid: Array) -> Array:
        if not len(self.data):
            return np.zeros(len(places), np.uint8)
        return np.where(valid, self.data[np.where(valid, places, 0)], 0)

    def opening(self, number: int) -> Array:
        """Byte `number` of each stripped text, 0 where it is shorter."""
        return self._byte(self.first + number, self.first + number < self.last)

    def closing(self, number: int) -> Array:
        """Byte `number` from the end (1 is the last) of each stripped text, 0 where it is shorter."""
        return self._byte(self.last - number, self.last - number >= self.first)

    def matching(self, pattern: str, among: Array | None = None) -> Array:
        """Whether the pattern (RE2, over bytes) stands in each text; False outside the mask `among`."""
        import pyarrow
        import pyarrow.compute

        found = np.zeros(len(self), bool)
        rows = np.arange(len(self)) if among is None else np.flatnonzero(among)
        if len(rows):
            if len(rows) == len(self):
                array = self.array
            elif "array" in vars(self):
                array = self.array.take(pyarrow.array(rows))
            else:
                array = self._of(self.starts[rows], self.ends[rows])
            found[rows] = pyarrow.compute.match_substring_regex(array, pattern).to_numpy(zero_copy_only=False)
        return found

    def perhaps(self, words: Sequence[bytes] = ()) -> Array:
        """See `sign_look.perhaps`."""
        from studio.data import sign_look

        return sign_look.perhaps(self.data, self.starts, self.ends, words)

    @cached_property
    def signs(self) -> Array:
        """How often each of SIGNS, and a line break, stands in each text: (texts, KINDS)."""
        from studio.data import sign_look

        return sign_look.counts(self.data, self.starts, self.ends, _KIND, KINDS)


_NONE = np.zeros(1, np.int64)
