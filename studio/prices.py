"""Prices of machines, dated, and what a training costs: the guide's figures (G12) in US dollars an hour."""

from dataclasses import dataclass

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
