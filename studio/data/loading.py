"""From what the user brings to batches of scored examples: files, folders, pasted rows and datasets of the Hub."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from studio import sources, store
from studio.chat import TokenCounter
from studio.data import (
    brought_scores,
    companions,
    data_folders,
    detection,
    feedback,
    hub,
    message_trees,
    questions_alone,
    readers,
    shapes,
    slices,
    unused,
)
from studio.data.columns import Choices
from studio.data.compressed import kind
from studio.data.json_rows import SeveralArraysError, no_array
from studio.data.rows import Problem, clean
from studio.data.token_counts import TokenCounts
from studio.errors import ForbiddenError, InputError
from studio.examples import Dataset, write_dataset
from studio.jobs import queue
from studio.jobs.job import Job, Stopped
from studio.journal import Journal

Source = str | Path | Sequence[str | Path]
LONG_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Watch:
    """Who is told of a load as it goes: done and of (bytes; 0 of 0 where nobody knows) and a note; and whether to stop."""

    report: Callable[[float, float, str], None] = lambda done, of, note: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Loading:
    """The files of one load and the choices for all of them; `problems` grows while `examples` are read."""

    given: list[Path]
    files: list[tuple[Path, str]]
    choices: Choices
    problems: list[Problem] = field(default_factory=list)
    watch: Watch = Watch()
    processes: list[Any] = field(default_factory=list)
    """Those that read the one large file, while it is copied; `copied` waits for that."""
    copied: Callable[[], Path] | None = None
    notes: list[str] = field(default_factory=list)
    """What was left out of a folder on purpose, in sentences for the dataset's description."""
    told: dict[Path, companions.Companion] = field(default_factory=dict)
    """Of a file that is a copy the ids and sources of its rows."""

    @property
    def source(self) -> str | list[str]:
        """What `load` is to be given to repeat it from the copies."""
        paths = [str(path) for path in self.given]
        return paths[0] if len(paths) == 1 else paths

    def write(self, project_folder: Path, name: str | None, counter: TokenCounter) -> Dataset:
        """The dataset of all that can be read; its description says where it comes from, relative to the project."""
        counts = TokenCounts(counter)
        origin: dict[str, Any] = {"verb": "load", "token_counter": counter.name, "estimated": counts.report}
        called = name or sources.dataset_name(self.given[0])

        def in_slices(folder: Path) -> int:
            rows = self._slices(counts, folder)
            origin["source"] = self._source_in(project_folder)
            origin.update(self._noted())
            return rows

        def in_tables() -> Iterator[Any]:
            yield from self.tables(counts)
            origin.update(self._noted())

        if not self.processes:
            origin["source"] = self._source_in(project_folder)
        examples = in_slices if self.processes else in_tables()
        return write_dataset(project_folder, called, examples, self.problems, made_by=origin)

    def _noted(self) -> dict[str, Any]:
        """What there is to say once all rows are read."""
        return {"notes": self.notes} if self.notes else {}

    def _source_in(self, project_folder: Path) -> str | list[str]:
        paths = [str(path.relative_to(project_folder)) for path in self.given]
        return paths[0] if len(paths) == 1 else paths

    def _slices(self, counts: TokenCounts, folder: Path) -> int:
        """Has several processes write the examples of the one large file into `folder`; see `slices.read`."""
        assert self.copied is not None
        path, name = self.files[0]
        first, _ = next(readers.batches(path))
        self._check([row for _, row in first])
        found = slices.read(
            self.processes, path, name, self.choices, counts.counter.folder, folder, self.watch.report, self.watch.should_stop
        )  # fmt: skip
        for part in found:
            self.problems += part.problems
            counts.add(part.estimated)
        first_row = next((part.first_row for part in found if part.first_row is not None), None)
        rows = sum(part.rows for part in found)
        self._note_other_scales(sum(part.other_scale for part in found))
        if first_row is None:
            raise readers.nothing_read(name, self.problems)
        if not rows:
            raise shapes.no_examples(name, first_row, self.problems)
        self.given = [self.copied()]
        if any(part.has_ids for part in found):
            slices.make_ids_unique(sorted(folder.glob("examples-*.parquet")))
        return rows

    def tables(self, counts: TokenCounts) -> Iterator[Any]:
        """Arrow tables of scored examples. Raises InputError when a file cannot be read at all or no row is an example."""
        taken: set[str] = set()
        other_scale = 0
        first_row: dict[str, Any] | None = None
        for path, name in self.files:
            several = f"{name}: " if len(self.files) > 1 else ""
            is_first = True
            for rows, unread in self._batches(path, several):
                if is_first and rows:
                    self._check([row for _, row in rows], with_columns=first_row is None)
                    first_row, is_first = first_row or rows[0][1], False
                found = [*unread]
                for some, choices in self._restored(path, rows):
                    gathered, unshaped = shapes.gather(some, name, choices, taken)
                    found += unshaped
                    other_scale += gathered.other_scale
                    if len(gathered):
                        yield gathered.scored(counts.of(gathered))
                found.sort(key=lambda problem: problem[0])
                self.problems += [(line, clean(several + reason), clean(raw)) for line, reason, raw in found]
                if self.watch.should_stop():
                    raise Stopped
                self.watch.report(0, 0, f"{len(taken):,} rows read")
            if path in self.told:
                self.notes.append(self.told[path].note(name))
        self._note_other_scales(other_scale)
        if first_row is None:
            raise readers.nothing_read(self.files[0][1], self.problems)
        if not taken:
            raise shapes.no_examples(self.files[0][1], first_row, self.problems)

    def _note_other_scales(self, count: int) -> None:
        if count:
            self.notes.append(brought_scores.note(count))

    def _restored(self, path: Path, rows: list[readers.Row]) -> Iterator[tuple[list[readers.Row], Choices]]:
        """The rows, with their ids and sources where the file has a companion, and how to read them."""
        if path in self.told:
            yield from self.told[path].restored(rows, self.choices)
        else:
            yield rows, self.choices

    def _check(self, rows: list[dict[str, Any]], with_columns: bool = True) -> None:
        """Raises InputError for what the first rows of a file show to be another choice than the user means. A file of
        questions alone is read as texts."""
        if with_columns:
            self.choices.check(rows)
        self.choices = replace(self.choices, other_scales=brought_scores.other_scales(rows))
        if len(self.files) == 1 and (alone := questions_alone.choices(rows, self.choices)):
            self.choices = alone
            self.notes.append(questions_alone.NOTE)
        if question := feedback.doubt(rows, self.choices) or unused.doubt(rows, self.choices):
            raise question
        note = unused.sentence(unused.names(rows, self.choices))
        if note and note not in self.notes:
            self.notes.append(note)

    def sample(self) -> detection.Detection:
        """What the first rows are, without loading more of them."""
        rows: list[dict[str, Any]] = []
        for path, _ in self.files:
            for some, _ in readers.batches(path, self.choices.array):
                rows += [row for _, row in some]
                if len(rows) >= detection.SAMPLE_ROWS:
                    return detection.detect(rows, self.choices)
        return detection.detect(rows, self.choices)

    def _batches(self, path: Path, several: str) -> Iterator[tuple[list[readers.Row], list[Problem]]]:
        """Those of one file; among several, one that cannot be read at all is a problem and not the end."""
        try:
            yield from message_trees.joined_batches(readers.batches(path, self.choices.array), self.choices, self.notes)
        except InputError as error:
            if not several:
                raise
            yield [], [(0, str(error), "")]


