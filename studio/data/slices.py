"""A large file of JSON lines read by several processes, each a slice of it (`python -m studio.data.slice_worker`).

What each makes is what one process would make of the whole: lines keep their numbers, ids stay unique. Each also signs
its rows for the search of near duplicates while their text is at hand.
"""

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from studio.data import near_duplicates, readers, shapes
from studio.data.columns import Choices
from studio.data.compressed import BLOCK, LONGEST_LINE, is_packed, kind
from studio.data.rows import Problem
from studio.data.words import Array
from studio.errors import StudioError

LEAST_BYTES = 64 * 1024**2  # under it the start of the processes costs more than they save
MOST_PROCESSES = 8
SAMPLED_PLACES = near_duplicates.TEMPLATE_SAMPLE // near_duplicates.STRETCH
COUNTED_ROWS = 1_000  # tokens counted one by one by all processes together, before they estimate
SEED = 0
POLLED = 0.2  # seconds
SOURCE = Path(__file__).resolve().parents[2]
Progress = Callable[[float, float, str], None]
"""Is told bytes read, bytes there are, and a note."""


@dataclass(frozen=True)
class Task:
    """What one process is told: bytes `start` to `end` of the file, whose first line has the number `first_line`."""

    path: str
    name: str
    number: int
    start: int
    end: int
    first_line: int
    folder: str
    model_folder: str | None
    counted_rows: int
    common: str
    shape: str | None
    columns: dict[str, str]
    system: str
    other_scales: tuple[str, ...]


@dataclass
class Found:
    """What one process read: rows kept, problems, the fields of the first row, whether rows bring ids, how many bring a
    quality of another scale, and how many tokens were estimated and how far off that was."""

    rows: int = 0
    first_row: dict[str, Any] | None = None
    has_ids: bool = False
    other_scale: int = 0
    problems: list[Problem] = field(default_factory=list)
    estimated: dict[str, float] = field(default_factory=dict)


def is_large(path: Path) -> bool:
    """Whether a file is of a kind and size that several processes read sooner."""
    if (
        kind(path) not in readers.LINES
        or is_packed(path)
        or path.stat().st_size < LEAST_BYTES
        or (os.cpu_count() or 1) < 2
    ):
        return False
    with open(path, "rb") as file:
        head = file.read(BLOCK)
    if b'"message_id"' in head and b'"role"' in head:
        return False  # perhaps messages of trees, of which each may stand anywhere
    return b"\n" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and b"\x00" not in head


@contextmanager
def started(path: Path) -> "Iterator[list[subprocess.Popen[str]]]":
    """The processes that will read a large file: they load their libraries while the file is still looked at. They end
    with the block."""
    found_in = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    alone = {
        "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",  # the processes are the parallelism
        "MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456",  # glibc: use memory again, not anew
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # the same memory as NumPy's
    }  # fmt: skip
    environment = {**os.environ, **alone, "PYTHONPATH": found_in}
    command = [sys.executable, "-m", "studio.data.slice_worker"]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
            )
            for _ in _bounds(path, min(MOST_PROCESSES, os.cpu_count() or 1))
        ]
        try:
            yield processes
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()


def read(
    processes: "list[subprocess.Popen[str]]", path: Path, name: str, choices: Choices, model_folder: Path | None, folder: Path,
    progress: Progress = lambda done, of, note: None, should_stop: Callable[[], bool] = lambda: False,
) -> list[Found]:  # fmt: skip
    """Has the processes write the examples of the file as `examples-NNN.parquet` into `folder`, and their signatures into
    its `measures`; what was found in each slice, in order. Raises StudioError when a process ends before its work does,
    and Stopped when it was asked to."""
    bounds = _bounds(path, len(processes))
    measures = folder / "measures"
    measures.mkdir()
    common = measures / near_duplicates.file_name("common")
    np.save(common, _template(path, name, choices))
    firsts = _first_lines(path, bounds)
    for number, (process, (start, end), first) in enumerate(zip(processes, bounds, firsts, strict=True)):
        task = Task(
            str(path), name, number, start, end, first, str(folder), str(model_folder) if model_folder else None,
            max(500, COUNTED_ROWS // len(bounds)), str(common), choices.shape, dict(choices.columns), choices.system, choices.other_scales,
        )  # fmt: skip
        _tell(process, task)
    return _followed(processes, [end - start for start, end in bounds], progress, should_stop)


def _tell(process: "subprocess.Popen[str]", task: Task) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asdict(task)))
        process.stdin.close()
    except BrokenPipeError:
        pass  # one that is gone is found when it is followed


