"""Documents to passages: cut by tokens with an overlap, each under the name that links what is made of it back to it."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from studio import store
from studio.chat import TokenCounter
from studio.errors import InputError
from studio.examples import Dataset

PIECES = re.compile(r".+?(?:\n\s*\n|(?<=[.!?。！？])\s+|\Z)", re.DOTALL)
WORDS = re.compile(r"\s*\S+\s*")
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
    one before it, up to `overlap` tokens. A sentence that is too long is cut between words, a word never.

    Raises InputError when the numbers cannot be."""
    check_cut(tokens, overlap)
    return list(_cut(text, counter, tokens, overlap))


def _cut(text: str, counter: TokenCounter, tokens: int, overlap: int) -> Iterator[str]:
    held: list[tuple[str, int]] = []
    for piece, count in _pieces(text, counter, tokens):
        if held and sum(size for _, size in held) + count > tokens:
            yield from _joined(held)
            held = _last(held, min(overlap, tokens - count))
        held.append((piece, count))
    yield from _joined(held)


def _joined(held: list[tuple[str, int]]) -> Iterator[str]:
    if passage := "".join(part for part, _ in held).strip():
        yield passage


def _pieces(text: str, counter: TokenCounter, tokens: int) -> Iterator[tuple[str, int]]:
    for found in PIECES.finditer(text):
        count = counter.count_text(found[0])
        if count <= tokens:
            yield found[0], count
        else:
            yield from ((word[0], counter.count_text(word[0])) for word in WORDS.finditer(found[0]))


def _last(held: list[tuple[str, int]], overlap: int) -> list[tuple[str, int]]:
    chosen: list[tuple[str, int]] = []
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
    name = f"{dataset.name}-v{dataset.version}-{counter.name}-{tokens}-{overlap}.parquet"
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

    table = pyarrow.parquet.read_table(path, filters=[("link", "in", list(links))]) if links else None
    return {} if table is None else dict(zip(table["link"].to_pylist(), table["text"].to_pylist(), strict=True))
