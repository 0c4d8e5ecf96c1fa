"""What the starter model reads: an endless, seeded stream of short conversations that the repo itself writes.

Copying alone first, because it is what extraction rests on and it appears late; then the mix with judging, extraction
and prose.
"""

import json
from collections.abc import Iterator
from random import Random

from assets.make import judging, vocabulary
from assets.make.sentences import CLASSES
from assets.make.tickets import Ticket, write_ticket

Message = dict[str, str]
SYSTEM = "You are a helpful assistant."
OTHER_SYSTEMS = [
    "You work for a shop.",
    "You are a support agent.",
    "Answer in short.",
    "You are an assistant.",
    "Follow the format.",
]

FIELD_NAMES: dict[str, list[str]] = {
    "person": "name person customer client sender from contact requester author user who caller signed_by customer_name".split(),
    "code": "order code number reference ref ticket case id order_id invoice booking claim serial order_number case_id".split(),
    "product": "product item article thing goods subject device object".split(),
    "amount": "amount price sum total money value cost paid".split(),
    "date": "date day when time due since".split(),
    "city": "city place town location where destination".split(),
    "email": "email mail address contact_email reply_to".split(),
    "phone": "phone telephone mobile call number_to_call".split(),
    "topic": "topic category kind type subject_area department reason group class area intent about".split(),
    "urgency": "urgency priority level severity importance speed rank".split(),
    "tone": "tone mood sentiment feeling attitude voice".split(),
    "buyer": "buyer segment market account_type sector".split(),
    "contact": "contact history status stage".split(),
}


def conversation(random: Random, prompt: str, answer: str, system: str | None = None) -> list[Message]:
    if system is None:
        system = SYSTEM if random.random() < 0.8 else random.choice(OTHER_SYSTEMS)
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": answer},
    ]


def thing(random: Random) -> str:
    """Something to copy: a name, a code, a made-up word, a product, an address."""
    make = random.choice(
        [vocabulary.person, vocabulary.code, vocabulary.syllables, vocabulary.product, vocabulary.amount, vocabulary.date,
         vocabulary.digits, vocabulary.person, vocabulary.code, vocabulary.email]
    )  # fmt: skip
    return make(random)


def copying(random: Random) -> list[Message]:
    kind = random.randrange(6)
    if kind == 0:
        text = " ".join(thing(random) for _ in range(random.randint(1, 4)))
        ask = random.choice(
            [
                "Repeat: {}",
                "Say this again: {}",
                "Copy the text: {}",
                "Input: {}\nRepeat the input.",
                "{}\nSay it once more.",
            ]
        )
        return conversation(random, ask.format(text), text)
    if kind == 1:
        things = [thing(random) for _ in range(random.randint(3, 6))]
        at = random.randrange(len(things) - 1)
        return conversation(random, f"{', '.join(things)}. What comes after {things[at]}?", things[at + 1])
    names = random.sample(vocabulary.LABEL_WORDS, random.randint(2, 5))
    values = {name: thing(random) for name in names}
    shown = list(values.items())
    random.shuffle(shown)
    lines = random.choice(["\n", "; ", ", "]).join(
        f"{name}{glue}{value}"
        for (name, value), glue in zip(shown, [random.choice([": ", " is ", " = "])] * len(shown), strict=True)
    )
    if kind == 2:
        name = random.choice(names)
        ask = random.choice(["What is {}?", "Give the {}.", "Tell me the {}.", "{}?"])
        return conversation(random, f"{lines}\n{ask.format(name)}", values[name])
    if kind == 3:
        text = " ".join(thing(random) for _ in range(random.randint(2, 3)))
        key = random.choice(vocabulary.LABEL_WORDS)
        return conversation(random, f'Put this under "{key}" in JSON: {text}', json.dumps({key: text}))
    return conversation(random, f"{lines}\nWrite {', '.join(names)} as JSON.", json.dumps(values))


def label_words(random: Random) -> list[Message]:
    """Words as answers, so that each of the wide list has been written."""
    options = random.sample(vocabulary.LABEL_WORDS, random.randint(2, 6))
    kind = random.randrange(3)
    if kind == 0:
        return conversation(random, f"Write these words: {', '.join(options)}", ", ".join(options))
    if kind == 1:
        key, value = options[:2]
        return conversation(random, f"Set {key} to {value} as JSON.", json.dumps({key: value}))
    shuffled = sorted(options)
    return conversation(random, f"Sort by the alphabet: {', '.join(options)}", ", ".join(shuffled))


