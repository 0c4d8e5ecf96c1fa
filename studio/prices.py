"""Prices of machines, dated, and what a training costs, in US dollars. The guide's figures (G5, G12) hold until the owner
says others; those are kept in one file, STUDIO_HOME/prices.json."""

import datetime
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from studio import store
from studio.errors import InputError

DATE = "2025-01"
FILE, FORMAT = "prices.json", 1
MACHINES: dict[tuple[str, str], float] = {
    ("aws", "g5.xlarge"): 1.006,
    ("aws", "g5.2xlarge"): 1.212,
    ("aws", "p4d.24xlarge"): 32.77,
    ("gcp", "a2-highgpu-1g"): 3.67,
    ("gcp", "a2-highgpu-8g"): 29.39,
}
SAGEMAKER = {"ml.g5.xlarge": 1.41, "ml.g5.2xlarge": 1.69, "ml.g5.4xlarge": 2.27, "ml.p4d.24xlarge": 37.69}
WITHOUT = {"runpod": ["RTX_4090", "A100_80GB"], "kubernetes": ["1 x NVIDIA GPU", "4 x NVIDIA GPU", "8 x NVIDIA GPU"]}
"""Machines of which the guide names no price."""
EXAMPLES_AN_HOUR = {"g5.xlarge": 500, "g5.2xlarge": 700, "p4d.24xlarge": 5000}
OTHERWISE = 500
SPOT = 0.35  # dollars an hour of a g5.xlarge that may be taken away
SPOT_CUT = (0.6, 0.8)
"""Spot machines cost 60 to 80 % less (G5)."""
OVERHEAD = 1.2  # for evaluation and checkpoints; on the cost, not on the hours


@dataclass(frozen=True)
class MachinePrice:
    """Dollars an hour of a rented machine, and of the same one where it may be taken away (`spot`), as of `date`; None
    where nobody has said it."""

    provider: str
    machine: str
    dollars_an_hour: float | None = None
    spot: float | None = None
    date: str = ""


GUIDE = [
    *(MachinePrice(cloud, name, rate, SPOT if name == "g5.xlarge" else None, DATE) for (cloud, name), rate in MACHINES.items()),
    *(MachinePrice("sagemaker", name, rate, None, DATE) for name, rate in SAGEMAKER.items()),
    *(MachinePrice(provider, name) for provider, names in WITHOUT.items() for name in names),
]  # fmt: skip
_GUIDE = {(row.provider, row.machine): row for row in GUIDE}


def machine_prices(home: Path) -> list[MachinePrice]:
    """Every rented machine that is known here, in one order, with the owner's price where there is one."""
    own = {(row["provider"], row["machine"]): MachinePrice(**row) for row in _read(home).get("machines", [])}
    return [own.get(key, row) for key, row in _GUIDE.items()]


def keep_machine_prices(home: Path, rows: Sequence[MachinePrice]) -> list[MachinePrice]:
    """Keeps the owner's prices of the machines in `rows`. Raises InputError with every mistake; then none is kept."""
    mistakes = [mistake for row in rows for mistake in _mistakes(row)]
    if mistakes:
        raise InputError(
            "These prices cannot be used", "; ".join(mistakes), "Give numbers from 0 and dates such as 2026-11-24 or 2026-11"
        )  # fmt: skip
    kept = {(row.provider, row.machine): row for row in [*machine_prices(home), *rows]}
    changed = [asdict(row) for key, row in kept.items() if row != _GUIDE[key]]
    store.write_json(home / FILE, {**_read(home), "machines": changed})
    return machine_prices(home)


def reset_machine_prices(home: Path) -> list[MachinePrice]:
    """Back to the guide's figures; what an hour of the own machine costs stays."""
    store.write_json(home / FILE, {**_read(home), "machines": []})
    return machine_prices(home)


def _mistakes(row: MachinePrice) -> list[str]:
    at = f"{row.provider} {row.machine}"
    if (row.provider, row.machine) not in _GUIDE:
        return [f"{at}: there is no such machine here"]
    found = []
    for name, value in (("dollars an hour", row.dollars_an_hour), ("spot", row.spot)):
        is_number = isinstance(value, int | float) and math.isfinite(value) and value >= 0
        if value is not None and not is_number:
            found.append(f"{at}: {name} {value!r}")
    guide = _GUIDE[row.provider, row.machine]
    if row.dollars_an_hour is None and guide.dollars_an_hour is not None:
        found.append(f"{at}: dollars an hour is missing")
    if row.spot is None and guide.spot is not None:
        found.append(f"{at}: spot is missing")
    if (row.dollars_an_hour is not None or row.spot is not None) and not is_date(row.date):
        found.append(f"{at}: date {row.date!r}")
    return found


def is_date(text: str) -> bool:
    """Whether it is a day or a month, as 2026-11-24 or 2026-11."""
    try:
        datetime.date.fromisoformat(text if len(text) != len("2026-11") else f"{text}-01")
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Rate:
    """What an hour of a rented machine costs, between `low` and `high` dollars; as of `date`."""

    low: float
    high: float
    date: str

    @property
    def words(self) -> str:
        if self.low == self.high:
            return f"${self.low:,.3f} an hour (price of {self.date})"
        return f"${self.low:,.3f} to ${self.high:,.3f} an hour (price of {self.date})"


def rate(home: Path, provider: str, machine: str, spot: bool) -> Rate | None:
    """By the prices that hold now; where only the full price is known, a spot machine's is 60 to 80 % less."""
    known = next((row for row in machine_prices(home) if (row.provider, row.machine) == (provider, machine)), None)
    if known is None:
        return None
    if spot and known.spot is not None:
        return Rate(known.spot, known.spot, known.date)
    if known.dollars_an_hour is None:
        return None
    if not spot:
        return Rate(known.dollars_an_hour, known.dollars_an_hour, known.date)
    least, most = (known.dollars_an_hour * (1 - cut) for cut in reversed(SPOT_CUT))
    return Rate(least, most, known.date)


