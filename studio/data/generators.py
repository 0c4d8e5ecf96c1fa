"""What makes examples of a passage: a template, a chat model on this machine, an endpoint, or the reader's own function.

Each is a description: plain values for a job's folder and the journal. A key is never among them.
"""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from studio.data.passages import PIECES
from studio.errors import ForbiddenError, InputError
from studio.models import resolve

Rows = list[dict[str, Any]]
Function = Callable[[str], Iterable[dict[str, Any]]]
FIELDS = ("{passage}", "{first}", "{rest}")
ASK_FOR_LIST = (
    "Write questions that a reader of this text could ask, each with its answer from the text alone. Reply with nothing"
    ' but a JSON list of objects with the keys "question" and "answer".\n\nText:\n{passage}'
)
ASK_FOR_QUESTION = "Write one question that this text answers, and nothing else.\n\nText:\n{passage}"
ASK_FOR_ANSWER = "Answer from the text alone.\n\nText:\n{passage}\n\nQuestion: {question}"
USUAL_PROMPTS = {"list": ASK_FOR_LIST, "question": ASK_FOR_QUESTION, "answer": ASK_FOR_ANSWER}
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
KEY = re.compile(r"[\x21-\x7e]{1,4096}")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
QUESTIONS, ANSWERS = ("question", "q", "prompt", "instruction"), ("answer", "a", "response", "completion", "output")
LONGEST_READ = 50_000
OPENER = re.compile(r"[\[{]")
HEADING = re.compile(r"^\s*(?:\*\*)?(?:question|answer)(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)


def fill(text: str, **values: str) -> str:
    """`text` with each {name} as its value; what stands in a value is never filled."""
    names = "|".join(re.escape(f"{{{name}}}") for name in values)
    return re.sub(names, lambda found: values[found[0][1:-1]], text)


class _Described:
    """A generator as plain values, and back."""

    kind: ClassVar[str]

    def plain(self) -> dict[str, Any]:
        """Its kind and what differs from the defaults."""
        said = {one.name: getattr(self, one.name) for one in fields(self) if one.repr}  # type: ignore[arg-type]
        usual = {one.name: one.default for one in fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: value for name, value in said.items() if value != usual[name]}}

    def _refuse(self, mistakes: list[str]) -> None:
        if mistakes:
            raise InputError(f"This {self.kind} cannot make examples", "; ".join(mistakes), "Correct it and run again")


@dataclass(frozen=True)
class Template(_Described):
    """Without a model: `prompt` and `completion` with {passage}, {first} (its first sentence) and {rest}.

    A passage of one sentence gives nothing when the template asks for the rest."""

    prompt: str = "Continue this text:\n\n{first}"
    completion: str = "{rest}"
    kind: ClassVar[str] = "template"

    def __post_init__(self) -> None:
        said = {"prompt": self.prompt, "completion": self.completion}
        mistakes = [f"the {name} is empty" for name, text in said.items() if not text.strip()]
        if not any(name in self.prompt + self.completion for name in FIELDS):
            mistakes.append(f"neither prompt nor completion holds one of {', '.join(FIELDS)}")
        self._refuse(mistakes)

    def __call__(self, passage: str) -> Iterator[dict[str, Any]]:
        pieces = PIECES.findall(passage.strip())
        first, rest = pieces[0].strip() if pieces else "", "".join(pieces[1:]).strip()
        if rest or "{rest}" not in self.prompt + self.completion:
            filled = {"passage": passage.strip(), "first": first, "rest": rest}
            yield {"prompt": fill(self.prompt, **filled), "completion": fill(self.completion, **filled)}


