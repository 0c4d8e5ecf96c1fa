"""Documents to text: txt, Markdown, HTML, PDF and Word. One document is one row with the field `text`."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from studio.data.compressed import GUESSED_FROM, LARGEST_WHOLE, decoded, whole, wide_encoding
from studio.data.rows import Problem, Row
from studio.data.web_pages import html
from studio.errors import InputError

SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", ".pdf", ".docx")
BLANK_LINES = re.compile(r"\n\s*\n+")


class _UnreadableError(Exception):
    """The reason why a document gives no text."""


def document(path: Path, suffix: str) -> Iterator[Row | Problem]:
    """The document's one row, or the reason why there is no text in it."""
    reader: Callable[[bytes], str] = {
        ".html": html, ".htm": html, ".pdf": pdf, ".docx": docx,
    }.get(suffix, plain)  # fmt: skip
    try:
        text = reader(whole(path)).replace("\r\n", "\n").strip("\ufeff\n")
    except InputError:
        raise
    except _UnreadableError as error:
        yield 1, str(error), path.name
        return
    except Exception as error:  # a damaged document makes its library raise almost anything
        yield 1, f"cannot be read as {suffix}: {type(error).__name__} {error}"[:200], path.name
        return
    if text.strip():
        yield 1, {"text": text}
    else:
        yield 1, "there is no text in it (a scan needs text recognition first)", path.name


def plain(content: bytes) -> str:
    """Raises for bytes that are no text."""
    if b"\x00" in content[:GUESSED_FROM] and not wide_encoding(content[:GUESSED_FROM]):
        raise _UnreadableError("this is a binary file: it holds zero bytes")
    return decoded(content)


def pdf(content: bytes) -> str:
    """The text of all pages, a blank line between two."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise _UnreadableError("the PDF needs a password: save it without one")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def docx(content: bytes) -> str:
    """Paragraphs and tables in their order, a table's cells parted by tabs."""
    from docx import Document
    from docx.table import Table

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if sum(part.file_size for part in parts.infolist()) > LARGEST_WHOLE:
            raise _UnreadableError(f"it unpacks to more than {LARGEST_WHOLE / 1024**2:,.0f} MB")
    blocks = []
    for block in Document(io.BytesIO(content)).iter_inner_content():
        if isinstance(block, Table):
            blocks.append("\n".join("\t".join(cell.text for cell in row.cells) for row in block.rows))
        else:
            blocks.append(block.text)
    return BLANK_LINES.sub("\n\n", "\n\n".join(block for block in blocks if block.strip()))
