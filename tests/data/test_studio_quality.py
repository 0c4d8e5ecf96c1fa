"""The preset "studio", answer by answer; and the same columns whoever calls it."""

import re
from typing import Any

import pandas as pd
import pytest

from studio import InputError
from studio.data import quality, repetition, studio_quality
from studio.data.measures import Measures
from tests.data import frames
from tests.data.planted import planted

PROSE = "The kettle stands in the lobby. Nobody moved it since Monday."
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
)


def scored(answer: str, prompt: str = "What of the kettle?") -> tuple[float, list[str], list[str]]:
    columns = studio_quality.score_batch([prompt], [answer])
    return columns["quality"][0], columns["reasons"][0], columns["flags"][0]


@pytest.mark.parametrize("answer", [
    "billing", "No", "42", "3.14", "B)", "unknown", '{"team": "billing"}', "[1, 2, 3]", "[]", PROSE, "Best Western at the pier",
    "I call all tall people, whatever is true or false.", "He said “never (ever) [again]” :-)", "a) the pier\nb) the lobby", "The screen is 27\" wide.",
    "x lies in [0, 1).", "Wait... it works now.", "See https://example.org/a_(b", "1. Boil the water\n2. Add the tea\n3. Wait for two minutes",
    "# Plan\n\nGo there first. Then rest.\n\n| a | b |\n|---|---|\n| 1 | 2 |", "```python\nprint('(')\n```", "```python\n>>> 1 +\n```",
    "Run `f(` to open it.", "[1] See the first source.", "Dr. Smith", "Use `{{ answer }}` in the template.", "Er sagte „nein“ und ging.", "是的，可以。",
    "Add the task to your to-do list.", "He whispered: ‘I know.’", "SELECT * FROM rooms", "As an example, take the pier.", "Sorry for the wait! It is open.",
    "I'm sorry I missed your message. Your refund of 20 EUR was sent.", "I'm sorry, I see that your parcel was lost. A new one is on its way.", "Sorry, I am late. The van broke down.",
    "I'm sorry, but I can't make it on Friday. How about Monday?", "I'm sorry, I was wrong. It opens at nine.", "As an AI company, we build robots for warehouses.",
    "As an AI assistant, I recommend to boil the water first.", "I can't help smiling when the kettle sings.", "I can't help but smile.", "Unfortunately, I can't answer the phone before nine.",
    "En la caja está TODO lo que necesitas.", "¡Gracias por TODO!", "El desayuno está incluido y eso es TODO.", "TODO el mundo lo sabe.", "Add each TODO comment to the list.",
])  # fmt: skip
def test_good_answers_keep_the_full_score(answer: str) -> None:
    assert scored(answer) == (1.0, [], [])


@pytest.mark.parametrize(("answer", "reason", "flag"), [
    ("", "empty", "empty"), ("N/A", "empty", "empty"), ("TODO: ask Ana", "fill in", "TODO"), ("The fee is [insert amount] euros.", "fill in", "TODO"),
    ("Lorem ipsum dolor sit amet.", "fill in", "TODO"), ('{"a": 1,}', "JSON", "broken JSON"), ('{"a": True}', "JSON", "broken JSON"),
    ("Here:\n```json\n{a: 1}\n```", "JSON", "broken JSON"), ("Here:\n```python\ndef f(:\n    pass\n```", "Python", "broken code"),
    ("The kettle stands in the", "middle", "truncated"), (PROSE + " It was bought by", "middle", "truncated"), ("It stands in the lobby and...", "middle", "truncated"),
    ('{"a": [1, 2', "middle", "truncated"), ("```python\nprint(1)", "middle", "truncated"), ("First we go to the pier,", "middle", "truncated"),
    ("I'm sorry, but I can't help with that.", "refuses", "refusal"), ("As an AI language model, I have no kettle.", "refuses", "refusal"),
    ("I cannot assist with this request.", "refuses", "refusal"), ("Sorry, I can't do that.", "refuses", "refusal"), ("I'm unable to provide legal advice.", "refuses", "refusal"),
    ("I'm sorry, but as an AI I can't open links.", "refuses", "refusal"), ("I am very sorry, but I don't have access to the news.", "refuses", "refusal"),
    ("As an AI developed by Kettles Ltd, I do not have opinions.", "refuses", "refusal"), ("Unfortunately, I will not be able to help you with this.", "refuses", "refusal"),
    ("I apologize, but I cannot directly answer that.", "refuses", "refusal"), ("El precio es TODO: preguntar a Ana.", "fill in", "TODO"), ("Send it by TODO and wait.", "fill in", "TODO"), ("TODO", "fill in", "TODO"), ("It costs (about 3 euros.", "close", ""), ("He said “yes and left.", "close", ""),
    ('He said "yes and left.', "close", ""), ("I'm not sure, maybe in the lobby.", "not sure", ""), ("The cafÃ© is open.", "broken char", "broken characters"),
])  # fmt: skip
def test_each_penalty_has_its_name(answer: str, reason: str, flag: str) -> None:
    score, reasons, flags = scored(answer)
    assert any(reason in words for words in reasons), reasons
    assert score < 1 and (not flag or flag in flags)


