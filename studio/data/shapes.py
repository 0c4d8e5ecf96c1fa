"""Rows to Examples: each row by its own fields, so that one file may mix shapes. What is not sure can be mapped."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from studio.data import (
    answer_choices,
    brought_scores,
    feedback,
    media,
    preferences,
    prompts_and_answers,
    rendered_chats,
    tool_blocks,
)
from studio.data.columns import ACCEPTED, LABELS, Choices, Plan, filled, plan
from studio.data.conversations import (
    BadRowError,
    check_order,
    from_json,
    learned,
    parse,
    tool_calls,
    with_system,
    wrapped_tools,
)  # fmt: skip
from studio.data.gathering import Gathered
from studio.data.rows import Problem, Row, as_text, clean, is_absent, not_text, shown
from studio.errors import InputError
from studio.example_tables import KINDS, Message


class Parts(NamedTuple):
    """What one row says: see studio.examples for the kinds; `tools` is the JSON text of the tools on offer."""

    kind: str
    messages: list[Message]
    rejected: str | None = None
    tools: str | None = None


def gather(
    rows: list[Row], source: str, choices: Choices, taken: set[str] | None
) -> tuple[Gathered, list[Problem]]:  # fmt: skip
    """The same as columns, without tokens; with `taken` None the ids stay as they are, twice or not."""
    problems: list[Problem] = []
    found = Gathered()
    quick, source = not choices.columns, clean(source)
    taken_up = {*choices.columns.values(), *choices.other_scales}  # what is learned says nothing about the row
    names_source = "source" not in taken_up
    for number, row in rows:
        named = row.get("source") if names_source else None
        source_of_row = clean(str(named)) if named else source
        brought = brought_scores.of(row, taken_up)
        if brought is not None and not brought_scores.is_score(brought):
            found.other_scale, brought = found.other_scale + 1, None
        if quick and (turn := turn_of(_there(row), choices.shape)):
            said = turn.said(row)
            if said is not None:
                found.add_turn(_id(row, number, taken), source_of_row, choices.system, *said, brought)
                continue
        try:
            made = parts(row, choices)
        except (BadRowError, RecursionError) as error:
            problems.append((number, clean(str(error)), shown(_raw(row))))
            continue
        found.add(
            _id(row, number, taken), source_of_row, made.kind, made.messages, made.rejected, made.tools, brought
        )  # fmt: skip
    return found, problems


def _there(row: dict[str, Any]) -> tuple[str, ...]:
    """As `filled`, but a number that is none counts, since a turn is made of text."""
    values = row.values()
    if None in values or "" in values:
        return tuple(
            [name for name, value in row.items() if (value is not None and value != "") or name.lower() in LABELS]
        )
    return tuple(row)


class Turn(NamedTuple):
    """The columns of rows that are one question and one answer of plain text: most files are made of them alone.
    `may_be_more` where a text may be that of messages; see `prompts_and_answers.is_more_than_text`."""

    asked: str
    given: str | None
    answer: str
    may_be_more: bool

    def said(self, row: dict[str, Any]) -> tuple[str, str] | None:
        """Question and answer as `parts` gives them; None for a row that must be looked at more closely."""
        asked, answer = row[self.asked], row[self.answer]
        if type(asked) is not str or type(answer) is not str or asked.isspace() or answer.isspace():
            return None
        if self.may_be_more and prompts_and_answers.is_more_than_text(asked, answer):
            return None
        if not (asked.isascii() and answer.isascii()):
            asked, answer = clean(asked), clean(answer)
        if self.given is None:
            return asked, answer
        given = row[self.given]
        if type(given) is not str:
            return None
        return (f"{asked}\n\nInput: {clean(given)}" if not given.isspace() else asked), answer


@lru_cache(maxsize=4096)
def turn_of(there: tuple[str, ...], shape: str | None) -> Turn | None:
    """How rows with these columns (and no others that say anything) are read as a turn; None when they are more."""
    how = plan(there, shape)
    if how is None or how.shape not in _TURNS or media.may_be_in(there) or not set(how.columns) <= {*_TURNS[how.shape]}:
        return None
    asked, given, answer = (how.columns.get(name) for name in _TURNS[how.shape])
    if (
        asked is None
        or answer is None
        or (
            given is None
            and any(name.lower() in ("input", "context", "system") for name in there if name not in (asked, answer))
        )
    ):
        return None
    return Turn(asked, given, answer, how.shape != "alpaca")


_TURNS = {
    "alpaca": ("instruction", "input", "output"),
    "prompt-completion": ("prompt", "", "completion"),
    "question-answer": ("question", "context", "answer"),
}


def parts(row: dict[str, Any], choices: Choices) -> Parts:
    """What a row says. Raises BadRowError when it is no example."""
    chosen = choices.columns_of(row)
    how = plan(filled(chosen), choices.shape)
    if how is None:
        raise BadRowError(f"no known shape: the fields are {', '.join(map(str, row))[:100]}; needed are {ACCEPTED}")
    media.refuse(row, is_mapped=bool(choices.columns))
    system = _field(chosen, how, "system", False) or choices.system
    made = READERS[how.shape](chosen, how, system)
    if made.tools:
        return made
    tools = _value(chosen, how, "tools")
    if tools is None:
        tools = prompts_and_answers.tools_beside(_value(chosen, how, "prompt")) or None
    return made if tools is None else made._replace(tools=_tools(tools))


def no_examples(source: str, row: dict[str, Any], problems: Sequence[Problem]) -> InputError:
    """The error for a source of whose rows none is an example; `row` is its first."""
    if all(reason.startswith("no known shape") for _, reason, _ in problems):
        fields = ", ".join(map(str, row))[:200]
        return InputError(
            "No known shape of examples",
            f"{source} with the fields {fields}",
            f'Say which is which, as in columns={{"prompt": ..., "completion": ...}}, or rename them to {ACCEPTED}',
        )
    line, reason, _ = problems[0]
    found = f"{source}, {len(problems)} rows; line {line}: {reason}"
    return InputError("No row of the file is an example", found, f"Needed are {ACCEPTED}")


def _value(row: dict[str, Any], how: Plan, name: str) -> Any:
    column = how.columns.get(name)
    return None if column is None or is_absent(row[column]) else row[column]


def _said(row: dict[str, Any], how: Plan, name: str) -> Any:
    """A prompt or an answer: a text, or the list of its messages as they stand; None when it is absent."""
    value = _value(row, how, name)
    messages = prompts_and_answers.messages_of(value, name)
    if messages is not None or value is None or isinstance(value, str):
        return value if messages is None else messages
    return _field(row, how, name, objects=name != "prompt")


def _field(row: dict[str, Any], how: Plan, name: str, required: bool = True, objects: bool = False) -> str:
    column = how.columns.get(name)
    given = row[column] if column is not None else next((row[key] for key in row if key.lower() == name), None)
    value = prompts_and_answers.answer_in(given)
    if value is None or (isinstance(value, float) and value != value):
        if required:
            raise BadRowError(f"{name} is missing")
        return ""
    text = value if isinstance(value, str) else as_text(value, objects)
    if text is None:
        raise BadRowError(f"{column or name} {not_text(value)}")
    if required and not text.strip():
        raise BadRowError(f"{column or name} is empty")
    return clean(text)


def _turns(system: str, user: str, answer: str, history: Any = None) -> Parts:
    before = [{"role": "system", "content": system}] if system else []
    for question, reply in _history(history):
        before += [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]
    return Parts("conversation", [*before, {"role": "user", "content": user}, {"role": "assistant", "content": answer}])


def _history(given: Any) -> list[tuple[str, str]]:
    turns = from_json(given, "history") or []
    is_pairs = isinstance(turns, list) and all(
        isinstance(turn, list) and len(turn) == 2 and all(isinstance(said, str) for said in turn) for turn in turns
    )
    if not is_pairs:
        raise BadRowError("history is not a list of pairs, question and answer")
    return [(clean(question), clean(reply)) for question, reply in turns]


def _from_alpaca(row: dict[str, Any], how: Plan, system: str) -> Parts:
    instruction, given = _field(row, how, "instruction"), _field(row, how, "input", False, True)
    asked = f"{instruction}\n\nInput: {given}" if given.strip() else instruction
    return _turns(system, asked, _field(row, how, "output", objects=True), _value(row, how, "history"))


def _from_prompt(row: dict[str, Any], how: Plan, system: str) -> Parts:
    prompt, completion = _said(row, how, "prompt"), _said(row, how, "completion")
    if not isinstance(prompt, list) and not isinstance(completion, list) and not prompts_and_answers.is_dialog(prompt):
        answer = _field(row, how, "completion", objects=True)
        return _turns(system, _field(row, how, "prompt"), answer, _value(row, how, "history"))
    messages = learned(prompts_and_answers.conversation(prompt, completion, "completion"))
    check_order(messages)
    return Parts("conversation", with_system(messages, system))


def _from_question(row: dict[str, Any], how: Plan, system: str) -> Parts:
    question, context = _field(row, how, "question"), _field(row, how, "context", False)
    asked = f"{question}\n\nInput: {context}" if context.strip() else question
    answer = _value(row, how, "answer")
    if choices := _value(row, how, "choices"):
        return _turns(system, answer_choices.asked_along(asked, choices), answer_choices.chosen(choices, answer))
    if "answer" in how.columns:
        column = how.columns["answer"]
        found = prompts_and_answers.spans_in(answer, column) if isinstance(answer, str) else answer
        row = {**row, column: None if found == [] else found}  # SQuAD's questions that have no answer
    return _turns(system, asked, _field(row, how, "answer", objects=True))


def _from_messages(row: dict[str, Any], how: Plan, system: str) -> Parts:
    messages = parse(rendered_chats.read(_value(row, how, "messages")))
    kind = row.get("kind")
    if kind not in KINDS and "label" in how.columns:
        return Parts("preference", *preferences.judged(None, messages, _verdict(row, how), system))
    if kind not in KINDS:
        messages = learned(messages)
        check_order(messages)
        return Parts("conversation", with_system(messages, system))
    rejected = row.get("rejected")  # a table that the studio wrote
    if rejected is not None and not isinstance(rejected, str):
        raise BadRowError(f"rejected is not text but {type(rejected).__name__}")
    if kind == "passage":
        if [message["role"] for message in messages] != ["assistant"]:
            raise BadRowError("a passage is one message of the assistant")
    else:
        check_order(messages, answered=kind == "conversation" or messages[-1]["role"] == "assistant")
        if kind == "preference" and rejected is None and messages[-1]["role"] != "assistant":
            raise BadRowError("there is no answer, neither to learn nor to avoid")
    return Parts(str(kind), messages, clean(rejected) if rejected is not None else None)


def _from_tool_calls(row: dict[str, Any], how: Plan, system: str) -> Parts:
    """A question, the calls that answer it, and the tools on offer, as in xLAM's data (Zhang et al. 2024)."""
    calls = tool_calls(_value(row, how, "answers"), 2)
    called = {"role": "assistant", "content": "", "tool_calls": calls}
    messages = [{"role": "user", "content": _field(row, how, "query")}, called]
    tools = wrapped_tools(json.loads(_tools(_value(row, how, "tools"))))
    return Parts("conversation", with_system(messages, system), tools=json.dumps(tools, ensure_ascii=False))


