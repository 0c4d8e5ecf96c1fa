"""Support tickets in plain English, written by the repo: a topic, a person, things copied into the text, a tone.

Each ticket knows what it says (`facts`), so that every extraction task over it has one right answer.
"""

from dataclasses import dataclass
from random import Random

from assets.make import vocabulary

# For each topic: words a house might call it, and ways in which a customer says it.
# {p} product, {c} code, {a} amount, {d} date, {t} city
TOPICS: dict[str, tuple[list[str], list[str]]] = {
    "billing": (
        ["billing", "finance", "payment", "accounting", "invoice", "money"],
        ["I was charged twice for the {p}", "my invoice shows {a} but the price was lower", "there is a charge of {a} on my card that I do not know",
         "the bill for the {p} is wrong", "you took {a} from my bank two times", "the amount on my last bill is too high",
         "please send me a copy of the invoice over {a}", "my card was declined when I paid for the {p}"],
    ),
    "delivery": (
        ["delivery", "shipping", "logistics", "transport", "shipment", "dispatch", "carrier"],
        ["my {p} has not arrived yet", "the parcel was due on {d} and is still not here", "the tracking page has not moved since {d}",
         "the courier left the {p} at the wrong door in {t}", "where is my {p}", "the package seems to be lost on the way to {t}",
         "the driver did not ring and took the {p} back", "can the {p} be delivered to {t} instead"],
    ),
    "return": (
        ["return", "returns", "refund", "exchange", "withdrawal"],
        ["I would like to send the {p} back", "I want my money back for the {p}", "the {p} is too small and I want to swap it",
         "how do I return the {p} I got on {d}", "I sent the {p} back on {d} and have not seen the {a} yet", "please refund the {a} I paid",
         "I changed my mind about the {p}", "the {p} does not suit me and I would like to exchange it"],
    ),
    "damage": (
        ["damage", "damaged", "quality", "defect", "broken", "complaint"],
        ["the {p} came with a crack", "the {p} arrived broken", "one corner of the {p} is bent", "the box was wet and the {p} is scratched",
         "a part of the {p} is missing", "the {p} fell apart on {d}", "the glass of the {p} is smashed", "the {p} has a big dent"],
    ),
    "technical": (
        ["technical", "technician", "support", "engineering", "bug", "fault", "problem", "hardware"],
        ["the {p} does not turn on", "the {p} stops after a few minutes", "the app crashes when I open it", "the {p} does not connect to my network",
         "an error {c} shows on the {p}", "the screen of the {p} stays black", "the {p} makes a loud noise", "the update broke my {p}"],
    ),
    "account": (
        ["account", "access", "login", "password", "identity", "profile", "user"],
        ["I cannot log in", "I forgot my password", "my account is locked since {d}", "the reset mail never comes",
         "please change the address on my account to {t}", "someone else used my account", "the code for the login does not reach my phone",
         "I want to close my account"],
    ),
    "sales": (
        ["sales", "question", "inquiry", "product", "presales", "advice", "offer"],
        ["do you still sell the {p}", "is the {p} in stock", "which {p} is best for a small office", "can I get a discount on ten of the {p}",
         "does the {p} come in another color", "how much is the {p} with delivery to {t}", "will the {p} be cheaper on {d}",
         "what is the difference between the {p} and the old model"],
    ),
    "subscription": (
        ["subscription", "membership", "plan", "contract", "renewal", "cancellation"],
        ["I want to cancel my plan", "my plan was renewed on {d} without my consent", "please move me to the basic plan", "how do I pause my membership",
         "the trial ended and I was billed {a}", "can I upgrade my plan today", "I would like to end my contract on {d}",
         "my membership card says it is expired"],
    ),
    "warranty": (
        ["warranty", "repair", "service", "maintenance", "guarantee"],
        ["is my {p} still under warranty", "I need a repair for the {p}", "the {p} I bought on {d} needs a new part",
         "who can fix my {p} in {t}", "the repair of the {p} takes too long", "the guarantee for the {p} ends on {d}",
         "can a technician come to {t}", "I need a spare part for the {p}"],
    ),
    "feedback": (
        ["feedback", "suggestion", "praise", "review", "idea", "compliment"],
        ["I love the {p}", "your team in {t} was so kind", "it would be great if the {p} had a timer", "thank you for the fast help on {d}",
         "the {p} is the best I ever had", "please add a dark mode to the app", "I would like to share an idea for the {p}",
         "the new {p} is much better than the old one"],
    ),
}  # fmt: skip