def load(
    project_folder: Path, journal: Journal, counter: TokenCounter, demo: bool, watch: Watch, source: Source | None, name: str | None = None,
    shape: str | None = None, columns: dict[str, str] | None = None, system: str | None = None, pasted: str | None = None,
    array: str | None = None, **hub_choices: Any,
) -> Dataset:  # fmt: skip
    """The step that loads; see `Project.load`. Raises Stopped when it was asked to."""
    said = arguments(source, name=name, shape=shape, columns=columns, system=system, array=array)

    def make() -> Dataset:
        choices = Choices.of(shape, columns, system, array)
        with bringing(project_folder, source, pasted, choices, demo, **hub_choices) as found:
            found.watch = watch
            made = found.write(project_folder, name, counter)
            said["source"] = found.source  # the step repeats from the copy
        return made

    return cast(Dataset, journal.step("load", {}, said, ["raw"], make, lambda made: [made.reference]))


def start(project_folder: Path, home: Path, demo: bool, **given: Any) -> Job:
    """The same as a job, at once: it needs no card, so it waits for nobody. What cannot be read at all is said at once."""
    given = arguments(**given)
    choices = Choices.of(*(given.get(name) for name in ("shape", "columns", "system", "array")))
    with _previewing(given["source"], None, choices, demo) as loading:
        loading.sample()
    folder = store.new_numbered_folder(project_folder / "jobs", "load")
    return queue.begin(
        home, folder, "load", {"project_folder": str(project_folder), "demo": demo, "load": given}
    )  # fmt: skip


