"""Documents to passages: cut by tokens with an overlap, each under the name that links what is made of it back to it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from studio import store
from studio.chat import CHARACTERS_PER_TOKEN, TokenCounter
from studio.errors import InputError
from studio.examples import Dataset

CUT = 2  # one up where a text is cut otherwise: what was cut before is then cut again
PIECES = re.compile(
    r".+?(?:\n\s*\n|(?<=[.!?।॥۔؟።။])\s+|(?<=[。！？｡])[。！？｡」』”’）】》]*+(?!と|って)\s*|\Z)", re.DOTALL
)
WORDS = re.compile(r"\s*\S+\s*")
CLAUSES = re.compile(r"[^，、；：]*[，、；：]+\s*|[^，、；：]+\Z")  # of writings that have no spaces
FINER = (WORDS, CLAUSES)
MOST_CHARACTERS = 40  # a token: what is longer is cut without counting it
FIRST_CHARACTERS = 4  # a token, to begin with
LEADING_VOWELS = "เแโใไເແໂໃໄ"  # of Thai and Lao, written before the letter that they belong to
JOINER = "\u200d"
MOST_BACK = 16
DOCUMENTS_AT_ONCE = 20
BATCH_ROWS = 500


class Passage(NamedTuple):
    """`link` is the document's source and the passage's place in it (from 1), as in handbook.pdf#3."""

    link: str
    text: str


def check_cut(tokens: int, overlap: int) -> None:
    """Raises InputError when the numbers cannot be."""
    if tokens < 1 or not 0 <= overlap < tokens:
        found = f"tokens {tokens}, overlap {overlap}"
        raise InputError("The text cannot be cut so", found, "Give at least 1 token, and an overlap that is smaller")


def cut(text: str, counter: TokenCounter, tokens: int = 512, overlap: int = 64) -> list[str]:
    """The text in passages of at most `tokens` tokens, cut between sentences; each begins with the last sentences of the
    one before it, up to `overlap` tokens. A sentence that is too long is cut between words, a word that is (as in a
    writing without spaces) at its commas, else between letters.

    Raises InputError when the numbers cannot be."""
    check_cut(tokens, overlap)
    return list(_cut(text, counter, tokens, overlap))


def _cut(text: str, counter: TokenCounter, tokens: int, overlap: int) -> Iterator[str]:
    held: list[tuple[str, float]] = []
    size = _size(counter)
    for piece, count in _pieces(text, size, tokens, overlap):
        if held and sum(size for _, size in held) + count > tokens:
            yield from _joined(held)
            held = _last(held, min(overlap, tokens - count))
        held.append((piece, count))
    yield from _joined(held)


def _size(counter: TokenCounter) -> Callable[[str], float]:
    """The tokens of a text; the estimate before it is rounded, for of many small pieces each would lose a part."""
    if counter.name == "estimate":
        return lambda text: len(text) / CHARACTERS_PER_TOKEN
    return counter.count_text


def _joined(held: list[tuple[str, float]]) -> Iterator[str]:
    if passage := "".join(part for part, _ in held).strip():
        yield passage


