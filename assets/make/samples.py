"""Makes the sample dataset: `python -m assets.make.samples [FOLDER]`, the same bytes every time.

Support tickets of an invented house, each with its triage in one fixed JSON schema that the starter never read:
team (billing, delivery, repair, account), urgency (low, normal, high), customer and order, the last two copied.
Flaws are planted on purpose; truth.jsonl says which line has which.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from assets.make import vocabulary

FOLDER = Path(__file__).resolve().parents[1] / "samples"
INSTRUCTION = "Handle this ticket as our house does."
CLEAN_ROWS = 1040
FLAWS = {
    "exact duplicate": 40, "near duplicate": 40, "truncated": 25, "TODO": 20, "broken JSON": 25, "e-mail address": 20, "phone number": 20,
    "too long": 6,
}  # fmt: skip
TOO_NEAR = 0.7  # Jaccard of word triples; clean rows stay under it

TEAMS = {
    "billing": [
        "Your statement lists the {p} two times.", "I see a fee for the {p} that nobody told me about.", "The sum you booked for the {p} is wrong.",
        "The voucher was not taken off the price of the {p}.", "I need a proper receipt for the {p}.", "You booked the money for the {p} again this week.",
        "The tax on the receipt for the {p} looks wrong.", "My bank says that you asked twice for the {p}.",
    ],
    "delivery": [
        "The box with the {p} never reached me.", "The van passed by my house without leaving the {p}.", "The {p} should have been here on {d}.",
        "Somebody else got the box with my {p}.", "The {p} has been on the road since {d}.", "I was at home all day and no driver brought the {p}.",
        "Your driver put the {p} in the rain.", "The {p} went to my old house in {t}.",
    ],
    "repair": [
        "The {p} gives off smoke.", "The {p} died after one week.", "A button of the {p} does nothing.", "The {p} rattles and then goes dark.",
        "The motor of the {p} does not run.", "The {p} leaks on the floor.", "The {p} gets so hot that I cannot touch it.", "The lid of the {p} does not close.",
    ],
    "account": [
        "The site says that my user is unknown.", "I cannot sign in to see my {p}.", "My password for the shop is refused.",
        "I want a new mail for signing in.", "Somebody changed my profile in the shop.", "The sign in page only shows an error.",
        "Please remove my profile from your site.", "My user is blocked and I do not know why.",
    ],
}  # fmt: skip
URGENCIES = {
    "low": ["You can answer next month.", "I am in no hurry at all.", "Do it when you have spare time.", "It is really not pressing.", "Next month is early enough."],
    "normal": ["Please look into it.", "Tell me how we go on.", "I wait for your word.", "Could you sort this out?", "Please take care of it."],
    "high": ["I need it solved today!", "Please act right now!", "It cannot wait until tomorrow!", "Every hour counts for us!", "Answer me at once!"],
}  # fmt: skip
OPENINGS = ["Hello,", "Good evening,", "Dear house,", "Hi there,", "Good day,", ""]
NAMES = ["my name is {n}.", "{n} writing.", "here is {n}.", "I am {n}."]
ENDINGS = ["Greetings, {n}", "{n}", "Many thanks, {n}", "Bye, {n}"]
ORDERS = [
    "The order is {o}.",
    "Order {o}.",
    "You find it as order {o}.",
    "I have order {o} in front of me.",
    "It belongs to order {o}.",
]
EXTRAS = [
    "I ordered it on {d}.", "It stands in our flat in {t}.", "My father uses it too.", "I have two more of them.", "We liked it until now.",
    "A friend in {t} told me to write.", "I am on holiday from {d}.", "I paid with my card.", "It was on sale.", "My old one was better.", "", "", "",
]  # fmt: skip


def order_number(random: Random) -> str:
    letters = "".join(random.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(2))
    return f"{letters}-{vocabulary.digits(random, 5, 5)}"


def ticket(random: Random) -> tuple[str, dict[str, str]]:
    """The text and its triage."""
    team, urgency = random.choice(list(TEAMS)), random.choice(list(URGENCIES))
    name, order = (
        f"{vocabulary.syllables(random, 1, 2).capitalize()} {vocabulary.syllables(random, 1, 3).capitalize()}",
        order_number(random),
    )
    values = {
        "p": vocabulary.product(random),
        "d": vocabulary.date(random),
        "t": vocabulary.city(random),
        "n": name,
        "o": order,
    }
    opening, named = random.choice(OPENINGS), random.random() < 0.5
    middle = [
        random.choice(TEAMS[team]),
        random.choice(ORDERS),
        random.choice(URGENCIES[urgency]),
        random.choice(EXTRAS),
    ]
    random.shuffle(middle)
    start = random.choice(NAMES) if named else ""
    if start and not opening:
        start = start[0].upper() + start[1:]
    parts = [opening, start, *middle, "" if named else random.choice(ENDINGS)]
    text = " ".join(part for part in parts if part).format(**values)
    return text, {"team": team, "urgency": urgency, "customer": name, "order": order}


def triples(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(words, words[1:], words[2:], strict=False))


def nearness(first: set[tuple[str, ...]], second: set[tuple[str, ...]]) -> float:
    return len(first & second) / max(1, len(first | second))


def distinct_tickets(random: Random) -> Iterator[tuple[str, dict[str, str]]]:
    seen: list[set[tuple[str, ...]]] = []
    while True:
        text, triage = ticket(random)
        mine = triples(text)
        if all(nearness(mine, other) < TOO_NEAR for other in seen):
            seen.append(mine)
            yield text, triage


def row(text: str, output: str) -> dict[str, str]:
    return {"instruction": INSTRUCTION, "input": text, "output": output, "source": "tickets"}


def planted(
    random: Random, flaw: str, of: dict[str, str], fresh: Iterator[tuple[str, dict[str, str]]]
) -> dict[str, str]:
    """A row with one flaw; for duplicates of the row `of`, else of a fresh ticket."""
    if flaw == "exact duplicate":
        return dict(of)
    if flaw == "near duplicate":
        return row(of["input"] + random.choice([" Thanks!", " Please!", " OK?"]), of["output"])
    text, triage = next(fresh)
    answer = json.dumps(triage)
    if flaw == "truncated":
        return row(text, answer[: random.randint(20, len(answer) - 12)].rstrip() + random.choice(["...", ""]))
    if flaw == "TODO":
        return row(text, random.choice(["TODO", "TODO: fill in the triage", "TBD", "[placeholder]"]))
    if flaw == "broken JSON":
        return row(
            text,
            random.choice(
                [
                    answer.replace('": "', '" "', 1),
                    answer.replace('", "', '" "', 1),
                    answer.replace('"team"', 'team"', 1),
                ]
            ),
        )
    if flaw == "e-mail address":
        return row(f"{text} Write to {vocabulary.email(random)}.", answer)
    if flaw == "phone number":
        return row(
            f"{text} Call +49 {random.randint(100, 999)} {random.randint(100, 999)} {random.randint(1000, 9999)}.",
            answer,
        )
    log = " ".join(f"{number:04d} {vocabulary.syllables(random)} {vocabulary.code(random)}" for number in range(700))
    return row(f"{text} This is the log: {log}", answer)


def make() -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """All rows in their order, and the truth: line (from 1), flaw, and for duplicates the line of the other."""
    random = Random(20)
    fresh = distinct_tickets(random)
    clean = [row(text, json.dumps(triage)) for text, triage in (next(fresh) for _ in range(CLEAN_ROWS))]
    placed: list[tuple[float, dict[str, str], str, int | None]] = [(random.random(), one, "", None) for one in clean]
    for flaw, count in FLAWS.items():
        for _ in range(count):
            of = random.randrange(CLEAN_ROWS)
            is_copy = flaw.endswith("duplicate")
            place = random.uniform(placed[of][0], 1) if is_copy else random.random()  # a copy comes after its original
            placed.append((place, planted(random, flaw, clean[of], fresh), flaw, of if is_copy else None))
    order = sorted(range(len(placed)), key=lambda at: placed[at][0])
    line_of = {at: line for line, at in enumerate(order, start=1)}
    truth = []
    for at in order:
        _, _, flaw, of = placed[at]
        if flaw:
            truth.append({"line": line_of[at], "flaw": flaw} | ({} if of is None else {"of": line_of[of]}))
    return [placed[at][1] for at in order], truth


def write(folder: Path) -> None:
    rows, truth = make()
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("tickets.jsonl", rows), ("truth.jsonl", truth)):
        (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