def takes_long(source: Source | None) -> bool:
    """Whether a load is better a job: some seconds' worth of bytes, or something from the Hub."""
    given = [source] if isinstance(source, str | Path) else list(source or [])
    if any(hub.is_hub(one) for one in given):
        return True
    paths = [Path(one).expanduser() for one in given]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file()) >= LONG_BYTES


@contextmanager
def bringing(
    project_folder: Path | None, source: Source | None, pasted: str | None, choices: Choices, demo: bool = False, **hub_choices: Any
) -> Iterator[Loading]:  # fmt: skip
    """Yields a Loading of the project's own copies, which go again when the load fails; without a project, of the files
    where they are.

    Raises InputError with every source that is not there or of an unknown kind."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="studio-")))
        given = _given(source, pasted, scratch)
        if pasted is None:
            for one in given if demo else ():
                _check_allowed(one)
            given = _with_companions(given)
            for one in given if demo else ():  # what stands beside a file may be a link
                _check_allowed(one)
        paths = [
            stack.enter_context(hub.downloaded(str(one), scratch, **hub_choices)) if hub.is_hub(one) else Path(one).expanduser()
            for one in given
        ]  # fmt: skip
        _check_all([path for path in paths if not path.is_dir()])
        _check_array(choices, paths)
        loading = Loading([], [], choices)
        if project_folder is not None and len(paths) == 1 and paths[0].is_file() and slices.is_large(paths[0]):
            loading.processes = stack.enter_context(slices.started(paths[0]))
            loading.copied = stack.enter_context(sources.bringing_meanwhile(project_folder, paths[0]))
            loading.files, loading.given = [(paths[0], paths[0].name)], [paths[0]]
            yield loading
            return
        beside: list[Path] = []
        for path in paths:
            if path.is_dir():
                files, left, notes = data_folders.choose(path, hub_choices.get("split"))
                loading.notes += notes
                kept = stack.enter_context(_kept(project_folder, path, files))
                beside += [kept / file.relative_to(path) for file in files if companions.is_one(file)]
                loading.files += [(kept / file.relative_to(path), file.relative_to(path).as_posix()) for file in files]
                loading.problems += left
            else:
                kept = stack.enter_context(_kept(project_folder, path))
                beside += [kept] if companions.is_one(path) else []
                loading.files.append((kept, path.name))
            loading.given.append(kept)
        loading.files = [(path, name) for path, name in loading.files if path not in beside]
        if not loading.files:
            found = ", ".join(path.name for path in beside)
            raise InputError("There are only the ids of rows", found, "Give the copy that they are of along with them")
        loading.told, notes = companions.pair(loading.files, beside)
        loading.notes += notes
        yield loading


def _kept(project_folder: Path | None, path: Path, files: Sequence[Path] | None = None) -> AbstractContextManager[Path]:
    return nullcontext(path) if project_folder is None else sources.bringing(project_folder, path, files)


def preview(
    source: Source | None, pasted: str | None, choices: Choices, demo: bool = False, **hub_choices: Any
) -> detection.Detection:
    """What the first rows of a source are; nothing is kept."""
    with _previewing(source, pasted, choices, demo, **hub_choices) as loading:
        try:
            return loading.sample()
        except SeveralArraysError as error:
            loading.choices = replace(choices, array=error.likeliest)
            return replace(loading.sample(), arrays=error.arrays, array=error.likeliest)


def _previewing(
    source: Source | None, pasted: str | None, choices: Choices, demo: bool, **hub_choices: Any
) -> AbstractContextManager[Loading]:
    wanted = {"rows": detection.SAMPLE_ROWS} | hub_choices if hub.is_hub(source) else hub_choices
    return bringing(None, source, pasted, choices, demo, **wanted)


def arguments(source: Source | None, **said: Any) -> dict[str, Any]:
    """What a step that loads shows: the source as it was given, and whatever else was said."""
    given = source if isinstance(source, str | Path | None) else [str(one) for one in source]
    shown = "pasted rows" if given is None else given if isinstance(given, list) else str(given)
    return {"source": shown} | {name: value for name, value in said.items() if value is not None}


def _given(source: Source | None, pasted: str | None, scratch: Path) -> list[str | Path]:
    if pasted is not None and source is not None:
        raise InputError("There are two sources", "a path and pasted rows", "Give one of the two")
    if pasted is not None:
        return [_written(pasted, scratch)]
    given = [source] if isinstance(source, str | Path) else list(source or [])
    if not given:
        raise InputError(
            "There is nothing to load", "no source", "Give a file, a folder, hub:owner/name, or pasted rows"
        )
    return given


def _with_companions(given: list[str | Path]) -> list[str | Path]:
    """The sources with the companions that stand beside them, which come last: the dataset is called after the first."""
    files = [Path(one).expanduser() for one in given if not hub.is_hub(one)]
    there = [path for path in files if companions.is_one(path)]
    beside = [companions.path_of(path) for path in files if path.is_file() and path not in there]
    there += [path for path in beside if path not in there and companions.is_one(path)]
    return [one for one in given if hub.is_hub(one) or Path(one).expanduser() not in there] + there


def _written(pasted: str, scratch: Path) -> Path:
    """Pasted rows as a file of the kind that they look like: JSON, lines of JSON, a table, or plain text."""
    text = pasted.strip("\ufeff\r\n")
    if not text.strip():
        raise InputError("There is nothing to load", "nothing was pasted", "Paste rows, or choose a file")
    first = text.lstrip().splitlines()[0]
    if first.startswith("["):
        suffix = ".json"
    elif first.startswith("{"):
        suffix = ".jsonl" if first.rstrip().endswith("}") else ".json"
    elif "\t" in first:
        suffix = ".tsv"
    else:
        suffix = ".csv" if ("," in first or ";" in first) and "\n" in text and _looks_like_header(first) else ".txt"
    path = scratch / f"pasted{suffix}"
    path.write_bytes(text.encode("utf-8", errors="replace"))
    return path


def _looks_like_header(first: str) -> bool:
    cells = first.replace(";", ",").split(",")
    return all(cell.strip() and len(cell.split()) <= 3 for cell in cells)


def _check_allowed(source: str | Path) -> None:
    if hub.is_hub(source):
        raise ForbiddenError(
            "Datasets of the Hub cannot be loaded here", "a shared Space", "Upload a file or use the sample"
        )
    sources.check_allowed(Path(source).expanduser())


def _check_array(choices: Choices, paths: Sequence[Path]) -> None:
    """Raises InputError for an array that is named where no file may hold one."""
    if choices.array is not None and not any(path.is_dir() or kind(path) == ".json" for path in paths):
        raise no_array(
            choices.array, f"only a JSON file (.json) has lists to choose: {', '.join(one.name for one in paths)}"
        )


def _check_all(paths: Sequence[Path]) -> None:
    """Raises one InputError for all files that cannot be read."""
    errors: list[InputError] = []
    for path in paths:
        try:
            readers.check(path)
        except InputError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise InputError(f"{len(errors)} files cannot be read", "; ".join(map(str, errors)), "Correct the list")
