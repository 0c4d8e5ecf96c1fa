"""An answer that was judged bad is the row's answer wherever answers are looked at, and is meant to be bad."""

from studio.data.studio_quality import question_and_answer

ASKED = [{"role": "user", "content": "Where is it?"}]


def test_the_answer_to_avoid_is_the_answer_and_the_question_is_none() -> None:
    assert question_and_answer(ASKED, "No idea.") == ("Where is it?", "No idea.")
    assert question_and_answer(ASKED) == ("Where is it?", "")
    answered = [*ASKED, {"role": "assistant", "content": "Here."}]
    assert question_and_answer(answered, "No idea.") == ("Where is it?", "Here.")
    asked_again = [*answered, {"role": "user", "content": "And then?"}]
    assert question_and_answer(asked_again, "Go away.") == ("And then?", "Go away.")
