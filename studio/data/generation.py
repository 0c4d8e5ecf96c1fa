"""Passages to examples: what a generator gave is kept as it comes, so that nothing is lost and nothing asked twice.

First every passage is asked about, and each answer appended to a file; then the examples are made from that file.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from studio import store
from studio.chat import TokenCounter
from studio.data import generators, passages, shapes, token_counts
from studio.data.columns import Choices
from studio.data.generators import ChatModel, Endpoint, Function, Generator, Rows, Template
from studio.data.passages import Passage
from studio.data.rows import Problem, Row, clean, shown
from studio.errors import InputError, NothingError
from studio.examples import Dataset, write_dataset
from studio.jobs.job import Stopped

VERB = "add_from_documents"
NOTHING = "the generator gave nothing"
SHOWN = 120


@dataclass(frozen=True)
class Plan:
    """How documents become examples: the size of passages (tokens), what the dataset is called, and the system prompt."""

    name: str
    tokens: int = 512
    overlap: int = 64
    system: str | None = None
    most_passages: int | None = None

    @property
    def choices(self) -> Choices:
        return Choices.of(None, None, self.system)


@dataclass(frozen=True)
class Failure:
    """Why there is no answer; it is asked for again the next time."""

    reason: str


class Asker(Protocol):
    """Yields (place, answer or Failure) for prompts, as they come; `at_once` is how many it likes to be given."""

    at_once: int

    def __call__(self, prompts: Sequence[str]) -> Iterator[tuple[int, str | Failure]]: ...


class Kept:
    """What was generated: JSON lines of what was asked (its hash) and what came. `earlier` files are read too, and what
    is used of them is written here, so that this file alone repeats the whole."""

    def __init__(self, path: Path, earlier: Sequence[Path] = ()) -> None:
        self.path = path
        self._places: dict[bytes, tuple[Path, int]] = {}
        for file in (*earlier, path):
            self._places |= {key: (file, at) for key, at in _lines(file)}

    def get(self, asked: str) -> Any:
        """What came, or None."""
        key = _key(asked)
        if key not in self._places:
            return None
        path, at = self._places[key]
        with open(path, "rb") as file:
            file.seek(at)
            value = json.loads(file.readline().strip() or file.readline())["value"]
        if path != self.path:
            self.add(asked, value)
        return value

    def add(self, asked: str, value: Any) -> None:
        key = _key(asked)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        before = self.path.stat().st_size if self.path.exists() else 0
        store.append_json_line(self.path, {"key": key.hex(), "value": value})
        self._places[key] = (self.path, before)


def _key(asked: str) -> bytes:
    return hashlib.sha256(asked.encode(errors="replace")).digest()[:16]


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """The key of each whole line, and where it begins."""
    if not path.exists():
        return
    at = 0
    with open(path, "rb") as file:
        for line in file:
            with suppress(ValueError, LookupError, TypeError):  # cut short by the end of a process
                yield bytes.fromhex(json.loads(line)["key"]), at
            at += len(line)


class Maker(Protocol):
    """Makes the rows of passages, or says why there are none. `asked` counts what was not kept before. Raises Stopped."""

    asked: int

    @property
    def at_once(self) -> int: ...

    def __call__(self, texts: Sequence[str]) -> list[Rows | Failure]: ...


@dataclass
class FunctionMaker:
    """Calls a function for each passage; an error of it costs that passage alone. A template is not worth keeping."""

    function: Function
    should_stop: Callable[[], bool]
    kept: Kept | None = None
    at_once: int = 1
    asked: int = 0
    _failed: dict[str, Failure] = field(default_factory=dict)

    def __call__(self, texts: Sequence[str]) -> list[Rows | Failure]:
        return [self._rows(text) for text in texts]

    def _rows(self, text: str) -> Rows | Failure:
        if self.should_stop():
            raise Stopped
        if self.kept is not None and (before := self.kept.get(text)) is not None:
            return list(before)
        if text in self._failed:
            return self._failed[text]
        self.asked += 1
        try:
            made = json.dumps([dict(row) for row in self.function(text)], ensure_ascii=False)
            rows: Rows = json.loads(clean(made))
        except Exception as error:  # anybody's code
            self._failed[text] = Failure(f"the generator failed: {type(error).__name__} {error}"[:300])
            return self._failed[text]
        if self.kept is not None:
            self.kept.add(text, rows)
        if not rows and isinstance(self.function, Template):
            return Failure("it is one sentence, and the template asks for the rest")
        return rows


@dataclass
class ChatMaker:
    """Asks a model about passages: for a list of questions and answers, or for a question and then for its answer."""

    generator: ChatModel | Endpoint
    asker: Asker
    should_stop: Callable[[], bool]
    kept: Kept
    asked: int = 0
    _failed: dict[str, Failure] = field(default_factory=dict)

    @property
    def at_once(self) -> int:
        return self.asker.at_once

    def __call__(self, texts: Sequence[str]) -> list[Rows | Failure]:
        first = self._ask([generators.fill(self.generator.prompt, passage=text) for text in texts])
        if (asked_for_answer := self.generator.answer_prompt) is None:
            return [_listed(reply) for reply in first]
        questions = [reply if isinstance(reply, Failure) else _said(reply, "question") for reply in first]
        prompts = [
            generators.fill(asked_for_answer, passage=text, question=question)
            for text, question in zip(texts, questions, strict=True)
            if isinstance(question, str)
        ]
        answers = iter(self._ask(prompts))
        return [question if isinstance(question, Failure) else _row(question, next(answers)) for question in questions]

    def _ask(self, prompts: Sequence[str]) -> list[str | Failure]:
        replies = {prompt: self._known(prompt) for prompt in dict.fromkeys(prompts)}
        new = [prompt for prompt, reply in replies.items() if reply is None]
        if new and self.should_stop():
            raise Stopped
        self.asked += len(new)
        for place, reply in self.asker(new) if new else ():
            prompt = new[place]
            if isinstance(reply, Failure):
                self._failed[prompt] = reply
            else:
                reply = clean(reply)
                self.kept.add(prompt, reply)
            replies[prompt] = reply
        return [replies[prompt] or Failure(NOTHING) for prompt in prompts]

    def _known(self, prompt: str) -> str | Failure | None:
        return self._failed[prompt] if prompt in self._failed else self.kept.get(prompt)


def _listed(reply: str | Failure) -> Rows | Failure:
    if isinstance(reply, Failure):
        return reply
    return generators.pairs(reply) or Failure(f"no question with its answer in what the model wrote: {_short(reply)}")


def _said(reply: str, what: str) -> str | Failure:
    return generators.without_heading(reply) or Failure(f"the model wrote no {what}")


def _row(question: str, reply: str | Failure) -> Rows | Failure:
    answer = reply if isinstance(reply, Failure) else _said(reply, "answer")
    return answer if isinstance(answer, Failure) else [{"question": question, "answer": answer}]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


Report = Callable[[int, int, str, int], None]
"""done, of, what is done in words, and how many of these were kept before."""


def run(
    project_folder: Path, documents: Dataset, plan: Plan, maker: Maker, counter: TokenCounter, origin: dict[str, Any],
    report: Report, should_stop: Callable[[], bool],
) -> Dataset:  # fmt: skip
    """The dataset that a maker makes of documents. Raises Stopped, and NothingError when there is no example at all."""
    file = passages.file_of(project_folder, documents, counter, plan.tokens, plan.overlap)

    def cut(written: int) -> None:
        report(0, 1, f"cutting: {written:,} passages", 0)
        if should_stop():
            raise Stopped

    if not file.exists():
        passages.write(file, passages.of_dataset(documents, counter, plan.tokens, plan.overlap), cut)
    total = passages.count(file)
    if plan.most_passages is not None and total > plan.most_passages:
        found = f"{total:,}, and {plan.most_passages:,} are allowed here"
        raise InputError("There are too many passages", found, "Take fewer documents or larger passages")
    done = known = 0
    for batch in passages.read(file, maker.at_once) if not isinstance(maker, FunctionMaker) or maker.kept else ():
        before = maker.asked
        maker([passage.text for passage in batch])
        done += len(batch)
        known += len(batch) if maker.asked == before else 0
        report(done, total, f"{done:,} of {total:,} passages", known)
    problems: list[Problem] = []
    batches = _examples(file, maker, counter, plan.choices, problems, lambda made: report(made, total, f"{made:,} of {total:,} passages written", 0))  # fmt: skip
    origin = {"from": documents.reference, "tokens": plan.tokens, "overlap": plan.overlap, "token_counter": counter.name, **origin}  # fmt: skip
    return write_dataset(project_folder, plan.name, batches, problems, made_by={"verb": VERB, **origin})


def _examples(
    file: Path, maker: Maker, counter: TokenCounter, choices: Choices, problems: list[Problem], on_done: Callable[[int], None]
) -> Iterator[Any]:  # fmt: skip
    """Arrow tables of scored examples, while `problems` grows; a passage's number (from 1) is its line there."""
    taken: set[str] = set()
    number = 0
    for batch in passages.read(file):
        rows, unused = _rows(batch, maker, number)
        gathered, unshaped = shapes.gather(rows, "", choices, taken)
        problems += sorted([*unused, *_linked(unshaped, batch, number)], key=lambda problem: problem[0])
        number += len(batch)
        if len(gathered):
            yield gathered.scored(token_counts.exact(gathered, counter))
        on_done(number)
    if not taken:
        found = f"{number:,} passages; {problems[0][1]}" if problems else "no passage"
        raise NothingError("No passage gave an example", found[:400], "Change the prompts, the generator or the size")


