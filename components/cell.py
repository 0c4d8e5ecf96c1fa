"""The notebook cell, the page that all cells are on, and how a press of Run becomes a call of a verb.

elem_ids, for tests in a browser. TAB-CELL is the cell itself (a fold: its title line tells the state),
TAB-CELL-message its error, TAB-CELL-code the Python of its step.
  header   project-name  machine  card  card-stop  notebook-export  notebook-file
  tabs     tab-data  tab-decide  tab-train  tab-compare  tab-export
  1 data   data-load: data-load-sample data-load-file data-load-run data-load-preview data-load-array data-load-question
             data-load-answer data-load-third data-load-kind data-load-choose data-load-name data-load-path data-load-pasted
             data-load-system data-load-state data-load-stop data-load-result
           data-documents: data-documents-empty data-documents-dataset data-documents-by data-documents-prompt
             data-documents-completion data-documents-model data-documents-url data-documents-served data-documents-variable
             data-documents-key data-documents-way data-documents-instruction data-documents-second data-documents-tokens
             data-documents-overlap data-documents-name data-documents-preview data-documents-run data-documents-stop
             data-documents-resume data-documents-state data-documents-seen data-documents-result
           data-look: data-look-dataset data-look-summary data-look-scores data-look-tokens data-look-turns data-look-sources-chart
             data-look-search data-look-go data-look-flags data-look-sort data-look-filters data-look-sources data-look-languages data-look-kinds
             data-look-regular data-look-found data-look-stop data-look-table data-look-page data-look-previous data-look-next
             data-look-example data-look-previous-row data-look-next-row data-look-copy data-look-length data-look-tokens-view
             data-look-worst-box data-look-score data-look-worst-found data-look-worst-stop data-look-worst data-look-spoken
             data-look-labels data-look-topics data-look-topic-words data-look-problems data-look-problems-file data-look-dropped
           data-duplicates: data-duplicates-dataset data-duplicates-by data-duplicates-threshold data-duplicates-words
             data-duplicates-model data-duplicates-note data-duplicates-show data-duplicates-run data-duplicates-stop data-duplicates-state
             data-duplicates-counts data-duplicates-groups data-duplicates-page data-duplicates-previous data-duplicates-next
           data-filter: data-filter-dataset data-filter-quality data-filter-flags data-filter-duplicates data-filter-preset
             data-filter-max-tokens data-filter-kept data-filter-chart data-filter-run data-filter-state data-filter-stop data-filter-result
           data-privacy: data-privacy-dataset data-privacy-how data-privacy-kinds data-privacy-presidio
             data-privacy-count data-privacy-run data-privacy-state data-privacy-stop data-privacy-result
           data-review: data-review-dataset data-review-name data-review-example data-review-good data-review-bad data-review-undo
             data-review-preset data-review-report data-review-use
           data-steps: data-steps-dataset data-steps-list data-steps-kept data-steps-run data-steps-result data-steps-other
             data-steps-compare data-steps-difference
           data-mix: data-mix-datasets data-mix-how data-mix-share-1 to -6 data-mix-field data-mix-weights data-mix-rows
             data-mix-seed data-mix-preview data-mix-run data-mix-state data-mix-stop data-mix-result
           data-split: data-split-dataset data-split-share data-split-seed data-split-together data-split-run data-split-state data-split-stop data-split-result
           data-leaks: data-leaks-dataset data-leaks-benchmark data-leaks-check data-leaks-run data-leaks-state data-leaks-stop data-leaks-found data-leaks-pairs
             data-leaks-page data-leaks-previous data-leaks-next
           data-copy: data-copy-dataset data-copy-form data-copy-run data-copy-file -ids -card data-copy-state data-copy-stop
  2 decide decide-case: decide-dataset decide-examples decide-consistency decide-specificity decide-calls decide-latency
             decide-run decide-verdict;  decide-cost: decide-cost-chart decide-cost-table
  3 train  train-model: train-dataset train-evaluation train-model-name train-method
             train-model-hub -report -machine -facts, train-model-download -stop -resume -download-state, train-model-code -allow
             -withdraw -consents -consent -consent-take, train-model-token -token-use -token-forget -token-state
           train-recipe: train-preset train-objective train-recipe-reset train-recipe-says train-reasons train-all-reasons
             train-recipe-json, a box for each other field of a recipe by its name (train-epochs train-batch-size ...), train-modules
             train-other train-other-use train-other-table train-other-pasted train-other-read train-other-file train-recipe-save
           train-memory: train-memory-text train-memory-change-1 to -4 train-memory-cost train-memory-measured train-memory-rent
             train-memory-watts train-memory-kwh train-memory-date train-memory-keep
           train-begin: train-start train-devices train-processes train-sharded train-queue-job -earlier -later -remove train-queue
           train-live: train-run train-live-others train-live-state train-live-health train-live-loss train-live-legend train-live-axis
             train-live-smoothing train-live-rate -gradient -speed -memory -gpu -cpu train-stop train-resume train-live-samples
             train-live-log train-live-sync
           train-again: train-again-1 to -3 (below Live, after a run for which there was not enough memory)
           train-search: train-search-space -trials -hours -share -seed -startup -ranges -ask -run -stop -resume -estimate
             -which -state -table -use -best -delete -question -sure -keep -history -parallel -importance -weights
           train-past: train-past-none train-past-table train-past-chosen -name -notes -save -delete -question -sure -keep
           train-cloud: train-cloud-provider -machine -bucket -spot -gpus -sharded -price -run -none -about -command -download -files
             -file-1 -file-2 -home -results -bring -brought -missing -link -submit -job -state -cancel -again -log
             -prices (a fold) train-cloud-prices-table -keep -reset -compared
  4 compare compare-run compare-notice;  compare-both: compare-prompt compare-row compare-ask compare-ask-stop compare-base compare-tuned
           compare-measure: compare-dataset compare-measure-run compare-measure-stop compare-measure-state
             compare-measure-table compare-measure-answers
  5 export export-bundle: export-run export-kind export-make export-stop export-state
           export-bundles: export-bundle-table export-bundle-choice export-bundle-file
           export-report: export-report-run export-report-make export-report-file export-report-view
           export-notebook: export-notebook-result export-notebook-make export-notebook-file
"""

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from components import visits
from components.shown import Refresh, Shown
from studio import Project, StudioError

