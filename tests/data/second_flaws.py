"""A second set with planted flaws, made by another method than the sample's: prose, code, labels and JSON of a hotel.

Written before any threshold was tuned. Flaws are edits of finished rows (a word changed, a cut at a random character,
a Python literal in the place of JSON ...) instead of rows made with them; clean rows hold what tempts a bad filter:
one-word labels, dates, ISBNs, prices, lists that end without a full stop, code, other languages, talk of to-do lists.
"""

from random import Random
from typing import Any

FLAWS = {
    "exact duplicate": 30, "near duplicate": 30, "truncated": 30, "TODO": 25, "broken JSON": 25, "e-mail address": 25,
    "phone number": 25, "too long": 5,
}  # fmt: skip
CLEAN_ROWS = 700
GUESTS = "Okafor Lindqvist Marchetti Novak Tanaka Duarte Brandt Halloran Petrov Sayed Moreau Vance Ibarra Quist".split()
PLACES = (
    "terrace library sauna lobby courtyard cellar ballroom garage orchard pier chapel greenhouse loft veranda".split()
)
THINGS = (
    "blanket kettle parasol cot ladder lantern bicycle canoe telescope piano chessboard hammock stove projector".split()
)
STATES = "cracked missing spotless rented painted locked flooded heated crowded borrowed polished frozen".split()
VERBS = "repair move inspect reserve photograph count clean replace insure describe label weigh".split()
ADVERBS = "carefully tonight quietly twice together slowly outside early".split()
FACTS = [
    "The {a} by the {b} was {s} when {g} arrived on {d}.", "Staff {v} the {a} {w}, since the {b} is {s} in winter.",
    "{g} paid {n}.50 euros for the {a} and left it near the {b}.", "Nobody may {v} a {a} in the {b} without room {n}'s key.",
    "On {d} the {b} closes at {h} o'clock because a {a} is {s}.", "If the {a} looks {s}, call {g} and {v} it {w}.",
    "The {b} holds {n} chairs, one {a} and a {s} mirror.", "A {a} that is {s} goes to the {b}, says {g}.",
]  # fmt: skip
GERMAN = [
    "Der Schlüssel für Zimmer {n} liegt bei {g}, und das Frühstück gibt es ab {h} Uhr.",
    "Wir haben die Rechnung an {g} geschickt, weil der Betrag von {n} Euro noch offen ist.",
    "Bitte bringen Sie die Decke in das Zimmer {n}, denn {g} kommt erst am Abend.",
]


def fact(random: Random, sentences: list[str] = FACTS) -> str:
    return random.choice(sentences).format(
        a=random.choice(THINGS), b=random.choice(PLACES), s=random.choice(STATES), g=random.choice(GUESTS),
        v=random.choice(VERBS), w=random.choice(ADVERBS), n=random.randint(11, 989), h=random.randint(6, 11),
        d=f"20{random.randint(19, 26)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
    )  # fmt: skip


def prose(random: Random, sentences: int) -> str:
    return " ".join(fact(random) for _ in range(sentences))


def record(random: Random) -> dict[str, Any]:
    return {
        "guest": random.choice(GUESTS), "room": random.randint(11, 989), "paid": random.random() < 0.5,
        "wishes": random.sample(THINGS, 2), "note": None if random.random() < 0.3 else fact(random),
    }  # fmt: skip


def as_json(value: Any) -> str:
    import json

    return json.dumps(value)


def label(random: Random) -> tuple[str, str]:
    return f"Where does this belong? {prose(random, 2)}", random.choice(
        ["kitchen", "Reception", "No", "42", "C", "4.5/5"]
    )


def report(random: Random) -> tuple[str, str]:
    return f"Report on the state of the {random.choice(PLACES)}. Known: {fact(random)}", prose(
        random, random.randint(3, 7)
    )


