"""What is learned of a conversation, with the chat templates of many families: the answers and what ends them, wherever
else in the text an answer's words stand."""

import json
import re
from pathlib import Path

import pytest
import trl
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import InputError, chat
from studio.examples import Dataset
from studio.models import STARTER
from studio.project import Project
from studio.training.recipe import Recipe
from studio.training.rows import encode_rows

FOLDER = Path(trl.__file__).parent / "chat_templates"
TEMPLATES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.jinja"))}
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}{% else %}{{ message['content'] }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TEMPLATES |= {
    "simple": chat.SIMPLE_TEMPLATE,
    "no system": NO_SYSTEM,
    "no system, unmarked": chat.GENERATION_TAG.sub("", NO_SYSTEM),
    "thinks in its last answer": (
        "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{% if message['role'] == 'assistant' and loop.last %}"
        "{{ '<think></think>' }}{% endif %}{{ message['content'] + '<|end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    ),
}
PICTURES = ("idefics3", "llava_next", "smolvlm")
"""Their templates take lists of parts, and leave out plain text."""
NO_END = ("glm4moe", "glm4moe_training")
"""They end an answer with the next turn's beginning."""
SCAFFOLD = r"(\s|<[^>]*>|final|assistant|model| to=user)*"
"""What templates write before and behind an answer's own words: thinking that is empty, the channel, the end."""
SYSTEM = {"role": "system", "content": "Sort the ticket. Answer with one word: bug, question or praise. end"}
CONVERSATIONS = {
    "one turn": [SYSTEM, ("The app crashes, a bug.", "bug")],
    "no system": [("The app crashes, a bug.", "bug")],
    "three turns": [SYSTEM, ("The bug question.", "bug"), ("And how do I pay? question", "question"), ("bug?", "bug")],
    "three turns, no system": [("bug question?", "question"), ("bug, how do I pay?", "bug"), ("Is it the end?", "end")],
    "words of templates": [SYSTEM, ("user", "user"), ("assistant", "assistant"), ("im_end", "im_end"), ("1", "1")],
    "several lines": [SYSTEM, ("Write it.", "def f():\n    return 1"), ("More", "Two  words.\n\n\nAnd more")],
}
CALL = {"id": "a1b2c3d4e", "type": "function", "function": {"name": "find_bug", "arguments": '{"number": "7"}'}}
CALLING: list[chat.Message] = [
    {"role": "user", "content": "Call find_bug 7"},
    {"role": "assistant", "content": "", "tool_calls": json.dumps([CALL])},
    {"role": "tool", "content": "seven bug", "name": "find_bug", "tool_call_id": "a1b2c3d4e"},
    {"role": "assistant", "content": "seven"},
    {"role": "user", "content": "seven, thanks"},
    {"role": "assistant", "content": "thanks"},
]


def messages_of(turns) -> list[chat.Message]:
    found: list[chat.Message] = []
    for turn in turns:
        if isinstance(turn, dict):
            found.append(turn)
        else:
            found += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return found


def tokenizer_with(template: str):
    """The starter's tokenizer with the template and its special tokens."""
    tokenizer = chat.load_tokenizer(STARTER)
    tokenizer.chat_template = template
    special = sorted(set(re.findall(r"<[|｜]?[\w▁/]+[|｜]?>", template)))
    tokenizer.add_special_tokens({"bos_token": "<s>", "additional_special_tokens": special})
    return tokenizer


def learned(tokenizer, encoded: chat.Encoded) -> list[str]:
    """The texts of the parts that are learned, in their order."""
    parts: list[list[int]] = [[]]
    for label in encoded.labels:
        if label != chat.IGNORED:
            parts[-1].append(label)
        elif parts[-1]:
            parts.append([])
    return [tokenizer.decode(part) for part in parts if part]


def assert_answers(name: str, parts: list[str], messages: list[chat.Message]) -> None:
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    assert len(parts) == len(answers), parts
    for part, answer in zip(parts, answers, strict=True):
        found = re.fullmatch(f"({SCAFFOLD}){re.escape(answer.strip())}(?P<end>{SCAFFOLD})", part)
        assert found, (part, answer)
        assert ">" in found["end"] or name in NO_END, part


@pytest.mark.parametrize("name", [name for name in TEMPLATES if not name.startswith(PICTURES)])
def test_the_answers_and_their_ends_are_learned_with_every_template(name: str) -> None:
    tokenizer = tokenizer_with(TEMPLATES[name])
    for turns in CONVERSATIONS.values():
        messages = messages_of(turns)
        assert_answers(name, learned(tokenizer, chat.encode(tokenizer, messages)), messages)
        ids, start, end = chat.last_answer(tokenizer, messages)
        assert_answers(name, [tokenizer.decode(ids[start:end])], messages[-1:])


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name.startswith(PICTURES)])
def test_a_template_that_leaves_answers_out_is_refused(name: str) -> None:
    tokenizer = tokenizer_with(TEMPLATES[name])
    for turns in (CONVERSATIONS["one turn"], CONVERSATIONS["several lines"]):
        with pytest.raises(InputError, match="chat template"):
            chat.encode(tokenizer, messages_of(turns))


