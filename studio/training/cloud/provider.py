"""What each provider's file gives: its machines, files and the commands that submit them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from studio import prices
from studio.training.cloud.package import Plan

SPOT_CUT = (0.6, 0.8)
"""Spot machines cost 60 to 80 % less (G5)."""


@dataclass(frozen=True)
class Machine:
    """`memory` is that of one of its `gpus` in GB; `dollars_an_hour` is None where the guide names no price."""

    name: str
    gpus: int
    memory: int | None = None
    dollars_an_hour: float | None = None

    @property
    def words(self) -> str:
        parts = [f"{self.gpus} GPUs" if self.gpus > 1 else "", f"{self.memory} GB" if self.memory else ""]
        price = f"{self.dollars_an_hour:g} $/h" if self.dollars_an_hour else ""
        said = ", ".join(part for part in (*parts, price) if part)
        return f"{self.name} ({said})" if said else self.name


@dataclass(frozen=True)
class Provider:
    """`files(plan)` gives the texts to write beside the package; `submit(name)` the commands, to be run in the folder of
    the files. `packs` says whether the package is uploaded as a folder or as package.zip."""

    name: str
    title: str
    machines: Sequence[Machine]
    files: Callable[[Plan], dict[str, str]]
    submit: Callable[[str], list[list[str]]]
    packs: str = "folder"
    has_spot: bool = True
    notes: list[str] = field(default_factory=list)

    def machine(self, name: str) -> Machine | None:
        return next((one for one in self.machines if one.name == name), None)


@dataclass(frozen=True)
class Estimate:
    """Hours and US dollars of the whole training, by the guide (G12); dollars are None where no price is known."""

    hours: float
    dollars_low: float | None
    dollars_high: float | None
    date: str

    @property
    def words(self) -> str:
        if self.dollars_low is None or self.dollars_high is None:
            return f"about {self.hours:.1f} h; no price of this machine is known here"
        low, high = f"{self.dollars_low:,.2f}", f"{self.dollars_high:,.2f}"
        money = f"${low}" if low == high else f"${low} to {high}"
        return f"about {self.hours:.1f} h and {money} (prices of {self.date})"


def estimate(machine: Machine, spot: bool, examples: int, epochs: float) -> Estimate:
    """By the guide's examples an hour for QLoRA of a 7B model; a smaller model takes less."""
    hours = examples * epochs / prices.EXAMPLES_AN_HOUR.get(machine.name.removeprefix("ml."), prices.OTHERWISE)
    if machine.dollars_an_hour is None:
        return Estimate(hours, None, None, prices.DATE)
    dollars = hours * machine.dollars_an_hour * prices.OVERHEAD
    if not spot:
        return Estimate(hours, dollars, dollars, prices.DATE)
    return Estimate(hours, dollars * (1 - SPOT_CUT[1]), dollars * (1 - SPOT_CUT[0]), prices.DATE)