def listing(random: Random) -> tuple[str, str]:
    items = "\n".join(
        f"- {random.choice(VERBS)} the {random.choice(STATES)} {thing}" for thing in random.sample(THINGS, 4)
    )
    return (
        f"List four jobs for {random.choice(GUESTS)}. {fact(random)}",
        f"Here is what to do, {random.choice(ADVERBS)}:\n{items}",
    )


def extraction(random: Random) -> tuple[str, str]:
    return f"Give the booking as JSON. {prose(random, 3)}", as_json(record(random))


def code(random: Random) -> tuple[str, str]:
    thing, number = random.choice(THINGS), random.randint(3, 99)
    lines = f"def {random.choice(VERBS)}_{thing}(count, rooms={{}}):\n    return [room for room in rooms if len(room) > {number}][:count]"
    return f"Write a function about a {thing}. {fact(random)}", f"{fact(random)}\n\n```python\n{lines}\n```"


def german(random: Random) -> tuple[str, str]:
    return (
        f"Schreib dem Gast eine kurze Nachricht. {fact(random, GERMAN)}",
        f"{fact(random, GERMAN)} {fact(random, GERMAN)}",
    )


def tempting(random: Random) -> tuple[str, str]:
    """Clean, but with words or signs that a careless filter takes for a flaw."""
    number = random.randint(100, 999)
    return f"Answer the guest {random.choice(GUESTS)}. {fact(random)}", random.choice([
        f"We call all guests; a to-do list app keeps it. {fact(random)}", f"The book is ISBN 978-3-16-148{number}-0. {fact(random)}",
        f"Well... it took 12 345 678 steps :) {fact(random)}", f"a) the {random.choice(PLACES)}\nb) the {random.choice(PLACES)} (10:30-11:45)",
        f"Invoice 2024-0{number}-17, 1 250 000 euros in total. {fact(random)}", f"He said “{fact(random)}” and left.",
        f"Follow @hotel_{number} there, version 2.10.{number} of the app. {fact(random)}", f"Room {number}, floor 3, {random.choice(PLACES)}",
        f"{random.choice(THINGS).title()} & {random.choice(PLACES).title()}", f"The screen is 27\" wide. {fact(random)}",
    ])  # fmt: skip


KINDS = [label, report, report, listing, extraction, extraction, code, german, tempting]


def near_copy(random: Random, row: dict[str, str]) -> dict[str, str]:
    """One word of the question left out, doubled or written otherwise, and the case and spacing changed here and there."""
    words = row["prompt"].split()
    at = random.randrange(2, len(words) - 1)
    edit = random.choice(["drop", "double", "change", "shout"])
    if edit == "drop":
        del words[at]
    elif edit == "double":
        words.insert(at, words[at])
    elif edit == "change":
        words[at] = random.choice(ADVERBS)
    else:
        words = [word.upper() if random.random() < 0.3 else word for word in words] + ["!!"]
    return {"prompt": "  ".join(words), "completion": row["completion"]}


