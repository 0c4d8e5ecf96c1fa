"""HTML to the text that a reader of the page sees: a block a line, as a browser gives it when the page is copied."""

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from studio.data.compressed import decoded

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

NOT_READ = "script style noscript template svg head nav iframe object audio video canvas datalist select".split()
HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
PARTED = set(
    "p h1 h2 h3 h4 h5 h6 pre ul ol dl table blockquote figure hr".split()
)  # by a blank line, as a browser does
LINES = set(
    "html body div section article main header footer aside address hgroup li dt dd figcaption details summary fieldset legend "
    "form center caption thead tbody tfoot tr td th dialog menu search".split()
)
IN_LAYOUT = [
    "table",
    "pre",
    "blockquote",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
]  # in a cell they say that it is no table of data
UNSEEN = re.compile("[\u00ad\u200b\ufeff]")  # where a word may be broken
DEEPEST = 10  # lists within lists that set a line in
SPACE = re.compile(r"[ \t\n\r\f\xa0]+")


def html(content: bytes) -> str:
    """Paragraphs, headings, lists, tables and code are parted by a blank line. A list is an item a line with its mark, a
    table a row a line with tabs between the cells, code as it is written; navigation and what is hidden is left out."""
    from bs4 import BeautifulSoup
    from bs4.dammit import EncodingDetector

    is_named = EncodingDetector.find_declared_encoding(content, is_html=True) is not None
    with warnings.catch_warnings():  # it warns of what looks like XML or like a file name
        warnings.simplefilter("ignore")
        soup = BeautifulSoup(
            content if is_named else decoded(content), "lxml"
        )  # linear; html.parser is not on comments that never end
    for element in soup(_is_left_out):
        element.decompose()
    _write_tables(soup)
    page = _Page()
    for node, is_end in _walk(soup):
        if isinstance(node, str):
            page.write(node)
        elif is_end:
            page.end(node.name)
        else:
            page.begin(node.name, node)
    return "".join(page.parts)


def _is_left_out(tag: "Tag") -> bool:
    return (
        tag.name in NOT_READ
        or tag.has_attr("hidden")
        or tag.get("role") == "navigation"
        or HIDDEN.search(str(tag.get("style", ""))) is not None
    )


def _walk(root: "Tag") -> "Iterator[tuple[Tag | str, bool]]":
    """(node, whether it ends) of all tags and texts within; not by recursion, for pages nest deeper than Python may."""
    from bs4.element import CData, NavigableString, Tag

    open_tags = [(root, iter(root.contents))]
    while open_tags:
        tag, inner = open_tags[-1]
        node = next(inner, None)
        if node is None:
            open_tags.pop()
            if open_tags:
                yield tag, True
        elif isinstance(node, Tag):
            yield node, False
            open_tags.append((node, iter(node.contents)))
        elif type(node) in (NavigableString, CData):  # the others are comments, declarations and the like
            yield str(node), False


def _write_tables(soup: "BeautifulSoup") -> None:
    """Tables of data are text from here on; those that only lay out the page stay as they are."""
    for table in _tables_of_data(soup):
        captions = [_line(caption) for caption in table("caption")]
        rows = ["\t".join(_line(cell) for cell in row(["td", "th"])) for row in table("tr")]
        text = soup.new_tag("pre")
        text.string = "\n".join(line for line in captions + rows if line.strip())
        table.replace_with(text)


def _tables_of_data(soup: "BeautifulSoup") -> "list[Tag]":
    """In one walk: to search each table of thousands within each other goes to the end of all of them each time."""
    found: list[Tag] = []
    around: list[Tag] = []  # the tables that are open
    layouts: set[int] = set()
    for node, is_end in _walk(soup):
        if isinstance(node, str):
            continue
        if is_end:
            if node.name == "table":
                around.pop()
            continue
        if around and node.name in IN_LAYOUT:
            layouts.add(id(around[-1]))
        if node.name == "table":
            around.append(node)
            found.append(node)
    return [table for table in found if id(table) not in layouts]


def _line(element: "Tag") -> str:
    """All that stands in it, on one line."""
    parts = [
        node if isinstance(node, str) else "- " if node.name == "li" and not is_end
        else " " if node.name in PARTED or node.name in LINES or node.name == "br" else ""
        for node, is_end in _walk(element)
    ]  # fmt: skip
    return " ".join(UNSEEN.sub("", "".join(parts)).split())


class _Page:
    """The text so far, as `parts`, and what stands between it and the next: line ends, spaces, the mark of an item."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.line_ends = 0
        self.spaces = ""
        self.mark = ""
        self.lists: list[list[int]] = []  # of each open one how far its items are set in, and the next one's number
        self.codes = 0  # how many <pre> are open
        self.begins_code = False

    def begin(self, name: str, tag: "Tag") -> None:
        self._part(name)
        if name == "br" and self.codes:
            self.spaces += "\n"
        elif name == "br":
            self.line_ends, self.spaces = min(self.line_ends + 1, 2), ""
        elif name == "pre":
            self.codes += 1
            self.begins_code = True
        elif name == "ul":
            self.lists.append([2, 0])
        elif name == "ol":
            start = str(tag.get("start", ""))
            self.lists.append([3, int(start) if start.isdecimal() else 1])
        elif name == "li":
            number = self.lists[-1][1] if self.lists else 0
            self.mark = f"{number}. " if self.lists and self.lists[-1][0] == 3 else "- "
            if self.lists:
                self.lists[-1][1] += 1

    def end(self, name: str) -> None:
        if name == "pre":
            self.codes -= 1
        elif name in ("ul", "ol"):
            self.lists.pop()
        elif name == "li":
            self.mark = ""
        self._part(name)

    def write(self, text: str) -> None:
        text = UNSEEN.sub("", text)
        if self.codes:
            self._write_code(text.replace("\r\n", "\n").replace("\xa0", " "))
            return
        text = SPACE.sub(" ", text)
        if text[:1] == " " and self.parts and not self.line_ends:
            self.spaces = " "
        if words := text.strip(" "):
            self._put(words)
            self.spaces = text[len(text.rstrip(" ")) :]

    def _write_code(self, text: str) -> None:
        if self.begins_code and text:
            text, self.begins_code = text.removeprefix("\n"), False  # as HTML has it
        if code := text.rstrip():
            self._put(re.sub(r"\n(?!\n)", "\n" + " " * self._indent(), code))
        self.spaces += text[len(code) :]

    def _put(self, text: str) -> None:
        if self.line_ends or not self.parts:
            self.parts.append("\n" * self.line_ends if self.parts else "")
            indent = self._indent()
            self.parts.append(" " * (indent - len(self.mark)) + self.mark if self.mark else " " * indent)
            self.line_ends, self.mark = 0, ""
        self.parts += [self.spaces, text]
        self.spaces = ""

    def _indent(self) -> int:
        return sum(width for width, _ in self.lists[:DEEPEST])

    def _part(self, name: str) -> None:
        """What comes is on another line where a tag of this name begins or ends."""
        if name in PARTED or name in LINES:
            self.line_ends = max(self.line_ends, 2 if name in PARTED and not self.lists else 1)
            self.spaces = ""