@pytest.mark.parametrize("name", TEMPLATES)
def test_tool_calls_are_learned_and_their_results_are_not(name: str) -> None:
    tokenizer = tokenizer_with(TEMPLATES[name])
    try:
        parts = learned(tokenizer, chat.encode(tokenizer, CALLING))
    except InputError:  # the template refuses calls, or the place cannot be told
        return
    assert len(parts) == 3 and "seven bug" not in "".join(parts)
    assert not {"Call", "seven"} & set(re.findall(r"\w+", parts[0]))
    assert_answers(name, parts[1:], CALLING[2:])


@pytest.mark.parametrize("name", [name for name in TEMPLATES if not name.startswith(PICTURES)])
def test_thoughts_are_learned_or_refused(name: str) -> None:
    """A template may leave out what earlier answers thought, never what the last one did."""
    thought = "<think>\nIs it a bug?\n</think>\n\n"
    messages = messages_of([SYSTEM, ("The bug?", f"{thought}bug"), ("Sure?", f"{thought}yes bug")])
    tokenizer = tokenizer_with(TEMPLATES[name])
    try:
        parts = learned(tokenizer, chat.encode(tokenizer, messages))
    except InputError as problem:
        assert "changes answers" in str(problem)
        return
    assert len(parts) == 2 and "yes bug" in parts[1] and "Sort" not in parts[0] and "Sure" not in parts[0] + parts[1]
    assert re.search(r"bug\s*(<|$)", parts[0]) and ("Is it a bug?" in parts[1] or name.endswith("_training"))


WORDS = "Sort the ticket: bug, question or praise 12 (a) user"


@st.composite
def part_of_the_prompt(draw) -> str:
    start = draw(st.integers(0, len(WORDS) - 1))
    return WORDS[start : draw(st.integers(start + 1, len(WORDS)))].strip() or "bug"


HARD = (
    "deepseek_r1_distill",
    "gptoss",
    "nemotron_3_nano",
    "phi3",
    "qwen3",
    "qwen3_5_think",
    "simple",
    "no system, unmarked",
)
TOKENIZERS = {name: tokenizer_with(TEMPLATES[name]) for name in HARD}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(HARD), st.lists(part_of_the_prompt(), min_size=1, max_size=3), st.booleans())
def test_an_answer_that_is_a_part_of_the_prompt_is_learned_where_it_is_the_answer(
    name: str, answers: list[str], system: bool
) -> None:
    tokenizer = TOKENIZERS[name]
    messages = messages_of([{"role": "system", "content": WORDS}] * system + [(WORDS, answer) for answer in answers])
    assert_answers(name, learned(tokenizer, chat.encode(tokenizer, messages)), messages)


@pytest.mark.parametrize("name", ["deepseek_r1_distill", "nemotron_3_nano", "qwen3", "phi3"])
@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_preferences_are_about_the_answers(name: str, objective: str, tmp_path: Path) -> None:
    asked = "Is ticket 0 a bug or praise?"
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"prompt": asked, "chosen": "bug", "rejected": "praise"}) + "\n")
    pairs: Dataset = Project.open("pairs", home=tmp_path).load(tmp_path / "pairs.jsonl")
    tokenizer = tokenizer_with(TEMPLATES[name])
    rows = encode_rows(tokenizer, pairs, Recipe(model="starter", objective=objective)).rows
    kept = ("chosen_ids", "rejected_ids") if objective == "dpo" else ("completion_ids",)
    found = sorted(tokenizer.decode(row[column]) for row in rows for column in kept)
    assert_answers(name, found, [{"role": "assistant", "content": answer} for answer in ("bug", "praise")])
    assert all(asked in tokenizer.decode(row["prompt_ids"]) for row in rows)


def test_the_last_answer_is_found_whatever_its_weight() -> None:
    tokenizer = chat.load_tokenizer(STARTER)
    messages = messages_of([("bug?", "bug"), ("praise?", "praise")])
    messages[-1]["weight"] = "0"
    ids, start, end = chat.last_answer(tokenizer, messages)
    assert tokenizer.decode(ids[start:end]) == "praise<|end|>"


def test_a_marked_template_that_refuses_a_system_prompt_gets_it_before_the_question() -> None:
    messages = messages_of([SYSTEM, ("Hello", "bug")])
    encoded = [
        chat.encode(tokenizer_with(template), messages)
        for template in (NO_SYSTEM, chat.GENERATION_TAG.sub("", NO_SYSTEM))
    ]
    assert encoded[0] == encoded[1] and encoded[0].trained_tokens > 1


@pytest.mark.parametrize("template", [NO_SYSTEM, chat.GENERATION_TAG.sub("", NO_SYSTEM)])
def test_where_that_does_not_help_it_is_said(template: str) -> None:
    alone = [SYSTEM, {"role": "assistant", "content": "bug"}]
    with pytest.raises(InputError, match="System role not supported"):
        chat.encode(tokenizer_with(template), alone)


def test_a_token_that_the_tokenizer_lacks_is_named() -> None:
    tokenizer = chat.load_tokenizer(STARTER)
    tokenizer.chat_template = TEMPLATES["llama3"]
    with pytest.raises(InputError, match="bos_token") as caught:
        chat.encode(tokenizer, messages_of([SYSTEM, ("Hello", "bug")]))
    assert "tokenizer_config.json" in caught.value.fix