@dataclass(frozen=True)
class TrainingCost:
    hours: float
    dollars: float
    dollars_an_hour: float
    dollars_an_example: float
    date: str = DATE


def training_cost(
    examples: int, epochs: float, provider: str = "aws", machine: str = "g5.xlarge", known: Sequence[MachinePrice] = GUIDE
) -> TrainingCost:  # fmt: skip
    """The guide's estimate for QLoRA of a 7B model, at `known` prices. Raises InputError for a machine without a price."""
    priced = {(row.provider, row.machine): row for row in known if row.dollars_an_hour is not None}
    found = priced.get((provider, machine))
    if found is None or found.dollars_an_hour is None:
        names = ", ".join(f"{cloud} {name}" for cloud, name in priced)
        raise InputError("There is no price for this machine", f"{provider} {machine}", f"Known are {names}")
    seen = examples * epochs
    hours = seen / EXAMPLES_AN_HOUR.get(machine, OTHERWISE)
    dollars = hours * found.dollars_an_hour * OVERHEAD
    return TrainingCost(hours, dollars, found.dollars_an_hour, an_example(dollars, seen), found.date)


def an_example(dollars: float, seen: float) -> float:
    """Of a training that sees so many examples, each counted as often as it is seen."""
    return dollars / seen if seen else 0.0


@dataclass(frozen=True)
class Compared:
    """One row of the guide's comparison: a way to train on a machine, in hours and US dollars at the price of `date`."""

    way: str
    machine: str
    hours: float
    dollars: float
    date: str = DATE


def comparison(examples: int = 10_000, epochs: float = 3, known: Sequence[MachinePrice] = GUIDE) -> list[Compared]:
    """The guide's table (G12): four ways to the same model, without the surcharge for evaluation and checkpoints. With
    `known` prices other than the guide's, the same at those."""
    at = {row.machine: row for row in known if row.provider == "aws"}
    rows = []
    for way, machine, spot in (("full", "p4d.24xlarge", False), ("LoRA", "g5.2xlarge", False), ("QLoRA", "g5.xlarge", False), ("QLoRA, spot", "g5.xlarge", True)):  # fmt: skip
        row = at[machine]
        price = row.spot if spot else row.dollars_an_hour
        hours = examples * epochs / EXAMPLES_AN_HOUR[machine]
        rows.append(Compared(way, machine, hours, hours * (price or 0.0), row.date))
    return rows


@dataclass(frozen=True)
class OwnPrice:
    """What an hour of this machine costs in US dollars: rent, and `watts` of electricity at a price a kWh; as of `date`.
    `machine` is what it is called where it is rented."""

    rent: float = 0.0
    watts: float = 0.0
    dollars_a_kwh: float = 0.0
    date: str = ""
    machine: str = ""

    @property
    def dollars_an_hour(self) -> float:
        return self.rent + self.watts / 1000 * self.dollars_a_kwh

    @property
    def is_known(self) -> bool:
        return bool(self.date)

    @property
    def words(self) -> str:
        """What it is made of, with its date."""
        parts = [f"${self.rent:,.3f} an hour of rent"] if self.rent or not self.watts else []
        if self.watts:
            parts.append(f"{self.watts:,.0f} W at ${self.dollars_a_kwh:,.3f} a kWh")
        return f"{' and '.join(parts)}, price of {self.date}"


def own_price(home: Path) -> OwnPrice:
    """Nothing an hour until the owner has said something else."""
    return OwnPrice(**_read(home).get("own", {}))


def keep_own_price(home: Path, price: OwnPrice) -> OwnPrice:
    """Raises InputError with every mistake."""
    numbers = {"rent": price.rent, "watts": price.watts, "dollars_a_kwh": price.dollars_a_kwh}
    wrong = [f"{name}: {value}" for name, value in numbers.items() if not (math.isfinite(value) and value >= 0)]
    if not is_date(price.date):
        wrong.append(f"date: {price.date!r}")
    if wrong:
        raise InputError(
            "This price cannot be used", "; ".join(wrong), "Give numbers from 0 and a date such as 2026-11-24"
        )
    store.write_json(home / FILE, {**_read(home), "own": asdict(price)})
    return price


@dataclass(frozen=True)
class Spent:
    """What a training has cost: dollars (None where a part of it had no price) and the price, with its machine, that held
    when it ran last. It is kept with the run, so that a later price changes nothing."""

    dollars: float | None
    price: OwnPrice

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Spent":
        return cls(kept["dollars"], OwnPrice(**kept["price"]))

    @property
    def words(self) -> str:
        if self.dollars is None:
            return f"no price of {self.price.machine} was known when it ran"
        return f"${self.dollars:,.2f} on {self.price.machine} ({self.price.words})"


def spent(price: OwnPrice, machine: str, seconds: float, earlier: Spent | None) -> Spent:
    """After `seconds` of computing at this price, and what it cost `earlier` (None where it has just begun)."""
    before = 0.0 if earlier is None else earlier.dollars
    here = seconds / 3600 * price.dollars_an_hour if price.is_known else None
    dollars = None if before is None or here is None else before + here
    return Spent(dollars, replace(price, machine=price.machine or machine))


def _read(home: Path) -> dict[str, Any]:
    if (home / FILE).exists():
        return store.read_description(home / FILE, FORMAT, "The file of prices")
    earlier = home / "price.json"  # of a studio that kept the own machine's alone
    own = {"own": store.read_json(earlier)} if earlier.exists() else {}
    return {"format": FORMAT, **own}
