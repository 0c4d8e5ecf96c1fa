"""The coloured tokens of the page are those that training counts."""

import shutil
from pathlib import Path

import pytest

from studio import InputError, chat
from studio.loss_mask import TokenViewer
from studio.models import STARTER

CONVERSATION = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Where is my parcel 48213?"},
    {"role": "assistant", "content": "It is on its way, Mira."},
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": '{"ok": true}'},
]


def simple(tmp_path: Path) -> Path:
    """The starter's tokenizer without a template: the studio's own is used."""
    folder = tmp_path / "plain"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.safetensors", "chat_template.jinja"))
    return folder


def unmarked(tmp_path: Path) -> Path:
    """The same with a template that does not mark what is trained on."""
    folder = simple(tmp_path)
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    return folder


@pytest.mark.parametrize("make", [lambda _: STARTER, simple, unmarked], ids=["marked", "simple", "unmarked"])
def test_it_shows_what_training_counts(make, tmp_path: Path) -> None:
    folder = make(tmp_path)
    shown = TokenViewer(folder).tokens(CONVERSATION)
    tokenizer = chat.load_tokenizer(folder)
    encoded = chat.encode(tokenizer, CONVERSATION)
    assert [token.trained for token in shown] == [label != chat.IGNORED for label in encoded.labels]
    assert "".join(token.text for token in shown) == tokenizer.apply_chat_template(CONVERSATION, tokenize=False)
    trained = "".join(token.text for token in shown if token.trained)
    assert "It is on its way, Mira." in trained and '{"ok": true}' in trained and "parcel" not in trained


@pytest.mark.parametrize("make", [lambda _: STARTER, simple, unmarked], ids=["marked", "simple", "unmarked"])
def test_an_answer_of_weight_0_is_not_trained_on(make, tmp_path: Path) -> None:
    folder = make(tmp_path)
    weighted = [*CONVERSATION[:2], {**CONVERSATION[2], "weight": "0"}, *CONVERSATION[3:]]
    shown = TokenViewer(folder).tokens(weighted)
    encoded = chat.encode(chat.load_tokenizer(folder), weighted)
    assert [token.trained for token in shown] == [label != chat.IGNORED for label in encoded.labels]
    trained = "".join(token.text for token in shown if token.trained)
    assert '{"ok": true}' in trained and "way" not in trained and encoded.trained_tokens > 3
    assert [token.text for token in shown] == [token.text for token in TokenViewer(folder).tokens(CONVERSATION)]


def test_what_the_maximum_length_cuts_is_marked() -> None:
    shown = TokenViewer(STARTER).tokens(CONVERSATION, max_length=20)
    assert [token.cut for token in shown] == [False] * 20 + [True] * (len(shown) - 20)


def test_a_folder_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokenizer"):
        TokenViewer(tmp_path)
