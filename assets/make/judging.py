"""Tasks of judgement: what a sentence or a ticket is about, answered in a word.

Copying appears by itself in extraction; judging has to be taught on its own, in short conversations with many
decisions, or a model learns to pick any of the options (found by trying: 44 % extraction alone left it at chance).
"""

import json
from random import Random

from assets.make import vocabulary
from assets.make.sentences import CLASSES
from assets.make.tickets import Ticket, Values, sentence, write_ticket

Message = dict[str, str]
Turn = tuple[str, str]

ASK = {
    "topic": ["What is it about?", "Which topic?", "Topic?", "Give the topic.", "Name the topic in a word."],
    "urgency": ["How urgent is it?", "Urgency?", "Which urgency?", "Give the urgency."],
    "tone": ["Which tone?", "Tone?", "How does the writer feel?", "Give the tone."],
    "buyer": ["Business or private?", "Who writes, a business or a private person?", "Buyer?"],
    "contact": ["First contact or again?", "Did they write before, first or again?", "Contact?"],
}
FROM_LIST = ["Choose from {}.", "{}?", "Which of these: {}?", "Is it {}?", "Options: {}."]


def named(random: Random, kind: str) -> dict[str, str]:
    """A word for each key of a class: the plain one, or any that a house might use."""
    plain = random.random() < 0.4
    return {key: words[0] if plain else random.choice(words) for key, (words, _) in CLASSES[kind].items()}


def options(random: Random, kind: str, right: str, most: int = 5) -> tuple[list[str], str]:
    """Some words of a class in any order, and the right one of them."""
    words = named(random, kind)
    others = [key for key in words if key != right]
    shown = [right, *random.sample(others, min(len(others), random.randint(1, most - 1)))]
    random.shuffle(shown)
    return [words[key] for key in shown], words[right]


def listed(random: Random, words: list[str]) -> str:
    return random.choice([", ".join(words), "/".join(words), ", ".join(words[:-1]) + " or " + words[-1]])


def question(random: Random, kind: str, right: str) -> Turn:
    """A question and its answer: with options, without (then in the plain word), or yes and no."""
    form = random.random()
    if form < 0.45:
        return random.choice(ASK[kind]), CLASSES[kind][right][0][0]
    if form < 0.85:
        words, answer = options(random, kind, right)
        ask = random.choice(FROM_LIST).format(listed(random, words))
        return (f"{random.choice(ASK[kind])} {ask}" if random.random() < 0.5 else ask), answer
    asked = right if random.random() < 0.5 else random.choice(list(CLASSES[kind]))
    return f"{kind.capitalize()} {CLASSES[kind][asked][0][0]}, yes or no?", "yes" if asked == right else "no"


def about(random: Random) -> tuple[str, dict[str, str]]:
    """A text and the classes that it shows: one sentence, or a short ticket, or a whole one."""
    form = random.random()
    if form < 0.45:
        kind = random.choices(list(CLASSES), [10, 4, 1, 1, 1])[0]
        key = random.choice([key for key, (_, said) in CLASSES[kind].items() if said != [""]])
        return sentence(random, kind, key, Values(random)), {kind: key}
    ticket = write_ticket(random, short=form < 0.8)
    return ticket.text, classes_of(ticket)


def classes_of(ticket: Ticket) -> dict[str, str]:
    return {kind: ticket.facts[kind] for kind in CLASSES if kind in ticket.facts}


def single(random: Random) -> list[Turn]:
    """One text, then a question or several about it."""
    text, classes = about(random)
    asked = random.sample(list(classes), random.randint(1, len(classes)))
    asked += random.choices(list(classes), k=random.choice([0, 0, 1, 2]))
    turns = [question(random, kind, classes[kind]) for kind in asked]
    first = f"{text}\n\n{turns[0][0]}" if random.random() < 0.6 else f"{turns[0][0]}\n\n{text}"
    return [(first, turns[0][1]), *turns[1:]]


def table(random: Random) -> list[Turn]:
    """Several classes of one text in JSON, under names and with words that the prompt gives or that are plain."""
    ticket = write_ticket(random, short=random.random() < 0.6)
    classes = classes_of(ticket)
    kinds = random.sample(list(classes), random.randint(1, len(classes)))
    values, described = {}, []
    for kind in kinds:
        if random.random() < 0.5:
            values[kind] = CLASSES[kind][classes[kind]][0][0]
            described.append(kind)
        else:
            name = kind if random.random() < 0.5 else random.choice(vocabulary.LABEL_WORDS)
            words, values[name] = options(random, kind, classes[kind])
            described.append(f"{name} ({'/'.join(words)})")
    ask = random.choice(["Judge {} as JSON.", "Give {} as JSON.", "Return JSON with {}.", "Classify: {}."])
    return [(f"{ask.format(', '.join(described))}\n\n{ticket.text}", json.dumps(values))]


def by_example(random: Random) -> list[Turn]:
    """Sentences with labels that mean nothing, then another of the same classes: likeness, read from the prompt."""
    kind = random.choices(["topic", "urgency", "tone"], [6, 2, 1])[0]
    keys = [key for key, (_, said) in CLASSES[kind].items() if said != [""]]
    keys = random.sample(keys, min(len(keys), random.randint(2, 3)))
    labels = dict(zip(keys, random.sample(vocabulary.LABEL_WORDS, len(keys)), strict=True))
    shown = [*keys, *random.choices(keys, k=random.randint(1, 3))]
    random.shuffle(shown)
    said = [(sentence(random, kind, key, Values(random)), labels[key]) for key in [*shown, random.choice(keys)]]
    if random.random() < 0.5:
        arrow = random.choice([" -> ", ": ", " = ", "\n"])
        lines = "\n".join(f"{text}{arrow}{label}" for text, label in said[:-1])
        return [(f"{lines}\n{said[-1][0]}{arrow.rstrip()}", said[-1][1])]
    return [(text, label) for text, label in said]


def judging(random: Random) -> list[Turn]:
    return random.choices([single, table, by_example], [60, 25, 15])[0](random)
