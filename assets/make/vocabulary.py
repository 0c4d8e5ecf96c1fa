"""Words the starter's corpus draws from: made-up names, codes, and wide lists of plain English.

Names and codes are random syllables and digits, so that a model can only get them right by copying;
a fixed list of names taught earlier tries to invent one instead (see the model card).
"""

from random import Random

ONSETS = "b c d f g h j k l m n p r s t v w y z br ch cl cr dr fl gr kr pl sh sl st th tr".split()
VOWELS = "a e i o u a e i o u ai ea ee ia ie io oa ou".split()
CODAS = ["", "", "", "", "l", "m", "n", "r", "s", "t", "ck", "ld", "nd", "ng", "nt", "rk", "th"]

FIRST_NAMES = """Anna Ben Clara David Elena Felix Grace Hugo Ines Jonas Karen Liam Maria Noah Olivia Paul Rosa
Samuel Tina Victor Wendy Yara Zoe Adam Bella Carl Dora Eric Fiona George Hannah Ivan Julia Kevin Laura Martin Nina
Oscar Petra Robert Sophie Thomas Ursula Vera William Amir Chen Diego Fatima Hiro Ingrid Jamal Keiko Lars Mei
Nadia Omar Priya Ravi Sana Tariq Yusuf""".split()

ITEMS = """lamp kettle printer router camera speaker headset keyboard monitor tablet laptop charger cable battery
backpack jacket blender toaster heater fan vacuum scanner phone watch bicycle helmet desk chair mattress mirror sofa
drill saw mixer oven fridge freezer dishwasher radio projector microphone thermostat doorbell lock sensor bulb clock
scale trimmer grill tent suitcase umbrella guitar drone console controller mouse screen stand case bag bottle shelf
table cushion blanket carpet curtain pump filter valve hose ladder rug""".split()

ADJECTIVES = """red blue green black white grey small large new old portable wireless electric smart compact heavy
light silver wooden steel digital folding outdoor indoor travel kitchen garden office""".split()

CITIES = """Berlin Lisbon Oslo Madrid Dublin Vienna Prague Athens Warsaw Rome Paris London Boston Denver Austin
Seattle Chicago Toronto Sydney Tokyo Seoul Lima Quito Cairo Nairobi Lagos Mumbai Delhi Oxford Leeds Bristol Geneva
Milan Turin Porto Seville Gent Bruges Utrecht Hamburg Munich Cologne""".split()

MONTHS = """January February March April May June July August September October November December""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

# Words a fine-tune may want as labels or field names. A small model can only spell what it has written before, so
# the list is wide; what matters is that each is often an answer here.
LABEL_WORDS = """access account accounting action active address administration agent alert amount angry annoyed answer
app approval article assistance audit author available awaiting bank basic bill billing blocked booking brand broken bug
business buyer calm campaign cancel cancellation card care carrier cart case category change channel charge chat checkout
city claim class client closed code color comment commerce company complaint complete compliance concern condition
confirmed confused contact contract cost country courier credit critical customer damage damaged data date day dealer
debit defect delay delayed delivery demand department desk detail device disappointed discount dispatch dispute document
domain done download due duplicate early education email emergency employee engineering error escalate escalation event
exchange expense expired express failed failure family fault feature feedback field file finance fine fix form fraud
friendly frustrated fulfilment furious general gift goods group guest guide happy hardware health help helpdesk high hold
home hotel house human id identity immediate important incident info information inquiry install installation insurance
intent internal invoice issue item job kind label language last late lead legal level license line link local location
login logistics loss lost low mail maintenance major manager market marketing medium member membership message minor
missing mobile model money month mood name negative network neutral new news none normal note notice number offer office
open operations option order origin other outage owner package paid parcel part partner password patient pay payment
pending person phone place plan platform policy polite portal positive postal premium press price pricing priority privacy
problem process product profile project promotion public purchase quality quantity queue question quick quote rank rate
reason receipt received record recovery reference refund region register rejected related release reminder renewal rent
repair replace replacement report request requester research resolved response restaurant retail return returns review
risk role room routine route safety sale sales satisfied schedule school score seat section security sender sentiment
service setting setup severe severity shipment shipping shop sign site size software solved source spam staff standard
start state status stock stop storage store street student subject subscription suggestion supplier supply support
suspended system tag task tax team technical technician technology tenant terms theme ticket time title tone topic
tracking trade training transfer transport travel treatment trial trouble type unclear unhappy unit unknown update upgrade
upset urgency urgent usage user value vendor verified version video visit volume waiting warehouse warning warranty web
website weight worker worried year zone""".split()


def syllables(random: Random, low: int = 2, high: int = 3) -> str:
    """A made-up word of `low`..`high` syllables, in lower case."""
    return "".join(
        random.choice(ONSETS) + random.choice(VOWELS) + random.choice(CODAS) for _ in range(random.randint(low, high))
    )


def person(random: Random) -> str:
    """A name such as `Mira Taldo`: the first name listed or made up, the last name always made up."""
    first = random.choice(FIRST_NAMES) if random.random() < 0.4 else syllables(random, 1, 2).capitalize()
    return f"{first} {syllables(random, 1, 3).capitalize()}" if random.random() < 0.8 else first


def digits(random: Random, low: int = 3, high: int = 7) -> str:
    return "".join(random.choice("0123456789") for _ in range(random.randint(low, high)))


def code(random: Random) -> str:
    """An order, ticket or invoice number in one of the forms shops use."""
    letters = "".join(random.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(random.randint(1, 3)))
    number = digits(random, 3, 7)
    return random.choice(
        [
            number,
            number,
            f"{letters}-{number}",
            f"{letters}-{number}",
            f"{letters}{number}",
            f"#{number}",
            f"{letters}/{number}",
        ]
    )


def product(random: Random) -> str:
    form = random.random()
    item = random.choice(ITEMS)
    if form < 0.4:
        return f"{random.choice(ADJECTIVES)} {item}"
    if form < 0.7:
        return f"{syllables(random, 1, 2).capitalize()} {item}"
    return item


def amount(random: Random) -> str:
    value = (
        f"{random.randint(3, 990)}.{random.randint(0, 99):02d}"
        if random.random() < 0.6
        else str(random.randint(3, 990))
    )
    return random.choice(["${}", "{} EUR", "{} euros", "{} dollars"]).format(value)


def date(random: Random) -> str:
    day, month = random.randint(1, 28), random.choice(MONTHS)
    return random.choice(
        [f"{day} {month}", f"{month} {day}", random.choice(DAYS), f"2025-{random.randint(1, 12):02d}-{day:02d}"]
    )


def city(random: Random) -> str:
    return random.choice(CITIES) if random.random() < 0.6 else syllables(random, 2, 3).capitalize()


def email(random: Random) -> str:
    return f"{syllables(random, 1, 2)}.{syllables(random, 1, 2)}@{syllables(random, 1, 2)}.{random.choice(['com', 'org', 'net'])}"
