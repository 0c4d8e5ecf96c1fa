import threading
from pathlib import Path

import pytest
import torch

from studio import models
from studio.errors import InputError
from studio.inference import answers
from tests.inference.small_run import ANSWER, QUESTIONS, conversation

ASKED = [conversation(question, None) for question in QUESTIONS]


@pytest.fixture(scope="module")
def tuned(adapter: Path):
    return models.load("starter", "4bit", adapter=adapter)


@pytest.fixture(scope="module")
def base_answers() -> list[str]:
    model, tokenizer = models.load("starter", "4bit")
    return answers.generate(model, tokenizer, ASKED, max_new_tokens=30)


def test_one_mixed_batch_answers_as_base_and_as_tuned(tuned, base_answers: list[str]) -> None:
    model, tokenizer = tuned
    names = [models.BASE] * len(ASKED) + [models.TUNED] * len(ASKED)
    given = answers.generate(model, tokenizer, ASKED * 2, names, max_new_tokens=30)
    assert given == base_answers + [ANSWER] * len(ASKED)
    assert ANSWER not in base_answers


def test_padding_and_order_change_nothing(tuned) -> None:
    model, tokenizer = tuned
    longer = conversation("Hello. " * 40 + QUESTIONS[0], None)
    together = answers.generate(model, tokenizer, [longer, *ASKED], [models.BASE] * 5, max_new_tokens=12)
    for asked, answer in zip([longer, *ASKED], together, strict=True):
        assert answers.generate(model, tokenizer, [asked], [models.BASE], max_new_tokens=12) == [answer]


def test_answers_are_cut_at_the_length_asked_for(tuned) -> None:
    model, tokenizer = tuned
    (answer,) = answers.generate(model, tokenizer, ASKED[:1], [models.TUNED], max_new_tokens=2)
    assert answer and ANSWER.startswith(answer) and answer != ANSWER


def test_a_stop_ends_it_in_the_middle(tuned) -> None:
    model, tokenizer = tuned
    looks = iter([False, False, False])
    given = answers.generate(
        model, tokenizer, ASKED[:1], [models.TUNED], max_new_tokens=30, should_stop=lambda: next(looks, True)
    )
    assert ANSWER.startswith(given[0]) and given[0] != ANSWER
    assert answers.generate(model, tokenizer, ASKED, should_stop=lambda: True) == [""] * len(ASKED)


def test_progress_counts_answers(tuned, monkeypatch) -> None:
    model, tokenizer = tuned
    monkeypatch.setattr(answers, "BATCH_TOKENS", 120)
    done: list[int] = []
    given = answers.generate(model, tokenizer, ASKED, [models.TUNED] * 4, max_new_tokens=20, on_done=done.append)
    assert given == [ANSWER] * 4 and len(done) > 1 and done[-1] == 4


def test_a_prompt_that_fills_the_context_is_refused(tuned) -> None:
    model, tokenizer = tuned
    with pytest.raises(InputError, match="too long for this model.*of 1024"):
        answers.generate(model, tokenizer, [conversation("word " * 3000, None)], max_new_tokens=20)


def test_a_batch_too_large_for_memory_is_halved(tuned, monkeypatch) -> None:
    model, tokenizer = tuned
    whole = answers._generate_batch

    def small_card(model, tokenizer, prompts, *rest):
        if len(prompts) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return whole(model, tokenizer, prompts, *rest)

    monkeypatch.setattr(answers, "_generate_batch", small_card)
    assert answers.generate(model, tokenizer, ASKED, [models.TUNED] * 4, max_new_tokens=20) == [ANSWER] * 4


def test_both_answers_grow_together(tuned, base_answers: list[str]) -> None:
    model, tokenizer = tuned
    parts = list(answers.stream_pair(model, tokenizer, ASKED[0], max_new_tokens=30))
    assert parts[-1] == {"base": base_answers[0], "tuned": ANSWER}
    assert len(parts) > 2
    for before, after in zip(parts, parts[1:], strict=False):
        assert all(after[side].startswith(before[side]) for side in ("base", "tuned"))
    assert any(len(part["base"]) > 0 and 0 < len(part["tuned"]) < len(ANSWER) for part in parts)


def test_closing_the_stream_ends_the_generation(tuned) -> None:
    model, tokenizer = tuned
    before = threading.active_count()
    stream = answers.stream_pair(model, tokenizer, ASKED[0], max_new_tokens=900)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_an_error_of_the_generation_reaches_the_reader(tuned) -> None:
    model, tokenizer = tuned
    with pytest.raises(InputError, match="too long"):
        list(answers.stream_pair(model, tokenizer, conversation("word " * 3000, None)))


def test_shots_come_between_the_system_message_and_the_question() -> None:
    contestant = answers.Contestant("base_few_shot", shots=[conversation("A?", "a"), conversation("B?", "b")])
    asked = contestant.conversation(conversation("C?", None))
    assert [message["content"] for message in asked] == ["You are a helpful assistant.", "A?", "a", "B?", "b", "C?"]
    assert contestant.adapter_name == models.BASE
