"""What a run has taken so far, in seconds and money, written while it trains: a process that is killed has no last word."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from studio import prices, store

FILE = "spent.jsonl"
OFTEN, SHARE = 0.5, 1 / 500
"""It is written at most so many seconds apart, and later on so large a share of all: a kill loses no more."""


@dataclass(frozen=True)
class Spending:
    """Of all processes that worked on a run. `cost` is None where nothing was spent."""

    seconds: float = 0.0
    cost: prices.Spent | None = None


def known(folder: Path) -> Spending:
    """Of the run in `folder` until now: what its result says, or, where it was killed since, what it wrote last."""
    path = folder / "result.json"
    said = store.read_json_lines(folder / FILE)[-1:] + ([store.read_json(path)] if path.exists() else [])
    unknown = prices.Spent(None, prices.OwnPrice())
    found = [Spending(one["seconds"], prices.Spent.of(one["cost"]) if one.get("cost") else unknown) for one in said]
    return max(found, key=lambda one: one.seconds, default=Spending())


class Meter:
    """Counts from when it is made, at the price that holds then."""

    def __init__(self, folder: Path, price: prices.OwnPrice, machine: str) -> None:
        self.folder, self.price, self.machine = folder, price, machine
        self.before = known(folder)
        self.begun = self._written = time.monotonic()

    @property
    def so_far(self) -> Spending:
        here = time.monotonic() - self.begun
        return Spending(self.before.seconds + here, prices.spent(self.price, self.machine, here, self.before.cost))

    def write(self) -> None:
        """Writes it down when it is time again."""
        now = time.monotonic()
        if now - self._written < max(OFTEN, (now - self.begun) * SHARE):
            return
        self._written = now
        store.append_json_line(self.folder / FILE, asdict(self.so_far), on_disk=False)