class Slice(io.RawIOBase):
    """The bytes `start` to `end` of a file; `done` are read."""

    def __init__(self, path: str, start: int, end: int) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 closed with the slice
        self._file.seek(start)
        self._left, self.done = end - start, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: self._left]
        count = self._file.readinto(view) or 0
        self._left -= count
        self.done += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _bounds(path: Path, count: int) -> list[tuple[int, int]]:
    """Equal slices that begin behind the end of a line."""
    size, starts = path.stat().st_size, [0]
    with open(path, "rb") as file:
        for number in range(1, count):
            file.seek(max(starts[-1], size * number // count))
            while (line := file.readline(LONGEST_LINE)) and not line.endswith(b"\n"):
                pass
            starts.append(file.tell())
    starts = sorted({start for start in starts if start < size})
    return list(zip(starts, [*starts[1:], size], strict=True))


def _first_lines(path: Path, bounds: list[tuple[int, int]]) -> list[int]:
    """The number of the first line of each slice, from 1."""
    numbers = [1]
    with open(path, "rb", buffering=0) as file:
        for start, end in bounds[:-1]:
            lines, left = 0, end - start
            while left and (block := file.read(min(BLOCK, left))):
                lines += count_lines(block)
                left -= len(block)
            numbers.append(numbers[-1] + lines)
    return numbers


def count_lines(block: bytes) -> int:
    """How many line breaks stand in it; several times as quick as `bytes.count`, which stops at each."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))


def _template(path: Path, name: str, choices: Choices) -> Array:
    """The runs of words that stand in too many rows to say anything of one, from stretches of lines all over the file."""
    places = np.sort(np.random.default_rng(SEED).integers(0, path.stat().st_size, SAMPLED_PLACES))
    texts: list[str] = []
    lines = 0
    with open(path, "rb") as file:
        for place in places.tolist():
            file.seek(place)
            file.readline(LONGEST_LINE)
            stretch = b"".join(file.readline(LONGEST_LINE) for _ in range(near_duplicates.STRETCH))
            lines += len(stretch)
            for rows, _ in readers.batches_of_lines(io.BytesIO(stretch), name):
                texts += shapes.gather(rows, name, choices, set())[0].texts().texts()
    of_all = round(len(texts) * path.stat().st_size / max(1, lines))
    return near_duplicates.common_runs(texts, near_duplicates.WORDS_IN_A_RUN, of_all)


def _followed(
    processes: "list[subprocess.Popen[str]]", sizes: list[int], progress: Progress, should_stop: Callable[[], bool]
) -> list[Found]:
    """Reads what the processes say until the last has ended."""
    done, said = [0] * len(processes), [""] * len(processes)

    def follow(number: int) -> None:
        stream = processes[number].stdout
        assert stream is not None
        for line in stream:
            if line.startswith("read "):
                done[number] = int(line[5:])
            else:
                said[number] = line

    followers = [threading.Thread(target=follow, args=(number,), daemon=True) for number in range(len(processes))]
    for follower in followers:
        follower.start()
    for follower in followers:
        while follower.is_alive():
            follower.join(POLLED)
            progress(sum(done), sum(sizes), "")
            if should_stop():
                from studio.jobs.job import Stopped

                raise Stopped
    if dead := [process.wait() for process in processes if process.wait()]:
        raise StudioError(
            "A process that read a part of the file ended before its work did", f"exit codes {', '.join(map(str, dead))}",
            "Free some memory and load again; the studio's log says more",
        )  # fmt: skip
    return [_found(json.loads(line)) for line in said]


def _found(plain: dict[str, Any]) -> Found:
    return Found(**{**plain, "problems": [(int(line), str(why), str(raw)) for line, why, raw in plain["problems"]]})


def make_ids_unique(files: list[Path]) -> None:
    """Gives the second and later rows of an id a number, as one process would; a file without any stays as it is."""
    import pandas as pd
    import pyarrow
    import pyarrow.parquet

    from studio import example_tables

    ids = [pyarrow.parquet.read_table(path, columns=["id"])["id"].to_pandas() for path in files]
    if not pd.concat(ids).duplicated().any():
        return
    taken: set[str] = set()
    for path, given in zip(files, ids, strict=True):
        wanted = iter([shapes.free_id(row_id, taken) for row_id in given])
        beside = path.with_suffix(".new")

        def renamed(source: Path = path, names: Iterator[str] = wanted) -> Iterator[Any]:
            with pyarrow.parquet.ParquetFile(source) as file:
                for batch in file.iter_batches(2000):
                    table = pyarrow.Table.from_batches([batch])
                    column = pyarrow.array([next(names) for _ in range(len(table))], pyarrow.string())
                    yield table.set_column(0, "id", column)

        example_tables.write(beside, renamed())
        os.replace(beside, path)
