"""What tells one's own function from the same one with another body: what it gave before is good only while it is the same.

Read are its code, the functions and classes of one's own that it uses, and the plain values (numbers, texts, tuples) that
it finds outside. Not read are the place where the code stands, libraries, what lies in lists and dictionaries, and what the
code itself changes, such as a counter: a function that was stopped goes on.
"""

import dis
import functools
import hashlib
import os
import re
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

PLAIN = (str, bytes, int, float, complex, type(None), type(...), range, PurePath)
MAKERS = ("__init__", "__post_init__", "__new__")
"""What these write into an object is how it was made, and not what it became."""
LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
STUDIO = f"{Path(__file__).resolve().parents[1]}{os.sep}"


def sign(function: Callable[..., Any]) -> str:
    """16 hex digits that are others when what the function does is another, in this process or the next."""
    first = _Reader(frozenset())
    for _ in first.read(function):
        pass
    digest = hashlib.sha256()
    for part in _Reader(frozenset(first.written)).read(function):
        digest.update(part.encode(errors="surrogatepass") + b"\0")
    return digest.hexdigest()[:16]


class _Reader:
    """Reads all that a function uses, each object once; `written` grows by the names that the code writes to, and what has
    one of the names `without` is passed over."""

    def __init__(self, without: frozenset[str]) -> None:
        self.written: set[str] = set()
        self._without = without
        self._found: list[Any] = []  # alive, so that no other gets its id
        self._numbers: dict[int, int] = {}

    def read(self, function: Any) -> Iterator[str]:
        yield from self._value(function)
        for value in self._found:  # which grows: a chain of calls may be longer than Python's stack
            if isinstance(value, FunctionType):
                yield from self._function(value)
            elif isinstance(value, type):
                yield from self._class(value)
            elif isinstance(value, ModuleType):
                yield value.__name__
            else:
                yield from self._object(value)

    def _value(self, value: Any) -> Iterator[str]:
        yield type(value).__qualname__
        if isinstance(value, PLAIN):
            yield repr(value)
        elif isinstance(value, re.Pattern):
            yield f"{value.pattern!r} {value.flags}"
        elif isinstance(value, tuple):
            for one in value:
                yield from self._value(one)
            yield "end"
        elif isinstance(value, frozenset):  # its order is another in each process
            yield from sorted(" ".join(self._value(one)) for one in value)
            yield "end"
        elif isinstance(value, CodeType):
            yield f"{value.co_code.hex()} {value.co_names}"
            yield from self._value(value.co_consts)
        elif isinstance(value, MethodType):
            yield from self._value((value.__func__, value.__self__))
        elif isinstance(value, functools.partial):
            yield from self._value((value.func, value.args, tuple(value.keywords.items())))
        else:
            if id(value) not in self._numbers:
                self._numbers[id(value)] = len(self._found)
                self._found.append(value)
            yield str(self._numbers[id(value)])

    def _named(self, values: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
        for name in names:
            if name in values and name not in self._without:
                yield name
                yield from self._value(values[name])

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield function.__qualname__
        code = function.__code__
        if _is_library(code.co_filename):
            return
        yield from self._value((code, function.__defaults__, tuple((function.__kwdefaults__ or {}).items())))
        reads, writes = _names(code)
        if function.__name__ not in MAKERS:
            self.written |= writes
        outside = {**function.__globals__, **_inside(code.co_freevars, function.__closure__ or ())}
        names = [*code.co_freevars, *reads]
        yield from self._named(outside, names)
        for module in (outside[name] for name in names if isinstance(outside.get(name), ModuleType)):
            if not _is_library(getattr(module, "__file__", None) or ""):
                yield from self._named(vars(module), _all_names(code))

    def _class(self, made: type) -> Iterator[str]:
        """Its functions and plain values, and the classes it stands on."""
        yield made.__qualname__
        if _is_of_library(made):
            return
        for name, value in vars(made).items():
            inner = getattr(value, "__func__", getattr(value, "fget", value))  # of a static method, of a property
            if isinstance(inner, FunctionType) or (isinstance(inner, (*PLAIN, tuple)) and not name.startswith("__")):
                yield from self._named({name: inner}, [name])
        yield from self._value(made.__bases__)

    def _object(self, value: Any) -> Iterator[str]:
        yield str(getattr(value, "__qualname__", ""))
        if (inner := getattr(value, "__wrapped__", None)) is not None:
            yield from self._value(inner)
        if not _is_of_library(type(value)):
            yield from self._value(type(value))
            held = getattr(value, "__dict__", {})
            yield from self._named(held, held)


def _is_library(file: str) -> bool:
    return file.startswith(("<frozen", STUDIO, *LIBRARIES))


def _is_of_library(made: type) -> bool:
    """Or of Python itself; a class of one's own may hold no function."""
    functions = [value for value in vars(made).values() if isinstance(value, FunctionType)]
    if functions:
        return any(_is_library(function.__code__.co_filename) for function in functions)
    return not made.__flags__ & HEAP_TYPE


HEAP_TYPE = 1 << 9
"""of `type.__flags__`: the class was made by a class statement, and not in C"""


def _inside(names: Iterable[str], cells: Iterable[CellType]) -> dict[str, Any]:
    """What the names of a closure stand for; an empty one is left out."""
    found = {}
    for name, cell in zip(names, cells, strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and those of the functions and comprehensions inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _all_names(code: CodeType) -> list[str]:
    return list(dict.fromkeys(name for one in _codes(code) for name in one.co_names))


def _names(code: CodeType) -> tuple[list[str], set[str]]:
    """(the global names that are read, all names that are written and are not the code's own)"""
    reads: dict[str, None] = {}
    writes: set[str] = set()
    for one in _codes(code):
        for step in dis.get_instructions(one):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                reads[step.argval] = None
            elif step.opname in ("STORE_GLOBAL", "STORE_DEREF", "STORE_ATTR"):
                writes.add(step.argval)
    return list(reads), writes
