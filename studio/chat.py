"""Conversations as tokens: the chat template, what is trained on, what is asked, and how long it is.

Trained on are the assistant's words and the token that ends them, nothing else. A template marks them itself with
`{% generation %}`; for one that does not, see `answer_spans`.
"""

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from studio.answer_spans import AnswerFinder, Span, check_marked, last_parts, learned_spans
from studio.answer_spans import Message as Message
from studio.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_SYSTEM = "You are a helpful assistant."
IGNORED = -100
CHARACTERS_PER_TOKEN = 3.5
SIMPLE_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}{% for message in messages %}"
    "{{ '### ' + message['role']|capitalize + ':\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{{ '\\n\\n' }}"
    "{% else %}{{ message['content'] + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\\n' }}{% endif %}"
)
"""Given to a base model that brings no chat template: plain headings, and its own end token after each answer."""

GENERATION_TAG = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
Rendered = TypeVar("Rendered")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoded:
    """Token ids, and for each the label to learn or -100. `truncated` when it was cut at the maximum length."""

    input_ids: list[int]
    labels: list[int]
    truncated: bool

    @property
    def trained_tokens(self) -> int:
        return sum(label != IGNORED for label in self.labels)


def load_tokenizer(
    model_folder: str | Path, local_files_only: bool = False, trusted: bool = False
) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder or Hub id: padded on the right; pad = end token and a simple template when absent. Code of
    the model's own runs only when it is `trusted`.

    Raises InputError when it has no end token, for no answer could ever end.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        model_folder, trust_remote_code=trusted, local_files_only=local_files_only
    )
    if tokenizer.eos_token is None:
        raise InputError(
            "The model's tokenizer has no end token", str(model_folder), "Set eos_token in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = SIMPLE_TEMPLATE
        logger.warning("%s has no chat template: plain headings (### User:, ### Assistant:) are used", model_folder)
    tokenizer.padding_side = "right"
    return tokenizer


def encode(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    max_length: int | None = None,
    tools: str | None = None,
) -> Encoded:
    """The conversation as tokens, with labels on the assistant's words and their end token only. `tools` is the JSON
    text of the tools on offer, which the template shows where it can (see `shows_tools`)."""
    text, spans = _rendered_with_answers(tokenizer, list(messages), _parsed(tools))
    ids, labels = _tokens_with_labels(tokenizer, text, learned_spans(messages, spans))
    truncated = max_length is not None and len(ids) > max_length
    return Encoded(ids[:max_length], labels[:max_length], truncated)


def last_answer(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], tools: str | None = None
) -> tuple[list[int], int, int]:
    """The conversation as tokens, and where its last answer with its end token begins and ends in them, whatever its weight."""
    text, spans = _rendered_with_answers(tokenizer, list(messages), _parsed(tools))
    ids, labels = _tokens_with_labels(tokenizer, text, last_parts(messages, spans))
    places = [place for place, label in enumerate(labels) if label != IGNORED]
    return (ids, places[0], places[-1] + 1) if places else (ids, len(ids), len(ids))


