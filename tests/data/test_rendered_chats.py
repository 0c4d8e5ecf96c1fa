"""Chats that were written into one text with a template's markers are asked about, and read into their messages."""

import json
from typing import Any

import pytest

from components.load_kinds import is_unsure, kind_of, looks_like
from studio import InputError, Project
from studio.data import detection, rendered_chats

CHATS = {
    "guanaco": "### Human: What is 7?### Assistant: A number.### Human: And 8?### Assistant: One more.",
    "chatml": "<|im_start|>user\nWhat is 7?<|im_end|>\n<|im_start|>assistant\nA number.<|im_end|>\n<|im_start|>user\nAnd 8?<|im_end|>\n<|im_start|>assistant\nOne more.<|im_end|>\n",
    "llama 2": "<s>[INST] What is 7? [/INST] A number. </s><s>[INST] And 8? [/INST] One more. </s>",
    "llama 3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhat is 7?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA number.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAnd 8?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nOne more.<|eot_id|>",
    "gemma": "<bos><start_of_turn>user\nWhat is 7?<end_of_turn>\n<start_of_turn>model\nA number.<end_of_turn>\n<start_of_turn>user\nAnd 8?<end_of_turn>\n<start_of_turn>model\nOne more.<end_of_turn>\n",
    "zephyr": "<|user|>\nWhat is 7?</s>\n<|assistant|>\nA number.</s>\n<|user|>\nAnd 8?</s>\n<|assistant|>\nOne more.</s>",
}  # fmt: skip
SAID = [("user", "What is 7?"), ("assistant", "A number."), ("user", "And 8?"), ("assistant", "One more.")]


@pytest.fixture
def project(tmp_path: Any) -> Project:
    return Project.open("chats", home=tmp_path / "home")


def loaded(project: Project, *texts: str, **said: Any) -> list[list[tuple[str, str]]]:
    made = project.load(pasted="\n".join(json.dumps({"text": text}) for text in texts), system="", **said)
    return [[(one["role"], one["content"]) for one in messages] for messages in made.examples["messages"]]


@pytest.mark.parametrize("name", CHATS)
def test_they_are_asked_about_and_read_as_messages(project: Project, name: str) -> None:
    found = detection.detect([{"text": CHATS[name]}] * 3)
    assert (found.shape, found.columns) == ("messages", {"messages": "text"})
    assert not found.is_sure and is_unsure(found) and kind_of(found) == "messages"
    assert "as messages the answers alone are learned" in looks_like(found)
    assert found.alternatives[0][:2] == ("text", {"text": "text"}) and len(found.preview[0]["messages"]) == 5
    with pytest.raises(InputError, match=r"whole chats.*'text'.*columns=\{'messages': 'text'\}.*shape=\"text\""):
        loaded(project, CHATS[name])
    assert loaded(project, CHATS[name], columns=found.columns) == [SAID]
    assert loaded(project, CHATS[name], shape="text") == [[("assistant", CHATS[name])]]


@pytest.mark.parametrize(
    ("text", "system", "asked"),
    [
        ("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>", "Be brief.", "Hi"),
        ("[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello", "Be brief.", "Hi"),
        ("A talk.### Human: Hi### Assistant: Hello", "A talk.", "Hi"),
        ("Below is a task.\n\n### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\nHello", "Below is a task.", "Add.\n\nInput: 1, 2"),
    ],
)  # fmt: skip
def test_a_system_prompt_and_an_input_are_read(text: str, system: str, asked: str) -> None:
    found = [(one["role"].lower(), one["content"]) for one in rendered_chats.turns(text) or []]
    assert [said for _, said in found] == [system, asked, "Hello"] and found[0][0] == "system"


@pytest.mark.parametrize(
    "text",
    [
        "Once upon a time.", "<|im_start|>user\nWhat is it?<|im_end|>", "### Response: none", "[INST] a [/INST]", "[INST]", "### Human: Hi",
        "x" * 2000 + "### Human: Hi### Assistant: Hello", "",
    ],
)  # fmt: skip
def test_what_is_no_chat_stays_a_text(project: Project, text: str) -> None:
    assert rendered_chats.turns(text) is None
    assert detection.detect([{"text": text or "x"}]).shape == "text"


def test_one_chat_among_texts_is_not_asked_about_and_a_text_among_chats_is_set_aside(project: Project) -> None:
    assert len(loaded(project, "Once.", "Twice.", CHATS["guanaco"])) == 3
    assert loaded(project, "Once.", CHATS["chatml"], columns={"messages": "text"}) == [SAID]
    reasons = project.dataset(project.datasets()[-1].reference).problems["reason"].tolist()
    assert reasons == ["messages is text, and neither JSON nor a chat with markers"]


def test_messages_as_json_stay_messages_whatever_they_say() -> None:
    said = json.dumps([{"role": "user", "content": CHATS["guanaco"]}, {"role": "assistant", "content": "Yes."}])
    assert rendered_chats.read(said) == said
