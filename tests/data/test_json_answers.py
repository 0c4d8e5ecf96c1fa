"""JSON as it is written: whole, a value a line, with comments; and quotes as each language sets them."""

import pytest

from studio.data import studio_quality


def flags(answer: str) -> list[str]:
    found = studio_quality.score_batch(["Show me the settings."], [answer])
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


@pytest.mark.parametrize("answer", ["Han sade ”hej” till mig.", "Hän sanoi ”hei” ja ”moi” minulle.", "Hän sanoi »hei» minulle.", "Er sagte „nein“.", "Er sagte »nein«.", "He said “no”.", "Il a dit « non »."])  # fmt: skip
def test_quotes_of_all_countries_close(answer: str) -> None:
    assert flags(answer) == []


@pytest.mark.parametrize("answer", ["Han sade ”hej till mig.", "He said “no.", "Er sagte „nein.", "Il a dit « non.", "Hän sanoi »hei minulle."])  # fmt: skip
def test_one_that_does_not_close_is_told(answer: str) -> None:
    assert any("close" in words for words in flags(answer))