def _from_preference(row: dict[str, Any], how: Plan, system: str) -> Parts:
    prompt, chosen, worse = (_said(row, how, name) for name in ("prompt", "chosen", "rejected"))
    messages, rejected = preferences.pair(prompt, chosen, worse, system)
    return Parts("preference", messages, rejected)


def _from_feedback(row: dict[str, Any], how: Plan, system: str) -> Parts:
    is_good = _verdict(row, how)
    prompt, answer, history = _said(row, how, "prompt"), _said(row, how, "completion"), _value(row, how, "history")
    given = _field(row, how, "input", False, True) if how.columns.get("input") != how.columns.get("prompt") else ""
    if isinstance(prompt, str) and (given.strip() or history):
        asked = f"{prompt}\n\nInput: {given}" if given.strip() else prompt
        prompt = _turns("", asked, "", history).messages[:-1]
    return Parts("preference", *preferences.judged(prompt, answer, is_good, system))


def _verdict(row: dict[str, Any], how: Plan) -> bool:
    label = _value(row, how, "label")
    said = feedback.verdict(label)
    if said is None:
        raise BadRowError(feedback.unclear(label))
    return said


def _from_text(row: dict[str, Any], how: Plan, system: str) -> Parts:
    """A passage is written by the assistant with nothing before it: what there is to learn is to write it."""
    return Parts("passage", [{"role": "assistant", "content": _field(row, how, "text")}])


