"""The coloured tokens of the page are those that training counts."""

import shutil
from pathlib import Path

import pytest

from studio import InputError, chat
from studio.loss_mask import TokenViewer
from studio.models import STARTER
from tests.families import END, make_model

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


def rewriting(tmp_path: Path) -> Path:
    """The same with thinking before the answer that is asked for and in none that was given, as some families do."""
    folder = unmarked(tmp_path)
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("%}<|assistant|>{%", "%}<|assistant|><think>{%"))
    return folder


@pytest.mark.parametrize(
    "make", [lambda _: STARTER, simple, unmarked, rewriting], ids=["marked", "simple", "unmarked", "rewriting"]
)
def test_it_shows_what_training_counts(make, tmp_path: Path) -> None:
    folder = make(tmp_path)
    shown = TokenViewer(folder).view(CONVERSATION).tokens
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
    shown = TokenViewer(folder).view(weighted).tokens
    encoded = chat.encode(chat.load_tokenizer(folder), weighted)
    assert [token.trained for token in shown] == [label != chat.IGNORED for label in encoded.labels]
    trained = "".join(token.text for token in shown if token.trained)
    assert '{"ok": true}' in trained and "way" not in trained and encoded.trained_tokens > 3
    assert [token.text for token in shown] == [token.text for token in TokenViewer(folder).view(CONVERSATION).tokens]


def test_spaces_inside_an_answer_are_trained_on_whatever_the_tokenizer_says_of_them(tmp_path: Path) -> None:
    """A byte-level tokenizer with `trim_offsets` says of a token that is nothing but spaces that it is nowhere."""
    from tokenizers import processors

    code = "    def f():\n        return  1\n\n  # one"
    messages = [{"role": "user", "content": "  Write it:  "}, {"role": "assistant", "content": code}]
    tokenizer = chat.load_tokenizer(make_model(tmp_path / "plain", "gpt2"))
    found = {}
    for trims in (True, False):
        tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=trims)
        encoded = chat.encode(tokenizer, messages)
        tokenizer.save_pretrained(folder := tmp_path / str(trims))
        assert (
            f'"trim_offsets": {str(trims).lower()}'
            in (folder / "tokenizer.json").read_text().split("post_processor")[1]
        )
        shown = TokenViewer(folder).view(messages).tokens
        assert [token.trained for token in shown] == [label != chat.IGNORED for label in encoded.labels]
        learned = [label for label in encoded.labels if label != chat.IGNORED]
        assert tokenizer.decode(learned) == "".join(token.text for token in shown if token.trained) == f"{code}{END}"
        found[trims] = encoded
    assert found[True] == found[False] and "Ġ" in tokenizer.convert_ids_to_tokens(found[True].input_ids)


def test_what_the_maximum_length_cuts_is_marked() -> None:
    shown = TokenViewer(STARTER).view(CONVERSATION, max_length=20).tokens
    assert [token.cut for token in shown] == [False] * 20 + [True] * (len(shown) - 20)


@pytest.mark.parametrize("make", [lambda _: STARTER, simple, unmarked], ids=["marked", "simple", "unmarked"])
@pytest.mark.parametrize("weight", [{}, {"weight": "0"}], ids=["all learned", "one only read"])
def test_of_a_long_text_the_first_part_is_read_as_in_the_whole(make, weight: dict[str, str], tmp_path: Path) -> None:
    long = "Where is parcel 48213, which I asked for twice? " * 100
    messages = [*CONVERSATION[:2], {**CONVERSATION[2], **weight}, {"role": "user", "content": long}, CONVERSATION[4]]
    viewer = TokenViewer(make(tmp_path))
    whole, part = viewer.view(messages), viewer.view(messages, characters=1_000)
    assert 100 < len(part.tokens) < len(whole.tokens) / 4 and whole.unread == 0
    assert part.tokens == whole.tokens[: len(part.tokens)]
    read = "".join(token.text for token in part.tokens)
    assert 980 < len(read) <= 1_000 and part.unread == sum(len(token.text) for token in whole.tokens) - len(read)


def test_a_folder_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tokenizer"):
        TokenViewer(tmp_path)
