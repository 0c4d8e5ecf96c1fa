import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studio import chat, models
from studio.errors import InputError

CONVERSATION = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello, I am Ola and my number is 123."},
    {"role": "assistant", "content": '{"name": "Ola", "emoji": "é😀"}'},
    {"role": "user", "content": "Again"},
    {"role": "assistant", "content": "Fine.\n"},
]
NO_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system role') }}"
    "{% endif %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
REWRITING = (  # drops what earlier answers thought, as some families do
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}{% if message['role'] == 'assistant' %}"
    "{% if loop.last %}{{ 'thinking: ' }}{% endif %}{% endif %}{{ message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


@pytest.fixture
def tokenizer():
    return chat.load_tokenizer(models.STARTER)


def trained_text(tokenizer, encoded: chat.Encoded) -> str:
    return tokenizer.decode([label for label in encoded.labels if label != chat.IGNORED])


def test_only_answers_and_their_end_token_are_trained(tokenizer) -> None:
    encoded = chat.encode(tokenizer, CONVERSATION)
    assert trained_text(tokenizer, encoded) == '{"name": "Ola", "emoji": "é😀"}<|end|>Fine.\n<|end|>'
    assert all(label in (token, chat.IGNORED) for token, label in zip(encoded.input_ids, encoded.labels, strict=True))
    assert not encoded.truncated and encoded.trained_tokens < len(encoded.input_ids)


def test_a_template_without_marks_gives_the_same(tokenizer) -> None:
    marked = chat.encode(tokenizer, CONVERSATION)
    tokenizer.chat_template = chat.GENERATION_TAG.sub("", tokenizer.chat_template)
    assert chat.encode(tokenizer, CONVERSATION) == marked


def test_a_template_that_rewrites_earlier_answers_still_trains_on_them(tokenizer) -> None:
    tokenizer.chat_template = REWRITING
    trained = trained_text(tokenizer, chat.encode(tokenizer, CONVERSATION))
    assert trained == '{"name": "Ola", "emoji": "é😀"}<|end|>thinking: Fine.\n<|end|>'


def test_a_template_without_system_role_gets_it_before_the_first_question(tokenizer) -> None:
    tokenizer.chat_template = NO_SYSTEM
    encoded = chat.encode(tokenizer, CONVERSATION)
    assert tokenizer.decode(encoded.input_ids).startswith("<|user|>Be kind.\n\nHello, I am Ola")
    assert trained_text(tokenizer, encoded) == '{"name": "Ola", "emoji": "é😀"}<|end|>Fine.\n<|end|>'


def test_a_conversation_that_the_template_refuses_is_explained(tokenizer) -> None:
    tokenizer.chat_template = NO_SYSTEM
    with pytest.raises(InputError, match="no system role"):
        chat.encode(tokenizer, [{"role": "system", "content": "Alone"}])


def test_the_prompt_is_how_the_trained_conversation_begins(tokenizer) -> None:
    encoded = chat.encode(tokenizer, CONVERSATION)
    prompt = chat.prompt_ids(tokenizer, CONVERSATION[:2])
    assert encoded.input_ids[: len(prompt)] == prompt
    assert encoded.labels[len(prompt) - 1] == chat.IGNORED != encoded.labels[len(prompt)]


def test_cut_at_the_maximum_length_and_said(tokenizer) -> None:
    encoded = chat.encode(tokenizer, CONVERSATION, max_length=10)
    assert encoded.truncated and len(encoded.input_ids) == len(encoded.labels) == 10
    assert not chat.encode(tokenizer, CONVERSATION, max_length=1000).truncated


def without_template(folder: Path) -> Path:
    tokenizer = chat.load_tokenizer(models.STARTER)
    tokenizer.chat_template = None
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text((models.STARTER / "config.json").read_text())
    return folder


def test_a_base_model_gets_the_simple_template_and_a_pad_token(tmp_path: Path, caplog) -> None:
    tokenizer = chat.load_tokenizer(without_template(tmp_path))
    assert tokenizer.chat_template == chat.SIMPLE_TEMPLATE and "no chat template" in caplog.text
    assert tokenizer.pad_token == tokenizer.eos_token
    encoded = chat.encode(tokenizer, CONVERSATION)
    assert trained_text(tokenizer, encoded) == '{"name": "Ola", "emoji": "é😀"}<|end|>Fine.\n<|end|>'
    prompt = chat.prompt_ids(tokenizer, CONVERSATION[:2])
    assert encoded.input_ids[: len(prompt)] == prompt
    assert chat.end_token_ids(tokenizer) == [tokenizer.eos_token_id]


@pytest.mark.parametrize("template", ["own", "simple"])
def test_the_counter_counts_what_the_model_will_see(tokenizer, tmp_path: Path, template: str) -> None:
    folder = models.STARTER
    if template == "simple":
        folder = without_template(tmp_path)
        tokenizer = chat.load_tokenizer(folder)
    counter = chat.TokenCounter(folder)
    assert counter.name == folder.name
    for length in (2, 3, 5):
        assert counter.count(CONVERSATION[:length]) == len(chat.encode(tokenizer, CONVERSATION[:length]).input_ids)


def test_without_a_tokenizer_it_is_the_estimate() -> None:
    counter = chat.TokenCounter(None)
    assert counter.name == "estimate"
    assert counter.count([{"role": "user", "content": "x" * 35}]) == 10


def test_counting_needs_no_torch() -> None:
    code = (
        "import sys; from studio import chat, models\n"
        "assert chat.TokenCounter(models.STARTER).count([{'role': 'user', 'content': 'Hello'}]) > 2\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})


def test_the_last_answer_is_split_off() -> None:
    asked, expected = chat.split_answer(CONVERSATION)
    assert asked == CONVERSATION[:4] and expected == "Fine.\n"
    with pytest.raises(InputError, match="it ends with user"):
        chat.split_answer(CONVERSATION[:4])


def test_templates_get_tool_calls_as_objects() -> None:
    call = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    messages = [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": "", "tool_calls": json.dumps([call])},
    ]
    given = chat.for_template(messages)
    assert given[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 1}}
    assert chat.for_template(messages[:1]) == messages[:1]
