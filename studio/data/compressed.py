"""Files as streams of bytes and lines, unpacked on the way (.gz, .zst), never more than a limit."""

import codecs
import gzip
import io
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from studio.errors import InputError

PACKED = (".gz", ".zst")
LARGEST = 8 * 1000**3  # rows are read in a stream, so that the disk is the limit and not the memory
LARGEST_UNPACKED = 1000**3
LARGEST_WHOLE = 512 * 1024**2
LONGEST_LINE = 64 * 1024**2
BLOCK = 1 << 20
GUESSED_FROM = 1 << 16
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
LEAST_PLAIN = 0.1
PLAIN_LINE = re.compile(
    rb"[\t\r\x20-\x7e]{8,}\n"
)  # in UTF-16 zero bytes stand beside such letters, or before the line's end
LARGEST_WINDOW = 128 * 1024**2


def kind(path: Path) -> str:
    """The suffix that says what is inside: `.jsonl` for rows.jsonl and for rows.jsonl.gz."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED else suffix


def is_packed(path: Path) -> bool:
    return path.suffix.lower() in PACKED


class _Bounded(io.RawIOBase):
    """What comes out of an unpacker, up to `limit` bytes, so that a small file cannot fill the memory or the disk."""

    def __init__(self, inner: Any, name: str, limit: int) -> None:
        self._inner, self._name, self._left, self._limit = inner, name, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._inner.read(len(buffer))
        except (EOFError, OSError, zlib.error, MemoryError) as error:
            raise _broken(self._name, error) from None
        except Exception as error:  # zstandard's own error, imported only for a .zst
            if type(error).__name__ != "ZstdError":
                raise
            raise _broken(self._name, error) from None
        self._left -= len(block)
        if self._left < 0:
            raise InputError(
                "The compressed file is too large",
                f"{self._name} unpacks to more than {self._limit / 1024**2:,.0f} MB",
                "Split it into parts",
            )
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._inner.close()
        super().close()


def _broken(name: str, error: BaseException) -> InputError:
    return InputError("The compressed file is broken", f"{name}: {str(error)[:100]}", "Compress it again")


@contextmanager
def opened(path: Path, limit: int = LARGEST_UNPACKED) -> Iterator[BinaryIO]:
    """The bytes inside a file. Reading raises InputError when it is broken or unpacks to more than `limit` bytes."""
    raw = open(path, "rb")  # noqa: SIM115 the stream that is yielded owns it
    with raw:
        if not is_packed(path):
            yield cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, raw), BLOCK))
            return
        if path.suffix.lower() == ".gz":
            inner: Any = gzip.GzipFile(fileobj=raw)
        else:
            import zstandard

            unpacker = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
            inner = unpacker.stream_reader(raw, read_across_frames=True)
        with io.BufferedReader(_Bounded(inner, path.name, limit), BLOCK) as stream:
            yield cast(BinaryIO, stream)


def whole(path: Path, limit: int = LARGEST_WHOLE) -> bytes:
    """All bytes inside a file. Raises InputError when there are more than `limit`."""
    with opened(path, limit) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise InputError(
            "The file is too large", f"{path.name}, over {limit / 1024**2:,.0f} MB", "Split it, or save it as .jsonl"
        )
    return content


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The path of the file as it is inside: a temporary one when it is compressed."""
    if not is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        inside = Path(folder) / path.stem
        with opened(path) as stream, open(inside, "wb") as file:
            while block := stream.read(BLOCK):
                file.write(block)
        yield inside


class Text:
    """The lines of a stream as UTF-8 bytes, whatever its encoding: UTF-8, UTF-16 and UTF-32 with or without a mark at the
    start, else each line that is not UTF-8 in the encoding that fits best what follows it."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = cast(io.BufferedReader, stream), name
        self._guess: str | None = None

    def lines(self, from_start: bool = True) -> Iterator[bytes | None]:
        """Each line with its end; None for one that is longer than LONGEST_LINE. Raises InputError for a binary file: what
        a file is, only its start can tell."""
        if not from_start:
            yield from self._bounded()
            return
        head = self._stream.peek(GUESSED_FROM)[:GUESSED_FROM]
        if wide := wide_encoding(head):
            yield from self._recoded(wide, "")
        elif b"\x00" in head:
            raise InputError(
                "This is a binary file", f"{self._name} holds zero bytes", "Save it as text (UTF-8), or as Parquet"
            )
        elif b"\r" in head and b"\n" not in head:
            yield from self._recoded("utf-8-sig", None)
        else:
            if head.startswith(b"\xef\xbb\xbf"):
                self._stream.read(3)
            yield from self._bounded()

    def text(self, line: bytes) -> str:
        """One line as text."""
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            if self._guess is None:
                self._guess = guessed_encoding(line + self._stream.peek(GUESSED_FROM))
            return line.decode(self._guess, errors="replace")

    def _bounded(self) -> Iterator[bytes | None]:
        while line := self._stream.readline(LONGEST_LINE):
            if len(line) < LONGEST_LINE or line.endswith(b"\n"):
                yield line
                continue
            while (rest := self._stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield None

    def _recoded(self, encoding: str, newline: str | None) -> Iterator[bytes | None]:
        lines = io.TextIOWrapper(self._stream, encoding, errors="replace", newline=newline)
        try:
            while line := lines.readline(LONGEST_LINE):
                yield line.encode("utf-8", errors="replace")
        finally:
            lines.detach()


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 when the beginning of a file is written so; without a mark, when it then holds no control characters
    and some plain letters, which zero bytes stand beside. None for all else, bytes of no text too."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"  # looked for first: its mark begins with that of UTF-16
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\x00" not in head or PLAIN_LINE.match(head):
        return None
    plain: dict[str, float] = {}
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head[: len(head) // 4 * 4])
        except UnicodeDecodeError:
            continue
        if text and not CONTROL.search(text):
            plain[encoding] = sum(letter.isascii() for letter in text) / len(text)
    best = max(plain, key=lambda encoding: plain[encoding], default=None)
    return best if best is not None and plain[best] >= LEAST_PLAIN else None


def guessed_encoding(content: bytes) -> str:
    """The encoding that fits bytes best that are not UTF-8."""
    from charset_normalizer import from_bytes

    best = from_bytes(content[:GUESSED_FROM]).best()
    return best.encoding if best is not None and best.encoding != "ascii" else "cp1252"


def decoded(content: bytes) -> str:
    """A whole text file as text."""
    if wide := wide_encoding(content[:GUESSED_FROM]):
        return content.decode(wide, errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(guessed_encoding(content), errors="replace")
