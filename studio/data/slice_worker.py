"""One slice of a large file: `python -m studio.data.slice_worker`, told its task on its standard input.

It says `read BYTES` now and then, and last what it found, as one line of JSON.
"""

import gc
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from studio.data import slices
from studio.data.compressed import LONGEST_LINE

if TYPE_CHECKING:
    from studio.data.gathering import Gathered
    from studio.data.turns import Turns

BLOCK = 1 << 22  # bytes read together, so that what is done once a block costs little a row
PART = 1 << 18  # bytes tried as columns where a block holds a line that is no plain row


class Unused:
    """Says of libraries that they are not there: Numba and Arrow would load them, which takes longer than they are worth,
    only to ask whether a value is of theirs."""

    NAMES = ("scipy", "pandas")

    @classmethod
    def find_spec(cls, name: str, *rest: Any) -> None:
        if name in cls.NAMES:
            raise ModuleNotFoundError(f"{name} is not used here", name=name)


def blocks(piece: slices.Slice | io.BytesIO, first_line: int, size: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """The bytes of a slice in whole lines, about `size` together, and the number of the first line of each."""
    stream = io.BufferedReader(piece)
    while block := stream.read(size):
        if not block.endswith(b"\n"):
            block += (rest := stream.readline(LONGEST_LINE))
            while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):  # that line is no row: its end is passed over
                rest = stream.readline(LONGEST_LINE)
        yield block, first_line
        first_line += slices.count_lines(block)


def main() -> None:
    gc.disable()  # what is made of a block is let go without it, and it would look at all the libraries again and again
    sys.meta_path.insert(0, Unused)
    from studio import example_tables
    from studio.chat import TokenCounter
    from studio.data import near_duplicates, readers, shapes
    from studio.data import turns as turns_of
    from studio.data.columns import Choices
    from studio.data.rows import clean
    from studio.data.token_counts import TokenCounts

    task = slices.Task(**json.load(sys.stdin))
    choices = Choices(task.shape, task.columns, task.system, other_scales=tuple(task.other_scales))
    counts = TokenCounts(TokenCounter(task.model_folder), task.counted_rows)
    common = np.load(task.common)
    found = slices.Found()
    keys: list[Any] = []
    present: list[Any] = []

    def tables() -> Iterator[Any]:
        with slices.Slice(task.path, task.start, task.end) as piece:
            for block, first_line in blocks(piece, task.first_line):
                whole = plain(block, first_line)
                if whole is not None:
                    yield whole
                else:
                    for part, first_of_part in blocks(io.BytesIO(block), first_line, PART):
                        of_part = plain(part, first_of_part)
                        yield from [of_part] if of_part is not None else one_by_one(part, first_of_part)
                print(f"read {piece.done}", flush=True)

    def plain(block: bytes, first_line: int) -> Any:
        turns = turns_of.read(block, first_line, task.name, choices)
        if turns is None:
            return None
        note(orjson.loads(block[: block.find(b"\n")]))
        return made(turns)

    def one_by_one(block: bytes, first_line: int) -> Iterator[Any]:
        for rows, unread in readers.batches_of_lines(io.BytesIO(block), task.name, first_line):
            for _, row in rows:
                note(row)
            gathered, unshaped = shapes.gather(rows, task.name, choices, None)
            found.other_scale += gathered.other_scale
            problems = sorted([*unread, *unshaped], key=lambda problem: problem[0])
            found.problems += [(line, clean(reason), clean(raw)) for line, reason, raw in problems]
            if len(gathered):
                yield made(gathered)

    def note(row: dict[str, Any]) -> None:
        found.first_row = row if found.first_row is None else found.first_row
        found.has_ids = found.has_ids or "id" in row

    def made(rows: "Gathered | Turns") -> Any:
        signed = rows.signed(common)
        keys.append(signed[0])
        present.append(signed[1])
        return rows.scored(counts.of(rows))

    folder = Path(task.folder)
    # compressed it would take six tenths of the room, but half a second more a gigabyte here, and twice as long to read
    found.rows = example_tables.write(folder / f"examples-{task.number:03d}.parquet", tables(), compression="none")
    for name, parts in (("keys", keys), ("present", present)):
        if parts:
            np.save(folder / "measures" / near_duplicates.file_name(name, task.number), np.concatenate(parts))
    found.estimated = counts.report
    print(json.dumps(asdict(found), default=str))


if __name__ == "__main__":
    main()
