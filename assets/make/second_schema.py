"""A second house with a schema of its own: case, reason, asked_by, deadline. Written after the starter was frozen.

Its field names, their order, its labels and all its sentences differ from the sample's, so that a good result on both
is no accident of one schema.
"""

import json
from random import Random

from assets.make import vocabulary

SEED = 41
INSTRUCTION = "Write the slip for our folder."
REASONS = {
    "exchange": [
        "Please take the {p} back and give me my money.", "The {p} is the wrong size for us.", "We ordered the {p} by mistake and it must go back.",
        "I would rather have another model than this {p}.", "The colour of the {p} is not what I wanted.", "My wife has the same {p}, so I return mine.",
    ],
    "defect": [
        "The {p} has stopped working.", "Something inside the {p} is loose and clicks.", "The {p} burns my hand.", "There is a long crack in the {p}.",
        "Since {d} the {p} will not start.", "The plug of the {p} gives sparks.", "The {p} came without its foot.",
    ],
    "advice": [
        "Which {p} would you take for a big room?", "Is there a {p} that is lighter?", "What does the {p} cost in your shop in {t}?", "Could I see the {p} before I buy it?",
        "How many of the {p} do you have?", "Can the {p} stand outside in the rain?",
    ],
    "contract": [
        "I do not want the yearly service any more.", "Please end our agreement on {d}.", "Our membership should go on for another year.", "We would like the cheaper plan.",
        "Put my contract on hold from {d}.", "Who agreed to the new contract?",
    ],
}  # fmt: skip
DEADLINES = {
    "today": ["I must know it before the evening!", "Every minute counts.", "Do it now, please!", "We stand still without it."],
    "week": ["Some word in the next days would be nice.", "Please look at it in turn.", "I hope to hear of you.", "Could you check that for me?"],
    "open": ["It has all the time in the world.", "Do not hurry for me.", "Some time this summer will do.", "I am not in a hurry."],
}  # fmt: skip
STARTS = ["Good day,", "Hello all,", "Dear shop,", "Hi,", ""]
SIGNS = ["{n}", "Kind greetings, {n}", "Thank you, {n}", "See you, {n}"]
NAMES = ["{n} is my name.", "I write for {n}.", "This mail is from {n}."]
CASES = ["Case {c}.", "The case number is {c}.", "I have case {c}.", "You know it as case {c}."]
EXTRAS = ["It is raining in {t}.", "We moved to {t} on {d}.", "I found you on the web.", "It cost {a}.", "", "", ""]


def row(random: Random) -> dict[str, str]:
    """One clean example in alpaca form."""
    reason, deadline = random.choice(list(REASONS)), random.choice(list(DEADLINES))
    name = f"{vocabulary.syllables(random, 1, 2).capitalize()} {vocabulary.syllables(random, 1, 2).capitalize()}"
    case = random.choice("KLMPRT") + random.choice("DFGHS") + vocabulary.digits(random, 5, 5)
    values = {
        "p": vocabulary.product(random), "d": vocabulary.date(random), "t": vocabulary.city(random), "a": vocabulary.amount(random), "n": name, "c": case,
    }  # fmt: skip
    middle = [
        random.choice(REASONS[reason]),
        random.choice(DEADLINES[deadline]),
        random.choice(CASES),
        random.choice(EXTRAS),
    ]
    random.shuffle(middle)
    signed = random.random() < 0.5
    parts = [
        random.choice(STARTS),
        "" if signed else random.choice(NAMES),
        *middle,
        random.choice(SIGNS) if signed else "",
    ]
    text = " ".join(part for part in parts if part).format(**values)
    answer = {"case": case, "reason": reason, "asked_by": name, "deadline": deadline}
    return {"instruction": INSTRUCTION, "input": text, "output": json.dumps(answer), "source": "second house"}
