"""Prices of machines, dated, and what a training costs: the guide's figures (G12) in US dollars an hour."""

import datetime
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from studio import store
from studio.errors import InputError

DATE = "2025-01"
MACHINES: dict[tuple[str, str], float] = {
    ("aws", "g5.xlarge"): 1.006,
    ("aws", "g5.2xlarge"): 1.212,
    ("aws", "p4d.24xlarge"): 32.77,
    ("gcp", "a2-highgpu-1g"): 3.67,
    ("gcp", "a2-highgpu-8g"): 29.39,
}
EXAMPLES_AN_HOUR = {"g5.xlarge": 500, "g5.2xlarge": 700, "p4d.24xlarge": 5000}
OTHERWISE = 500
SPOT = 0.35  # dollars an hour of a g5.xlarge that may be taken away
OVERHEAD = 1.2  # for evaluation and checkpoints; on the cost, not on the hours


@dataclass(frozen=True)
class TrainingCost:
    hours: float
    dollars: float
    dollars_an_hour: float
    dollars_an_example: float


def training_cost(examples: int, epochs: float, provider: str = "aws", machine: str = "g5.xlarge") -> TrainingCost:
    """The guide's estimate for QLoRA of a 7B model. Raises InputError for a machine without a price."""
    if (provider, machine) not in MACHINES:
        known = ", ".join(f"{cloud} {name}" for cloud, name in MACHINES)
        raise InputError("There is no price for this machine", f"{provider} {machine}", f"Known are {known}")
    seen = examples * epochs
    hours = seen / EXAMPLES_AN_HOUR.get(machine, OTHERWISE)
    rate = MACHINES[provider, machine]
    dollars = hours * rate * OVERHEAD
    return TrainingCost(hours, dollars, rate, dollars / seen if seen else 0.0)


@dataclass(frozen=True)
class Compared:
    """One row of the guide's comparison: a way to train on a machine, in hours and US dollars."""

    way: str
    machine: str
    hours: float
    dollars: float


def comparison(examples: int = 10_000, epochs: float = 3) -> list[Compared]:
    """The guide's table (G12): four ways to the same model, without the surcharge for evaluation and checkpoints."""
    rows = [
        ("full", "p4d.24xlarge", 5000, MACHINES["aws", "p4d.24xlarge"]),
        ("LoRA", "g5.2xlarge", 700, MACHINES["aws", "g5.2xlarge"]),
        ("QLoRA", "g5.xlarge", 500, MACHINES["aws", "g5.xlarge"]),
        ("QLoRA, spot", "g5.xlarge", 500, SPOT),
    ]
    return [
        Compared(way, machine, examples * epochs / pace, examples * epochs / pace * price)
        for way, machine, pace, price in rows
    ]


@dataclass(frozen=True)
class OwnPrice:
    """What an hour of this machine costs in US dollars: rent, and `watts` of electricity at a price a kWh; as of `date`."""

    rent: float = 0.0
    watts: float = 0.0
    dollars_a_kwh: float = 0.0
    date: str = ""

    @property
    def dollars_an_hour(self) -> float:
        return self.rent + self.watts / 1000 * self.dollars_a_kwh


def own_price(home: Path) -> OwnPrice:
    """Nothing an hour until the owner has said something else."""
    path = home / "price.json"
    return OwnPrice(**store.read_json(path)) if path.exists() else OwnPrice()


def keep_own_price(home: Path, price: OwnPrice) -> OwnPrice:
    """Raises InputError with every mistake."""
    numbers = {"rent": price.rent, "watts": price.watts, "dollars_a_kwh": price.dollars_a_kwh}
    wrong = [f"{name}: {value}" for name, value in numbers.items() if not (math.isfinite(value) and value >= 0)]
    try:
        datetime.date.fromisoformat(price.date)
    except ValueError:
        wrong.append(f"date: {price.date!r}")
    if wrong:
        raise InputError(
            "This price cannot be used", "; ".join(wrong), "Give numbers from 0 and a date such as 2026-11-24"
        )
    store.write_json(home / "price.json", asdict(price))
    return price