def _pieces(text: str, size: Callable[[str], float], tokens: int, overlap: int) -> Iterator[tuple[str, float]]:
    """The sentences, and of those that are too long what is finer, with their sizes: none is over `tokens`."""

    def finer(part: str, level: int) -> Iterator[tuple[str, float]]:
        if (count := _within(part, size, tokens)) is not None:
            yield part, count
        elif level == len(FINER):
            # small ones, so that passages are full and have something to overlap by
            yield from _slices(part, size, min(max(overlap, tokens // 8, 1), max(tokens // 2, 1)))
        elif not part.isspace():
            for found in FINER[level].finditer(part):
                yield from finer(found[0], level + 1)

    for sentence in PIECES.finditer(text):
        yield from finer(sentence[0], 0)


def _within(part: str, size: Callable[[str], float], tokens: int) -> float | None:
    """Its size, None where it is over `tokens`; a part that is over them only by the space around it fills a passage."""
    for text in dict.fromkeys((part, part.strip())):
        if len(text) <= MOST_CHARACTERS * tokens and (count := size(text)) <= tokens:
            return count if text is part else tokens
    return None


def _slices(word: str, size: Callable[[str], float], most: int) -> Iterator[tuple[str, float]]:
    """The letters in parts of at most `most` tokens each; one letter may be more."""
    begin, length = 0, FIRST_CHARACTERS * most
    while begin < len(word):
        part = word[begin : begin + length]
        while (count := size(part)) > most and len(part) > 1:
            part = part[: max(1, min(len(part) - 1, int(len(part) * most / count)))]
        length = len(part) * 5 // 4 + 1
        if (end := _between_letters(word, begin, begin + len(part))) < begin + len(part):
            part = word[begin:end]
            count = size(part)
        yield part, count
        begin += len(part)


def _between_letters(word: str, begin: int, end: int) -> int:
    """The place before `end` where no mark is cut off its letter; `end` where there is none near."""
    for at in range(end, max(begin, end - MOST_BACK), -1):
        if at == len(word) or not _belongs(word[at - 1], word[at]):
            return at
    return end


def _belongs(sign: str, following: str) -> bool:
    kind = unicodedata.category(following)
    return sign == JOINER or sign in LEADING_VOWELS or following == JOINER or kind[0] == "M" or kind == "Sk"


def _last(held: list[tuple[str, float]], overlap: float) -> list[tuple[str, float]]:
    chosen: list[tuple[str, float]] = []
    for piece, count in reversed(held[1:]):
        if sum(size for _, size in chosen) + count > overlap:
            break
        chosen.insert(0, (piece, count))
    return chosen


def holds_passages(dataset: Dataset) -> bool:
    return bool((dataset.columns("kind")["kind"] == "passage").any())


def of_dataset(dataset: Dataset, counter: TokenCounter, tokens: int, overlap: int) -> Iterator[Passage]:
    """The passages of all documents (examples of the kind passage), in order. Where several documents have one source,
    as the rows of a file have, their passages are counted on."""
    check_cut(tokens, overlap)
    places: Counter[str] = Counter()
    for batch in dataset.batches(DOCUMENTS_AT_ONCE):
        documents = batch[batch["kind"] == "passage"]
        for source, messages in zip(documents["source"], documents["messages"], strict=True):
            for text in _cut(messages[0]["content"], counter, tokens, overlap):
                places[source] += 1
                yield Passage(f"{source}#{places[source]}", text)


def file_of(project_folder: Path, dataset: Dataset, counter: TokenCounter, tokens: int, overlap: int) -> Path:
    """Where the passages of one cut of a dataset are kept; both never change, so neither does the file."""
    name = f"{dataset.name}-v{dataset.version}-{counter.name}-{tokens}-{overlap}.{CUT}.parquet"
    return project_folder / "passages" / name


def write(path: Path, passages: Iterator[Passage], on_batch: Callable[[int], None]) -> None:
    """Writes them to Parquet (link, text), whole or not at all; `on_batch` is told how many there are so far."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([("link", pyarrow.string()), ("text", pyarrow.string())])
    written = 0
    with store.replacing(path) as beside, pyarrow.parquet.ParquetWriter(beside, schema, compression="zstd") as writer:
        for batch in _batched(passages):
            links, texts = zip(*batch, strict=True)
            writer.write_table(pyarrow.Table.from_arrays([pyarrow.array(links), pyarrow.array(texts)], schema=schema))
            written += len(batch)
            on_batch(written)


def _batched(passages: Iterator[Passage]) -> Iterator[list[Passage]]:
    batch: list[Passage] = []
    for passage in passages:
        batch.append(passage)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def count(path: Path) -> int:
    import pyarrow.parquet

    return int(pyarrow.parquet.read_metadata(path).num_rows)


def read(path: Path, at_once: int = BATCH_ROWS) -> Iterator[list[Passage]]:
    """The passages of a file in batches of `at_once`."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=at_once):
            links, texts = (column.to_pylist() for column in batch.columns)
            yield [Passage(link, text) for link, text in zip(links, texts, strict=True)]


def texts_of(path: Path, links: Collection[str]) -> dict[str, str]:
    """The texts of the passages with these links, of those that are there."""
    import pyarrow.parquet

    if not path.exists():
        path = path.with_name(path.name.replace(f".{CUT}.", "."))  # what was made before the cut had a number
    table = pyarrow.parquet.read_table(path, filters=[("link", "in", list(links))]) if links else None
    return {} if table is None else dict(zip(table["link"].to_pylist(), table["text"].to_pylist(), strict=True))