@dataclass(frozen=True)
class _Chat(_Described):
    """`prompt` asks about {passage} for a JSON list of {"question", "answer"}. With an `answer_prompt` it asks for one
    question instead, and the other, with {passage} and {question}, for the answer."""

    model: str = "starter"
    prompt: str = ASK_FOR_LIST
    answer_prompt: str | None = None

    def __post_init__(self) -> None:
        mistakes = [] if self.model.strip() else ["no model is named"]
        mistakes += [] if "{passage}" in self.prompt else ["the prompt does not hold {passage}"]
        if self.answer_prompt is not None and "{question}" not in self.answer_prompt:
            mistakes.append("the prompt for the answer does not hold {question}")
        self._refuse(mistakes + self._mistakes())

    def _mistakes(self) -> list[str]:
        return []


@dataclass(frozen=True)
class ChatModel(_Chat):
    """A chat model on this machine: the starter, a folder, or a Hub id. Answers are greedy, so they can be repeated."""

    max_new_tokens: int = 512
    quantisation: str = "none"
    kind: ClassVar[str] = "model"

    def _mistakes(self) -> list[str]:
        wrong = [] if 1 <= self.max_new_tokens <= 8192 else [f"max_new_tokens {self.max_new_tokens} is not 1 to 8,192"]
        known = self.quantisation in ("none", "4bit", "8bit")
        return wrong + ([] if known else [f"quantisation {self.quantisation!r} is not none, 4bit or 8bit"])