URGENCY: dict[str, tuple[list[str], list[str]]] = {
    "high": (
        ["high", "urgent", "critical", "immediate", "severe"],
        ["This is urgent.", "I need an answer today.", "Please help at once.", "I cannot wait any longer.", "We can not work until this is solved.",
         "It has to be fixed right now.", "We lose money every hour.", "Please act as soon as you can."],
    ),
    "normal": (
        ["normal", "medium", "standard", "regular", "routine"],
        ["Please let me know.", "I look forward to your reply.", "Can you help me with this?", "An answer this week would be fine.", "Please check.",
         "What should I do next?", "Please get back to me.", "I hope you can help."],
    ),
    "low": (
        ["low", "minor", "later", "none"],
        ["There is no hurry.", "Take your time.", "No rush at all.", "It can wait.", "Whenever you have a moment.",
         "This is not urgent.", "Any time next month is fine.", "It is only a small thing."],
    ),
}  # fmt: skip

TONE: dict[str, tuple[list[str], list[str]]] = {
    "negative": (
        ["negative", "angry", "upset", "unhappy", "frustrated", "annoyed"],
        ["I am very angry.", "This is a bad joke.", "I am not happy at all.", "I am really disappointed.", "This is the worst shop I know.",
         "I have had enough of this."],
    ),
    "neutral": (["neutral", "calm", "normal"], ["", "", "", ""]),
    "positive": (
        ["positive", "happy", "friendly", "satisfied", "polite"],
        ["I have always been happy with you.", "Thanks for your great work.", "You have a lovely shop.", "I am a big fan of yours.",
         "You have been so helpful before.", "Thank you so much in advance."],
    ),
}  # fmt: skip

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
    "I bought it on {d}.", "I live in {t}.", "I tried it twice.", "My neighbour has the same one.", "I have read the manual.",
    "I called you on {d}.", "It was a gift for my sister.", "I paid {a}.", "I have been with you for years.", "You can write to {e}.",
    "My phone number is {f}.", "We use it every day.", "The shop in {t} could not help.", "I have added a photo.", "It is for our office in {t}.",
]  # fmt: skip


@dataclass(frozen=True)
class Ticket:
    """`text` and what it says: `facts` maps person, code, product, amount, date, city, email, phone (those that the
    text names) to the exact words; topic, urgency and tone to their keys."""

    text: str
    facts: dict[str, str]
    code_word: str


def write_ticket(random: Random) -> Ticket:
    said: dict[str, str] = {}
    pool = {
        "p": ("product", vocabulary.product(random)), "a": ("amount", vocabulary.amount(random)), "d": ("date", vocabulary.date(random)),
        "t": ("city", vocabulary.city(random)), "e": ("email", vocabulary.email(random)), "f": ("phone", vocabulary.digits(random, 6, 9)),
    }  # fmt: skip

    def fill(template: str) -> str:
        for key, (fact, value) in pool.items():
            if "{" + key + "}" in template:
                said[fact] = value
                template = template.replace("{" + key + "}", value)
        return template

    topic, urgency = random.choice(list(TOPICS)), random.choice(list(URGENCY))
    tone = random.choices(list(TONE), [3, 4, 2])[0]
    name, code = vocabulary.person(random), vocabulary.code(random)
    code_word = random.choice(CODE_WORDS)
    problem = fill(random.choice(TOPICS[topic][1]).replace("{c}", vocabulary.digits(random, 2, 3)))
    middle = [problem[0].upper() + problem[1:] + random.choice([".", ".", "!"])]
    if random.random() < 0.85:
        template = random.choice(CODED)
        middle.append(template.format(w=code_word, W=code_word.capitalize(), c=code))
        said["code"] = code
    middle += [fill(line) for line in random.sample(FILLER, random.choice([0, 1, 1, 2]))]
    middle += [line for line in (random.choice(URGENCY[urgency][1]), random.choice(TONE[tone][1])) if line]
    random.shuffle(middle)
    greeting = random.choice(GREETINGS)
    start, end = [greeting] if greeting else [], []
    if random.random() < 0.9:
        said["person"] = name
        if random.random() < 0.5:
            line = random.choice(NAMED).format(n=name)
            start.append(line if greeting.endswith(",") else line[0].upper() + line[1:])
        else:
            end.append(random.choice(SIGNED).format(n=name))
    text = " ".join(start + middle + end)
    if random.random() < 0.1:
        text = text.lower() if "person" not in said and "code" not in said else text
        said = {key: value.lower() if text.islower() else value for key, value in said.items()}
    return Ticket(text, said | {"topic": topic, "urgency": urgency, "tone": tone}, code_word)
