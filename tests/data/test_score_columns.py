"""Columns are scored as their rows are one by one: every check asked of every row, whatever stands in it."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.data import privacy, quality, repetition, screens, studio_quality
from studio.data.screens import Answers, Rows
from studio.data.text_column import TextColumn
from tests.benchmarks.data import WORDS, write_rows
from tests.data.planted import SETS, planted

Found = tuple[float, list[str], float, list[str], list[str]]
PIECES = [
    *"()[]{}\"'`<>-,.:;…!?*#_=+|~@/\\0123456789 \n\t\r\x0b\x1c\x85\xa0\u2003\u2028\u3000\0", "```", "```json\n", "``` Python\n", "```py\n", "\n```\n", "{{ answer }}",
    '{"a": 1}', '{"a": [1, 2', "[1, 2]", '["x"]', "{'a': 1}", '{"a": NaN}', '{"a": 1e999}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "[" * 1100, "[insert name]", "<your answer>", "lorem Ipsum",
    "TODO", "todo", "TBD", "FIXME", "mastodon", "I cannot", "I'm not sure", "I’m not ſure", "i DON'T \u212anow", "İ cannot", "always", "never", "all", "None", "true", "False", "[placeholder]",
    "the", " the ", " and ", " to ", "What ", "of", "is", "der", "und", "nicht", "mit", "für", "les", "des", "que", "los", "il", "non", "een", "van", "het", "la_casa", "de2", "Übersetze", "Translate to German: ",
    "Sorry, I can't", "I'm sorry, but I can't help with that", "As an AI", "aſ an ai", "Unfortunately, I cannot", "I will not discuss", "Es tut mir leid", "kann ich nicht helfen", "Ich kann", "Désolé, ", "je ne peux pas vous aider", "Lo siento, no puedo ayudar", "Извините, я не могу помочь", "抱歉,我无法回答", "申し訳ありませんが、お答えできません",
    "Чайник стоит в холле", "是的，可以。", "これはペンです", "„nein“", "“yes”", "«oui»", "「は」", "（）", "【", "ü", "é", "ß", "ΐ",
    "�", "Ã©", "â€™", "ana@example.org", "+49 30 901820", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "10.0.0.1", "2001:db8::1", "sk-a1b2c3d4e5f6g7h8i9j0k1l2", "ghp_" + "a1B2" * 9,
    "AKIAIOSFODNN7EXAMPLE", "version 1.2.3.4", "def f(:\n  pass\n", "print(1)\n", ">>> x", ":-)", "a) ", "1. ", "- ", "https://example.org/a_(b", '27" wide', "the kettle stands in the", "n/a", "undefined", "\ud800",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.sampled_from(WORDS) | st.text(max_size=6), max_size=30).flatmap(
    lambda pieces: st.sampled_from(["", " ", "\n", " and "]).map(lambda between: between.join(pieces))
)


def by_row(messages: list[dict[str, Any]]) -> Found:
    question, answer = studio_quality.question_and_answer(messages)
    content = messages[-1]["content"] or ""
    guide = quality.score(content)
    answer = answer.strip()
    held = sum(1 << at for at, check in enumerate(studio_quality.CHECKS) if check.holds(question, answer))
    studio = studio_quality.verdict(held, studio_quality.repeated(answer))
    flags = {*studio.flags, *(["short"] if len(content.strip()) < quality.SHORT else [])}
    for message in messages:
        if re.search(privacy.SUSPECT, message["content"] or "", re.ASCII):
            flags |= {detail.kind for detail in privacy.find(message["content"])}
    return guide.overall, guide.reasons, studio.quality, studio.reasons, [one for one in quality.FLAGS if one in flags]


def by_column(conversations: list[list[dict[str, Any]]]) -> list[Found]:
    found = quality.score_columns(*quality.columns(conversations))
    return [tuple(row.values()) for row in found.to_pylist()]  # type: ignore[misc]


def same(conversations: list[list[dict[str, Any]]]) -> None:
    for messages, found in zip(conversations, by_column(conversations), strict=True):
        assert found == by_row(messages), messages


def turns(prompt: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "Be kind."}, {"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_planted_flaws(name: str) -> None:
    same(list(planted(name).examples["messages"]))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_whatever_stands_in_them(both: list[tuple[str, str]]) -> None:
    same([turns(prompt, answer) for prompt, answer in both])


def test_pieces_among_common_words() -> None:
    random = Random(7)

    def text() -> str:
        share, between = random.choice([0.05, 0.5]), random.choice(["", " ", "\n", " and "])
        count = random.choice([0, 1, 2, 5, 20, 100])
        return between.join(random.choice(PIECES if random.random() < share else WORDS) for _ in range(count))

    same([turns(text(), text()) for _ in range(5000)])


def test_texts_that_say_the_same_again_more_or_less() -> None:
    """Around every threshold: loops of a phrase among other words, with code, umlauts, lines and long words."""
    random = Random(1)
    conversations = []
    for _ in range(3000):
        vocabulary = random.sample(WORDS, random.choice([3, 10, 30, 100, 200])) + random.choice(
            [[], ["für", "İstanbul", "是的"], ["word-" * 9]]
        )
        words = random.choices(vocabulary, k=random.choice([20, 48, 51, 80, 200, 600]))
        phrase = random.choices(WORDS, k=random.choice([1, 2, 3, 4, 5, 7, 10, 12]))
        for _ in range(random.randint(0, 12)):
            at = random.randrange(len(words))
            words[at:at] = phrase
        pieces = [word + random.choice([" ", " ", " ", " ", ", ", ".\n", "-", "\u2028", " — "]) for word in words]
        if random.random() < 0.3:
            line = " ".join(random.choices(WORDS, k=3)) + "\n"
            for _ in range(random.randint(2, 30)):
                pieces.insert(random.randrange(len(pieces)), line)
        if random.random() < 0.2:
            pieces.insert(
                random.randrange(len(pieces)), "```\n" + " ".join(random.choices(WORDS, k=30)) * 3 + "\n```\n"
            )
        conversations.append(turns("Tell me of it.", "".join(pieces) + random.choice([".", "", " \n", "\xa0"])))
    found = by_column(conversations)
    repeated = sum("repetition" in flags for *_, flags in found)
    few = sum(any("few different" in reason for reason in reasons) for _, reasons, *_ in found)
    assert 300 < repeated < 2700 and 100 < few < 2700
    same(conversations)


def test_an_answer_that_calls_tools_and_one_that_is_nothing() -> None:
    asked = {"role": "user", "content": "Book a room for Ana, ana@example.org, please."}
    calls = [{"function": {"name": "book", "arguments": {"guest": "Ana"}}}]
    called = [asked, {"role": "assistant", "content": None, "tool_calls": calls}]
    same(
        [called, [asked, {"role": "assistant", "content": ""}], [{"role": "assistant", "content": "A passage alone."}]]
    )
    assert by_column([called])[0][2] == 1.0 and by_column([called])[0][4] == ["short", "e-mail address"]


def test_any_kind_of_string_column() -> None:
    prompts, answers, others = (
        ["Where?", None, "Who?"],
        ["In the lobby (by the pier.", "TODO", None],
        ["a@b.org", None, ""],
    )
    tables = [
        quality.score_columns(pa.array(prompts, kind), pa.array(answers, kind), more)
        for kind in (pa.string(), pa.large_string(), pa.string_view())
        for more in (pa.array(others, kind), pa.array([[one] if one else [] for one in others], pa.list_(kind)))
    ]
    tables.append(quality.score_columns(*(pa.array(["", *some])[1:] for some in (prompts, answers, others))))
    tables.append(
        quality.score_columns(*(pa.chunked_array([some[:1], some[1:]]) for some in (prompts, answers, others)))
    )
    assert all(table == tables[0] for table in tables)
    assert tables[0]["flags"].to_pylist() == [
        ["short", "e-mail address"],
        ["TODO", "short", "empty"],
        ["short", "empty"],
    ]
    assert len(quality.score_columns(pa.array([], pa.string()), pa.array([], pa.string()), pa.array([], pa.list_(pa.string())))) == 0  # fmt: skip


def test_of_clean_rows_hardly_any_is_checked_one_by_one(tmp_path: Path) -> None:
    """What the speed rests on, whatever the machine."""
    write_rows(tmp_path / "rows.jsonl", 2000)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    prompts, answers = (
        TextColumn.of([row["instruction"] for row in rows]),
        Answers.of([row["output"] for row in rows]),
    )
    masks = [check.worth(Rows(prompts, answers)) for check in studio_quality.CHECKS]
    masks += [rule.covers(answers) for rule in quality.RULES]
    masks += [answers.look.again, answers.with_sign(privacy.SUSPECT), screens.prose_differs(answers)]
    assert np.logical_or.reduce(masks).mean() < 0.02


def test_the_thresholds_that_a_quick_look_knows() -> None:
    for limits in repetition.PRESETS.values():
        assert all(
            n in (2, 3, 4) and share / (n // 2 + n % 2) >= repetition.LEAST_TOP_SHARE for n, share in limits.top.items()
        )
        assert all(n >= 5 and share >= repetition.LEAST_AGAIN_SHARE for n, share in limits.again.items())
        assert limits.ten_grams >= 2 * repetition.LEAST_RUNS_SHARE