READERS: dict[str, Callable[[dict[str, Any], Plan, str], Parts]] = {
    "preference": _from_preference,
    "messages": _from_messages,
    "sharegpt": _from_messages,
    "tool-calls": _from_tool_calls,
    "alpaca": _from_alpaca,
    "question-answer": _from_question,
    "feedback": _from_feedback,
    "prompt-completion": _from_prompt,
    "text": _from_text,
}


def _tools(given: Any) -> str:
    value = from_json(given, "tools")
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise BadRowError("tools is not a list of tools")
    return clean(json.dumps([tool_blocks.tool(tool) for tool in value], ensure_ascii=False, default=str))


def _id(row: dict[str, Any], number: int, taken: set[str] | None) -> str:
    given = row.get("id")
    if isinstance(given, str | int) and not isinstance(given, bool) and (own := clean(str(given))):
        return own if taken is None else free_id(own, taken)
    return f"r{number:06d}" if taken is None else free_id(f"r{number:06d}", taken)


def free_id(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with the first number that makes it new."""
    if wanted not in taken:
        taken.add(wanted)
        return wanted
    chosen, number = wanted, 2
    while chosen in taken:
        chosen, number = f"{wanted}-{number}", number + 1
    taken.add(chosen)
    return chosen


def _raw(row: dict[str, Any]) -> str:
    try:
        return json.dumps(row, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return str(list(row))
