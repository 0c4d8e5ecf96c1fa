"""One slice of a large file: `python -m studio.data.slice_worker`, told its task on its standard input.

It says `read BYTES` now and then, and last what it found, as one line of JSON.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    from studio import example_tables
    from studio.chat import TokenCounter
    from studio.data import near_duplicates, readers, shapes, slices
    from studio.data.columns import Choices
    from studio.data.rows import clean
    from studio.data.text_column import TextColumn
    from studio.data.token_counts import TokenCounts

    task = slices.Task(**json.load(sys.stdin))
    choices = Choices(task.shape, task.columns, task.system)
    counts = TokenCounts(TokenCounter(task.model_folder), task.counted_rows)
    common = np.load(task.common)
    found = slices.Found()
    keys: list[Any] = []
    present: list[Any] = []

    def tables() -> Iterator[Any]:
        with slices.Slice(task.path, task.start, task.end) as piece:
            for rows, unread in readers.batches_of_lines(piece, task.name, task.first_line):
                if found.first_row is None and rows:
                    found.first_row = rows[0][1]
                gathered, unshaped = shapes.gather(rows, task.name, choices, None)
                problems = sorted([*unread, *unshaped], key=lambda problem: problem[0])
                found.problems += [(line, clean(reason), clean(raw)) for line, reason, raw in problems]
                found.has_ids = found.has_ids or any("id" in row for _, row in rows)
                if len(gathered):
                    yield gathered.scored(counts.of(gathered))
                    signed = near_duplicates.sign_some(TextColumn.of(gathered.texts()), common)
                    keys.append(signed[0])
                    present.append(signed[1])
                print(f"read {piece.done}", flush=True)

    folder = Path(task.folder)
    found.rows = example_tables.write(folder / f"examples-{task.number:03d}.parquet", tables())
    for name, parts in (("keys", keys), ("present", present)):
        if parts:
            np.save(folder / "measures" / near_duplicates.file_name(name, task.number), np.concatenate(parts))
    found.estimated = counts.report
    print(json.dumps(asdict(found), default=str))


if __name__ == "__main__":
    main()