def _rows(batch: Sequence[Passage], maker: Maker, before: int = 0) -> tuple[list[Row], list[Problem]]:
    """The rows made of some passages, `source` the passage's link, and the passages that gave none."""
    rows: list[Row] = []
    problems: list[Problem] = []
    replies = maker([passage.text for passage in batch])
    for number, (passage, reply) in enumerate(zip(batch, replies, strict=True), start=before + 1):
        if isinstance(reply, Failure) or not reply:
            reason = reply.reason if isinstance(reply, Failure) else NOTHING
            problems.append((number, clean(f"{passage.link}: {reason}"), shown(passage.text)))
        else:
            rows += [(number, {**row, "source": passage.link}) for row in reply]
    return rows, problems


def _linked(problems: Sequence[Problem], batch: Sequence[Passage], before: int = 0) -> list[Problem]:
    return [(number, clean(f"{batch[number - before - 1].link}: {reason}"), raw) for number, reason, raw in problems]


def preview(found: Sequence[Passage], generator: Generator, choices: Choices) -> list[dict[str, Any]]:
    """For each passage link, text, and what becomes of it: `messages` (a list of conversations) from a template, the
    `prompt` for a model, which is not asked; or `reason` when nothing does."""
    listed: list[dict[str, Any]] = []
    for passage in found:
        made: dict[str, Any] = {"link": passage.link, "text": passage.text, "messages": [], "prompt": "", "reason": ""}
        if isinstance(generator, Template):
            rows, unused = _rows([passage], FunctionMaker(generator, lambda: False))
            gathered, unshaped = shapes.gather(rows, "", choices, set())
            made["messages"] = gathered.conversations(range(len(gathered)))
            made["reason"] = "; ".join(reason for _, reason, _ in [*unused, *_linked(unshaped, [passage])])
        elif isinstance(generator, ChatModel | Endpoint):
            made["prompt"] = generators.fill(generator.prompt, passage=passage.text)
        listed.append(made)
    return listed