@pytest.mark.parametrize("answer", [
    "Es tut mir leid, aber dabei kann ich nicht helfen.", "Leider kann ich Ihnen bei dieser Frage nicht weiterhelfen.", "Als KI-Sprachmodell habe ich keine Meinung dazu.",
    "Je suis desole, mais je ne peux pas vous aider.", "Désolée, je ne peux pas répondre à cette question.", "En tant qu’IA, je n’ai pas d’avis.",
    "Lo siento, no puedo ayudar con eso.", "Lamentablemente, no puedo proporcionar esa información.", "Mi dispiace, ma non posso aiutarti.", "Purtroppo non sono in grado di fornire questi dati.",
    "Desculpe, mas não posso ajudar com isso.", "Infelizmente, não consigo fornecer essa informação.", "Het spijt me, maar daar kan ik je niet mee helpen.", "Helaas kan ik niet aan dit verzoek voldoen.",
    "Извините, но я не могу вам с этим помочь.", "К сожалению, я не могу ответить на этот вопрос.", "抱歉,我无法回答这个问题。", "對不起，我無法協助這個請求。", "作为一个人工智能，我没有个人观点。",
    "申し訳ありませんが、そのご質問にはお答えできません。", "すみません、お手伝いできません。", "Sorry, I can't open the attached file.",
])  # fmt: skip
def test_a_refusal_is_known_in_the_larger_languages(answer: str) -> None:
    assert "refusal" in scored(answer)[2] and "refusal" in scored("\n " + answer)[2]


@pytest.mark.parametrize("answer", [
    "Sorry, I can't open the door for you.", "Es tut mir leid, ich kann am Freitag nicht kommen.", "Ich kann dir gern helfen.", "Als Kind konnte ich nicht schwimmen.",
    "Leider ist der Zug heute ausgefallen.", "Je suis désolé pour le retard.", "Je ne peux pas répondre au téléphone avant neuf heures.", "Lo siento, no puedo ir el viernes.", "No, puedes ayudar mañana.",
    "Mi dispiace per il ritardo.", "Non posso venire stasera.", "Desculpe o atraso.", "Não posso ir hoje.", "Het spijt me dat ik te laat ben.", "Ik kan vandaag niet komen.", "Извините за опоздание.",
    "Я не могу прийти сегодня.", "抱歉让您久等了，包裹明天到。", "我不能去参加聚会。", "申し訳ありません。荷物は明日届きます。", "すみません、遅れました。", "この製品は返品できません。",
])  # fmt: skip
def test_who_is_sorry_or_cannot_come_refuses_nothing(answer: str) -> None:
    assert "refusal" not in scored(answer)[2]


def test_a_copied_question_and_another_language() -> None:
    question = "Where does the kettle stand in this house?"
    assert "copied question" in scored(question, question)[2]
    german = "Der Kessel steht in der Halle und ist nicht für die Küche, weil wir ihn mit dem Ofen brauchen."
    english = "Tell me where the kettle of the house is and what we do with it in the winter."
    assert "other language" in scored(german, english)[2]
    assert scored(german, "Translate to German: " + english)[2] == []
    assert scored(german, "Bitte sag mir, wo der Kessel ist und was wir mit ihm in der Küche machen.")[2] == []
    assert "other language" in scored("Чайник стоит в холле, его никто не трогал.", english)[2]


def test_repetition_by_the_published_thresholds() -> None:
    loop = "and then the van came back to the house with the box " * 12
    assert scored(loop + ".")[0] == pytest.approx(0.6)
    assert "repetition" in scored(loop + ".")[2]
    once = " ".join(f"{first} {second}" for first in NUMBERS[:9] for second in NUMBERS[8:])
    assert repetition.measure(once, repetition.PRESETS["data-juicer"]) == []
    lines = "\n".join(
        ["The kettle is in the lobby of the house."] * 4
        + [f"{word} chairs stand here now and wait." for word in NUMBERS[:6]]
    )
    assert any("lines" in words for words in repetition.measure(lines, repetition.PRESETS["datatrove"]))
    assert repetition.measure("no " * 49, repetition.PRESETS["datatrove"]) == []


