"""An answer that is caught in a loop is told in any script and at any length; what may stand in a row is left alone."""

import pytest

from studio.data import studio_quality

LIST = ", ".join(map(str, range(40)))


@pytest.mark.parametrize("answer", [
    "好的" * 600, "ha" * 1000, "a" * 3000, "lol" * 30, "I think that it is good. " * 8, "I think that it is good.\n" * 8, "the " * 40, "the cat sat on the mat and " * 6,
    "好的，我明白了。" * 10, "はい" * 30, "ありがとうございます。" * 8, "สวัสดี" * 30, "그렇습니다. " * 15, "बहुत अच्छा है। " * 12, "Чайник стоит в холле. " * 6,
    "The kettle stands in the lobby of the hotel. " + "a" * 300, "Sure, go on to the next page. " + "and then " * 20, "`code` " + "Ich weiß es nicht. " * 9,
])  # fmt: skip
def test_a_loop_is_told(answer: str) -> None:
    found = studio_quality.score_batch(["What of the kettle?"], [answer])
    assert "repetition" in found["flags"][0] and found["quality"][0] <= 0.6
    assert any("times in a row" in words for words in found["reasons"][0])


@pytest.mark.parametrize("answer", [
    "yes yes yes", "1, 0, " * 60 + "1", LIST, "Happy birthday to you, happy birthday to you, happy birthday dear Ana, happy birthday to you!", "哈哈哈哈哈哈哈哈",
    "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.", "| a | b |\n|---|---|\n" + "| yes | no |\n" * 20,
    "positive\n" * 12, "<td></td>" * 20, "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo", "Nooooooooooooooooooooooooooooo!", "la la la la la la la la la",
    "```python\n" + "print('hello')\n" * 20 + "```", "\n".join(f"{at}. yes" for at in range(20)), "[" + ", ".join(['"a"'] * 40) + "]", "01" * 60,
])  # fmt: skip
def test_what_may_stand_in_a_row_is_left_alone(answer: str) -> None:
    found = studio_quality.score_batch(["What of the kettle?"], [answer])
    assert not any("in a row" in words for words in found["reasons"][0])
    if len(answer.split()) < 50:
        assert found["flags"] == [[]]


def test_a_loop_is_named_by_its_piece_and_how_often_it_stands() -> None:
    found = studio_quality.score_batch(
        ["", ""], ["I think that it is good. " * 8, "Oh, he sings " + "tra la " * 20 + "."]
    )
    assert found["reasons"][0] == ["repeats itself: “i think that it is good.” stands 8 times in a row (-0.4)"]
    assert "“tra la” stands 20 times" in found["reasons"][1][0]


def test_the_published_rules_know_no_loop_that_is_short() -> None:
    for preset in ("datatrove", "data-juicer"):
        assert studio_quality.score_batch([""], ["the " * 40], preset)["flags"] == [[]]


def test_a_loop_that_is_a_small_part_of_a_long_answer_is_none() -> None:
    prose = " ".join(f"The kettle number {at} stands in room {at * 7} of house {at * 3}." for at in range(30))
    found = studio_quality.score_batch([""], [prose + " He went on " + "and on " * 15 + "."])
    assert not any("in a row" in words for words in found["reasons"][0])
