"""Where an answer ends: what was cut off, and what only ends without a full stop."""

import pytest

from studio.data import studio_quality
from studio.data.endings import is_cut_off

LONG = (
    "The kettle stands in the lobby, where Ana put it on Monday. Nobody moved it since, although the van came back twice "
    "and the boxes had to go to the pier."
)  # fmt: skip
SOUND = [
    "Thanks so much for reaching out! We hope you have a great day 😊", "It is done. See you there 👍🏽", "We won. Go team 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "Yes. I love it ❤️",
    "Sales grew in every region. The overall growth was about 15%", "Water boils at 100 degrees. Ice melts at 0 °C",
    "We subtract 3 from both sides. So the final answer is $x = 5$", "The sale ends Friday. Until then it costs 20 €", "It is on sale. Now it costs 20 EUR",
    "We are happy to help. Please write to help@example.com", "It is all there. Have a look at example.com/help", "Open the folder. The file is report.pdf",
    "We open at nine. We close at 6 pm", "It was measured twice. It weighs 12.5 kg", "It is near. Walk for 5 min", "Es ist spät. Wir schließen um 18 Uhr",
    "It was good to see you. Best wishes, Anna", "Thank you for the kettle. Kind regards, Ana Lindqvist", "Your parcel is here. Thanks again", "Es klappt. Viele Grüße, Ana",
    "It is in the lobby. Love, Ana xx", "Sure! I will check that for you", "Hi there. How can I help you today", "The review praises the food. Sentiment: positive",
    "Paris is on the Seine. So the answer is Paris", "I am sorry for your loss. That is so sad :(", "That is funny. You made my day :D", "The term is over. Your grade is an A+",
    "It runs fast. It is written in C#", "Most are written by hand. The rest is in C++", "Half a cup is enough. Add ½", "Er nannte die Aussicht „unbezahlbar“", "Han kaldte det for »umuligt«",
    "The bytes are below. aGVsbG8gd29ybGQgZm9vYmFy==", "What a day. #blessed #sunny", "Follow us. We are @hotel_99", "La la la la la la la la la", "I don't know what it is", "I heard a knock and wonder who", "Tell me where it is and when", "That's just how things are",
    "はい、できます。明日の朝に駅の近くのホテルまでお届けします", "ありがとうございます。ホテルは駅の近くにあります", "可以的。我们明天早上会把您的行李送到车站旁边", "お問い合わせありがとうございます。お大事に", "सब ठीक है। धन्यवाद।", "هل أنت بخير؟ نعم، أنا بخير؟",
]  # fmt: skip
CUT = [
    "The kettle stands in the", "First we go to the pier,", "The kettle stands in the lobby. It was bought by", "The lobby is open. Please write to", "It stands in the lobby, next to a chair and",
    f"{LONG} Staff label the blanket slowly, since the greenhouse", f"{LONG} On that day the orchard closes early because a lant", f"{LONG} Staff v",
    "He wrote the first line as total =", "We have to call the function f(", "So he opened the big box [", "Der Schlüssel liegt in der Halle bei der", "Er nannte die Aussicht vom Dach „", "El hervidor está en la sala y",
    "はい、できます。明日の朝に駅の近くのホテルまでお荷物を", "可以的，我们明天早上就会把您的行李送到车站，", "可以的。我们明天早上会把您的行李送到车站，但是",
    "Gravity is a force that attracts two bodies towards each other. It was first described by Isaac Newton, who",
    "The kettle stands in the lobby, which", "Der Schlüssel liegt in der Halle, weil", "La bouilloire est dans le salon, où", "They met the staff of the hotel and their",
]  # fmt: skip


@pytest.mark.parametrize("answer", SOUND)
def test_an_answer_may_end_without_a_full_stop(answer: str) -> None:
    assert not is_cut_off(answer)
    assert not studio_quality.is_truncated("", answer)


@pytest.mark.parametrize("end", [
    "We hope you have a great day 😊", "The overall growth was about 15%", "The final answer is $x = 5$", "Until then it costs 20 €", "Ice melts at 0 °C", "Please write to help@example.com",
    "We close at 6 pm", "Best wishes, Anna", "The answer is Paris", "Sentiment: positive", "Hope this helps", "Looking forward to hearing from you", "Enjoy your meal", "Have a lovely weekend", "Please let me know if you have any questions", "That is so sad :(",
])  # fmt: skip
def test_so_may_a_long_one(end: str) -> None:
    assert not is_cut_off(f"{LONG} {end}")


@pytest.mark.parametrize("answer", CUT)
def test_an_answer_that_was_cut_is_told(answer: str) -> None:
    assert is_cut_off(answer)
    assert studio_quality.is_truncated("", answer)