def test_no_share_is_over_the_whole_and_each_character_counts_once() -> None:
    overlapping = repetition.measure("la " * 100, repetition.PRESETS["datatrove"])
    assert overlapping[0] == "one 2-gram is 100% of the text" and "9" not in "".join(overlapping[:3])
    (words,) = scored("go on and on and on and on with it " * 9)[1]
    assert max(int(share) for share in re.findall(r"(\d+)%", words)) <= 100
    half = "la " * 25 + " ".join(f"{one}{other}" for one in NUMBERS[:5] for other in NUMBERS[:6])
    found = repetition.measure(half, repetition.PRESETS["datatrove"])
    assert found and not any("2-gram" in words for words in found)  # 18 %; each pair counted whole it would be 34 %


LOOP = "and then the van came back to the house with the box " * 12 + "."


def test_a_rule_of_repetition_is_chosen_by_name_and_marks_without_dropping() -> None:
    refrain = " ".join(f"{word} kettles" for word in NUMBERS[:5])
    verses = [" ".join(f"{one} {other}" for one in NUMBERS[at : at + 3] for other in NUMBERS) for at in (0, 4, 8)]
    song = "\n\n".join([refrain, verses[0], refrain, verses[1], refrain, verses[2] + "."])
    for name, answers in {"datatrove": [LOOP, song], "data-juicer": [LOOP]}.items():
        for answer in answers:
            found = studio_quality.score_batch([""], [answer], name)
            assert found["quality"] == [0.8] and found["flags"] == [["repetition"]]
    assert studio_quality.score_batch([""], [song], "data-juicer")["flags"] == [[]]
    with pytest.raises(InputError, match="datatrove"):
        studio_quality.score_batch([""], [LOOP], "gopher")


def test_the_named_rules_are_presets_of_a_table() -> None:
    examples = planted("second").examples.head(3).copy()
    examples["quality"] = float("nan")
    examples["messages"] = pd.Series(
        [[{"role": "user", "content": "What?"}, {"role": "assistant", "content": one}] for one in (PROSE, LOOP, "N/A")],
        examples.index,
    )
    measures = Measures(frames.score_dataset(examples))
    assert measures.values("studio").tolist() == pytest.approx([1.0, 0.6, 0.0])
    assert measures.values("datatrove").tolist() == measures.values("data-juicer").tolist() == [1.0, 0.8, 0.0]
    assert "10-grams" in measures.scores("data-juicer")["reasons"][1][0]
    assert "10-grams" not in measures.scores("datatrove")["reasons"][1][0]


def test_words_not_substrings() -> None:
    assert quality.score("We call all of them, none is missing, as the wall is tall enough for a note.").reasons
    assert scored("We call all of them, none is missing, as the wall is tall enough for a note.")[0] == 1.0


def test_a_score_that_the_row_brought_stays() -> None:
    examples = planted("second").examples.head(20).copy()
    examples["quality"] = [0.25] * 10 + [float("nan")] * 10
    made = Measures(frames.score_dataset(examples)).scores("studio")
    assert (made["quality"][:10] == 0.25).all() and made["reasons"][0] == [quality.BROUGHT]
    assert (made["quality"][10:] > 0.25).all()


def test_the_same_under_map_with_two_processes_and_over_a_stream() -> None:
    import datasets

    examples = planted("second").examples
    rows = {"messages": [list(messages) for messages in examples["messages"]]}
    plain: dict[str, list[Any]] = studio_quality.score_messages(rows)
    table = datasets.Dataset.from_dict(rows)
    value = {"float64": datasets.Value("float64"), "string": datasets.Value("string")}
    made = {
        name: datasets.List(value[kind[0]]) if isinstance(kind, list) else value[kind]
        for name, kind in studio_quality.FEATURES.items()
    }
    features = datasets.Features(table.features | made)
    mapped = table.map(studio_quality.score_messages, batched=True, batch_size=100, num_proc=2, features=features)
    stream = table.to_iterable_dataset()
    streamed = list(stream.map(studio_quality.score_messages, batched=True, batch_size=37, features=features))
    for column, values in plain.items():
        assert list(mapped[column]) == values
        assert [row[column] for row in streamed] == values