@dataclass(frozen=True)
class Endpoint(_Chat):
    """A server that speaks OpenAI's chat completions: `base_url` is what stands before /chat/completions.

    The key comes from the environment variable `key_variable`, or is `api_key`, which is held in memory only. `timeout`
    is in seconds for one answer; `at_once` requests are under way together."""

    base_url: str = ""
    key_variable: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    timeout: float = 60.0
    at_once: int = 4
    api_key: str | None = field(default=None, repr=False, compare=False)
    kind: ClassVar[str] = "endpoint"

    def _mistakes(self) -> list[str]:
        wrong = [*_wrong_address(self.base_url)]
        if self.key_variable is not None and not VARIABLE.fullmatch(self.key_variable):
            wrong.append("key_variable is no name of an environment variable")  # it may be a key: not shown
        if self.api_key is not None and not KEY.fullmatch(self.api_key):
            wrong.append("the key holds spaces or characters that no key has")
        if self.api_key is not None and self.key_variable is not None:
            wrong.append("there are a key and a variable of one: give one of the two")
        if not (math.isfinite(self.timeout) and 0 < self.timeout <= 600):
            wrong.append(f"timeout {self.timeout} is not 0 to 600 s")
        if not 1 <= self.at_once <= 64:
            wrong.append(f"at_once {self.at_once} is not 1 to 64")
        if self.max_tokens is not None and self.max_tokens < 1:
            wrong.append(f"max_tokens {self.max_tokens} is under 1")
        return wrong

    @property
    def is_here(self) -> bool:
        """Whether it listens on this machine: then no proxy is asked."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    def key(self) -> str | None:
        """The key, if it needs one. Raises InputError when the variable is not set or holds no key."""
        if self.key_variable is None:
            return self.api_key
        value = os.environ.get(self.key_variable, "").strip()
        if not KEY.fullmatch(value):
            found = f"{self.key_variable} is not set" if not value else f"{self.key_variable} holds no key"
            raise InputError("The key of the endpoint is missing", found, "Set it where the studio is started")
        return value


def _wrong_address(url: str) -> Iterator[str]:
    """What is wrong with an address; it is not shown, for it may hold a password."""
    try:
        parts = urlsplit(url.strip())
        port_is_wrong = parts.port == 0
    except ValueError:
        yield "base_url is no address"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname or port_is_wrong:
        yield "base_url is no address that begins with http:// or https://"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        yield "base_url holds a name, a password or something behind ? or #: a key belongs into key_variable"


@dataclass(frozen=True)
class OwnFunction(_Described):
    """What stands in the journal for a function: its name. What it made is kept, and only that can be repeated."""

    name: str = "function"
    kind: ClassVar[str] = "function"

    def __call__(self, passage: str) -> Iterator[dict[str, Any]]:
        raise InputError(f"The function {self.name} is not here", "a passage that it has not seen", "Pass it again")


Generator = Template | ChatModel | Endpoint | OwnFunction
KINDS: dict[str, type[Generator]] = {made.kind: made for made in (Template, ChatModel, Endpoint, OwnFunction)}


def of(given: Any) -> Generator:
    """The generator that is given or described by {"kind": "template", ...}. Raises InputError with every mistake."""
    if given is None:
        return Template()
    if isinstance(given, Template | ChatModel | Endpoint | OwnFunction):
        return given
    if not isinstance(given, Mapping) or given.get("kind") not in KINDS:
        found = given.get("kind") if isinstance(given, Mapping) else type(given).__name__
        raise InputError("There is no such generator", repr(found)[:80], f"Give a kind: {', '.join(KINDS)}")
    chosen = KINDS[given["kind"]]
    known = {one.name: one for one in fields(chosen)}
    said = {name: value for name, value in given.items() if name != "kind" and value is not None}
    wrong = [f"{name} is not known" for name in said if name not in known]
    try:
        plain = json.dumps({name: value for name, value in said.items() if name in known}, default=str)
        made = TypeAdapter(chosen).validate_json(plain, strict=True)
    except ValidationError as error:  # its own words would show the value, which may be a key
        wrong += [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    if wrong:
        raise InputError(f"This {chosen.kind} is described wrongly", "; ".join(wrong), f"It has {', '.join(known)}")
    return made


def check_allowed(generator: Generator) -> None:
    """Raises ForbiddenError for what a visitor of the demo may not use."""
    fix = "Use a template or the starter model, or run the studio on your own machine"
    if isinstance(generator, Endpoint):
        raise ForbiddenError("Endpoints cannot be asked here", "a shared Space", fix)
    if isinstance(generator, ChatModel) and generator.model != "starter":
        raise ForbiddenError("Other models than the starter cannot be used here", "a shared Space", fix)


def check_there(generator: Generator) -> None:
    """Raises NotFoundError or InputError for a model or a key that is not there; nothing is downloaded or asked."""
    if isinstance(generator, ChatModel):
        resolve(generator.model)
    if isinstance(generator, Endpoint):
        generator.key()


def pairs(answer: str) -> Rows:
    """The questions with their answers in what a model wrote, whatever stands around them: a fence, words, an object
    around the list, or a list that was cut off (its whole objects count)."""
    text, at, found = answer[:LONGEST_READ], 0, []
    decoder = json.JSONDecoder(strict=False)
    while begin := OPENER.search(text, at):
        try:
            value, at = decoder.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            at = begin.start() + 1
        else:
            found += [pair for one in _objects(value) if (pair := _pair(one))]
    return found


def _objects(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The objects in a list, or in an object that holds the list."""
    inside = value if isinstance(value, list) else [one for one in value.values() if isinstance(one, list | dict)]
    if isinstance(value, dict) and not inside:
        yield value
        return
    if isinstance(value, dict) and _pair(value):
        yield value
        return
    for one in inside:
        if isinstance(one, list | dict) and depth < 4:
            yield from _objects(one, depth + 1)


def _pair(value: dict[str, Any]) -> dict[str, Any] | None:
    there = {str(name).strip().lower(): said for name, said in value.items()}
    question, answer = (next((there[name] for name in names if name in there), None) for names in (QUESTIONS, ANSWERS))
    if not isinstance(question, str) or not isinstance(answer, str | int | float) or isinstance(answer, bool):
        return None
    return {"question": question.strip(), "answer": str(answer).strip()} if question.strip() and str(answer).strip() else None  # fmt: skip


def without_heading(answer: str) -> str:
    """What a model wrote without the "Question:" that some put before it."""
    return HEADING.sub("", answer).strip()
