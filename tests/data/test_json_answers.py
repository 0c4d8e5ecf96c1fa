"""JSON as it is written: whole, a value a line, with comments; what only begins like it; and quotes as each language sets
them."""

import pytest

from studio.data import studio_quality


def flags(answer: str, question: str = "Show me the settings.") -> list[str]:
    found = studio_quality.score_batch([question], [answer])
    return [*found["flags"][0], *found["reasons"][0]]


@pytest.mark.parametrize("json", [
    '{"a": 1}\n{"a": 2}', '{"a": 1}\n\n{"a": 2}\n', "[1, 2]\n[3, 4]", '{\n  // the port\n  "port": 80, /* or\n 443 */\n  "url": "http://x/*y*/"\n}', '// settings\n{"a": "// no comment"}', '{"a": "\\"// no"}',
])  # fmt: skip
def test_json_lines_and_comments_are_read(json: str) -> None:
    assert flags(f"Here it is:\n\n```json\n{json}\n```\n\nThat is all.") == []


def test_json_lines_are_an_answer_of_their_own() -> None:
    assert flags('{"team": "billing", "urgent": true}\n{"team": "sales", "urgent": false}') == []


@pytest.mark.parametrize("json", ['{a: 1}', '{"a": 1}\n{"a": 2', '{"a": 1,}', '{"a": 1 // open', '{"a": 1} /* open', "1\n2", '// nothing'])  # fmt: skip
def test_what_is_broken_stays_broken(json: str) -> None:
    assert ("broken JSON" in flags(f"Here it is:\n\n```json\n{json}\n```")) is (json != '{"a": 1} /* open')


BEGINS_LIKE_JSON = [
    "[1, 2, 3] is the list in ascending order, as you asked for.", "[0, 1) is the half-open interval that holds every solution.", "[0, 1)",
    "[1, 2] show that sleep matters for memory, while a later study disagrees.", "[1], [2] and [3] say so.", "[1, 2], and later [3], say so.",
    "[12, 15] hours is the usual window for this treatment.", "[1, 2, n] is what the loop gives.", "[[1, 2), [3, 4)] are the parts.",
    "[1, 2] + [3] gives [1, 2, 3].", "{x: x > 0} is the set of all positive real numbers.", '{"a", "b"}', '{"a", "b"} is a set of two letters.',
    "[12.03.24, 10:00:11] Bob: Hi.\n[12.03.24, 10:01:11] Anna: Hello there.", "{'a': 1, 'b': [True, None]}", "[{'a': 1}, {'b': 2}]",
    "{\n  color: red;\n  margin: 0;\n}", '{method: "POST", headers: {"Content-Type": "text/plain"}}',
    '{"a": 1}\n\nThis object holds the one setting that you asked for.', '{"a": 1}\n{"a": 2}\nEach line is one setting.', '{"a": 1}. It holds one setting.',
]  # fmt: skip


@pytest.mark.parametrize("answer", BEGINS_LIKE_JSON)
def test_what_only_begins_like_json_is_neither_broken_nor_cut(answer: str) -> None:
    assert flags(answer) == []


@pytest.mark.parametrize("answer", [
    '{"a": 1, "b": ', '{"a": 1, "b": "x', '{"a": [1, 2', "[1, 2, 3", "[1, 2, 3,", '[{"a": 1}, {"a"', "{'a': 1, 'b': ", '{"a": 1}\n{"b": 2', "{name: 'Ana', age", "{ color: red; margin",
])  # fmt: skip
def test_what_was_cut_within_is_both(answer: str) -> None:
    assert {"broken JSON", "truncated"} <= set(flags(answer))


@pytest.mark.parametrize("answer", [
    '{"a": 1,}', '{a": 1, "b": 2}', '{"a" 1, "b": 2}', '{"a": 1 "b": 2}', '{{"a": 1}', '{"a": 1}}', '{"a": 1}, {"b": 2}', '{"a": 1}, "b": 2}', '{"a": 1} b: 2}',
    '{"a": True}', '{"a": [1, 2}', '{"a": "x"]', '{"a", "b": 2}', '{guest: "Ana", "room": 3}', '{"a": "see 1) there", oops}', "[1, 2, x]", '["a", b]', '{"a": 1}<|im_end|>',
])  # fmt: skip
def test_broken_json_is_told(answer: str) -> None:
    assert "broken JSON" in flags(answer)


@pytest.mark.parametrize(
    "answer", ["{'a': 1}", '{a: 1, b: "x"}', '{"a", "b"}', "{'a': 1}\n\nThat is the JSON you asked for."]
)
def test_another_language_is_broken_json_where_that_was_asked_for(answer: str) -> None:
    assert "broken JSON" in flags(answer, "Give the booking as JSON.")


def test_cut_prose_behind_brackets_is_truncated() -> None:
    assert flags("[1, 2, 3] is the list in ascending order, as you asked for, and the")[0] == "truncated"


@pytest.mark.parametrize("answer", ["Han sade ”hej” till mig.", "Hän sanoi ”hei” ja ”moi” minulle.", "Hän sanoi »hei» minulle.", "Er sagte „nein“.", "Er sagte »nein«.", "He said “no”.", "Il a dit « non »."])  # fmt: skip
def test_quotes_of_all_countries_close(answer: str) -> None:
    assert flags(answer) == []


@pytest.mark.parametrize("answer", ["Han sade ”hej till mig.", "He said “no.", "Er sagte „nein.", "Il a dit « non.", "Hän sanoi »hei minulle."])  # fmt: skip
def test_one_that_does_not_close_is_told(answer: str) -> None:
    assert any("close" in words for words in flags(answer))
