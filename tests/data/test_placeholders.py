"""A placeholder is told when it is the whole answer, and is right where the question offers it or asks for it."""

import pytest

from studio.data import studio_quality


def scored(answer: str, prompt: str = "How many days of leave do I have?") -> tuple[float, list[str]]:
    found = studio_quality.score_batch([prompt], [answer])
    return found["quality"][0], found["flags"][0]


@pytest.mark.parametrize("answer", [
    "", "  ", "N/A", "n/a", "n.a.", "N.A.", "N/A.", "**N/A**", "NA", "#N/A", "#REF!", "-", "—", "–", "...", "…", "???", "xxx", "XXX", "null", "NaN", "undefined", "todo", "TODO", "tbd", "TBD.", "Tba", "placeholder",
    "(empty)", "[empty]", "<blank>", "<answer here>", "[answer]", "<Your answer here>", "{{answer}}", "[No response]", "Answer here", "Insert your answer here", "To be completed", "To be determined.", "to be filled in", "[to be added]",
    "No response", "No answer provided", "待补充", "（待补充）", "未記入", "por completar", "À compléter", "k. A.", "н/д", "____",
])  # fmt: skip
def test_a_placeholder_is_no_answer(answer: str) -> None:
    score, flags = scored(answer)
    assert score == 0 and "empty" in flags


@pytest.mark.parametrize("answer", [
    "No", "None", "Unknown", "x", "?", "0", "X", "xx", "No leave", "No, not yet", "Not applicable to you", "To be fair, 20.", "The answer is here", "[1]", "[null]", "(b)", "Nah", "Nan Madol", "Answers", "todos", "待人友善",
    "Pending", "No output", "It is to be completed by May.", "Na", "{}", "[]", "()", "<b>", "Tibet", "nil points",
])  # fmt: skip
def test_a_short_answer_is_an_answer(answer: str) -> None:
    assert scored(answer) == (1.0, [])


@pytest.mark.parametrize(("prompt", "answer"), [
    ("Is it open? Answer yes, no or N/A.", "N/A"), ("Return the name, or null if there is none.", "null"), ("Status: todo, doing or done?", "todo"), ("Give the date, else write (empty).", "(empty)"), ("What of the leave: paid, unpaid, no response?", "No response"),
    ("What does VLOOKUP show in Excel when it finds nothing?", "#N/A"), ("What does typeof x return in JavaScript?", "undefined"), ("What is 30 in Roman numerals?", "XXX"), ("How do you say everything in Spanish?", "todo"),
    ("Which attribute of an input shows a hint?", "placeholder"), ("Which HTML element is for a result?", "<output>"), ("Which sign is for subtraction?", "-"), ("Which punctuation mark shows a pause in a thought?", "…"), ("What is the Morse code of E?", "."),
])  # fmt: skip
def test_it_is_right_where_it_is_offered_or_asked_for(prompt: str, answer: str) -> None:
    assert "empty" not in scored(answer, prompt)[1] and "TODO" not in scored(answer, prompt)[1]


def test_a_word_of_every_template_is_not_offered_by_it() -> None:
    for answer in ("answer", "[answer]", "<answer here>"):
        assert scored(answer, "Write your answer as [answer] or <answer here>.")[0] == 0


LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit."


@pytest.mark.parametrize(("prompt", "answer", "fills"), [
    ("Describe the hotel.", LOREM, True), ("Describe the hotel.", "Our hotel is at the pier. " + LOREM, True), ("Describe the hotel.", "Lorem ipsum", True), ("Describe the hotel.", "It is new. Lorem ipsum.", True),
    ("What is that text in our layout?", "Lorem ipsum is text without a meaning that fills a layout. It begins with the words “Lorem ipsum dolor sit amet”.", False),
    ("What fills a layout?", "A printer uses lorem ipsum text so that nobody reads it.", False), ("Was ist das?", "Das ist ein Blindtext: Lorem ipsum dolor sit amet.", False), ("Write a paragraph of lorem ipsum.", LOREM, False),
])  # fmt: skip
def test_lorem_ipsum_fills_a_gap_or_is_explained(prompt: str, answer: str, fills: bool) -> None:
    assert ("TODO" in scored(answer, prompt)[1]) is fills