def prompt_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], tools: str | None = None
) -> list[int]:
    """The tokens after which the model is to answer; `messages` end with a question, not with the answer."""
    text = _render(tokenizer, list(messages), _parsed(tools), add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def plain_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """A text without any template, as the model's own tokenizer begins one, and its end token: all of it is learned."""
    ids = list(tokenizer(text)["input_ids"])
    return ids if ids and ids[-1] == tokenizer.eos_token_id else [*ids, int(tokenizer.eos_token_id)]


def shows_tools(template: str) -> bool:
    """Whether a chat template (its text) reads the tools on offer; one that does not leaves them out."""
    from jinja2 import meta
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(extensions=[loopcontrols])
    return "tools" in meta.find_undeclared_variables(environment.parse(GENERATION_TAG.sub("", template)))


def _parsed(tools: str | None) -> list[Any] | None:
    return json.loads(tools) if tools else None


def end_token_ids(tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """The tokens that end an answer: the tokenizer's end token and the one its template puts after an answer."""
    ends = {int(tokenizer.eos_token_id)}
    sample = encode(tokenizer, [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    trained = [label for label in sample.labels if label != IGNORED]
    if trained and trained[-1] in set(tokenizer.added_tokens_decoder):
        ends.add(trained[-1])
    return sorted(ends)


def for_template(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as chat templates read them: tool calls, which are kept as JSON text, with arguments as objects."""
    if not any("tool_calls" in message for message in messages):
        return list(messages)
    return [
        {**message, "tool_calls": [_with_arguments(call) for call in json.loads(message["tool_calls"])]}
        if "tool_calls" in message
        else dict(message)
        for message in messages
    ]


def without_system(messages: Sequence[Message]) -> list[Message]:
    """The conversation with the system message put before the first question, for templates that refuse one."""
    if len(messages) > 1 and messages[0]["role"] == "system" and messages[1]["role"] == "user":
        first = {"role": "user", "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
        return [first, *messages[2:]]
    return list(messages)


def _with_arguments(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"])
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}}


def split_answer(messages: Sequence[Message]) -> tuple[list[Message], str]:
    """The messages before the last answer, and that answer. Raises InputError when the last message is no answer."""
    if not messages or messages[-1]["role"] != "assistant":
        found = messages[-1]["role"] if messages else "no message"
        raise InputError("An example must end with the assistant's answer", f"it ends with {found}")
    return list(messages[:-1]), messages[-1]["content"]


def _rendered_with_answers(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], tools: list[Any] | None
) -> tuple[str, list[Span]]:
    """The text, and where in it (in characters) all answers with their end tokens are."""
    template = tokenizer.chat_template
    if isinstance(template, str) and GENERATION_TAG.search(template):
        text, spans = _folding(messages, lambda candidate: _marked(tokenizer, candidate, tools))
        check_marked(messages, text, spans)
        return text, spans

    def render(said: list[Message], add_generation_prompt: bool) -> str:
        return _render(tokenizer, said, tools, add_generation_prompt)

    def end_tokens() -> list[str]:
        return [str(token) for token in tokenizer.added_tokens_decoder.values()]

    text = render(messages, False)
    return text, AnswerFinder(render, messages, text, end_tokens).spans()


def _marked(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], tools: list[Any] | None
) -> tuple[str, list[Span]]:
    from transformers.utils.chat_template_utils import render_jinja_template

    texts, spans = render_jinja_template(
        conversations=[for_template(messages)],
        tools=tools,
        chat_template=tokenizer.chat_template,
        return_assistant_tokens_mask=True,
        **tokenizer.special_tokens_map,
    )
    return texts[0], [tuple(span) for span in spans[0]]


def _tokens_with_labels(
    tokenizer: "PreTrainedTokenizerBase", text: str, spans: list[Span]
) -> tuple[list[int], list[int]]:
    if tokenizer.is_fast:
        ids, labels, position = [], [], 0
        for token, (start, end) in _tokens_and_places(tokenizer, text):
            while position < len(spans) and spans[position][1] <= start:
                position += 1
            inside = position < len(spans) and spans[position][0] <= start and end <= spans[position][1]
            ids.append(token)
            labels.append(token if inside else IGNORED)
        return ids, labels
    ids, labels, position = [], [], 0
    for start, end in [*spans, (len(text), len(text))]:
        asked = tokenizer(text[position:start], add_special_tokens=False)["input_ids"]
        answered = tokenizer(text[start:end], add_special_tokens=False)["input_ids"]
        ids += [*asked, *answered]
        labels += [*[IGNORED] * len(asked), *answered]
        position = end
    return ids, labels


def _tokens_and_places(tokenizer: Any, text: str) -> list[tuple[int, tuple[int, int]]]:
    """Each token with where it begins and ends. A post-processor adds special tokens, which nobody asks for here, and may
    trim the spaces from where a token is said to be (`trim_offsets`), all of one that is nothing else: so it stands aside."""
    backend = tokenizer.backend_tokenizer
    kept, backend.post_processor = backend.post_processor, None
    try:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    finally:
        backend.post_processor = kept
    return list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))


def _render(
    tokenizer: "PreTrainedTokenizerBase",
    messages: list[Message],
    tools: list[Any] | None = None,
    add_generation_prompt: bool = False,
) -> str:
    """The template's text; a system message is put before the first question where a template refuses it."""
    return _folding(messages, lambda candidate: _apply(tokenizer, candidate, tools, add_generation_prompt))


def _folding(messages: list[Message], render: Callable[[list[Message]], Rendered]) -> Rendered:
    """What `render` makes of the messages, or where the template refuses them, of those without a system message."""
    from jinja2 import TemplateError, UndefinedError

    try:
        return render(messages)
    except (TemplateError, TypeError) as error:
        problem = error
    if (folded := without_system(messages)) != messages:
        try:
            return render(folded)
        except (TemplateError, TypeError) as error:
            problem = error
    if isinstance(problem, (UndefinedError, TypeError)):
        raise InputError(
            "The model's chat template cannot write this conversation", str(problem),
            "Choose another model, or set in its tokenizer_config.json what the template asks for (such as bos_token)",
        ) from problem  # fmt: skip
    raise InputError(
        "The model's chat template refuses this conversation", str(problem), "Roles alternate: user, then assistant"
    ) from problem


def _apply(
    tokenizer: "PreTrainedTokenizerBase", messages: list[Message], tools: list[Any] | None, add_generation_prompt: bool
) -> str:
    options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": add_generation_prompt, "tools": tools}
    return str(tokenizer.apply_chat_template(for_template(messages), **options))


class TokenCounter:
    """Counts tokens without loading the model's library, so that the page may count thousands of rows at once.

    With a model folder the count is exact: its template, then its tokenizer. Without one it is the estimate of
    characters / 3.5. `name` says which: the folder's name or "estimate".
    """

    def __init__(self, model_folder: str | Path | None = None) -> None:
        self.folder: Path | None = None
        self._tokenizer: Any = None
        self._template: Any = None
        self._special: dict[str, str] = {}
        self.name = "estimate"
        file = Path(model_folder) / "tokenizer.json" if model_folder is not None else None
        if file is not None and file.is_file():
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(file))
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()
            self._tokenizer.post_processor = None  # see _tokens_and_places
            self._template, self._special, _ = template_of(file.parent)
            self.name, self.folder = file.parent.name, file.parent

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the whole conversation with the template's role and end tokens."""
        if self._tokenizer is None:
            return round(sum(len(message["content"]) for message in messages) / CHARACTERS_PER_TOKEN)
        return len(self._tokenizer.encode(self._text(messages), add_special_tokens=False))

    def count_many(self, conversations: Sequence[Sequence[Message]]) -> list[int]:
        """The same for many conversations at once, on all processors."""
        if self._tokenizer is None:
            return [self.count(messages) for messages in conversations]
        texts = [self._text(messages) for messages in conversations]
        return [len(found) for found in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def count_text(self, text: str) -> int:
        """Tokens of a plain text, without any template."""
        if self._tokenizer is None:
            return round(len(text) / CHARACTERS_PER_TOKEN)
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def added_tokens(self) -> list[str]:
        """The texts of the tokens that are never cut. Not for the estimate."""
        return [token.content for token in self._tokenizer.get_added_tokens_decoder().values()]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where in the text (in characters) each of its tokens begins and ends. Not for the estimate."""
        return [(int(start), int(end)) for start, end in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def _text(self, messages: Sequence[Message]) -> str:
        from jinja2 import TemplateError

        for candidate in (list(messages), without_system(messages)):
            try:
                given = for_template(candidate)
                return str(self._template.render(messages=given, add_generation_prompt=False, **self._special))
            except TemplateError:
                continue
        return "\n\n".join(f"### {message['role']}:\n{message['content']}" for message in messages)


def template_of(model_folder: Path, marks: tuple[str, str] = ("", "")) -> tuple[Any, dict[str, str], bool]:
    """The compiled chat template of a folder, its special tokens by name, and whether it marks what is trained on.

    It renders as the model's library does; `marks` are written where a trained part begins and ends.
    """
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    source, config = _template_source(model_folder)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    special = {
        name: value["content"] if isinstance(value, dict) else str(value)
        for name in ("bos_token", "eos_token", "pad_token", "unk_token")
        if (value := config.get(name))
    }
    # The plain engine doesn't know the marks of what is trained on.
    template = source or SIMPLE_TEMPLATE
    marked = GENERATION_TAG.sub(lambda found: marks[1] if found[1] else marks[0], template)
    return environment.from_string(marked), special, GENERATION_TAG.search(template) is not None


def brings_template(model_folder: Path) -> bool:
    """Whether the model's files hold a chat template; else the studio gives it SIMPLE_TEMPLATE."""
    return bool(_template_source(model_folder)[0])


def template_sample(model_folder: Path) -> str:
    """A short conversation as this model's template, its own or the one it was given, writes it."""
    template, special, _ = template_of(model_folder)
    said = (("system", DEFAULT_SYSTEM), ("user", "Where is my parcel?"), ("assistant", "On its way."))
    messages = [{"role": role, "content": content} for role, content in said]
    return str(template.render(messages=messages, add_generation_prompt=False, **special))


def _template_source(model_folder: Path) -> tuple[str | None, dict[str, Any]]:
    """The text of the template that the files hold, and what tokenizer_config.json says."""
    config_file, template_file = model_folder / "tokenizer_config.json", model_folder / "chat_template.jinja"
    config = json.loads(config_file.read_text(encoding="utf-8")) if config_file.is_file() else {}
    source = template_file.read_text(encoding="utf-8") if template_file.is_file() else config.get("chat_template")
    if isinstance(source, list):
        source = next((entry["template"] for entry in source if entry.get("name") == "default"), None)
    return source, config