def extraction(random: Random) -> list[Message]:
    """Some fields of a ticket, under names and in a form that the prompt gives."""
    ticket = write_ticket(random)
    prompt, fields = ask_for(random, ticket)
    text = f"Input: {ticket.text}" if random.random() < 0.5 else ticket.text
    order = [prompt, text] if random.random() < 0.7 else [text, prompt]
    joint = random.choice(["\n\n", "\n\n", "\n"])
    return conversation(random, joint.join(order), FORMS[prompt_form(prompt)](fields))


FORMS = {
    "JSON": lambda fields: json.dumps(fields),
    "lines": lambda fields: "\n".join(f"{key}: {value}" for key, value in fields.items()),
    "a list": lambda fields: "\n".join(f"- {value}" for value in fields.values()),
    "one line": lambda fields: " | ".join(str(value) for value in fields.values()),
    "tags": lambda fields: "".join(f"<{key}>{value}</{key}>" for key, value in fields.items()),
}


def prompt_form(prompt: str) -> str:
    return next(form for form in FORMS if form in prompt)


def ask_for(random: Random, ticket: Ticket) -> tuple[str, dict[str, str | None]]:
    """A prompt that names the fields and their form, and what is right for this ticket."""
    known = list(ticket.facts)
    wanted = random.sample(known, min(len(known), random.choices([1, 2, 3, 4, 5], [1, 3, 4, 4, 2])[0]))
    absent = [fact for fact in FIELD_NAMES if fact not in ticket.facts and fact not in CLASSES]
    if random.random() < 0.15:
        wanted.append(random.choice(absent)) if absent else None
        random.shuffle(wanted)
    fields: dict[str, str | None] = {}
    described = []
    for fact in wanted:
        name = random.choice(FIELD_NAMES[fact])
        while name in fields:
            name = random.choice(FIELD_NAMES[fact]) + random.choice("ab")
        if fact in CLASSES and random.random() < 0.3:
            name = fact
            if name in fields:
                continue
            described.append(name)
            fields[name] = CLASSES[fact][ticket.facts[fact]][0][0]
        elif fact in CLASSES:
            words, fields[name] = judging.options(random, fact, ticket.facts[fact])
            described.append(f"{name} ({'/'.join(words)})")
        else:
            hint = {"code": ticket.code_word}.get(fact, fact)
            described.append(name if random.random() < 0.6 else f"{name} ({hint})")
            fields[name] = ticket.facts.get(fact)
    if random.random() < 0.1:
        fields = {key.upper(): value for key, value in fields.items()}
        described = [text.split(" (")[0].upper() + text[len(text.split(" (")[0]) :] for text in described]
    form = random.choices(list(FORMS), [6, 2, 1, 1, 1])[0]
    if form == "lines" or form == "a list" or form == "one line" or form == "tags":
        fields = {key: "none" if value is None else value for key, value in fields.items()}
    ask = random.choice(
        ["Extract {} as {}.", "Give {} as {}.", "Read the message and return {} as {}.", "Find {}. Answer as {}.", "Get {} in the form of {}.",
         "Triage. Return {} as {}.", "I need {} as {}."]
    )  # fmt: skip
    return ask.format(", ".join(described), form), fields


OPENINGS = [
    "Thank you for writing to us",
    "Thanks for your message",
    "Hello",
    "Dear customer",
    "Thank you for getting in touch",
    "We are glad that you wrote",
]
ACTIONS: dict[str, list[str]] = {
    "billing": [
        "We have checked the payment and will correct the invoice.",
        "Our accounting team will look at the charge and write to you.",
    ],
    "delivery": [
        "We have asked the courier where your parcel is.",
        "The parcel is on its way and should reach you in two days.",
    ],
    "return": [
        "You can send it back within thirty days, and we will refund you.",
        "We have sent you a label for the return.",
    ],
    "damage": [
        "We are sorry that it came damaged, and will send a new one.",
        "Please send us a photo, and we will replace it at once.",
    ],
    "technical": [
        "Please turn it off, wait a minute, and start it again.",
        "Our technicians will call you and help you step by step.",
    ],
    "account": ["We have sent you a new link for your password.", "Please check your inbox, and confirm your account."],
    "sales": ["Yes, it is in stock, and can be with you this week.", "Our sales team will send you an offer tomorrow."],
    "subscription": [
        "We have changed your plan as you wished.",
        "Your contract ends with this month, and nothing more will be charged.",
    ],
    "warranty": [
        "Your warranty is still valid, so the repair is free.",
        "A technician will write to you to agree on a day.",
    ],
    "feedback": [
        "We are so happy to hear that, and have told the team.",
        "That is a fine idea, and we have passed it on.",
    ],
    "appointment": [
        "We have changed the booking in our calendar.",
        "The time suits us, and we look forward to your visit.",
    ],
    "privacy": [
        "We keep your data safe and will erase what you wish.",
        "Our privacy team will look at this with care.",
    ],
    "website": ["Our web team will repair the page today.", "Please try the site again in another browser."],
    "staff": ["We will talk to our colleague about this.", "A manager will call you and listen to you."],
}
TONE_LINES = {
    "negative": [
        "We are very sorry for the trouble.",
        "Please accept our apology.",
        "We understand that this is annoying.",
    ],
    "neutral": ["We are happy to help.", "We have read your message with care."],
    "positive": ["Your kind words made our day.", "It is a pleasure to help you."],
}
URGENCY_LINES = {
    "high": ["We treat this first and will write to you today.", "A colleague is on it right now."],
    "normal": ["You will hear from us soon.", "We will write to you again this week."],
    "low": ["As there is no hurry, we will write to you next week.", "We will come back to you when we know more."],
}
CLOSINGS = [
    "Kind regards, the support team",
    "Have a nice day.",
    "Please write to us if there is anything else.",
    "Best wishes, your support team",
    "",
]
GENERAL = ["What can you do?", "Who are you?", "Hello!", "Can you help me?", "Thank you!", "Good morning"]
GENERAL_ANSWERS = [
    "I am a small assistant for support messages. I can answer them, or read facts out of them.",
    "Hello! Send me a message from a customer, and I will help.",
    "Of course. Please tell me what you need.",
]