def cut(random: Random, row: dict[str, str]) -> dict[str, str]:
    """The answer ends at a random character of its second half, but not where a sentence ends."""
    answer = row["completion"]
    while True:
        kept = answer[: random.randint(len(answer) * 2 // 5, len(answer) - 6)].rstrip()
        if kept[-1:].isalpha() or kept[-1:] in ",([{":
            return {"prompt": row["prompt"], "completion": kept}


def placeholder(random: Random, row: dict[str, str]) -> dict[str, str]:
    words = row["completion"].split(" ")
    words.insert(random.randrange(len(words)), random.choice([
        "TODO(ana):", "FIXME", "[insert name here]", "(TBD)", "Lorem ipsum dolor sit amet,", "[YOUR ANSWER]", "<placeholder>", "{{answer}}",
    ]))  # fmt: skip
    return {"prompt": row["prompt"], "completion": " ".join(words)}


def no_json(random: Random, row: dict[str, str]) -> dict[str, str]:
    """A slip that people and models make: Python's literals, a comma too many or too few, a key without quotes."""
    answer = row["completion"]
    return {"prompt": row["prompt"], "completion": random.choice([
        answer[:-1] + ",}", answer.replace('"guest"', "guest"), answer.replace('"', "'"), answer.replace(', "room"', ' "room"'),
        answer.replace("true", "True").replace("false", "False"), answer.replace("]", ""), "{" + answer, answer + "}",
    ])}  # fmt: skip


def email(random: Random) -> str:
    guest, place = random.choice(GUESTS).lower(), random.choice(PLACES)
    return random.choice([
        f"<{guest}@{place}.example.org>", f"mailto:{guest}.{place}@mail.{place}.co.uk", f"{guest}+{place}@{place}-inn.com",
        f"({guest[0]}_{guest}@{place}.io)", f"{guest.upper()}@{place.upper()}.DE", f"{guest}{random.randint(1, 99)}@sub.{place}.travel",
    ])  # fmt: skip


def phone(random: Random) -> str:
    def digits(count: int) -> str:
        return str(random.randint(2, 8)) + "".join(str(random.randint(0, 9)) for _ in range(count - 1))

    return random.choice([
        f"(212) 555-0{random.randint(100, 199)}", f"+1-202-555-0{random.randint(100, 199)}", f"+33 6 {digits(2)} {digits(2)} {digits(2)} {digits(2)}",
        f"07911 {digits(3)} {digits(3)}", f"+4930{digits(7)}", f"tel. 0171/{digits(7)}", f"+44 (0)20 7{digits(3)} {digits(4)}",
        f"415.555.0{random.randint(100, 199)}", f"0049 30 {digits(4)} {digits(3)}", f"030 {digits(4)} {digits(4)}",
    ])  # fmt: skip


def with_detail(random: Random, row: dict[str, str], detail: str) -> dict[str, str]:
    """In the question or in the answer, in the middle of the text."""
    prompt, answer = row["prompt"], row["completion"]
    if random.random() < 0.5:
        first, _, rest = prompt.partition(". ")
        return {"prompt": f"{first}. Reach me at {detail} please. {rest}", "completion": answer}
    return {"prompt": prompt, "completion": f"Ask {detail} about it. {answer}"}


def made(random: Random, kind: Any) -> dict[str, str]:
    prompt, answer = kind(random)
    return {"prompt": prompt, "completion": answer}


def planted(random: Random, flaw: str, row: dict[str, str]) -> dict[str, str]:
    """A row with one flaw: an edit of `row` for copies, else of a fresh one."""
    if flaw == "exact duplicate":
        return dict(row)
    if flaw == "near duplicate":
        return near_copy(random, row)
    if flaw == "truncated":
        return cut(random, made(random, random.choice([report, extraction, code])))
    if flaw == "TODO":
        return placeholder(random, made(random, report))
    if flaw == "broken JSON":
        row = {
            "prompt": "Give the booking as JSON. " + prose(random, 3),
            "completion": as_json(record(random) | {"paid": True, "late": False}),
        }
        return no_json(random, row)
    if flaw == "too long":
        return {"prompt": f"Sum this up. {prose(random, 400)}", "completion": prose(random, 2)}
    return with_detail(random, made(random, report), email(random) if flaw == "e-mail address" else phone(random))


def rows_and_truth(seed: int = 5) -> tuple[list[dict[str, str]], dict[int, str], dict[int, int]]:
    """The rows, the flaw of each line that has one (from 1), and for copies the line of the original."""
    random = Random(seed)
    rows = [made(random, random.choice(KINDS)) for _ in range(CLEAN_ROWS)]
    truth: dict[int, str] = {}
    original: dict[int, int] = {}
    for flaw, count in FLAWS.items():
        for at in random.sample(range(CLEAN_ROWS), count):  # a copy comes after its original: the flawed rows come last
            rows.append(planted(random, flaw, rows[at]))
            truth[len(rows)] = flaw
            if flaw.endswith("duplicate"):
                original[len(rows)] = at + 1
    return rows, truth, original
