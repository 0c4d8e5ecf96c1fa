"""An answer in another language than its question is told, and one that should be is left alone."""

import pytest

from studio.data import languages, studio_quality

GERMAN = (
    "Klicken Sie auf die Schaltfläche und geben Sie Ihre Adresse ein. Danach erhalten Sie eine Nachricht mit dem Link."
)
PLAIN_GERMAN = "Klicken Sie auf Passwort vergessen und folgen Sie den Anweisungen. Danach erhalten Sie eine E-Mail."
ENGLISH = "Open the settings of your account and choose a new password. Then confirm it with the link in the message."
SPANISH = "Abre los ajustes de tu cuenta y elige una nueva contraseña. Luego confirma el cambio en la página."
FRENCH = "Ouvrez les paramètres de votre compte et choisissez un nouveau mot de passe. Vous recevrez ensuite un lien."
JAPANESE, CHINESE = "日本の首都はどこですか。教えてください。", "日本的首都是东京，那里有很多高楼，我很喜欢。"
ASKED = "How do I reset my password on the website please?"
ASKED_SPANISH = "¿Cómo puedo cambiar la contraseña de mi cuenta en la página?"
ASKED_GERMAN = "Wie setze ich mein Passwort auf der Seite zurück?"


def flags(prompt: str, answer: str) -> list[str]:
    found: list[str] = studio_quality.score_batch([prompt], [answer])["flags"][0]
    return found


@pytest.mark.parametrize(("prompt", "answer"), [
    (ASKED, GERMAN), (ASKED, PLAIN_GERMAN), (ASKED, SPANISH), (ASKED, FRENCH), (ASKED_SPANISH, ENGLISH), (ASKED_SPANISH, GERMAN), (ASKED_SPANISH, FRENCH),
    (ASKED_GERMAN, ENGLISH), (ASKED_GERMAN, SPANISH), (JAPANESE, CHINESE), ("日本的首都是哪里？请你告诉我。", "日本の首都は東京です。人口は約千四百万人です。"),
    ("Can I bring my dog to the hotel?", "Ja, das ist kein Problem. Bitte melden Sie den Hund vorher an und bringen Sie eine Decke mit."),
    ("Où se trouve la gare ?", "The station is in the middle of the town, next to the river and the old market."), (ASKED, "Чайник стоит в холле, его никто не трогал."), (ASKED, CHINESE + CHINESE),
])  # fmt: skip
def test_another_language_is_told(prompt: str, answer: str) -> None:
    assert flags(prompt, answer) == ["other language"]


@pytest.mark.parametrize(("prompt", "answer"), [
    (ASKED, ENGLISH), (ASKED_SPANISH, SPANISH), (ASKED_GERMAN, GERMAN), (ASKED_GERMAN, PLAIN_GERMAN), (JAPANESE, "日本の首都は東京です。人口は約千四百万人です。"), ("日本的首都是哪里？请你告诉我。", CHINESE),
    ("Translate to German: " + ASKED, GERMAN), ("Say it in German. " + ASKED, GERMAN), ("Traduis en anglais : où se trouve la gare ?", ENGLISH), ("请翻译成日文：日本的首都是哪里？", "日本の首都はどこですか。教えてください。"),
    ("都道府県を四つ挙げてください。", "東京都、大阪府、京都府、愛知県、神奈川県"), (f"What does the guest ask for?\n\n{GERMAN} {PLAIN_GERMAN}", "The guest asks for the link to the message."),
    (f"Summarise the mail: {SPANISH}", "The guest has to open the settings of the account and to choose a password."), (f"{GERMAN}\n\nWhat is asked for?", "A click on the button and an address are asked for."),
    ("What is on the sign at the gate?", "„Betreten der Baustelle ist für alle verboten, die nicht auf der Liste stehen.“"), ("Which pasta dishes do you have on the menu?", "Spaghetti alla carbonara, penne all'arrabbiata, lasagne al forno, risotto con funghi"),
    ("Who is in the team of the museum?", "Anna Schmidt, Johann Weber, Klaus Müller, Maria von der Heide, Jan van de Berg"), ("Write a query for all rooms.", "SELECT id, name FROM rooms WHERE floor = 3 AND is_free ORDER BY name"),
    ("Name three films by Fellini.", "La dolce vita, La strada, I vitelloni"), ("Was kostet das Zimmer mit Frühstück?", "120 EUR"), ("Wer hat das Lied geschrieben?", "Let It Be: Paul McCartney; The Long and Winding Road: Paul McCartney"),
])  # fmt: skip
def test_what_may_be_in_another_language_is_left_alone(prompt: str, answer: str) -> None:
    assert "other language" not in flags(prompt, answer)


def test_half_a_pair_of_surrogates_stops_no_detector() -> None:
    assert languages.name_of(GERMAN + "\ud800") == "German" and languages.surely(ENGLISH + "\ud800", 0.7) == "English"
    assert flags(ASKED_SPANISH, ENGLISH + " \ud800.") == ["other language"]