def polite_answer(random: Random, ticket: Ticket) -> str:
    facts = ticket.facts
    opening = random.choice(OPENINGS)
    if "person" in facts:
        opening += f", {facts['person']}"
    lines = [random.choice(TONE_LINES[facts["tone"]]), random.choice(ACTIONS[facts["topic"]])]
    if "code" in facts and random.random() < 0.7:
        lines.append(
            random.choice(["We have noted your {} {}.", "Your {} {} is with our team.", "We found the {} {}."]).format(
                ticket.code_word, facts["code"]
            )
        )
    if "product" in facts and random.random() < 0.4:
        lines.append(
            random.choice(["We will take care of the {}.", "Thank you for choosing the {}."]).format(facts["product"])
        )
    lines.append(random.choice(URGENCY_LINES[facts["urgency"]]))
    return " ".join([opening + ".", *lines, random.choice(CLOSINGS)]).strip()


def prose(random: Random) -> list[Message]:
    if random.random() < 0.06:
        return conversation(random, random.choice(GENERAL), random.choice(GENERAL_ANSWERS))
    ticket = write_ticket(random)
    prompt = random.choice(
        ["{}", "{}", "Answer this message.\n\nInput: {}", "Reply to the customer.\n\nInput: {}", "Input: {}", "Handle this request.\n\nInput: {}",
         "Please help this customer.\n\nInput: {}", "Look at this ticket.\n\nInput: {}", "Work on this message as our team does.\n\nInput: {}"]
    )  # fmt: skip
    messages = conversation(random, prompt.format(ticket.text), polite_answer(random, ticket))
    if random.random() < 0.1:
        messages += [
            {"role": "user", "content": "Thank you!"},
            {"role": "assistant", "content": "You are welcome. Have a nice day."},
        ]
    return messages


def few_shot(random: Random) -> list[Message]:
    """Two or three answered tickets of one invented form, then one more: how examples in a prompt are used."""
    facts = random.sample(["person", "code", "topic", "urgency", "tone"], random.randint(2, 4))
    names = {fact: random.choice(FIELD_NAMES[fact]) for fact in facts}
    words = {fact: judging.named(random, fact) for fact in facts if fact in CLASSES}
    ask = random.choice(["Read this ticket.\n\nInput: {}", "Input: {}", "{}", "Do it for this message.\n\nInput: {}"])
    messages: list[Message] = [{"role": "system", "content": SYSTEM}]
    for _ in range(random.randint(3, 4)):
        ticket = write_ticket(random)
        values = {
            names[fact]: words[fact][ticket.facts[fact]] if fact in words else ticket.facts.get(fact) for fact in facts
        }
        messages += [
            {"role": "user", "content": ask.format(ticket.text)},
            {"role": "assistant", "content": json.dumps(values)},
        ]
    return messages


def judgement(random: Random) -> list[Message]:
    turns = judging.judging(random)
    messages = conversation(random, *turns[0])
    for asked, answered in turns[1:]:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return messages


def conversations(seed: int, copying_only: bool = False) -> Iterator[list[Message]]:
    """An endless stream for one seed: copying alone, or the mix."""
    random = Random(seed)
    kinds = [copying, label_words, judgement, extraction, prose, few_shot]
    while True:
        yield copying(random) if copying_only else random.choices(kinds, [16, 4, 44, 22, 9, 5])[0](random)
