"""The loops of `pieces` and `plain_lines`, which Numba compiles. Import it inside a function: it brings a compiler."""

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.cpython.unsafe.numbers import trailing_zeros
from numba.extending import intrinsic

from studio.data.compiled import BYTES, PLACES, loop

EIGHTS = types.Array(types.uint64, 1, "A", readonly=True, aligned=False)
_ONES, _HIGHS, _QUOTES, _SLASHES, _SPACES = (
    np.uint64(0x0101010101010101 * byte) for byte in (0x01, 0x80, ord('"'), ord("\\"), ord(" "))
)
_ESCAPED: Any = np.zeros(256, np.uint8)
_ESCAPED[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')
OTHERWISE = -1


@intrinsic
def _copy(context, whole, at, data, begin, length):  # type: ignore[no-untyped-def, misc]
    """Copies bytes as C does: a loop over them, of which Numba cannot know that the arrays are apart, takes ten times as
    long."""

    def made(context, builder, signature, given):  # type: ignore[no-untyped-def]
        target, source = (
            context.make_array(signature.args[place])(context, builder, given[place]).data for place in (0, 2)
        )
        cgutils.raw_memcpy(builder, builder.gep(target, [given[1]]), builder.gep(source, [given[3]]), given[4], 1)
        return context.get_dummy_value()

    return types.void(whole, types.intp, data, types.intp, types.intp), made


@loop(types.void(BYTES, BYTES, PLACES, PLACES, types.uint8[::1]))
def gather(data, more, starts, ends, whole):  # type: ignore[no-untyped-def, misc]
    """Writes the pieces one after the other; those beyond `data` stand in `more`."""
    at = 0
    for piece in range(len(starts)):
        begin, length = starts[piece], ends[piece] - starts[piece]
        if begin < len(data):
            _copy(whole, at, data, begin, length)
        else:
            _copy(whole, at, more, begin - len(data), length)
        at += length


@njit
def _at_special(data, eights, at):  # type: ignore[no-untyped-def, misc]
    """The place from `at` on of the first quote, backslash or sign that stands in no string; the end where there is none."""
    while at < len(eights):  # the lowest marked bit is right: a difference borrows only from above it
        part = eights[at]
        quotes, slashes = part ^ _QUOTES, part ^ _SLASHES
        found = (((quotes - _ONES) & ~quotes) | ((slashes - _ONES) & ~slashes) | ((part - _SPACES) & ~part)) & _HIGHS
        if found:
            return at + (trailing_zeros(found) >> 3)
        at += 8
    while at < len(data) and data[at] != 0x22 and data[at] != 0x5C and data[at] >= 0x20:
        at += 1
    return at


@njit
def _code_unit(data, at):  # type: ignore[no-untyped-def, misc]
    """The number of `\\uXXXX` at this place, OTHERWISE where there is none."""
    if at + 6 > len(data) or data[at] != 0x5C or data[at + 1] != 0x75:
        return OTHERWISE
    unit = np.int64(0)
    for step in range(2, 6):
        byte = np.int64(data[at + step])
        low = byte | 0x20
        if 0x30 <= byte <= 0x39:
            unit = unit * 16 + byte - 0x30
        elif 0x61 <= low <= 0x66:
            unit = unit * 16 + low - 0x61 + 10
        else:
            return OTHERWISE
    return unit


@njit
def _write(sign, spare, used):  # type: ignore[no-untyped-def, misc]
    """Writes one sign in UTF-8; where it ends."""
    if sign < 0x80:
        spare[used] = sign
        return used + 1
    length = 2 if sign < 0x800 else 3 if sign < 0x10000 else 4
    for step in range(length - 1, 0, -1):
        spare[used + step] = 0x80 | (sign & 0x3F)
        sign >>= 6
    spare[used] = ((0xF00 >> length) & 0xFF) | sign
    return used + length


@njit
def _unescaped(data, at, spare, used):  # type: ignore[no-untyped-def, misc]
    """Writes what the backslash at this place and what follows it stand for; where both go on, or OTHERWISE."""
    if at + 1 >= len(data):
        return OTHERWISE, used
    if data[at + 1] != 0x75:
        sign = _ESCAPED[data[at + 1]]
        spare[used] = sign
        return (at + 2 if sign else OTHERWISE), used + 1
    unit = _code_unit(data, at)
    if unit < 0 or 0xDC00 <= unit <= 0xDFFF:
        return OTHERWISE, used
    if unit < 0xD800 or unit > 0xDFFF:
        return at + 6, _write(unit, spare, used)
    low = _code_unit(data, at + 6)
    if low < 0xDC00 or low > 0xDFFF:
        return OTHERWISE, used
    return at + 12, _write(0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00, spare, used)


@loop(types.int64(BYTES, EIGHTS, BYTES, PLACES, types.uint8[::1], types.int64[:, ::1], types.int64[:, ::1]))
def find_values(data, eights, between, bounds, spare, starts, ends):  # type: ignore[no-untyped-def, misc]
    """The place of each value of each line; see `plain_lines.values`. A value with a backslash is written out into `spare`
    and its place counted on from the end of `data`. How much of `spare` is used, OTHERWISE where a line is no such line."""
    at = used = 0
    values = len(bounds) - 2
    for line in range(starts.shape[1]):
        for value in range(values + 1):
            length = bounds[value + 1] - bounds[value]
            if at + length > len(data):
                return OTHERWISE
            differs = np.uint8(0)
            for step in range(length):
                differs |= data[at + step] ^ between[bounds[value] + step]
            if differs:
                return OTHERWISE
            at += length
            if value == values:
                break
            begin, written = at, used
            at = _at_special(data, eights, at)
            while at < len(data) and data[at] == 0x5C:
                _copy(spare, used, data, begin, at - begin)
                used += at - begin
                at, used = _unescaped(data, at, spare, used)
                if at < 0:
                    return OTHERWISE
                begin = at
                at = _at_special(data, eights, at)
            if at >= len(data) or data[at] != 0x22:
                return OTHERWISE
            if used > written:
                _copy(spare, used, data, begin, at - begin)
                used += at - begin
                starts[value, line], ends[value, line] = len(data) + written, len(data) + used
            else:
                starts[value, line], ends[value, line] = begin, at
        if at < len(data):
            if data[at] != 0x0A:
                return OTHERWISE
            at += 1
        elif line + 1 < starts.shape[1]:
            return OTHERWISE
    return used if at == len(data) else OTHERWISE