log = logging.getLogger("studio.page")
Updates = dict[Any, Any]
NO_CODE = "# Not run yet: the Python of what Run does stands here then."
ENDED = ("stopped", "finished", "failed", "interrupted")


def duration(seconds: float | None) -> str:
    """In the reader's words: 40 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size(amount: float) -> str:
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def tiles(facts: dict[str, str]) -> str:
    inner = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in facts.items()
    )
    return f'<div class="tiles">{inner}</div>'


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A small table of text (cells are escaped)."""
    head = "".join(f"<th>{escape(name)}</th>" for name in headers)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def short(value: Any, longest: int = 160) -> str:
    """A value as text that fits into a cell of a table."""
    text = str(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def spoken(message: dict[str, str]) -> str:
    """What a message says, and below it the tools that it calls."""
    return "\n\n".join(filter(None, (message.get("content"), message.get("tool_calls"))))


def turns(messages: Sequence[dict[str, str]], longest: int | None = None) -> str:
    """A conversation to read, each message cut at `longest` characters."""
    parts = []
    for message in messages:
        said = spoken(message)
        parts.append(
            f'<div class="turn"><b>{escape(message["role"])}</b><pre>{escape(short(said, longest or len(said)))}</pre></div>'
        )
    return "".join(parts)


def empty(words: str) -> str:
    return f'<div class="empty">{escape(words)}</div>'


def job_line(job: Any) -> tuple[str, str]:
    """A job in five words for a title, and as a bar with what is left."""
    state, progress = job.state, job.progress
    share = min(1.0, progress.done / progress.of) if progress.of else 0.0
    left = f", {duration(progress.seconds_left)} left" if progress.seconds_left and state.status == "running" else ""
    if state.status in ("running", "stopping"):
        words = f"{state.status} {share:.0%}{left}" if progress.of else f"{state.status}, loading"
    elif state.status in ("failed", "interrupted"):
        words = f"! {state.status}"
    else:
        words = {"finished": "✓ finished", "queued": "waits for its turn"}.get(state.status, state.status)
    bar = (
        f'<div class="bar" role="progressbar" aria-valuenow="{share * 100:.0f}"><i style="width:{share:.1%}"></i></div>'
    )
    note = progress.note if state.status not in ENDED else ""
    line = f"<span class='why'>{escape(words)}{' · ' + escape(note) if note else ''}</span>"
    found = state.error or (state.message if state.status == "interrupted" else "")
    wrong = ". ".join(part.rstrip(".") for part in (found, state.fix) if part)
    return words, bar + line + (f'<div class="message">{escape(wrong)}</div>' if wrong else "")


@dataclass(frozen=True)
class Refresher:
    """`function(project, *inputs) -> updates` of `outputs`: run when the page opens, the project changes, or a step was
    made (without inputs then), or when a tab is turned to."""

    function: Callable[..., Updates]
    outputs: list[Any]
    inputs: Sequence[Any] = ()


@dataclass
class Page:
    """Which studio this is: its home, the project it opens with, and whether it is the demo of a Space."""

    home: Path
    default: str
    demo: bool
    name: Any = None  # the header's project box, empty until the page knows what its address names
    refreshers: list[Refresher] = field(default_factory=list)
    made: Any = None  # a state that changes when a step made something: then the page is refreshed
    changed: Any = None  # one that changes when there are other runs, or one stands otherwise, whoever did it
    shown: Shown = field(default_factory=Shown)

    def project(self, name: str | None, request: gr.Request) -> Project:
        """The project of this press. In the demo it is the visitor's own, whatever name the browser sends."""
        if self.demo:
            return Project.open(visits.project_of(request.session_hash), home=self.home, demo=True)
        return Project.open(name or self.asked(request), home=self.home)

    def names(self) -> list[str]:
        """The projects there are, and the one that the studio opens with."""
        try:
            found = Project.list(home=self.home)
        except StudioError:
            found = []
        return sorted({*found, self.default})

    def asked(self, request: gr.Request) -> str:
        """The project that the page's address names; the one that the studio opens with where it names none that is there."""
        wanted = dict(request.query_params).get("project")
        return wanted if wanted in self.names() else self.default

    def refresh_with(self, function: Callable[[Project], Updates], outputs: Sequence[Any]) -> None:
        self.refreshers.append(Refresher(function, list(outputs)))

    def follow(
        self,
        trigger: Callable[..., Any],
        function: Callable[..., Any],
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        cell: "Cell | None" = None,
    ) -> Any:
        """As `on`, for what nobody pressed: a tick of a timer, runs that something else has started or ended. It is a
        refresh, shows no progress, and an error without a cell is left to the next time."""
        return self.on(trigger, function, inputs, outputs, cell, quiet=True, refresh=True, show_progress="hidden")

    def on(
        self,
        trigger: Callable[..., Any],
        function: Callable[..., Any],
        inputs: Sequence[Any] = (),
        outputs: Sequence[Any] = (),
        cell: "Cell | None" = None,
        row: bool = False,
        quiet: bool = False,
        refresh: bool = False,
        **options: Any,
    ) -> Any:
        """Calls `function(project, *inputs)`, which returns or yields {component: value}; what it leaves out stays.

        An error is shown in the cell in its own words, or briefly where there is no cell. With `row` the first
        argument is the first value of the table row that was chosen. A `refresh`, which reads what is on disk,
        leaves alone what something newer has shown since it began.
        """
        targets = list(dict.fromkeys([*outputs, *(cell.outputs if cell else [])]))
        steps = inspect.isgeneratorfunction(function)

        def call(request: gr.Request, values: Sequence[Any], extra: Sequence[Any] = ()) -> Iterator[Any]:
            began = time.monotonic()

            def shown(updates: Updates) -> Any:
                if refresh:
                    return Refresh(updates, targets, self.shown, request.session_hash, began)
                self.shown.note(request.session_hash, updates, until=time.monotonic())
                return _in_order(updates, targets)

            try:
                project = self.project(values[0], request)
                made = function(project, *extra, *values[1:])
                yield from map(shown, made if steps else [made])
            except Exception as error:
                words = _words(error)
                if cell is None and not quiet:
                    gr.Warning(words)
                yield shown(cell.failed(words) if cell is not None else {})

        if steps:

            def handler(request: gr.Request, *values: Any) -> Iterator[Any]:
                yield from call(request, values)
        elif row:

            def handler(request: gr.Request, event: gr.SelectData, *values: Any) -> Any:
                return next(call(request, values, [(event.row_value or [""])[0]]))
        else:

            def handler(request: gr.Request, *values: Any) -> Any:
                return next(call(request, values))

        settings = {"show_progress": "minimal", "api_visibility": "private", **options}
        # Gradio 6.31 tells the state of an event to every place where any event ever showed one, and searches the whole
        # page for each; with all outputs as places, each event took the browser a second
        shown = [cell.box] if cell is not None and settings["show_progress"] != "hidden" else []
        return trigger(handler, [self.name, *inputs], targets, show_progress_on=shown, **settings)


def _in_order(updates: Updates, targets: list[Any]) -> Any:
    values = [updates.get(target, gr.skip()) for target in targets]
    return values[0] if len(values) == 1 else values


def _words(error: Exception) -> str:
    if isinstance(error, StudioError):
        return str(error)
    log.error("unexpected", exc_info=error)
    return f"Something unexpected happened ({type(error).__name__}). It is written to the studio's log; try again."


@dataclass(eq=False)
class Cell:
    """Number, title, a sentence on why, inputs, result, and the Python of the last step of `verb`.

    `describe(project, step)` says the result in five words.
    """

    page: Page
    key: str
    number: int
    title: str
    why: str
    verb: str = ""
    opened: bool = False
    describe: Callable[[Project, Any], str] = lambda project, step: " and ".join(step.results)

    def __enter__(self) -> "Cell":
        self.box = gr.Accordion(
            self._label("not run yet" if self.verb else ""), open=self.opened, elem_id=self.key, elem_classes="cell"
        )
        self.box.__enter__()
        gr.HTML(f'<p class="why">{escape(self.why)}</p>')
        return self

    def __exit__(self, *error: object) -> None:
        self.message = gr.HTML(visible=False, elem_id=f"{self.key}-message")
        self.code = None
        if self.verb:
            with gr.Accordion("Code", open=False, elem_classes="code"):
                self.code = gr.Code(
                    NO_CODE,
                    language="python",
                    interactive=False,
                    show_label=False,
                    lines=1,
                    wrap_lines=True,
                    elem_id=f"{self.key}-code",
                )
        self.box.__exit__(*error)
        if self.verb:
            self.page.refresh_with(self.restore, [self.box, self.code])

    def _label(self, state: str) -> str:
        return f"{self.number}  ·  {self.title}" + (f"  —  {state}" if state else "")

    @property
    def outputs(self) -> list[Any]:
        return [self.box, self.message, *([self.code] if self.code is not None else [])]

    def says(self, state: str, **changes: Any) -> Updates:
        """The title line, and no message."""
        return {self.box: gr.update(label=self._label(state), **changes), self.message: gr.update(visible=False)}

    def done(self, project: Project) -> Updates:
        """The title line with ✓ and the code of the step just made."""
        return {self.message: gr.update(visible=False), **self.restore(project)}

    def made(self) -> Updates:
        """Then all cells show what there is now, this one too: its ✓ says that the next ones go on from its result.

        A press that failed refreshes nothing.
        """
        return {self.message: gr.update(visible=False), self.page.made: time.time_ns()}

    def failed(self, words: str) -> Updates:
        message = f'<div class="message" role="alert">{escape(words)}</div>'
        first = short(words.split(". ")[0].rstrip("."), 60)  # a dot in a file's name ends no sentence
        return {
            self.box: gr.update(label=self._label(f"! {first}"), open=True),
            self.message: gr.update(value=message, visible=True),
        }

    def latest(self, project: Project) -> Any:
        done = [step for step in project.journal.steps() if step.verb == self.verb and step.state == "done"]
        return done[-1] if done else None

    def restore(self, project: Project) -> Updates:
        """After a reload: what the journal says."""
        step = self.latest(project)
        if step is None:
            return {self.box: gr.update(label=self._label("not run yet")), self.code: NO_CODE}
        state = (
            "out of date: a cell above was run again"
            if self.is_out_of_date(project, step)
            else f"✓ {self.describe(project, step)}"
        )
        return {self.box: gr.update(label=self._label(state)), self.code: step.code}

    @staticmethod
    def is_out_of_date(project: Project, step: Any) -> bool:
        """Whether a verb that made one of its inputs was done again since."""
        steps = [other for other in project.journal.steps() if other.state == "done"]
        makers = {other.verb for other in steps if set(other.outputs) & set(step.inputs.values())}
        return any(other.number > step.number and other.verb in makers for other in steps)


@contextmanager
def more() -> Iterator[None]:
    """What nobody changes twice a month."""
    with gr.Accordion("More", open=False, elem_classes="more"):
        yield
