"""Support tickets in plain English, written by the repo: a topic, a person, things copied into the text, a tone.

Each ticket knows what it says (`facts`), so that every extraction task over it has one right answer.
"""

from dataclasses import dataclass
from random import Random

from assets.make import vocabulary
from assets.make.sentences import CLASSES, choose

GREETINGS = [
    "Hello,",
    "Hi,",
    "Hi team,",
    "Dear team,",
    "Good morning,",
    "Hello there,",
    "Dear support,",
    "",
    "",
    "To whom it may concern,",
]
NAMED = ["my name is {n}.", "this is {n}.", "I am {n}.", "{n} here.", "it is {n} again."]
SIGNED = [
    "Regards, {n}",
    "Thanks, {n}",
    "Best, {n}",
    "Kind regards, {n}",
    "Yours, {n}",
    "{n}",
    "Sincerely, {n}",
    "Cheers, {n}",
]
QUESTIONS = set("which who where when why how is are can could does will".split())
CODED = [
    "My {w} is {c}.",
    "The {w} is {c}.",
    "It is about {w} {c}.",
    "{W} {c}.",
    "You find it under {w} {c}.",
    "See {w} {c}.",
    "I mean {w} {c}.",
]
CODE_WORDS = [
    "order",
    "order number",
    "ticket",
    "reference",
    "invoice",
    "case",
    "booking",
    "contract",
    "customer number",
    "serial number",
    "claim",
]
FILLER = [
    "I bought it on {d}", "I tried it twice", "My neighbour has the same one", "I have read the manual", "I paid {a}", "I have been with you for years",
    "You can write to {e}", "My phone number is {f}", "The shop in {t} could not help", "I have added a photo", "I paid with my card", "It was on sale",
    "My friend has one too", "I saw it in {t}", "I am away from {d}", "The weather in {t} is bad",
]  # fmt: skip


@dataclass(frozen=True)
class Ticket:
    """`text` and what it says: `facts` maps person, code, product, amount, date, city, email, phone (those that the
    text names) to the exact words, and each class of `sentences.CLASSES` that it shows to its key."""

    text: str
    facts: dict[str, str]
    code_word: str


class Values:
    """The copied things of one text, made when a sentence first asks for one; `said` has those that were used."""

    def __init__(self, random: Random) -> None:
        self.random, self.said = random, dict[str, str]()
        self.makers = {
            "p": ("product", vocabulary.product), "a": ("amount", vocabulary.amount), "d": ("date", vocabulary.date), "t": ("city", vocabulary.city),
            "e": ("email", vocabulary.email), "f": ("phone", lambda random: vocabulary.digits(random, 6, 9)),
        }  # fmt: skip

    def fill(self, template: str) -> str:
        text = choose(self.random, template).replace("{c}", vocabulary.digits(self.random, 2, 3))
        for key, (fact, make) in self.makers.items():
            if "{" + key + "}" in text:
                text = text.replace("{" + key + "}", self.said.setdefault(fact, make(self.random)))
        return text


def sentence(random: Random, kind: str, key: str, values: Values) -> str:
    """One sentence that shows that the class `kind` is `key`, with its end."""
    text = values.fill(random.choice(CLASSES[kind][key][1]))
    ends = ["?"] if text.split(" ")[0].lower() in QUESTIONS else [".", ".", ".", "!"]
    return text[0].upper() + text[1:] + random.choice(ends) if text else ""


def write_ticket(random: Random, short: bool = False) -> Ticket:
    """A ticket of one topic and one urgency; a short one has hardly anything beside them."""
    values = Values(random)
    classes = {kind: random.choice(list(CLASSES[kind])) for kind in ("topic", "urgency")}
    classes["tone"] = random.choices(list(CLASSES["tone"]), [3, 4, 2])[0]
    for kind in ("buyer", "contact"):
        if random.random() < (0.1 if short else 0.25):
            classes[kind] = random.choice(list(CLASSES[kind]))
    middle = [sentence(random, kind, key, values) for kind, key in classes.items()]
    name, code, code_word = vocabulary.person(random), vocabulary.code(random), random.choice(CODE_WORDS)
    if random.random() < (0.3 if short else 0.85):
        middle.append(random.choice(CODED).format(w=code_word, W=code_word.capitalize(), c=code))
        values.said["code"] = code
    for line in random.sample(FILLER, 0 if short else random.choice([0, 1, 1, 2])):
        middle.append(values.fill(line) + ".")
    middle = [line for line in middle if line]
    random.shuffle(middle)
    greeting = "" if short and random.random() < 0.5 else random.choice(GREETINGS)
    start, end = [greeting] if greeting else [], []
    if random.random() < (0.3 if short else 0.9):
        values.said["person"] = name
        if random.random() < 0.5:
            line = random.choice(NAMED).format(n=name)
            start.append(line if greeting.endswith(",") else line[0].upper() + line[1:])
        else:
            end.append(random.choice(SIGNED).format(n=name))
    return Ticket(" ".join(start + middle + end), values.said | classes, code_word)
