"""What a run has taken so far, in seconds and money, written while it trains: a process that is killed has no last word."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from studio import prices, store

FILE = "spent.jsonl"
OFTEN, SHARE = 0.5, 1 / 500
"""It is written at most so many seconds apart, and later on so large a share of all: a kill loses no more."""
STARTING, LEARNING, EVALUATING, AROUND = PARTS = ("starting", "learning", "evaluating", "around")
"""What a process does with its time: reading model and data until the trainer begins, steps, evaluations, and what stands
around them: sample answers, checkpoints, and the adapter at the end."""


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
    """Counts from `begun` (of time.monotonic; by default from when it is made), at one price, and what the time went on:
    `parts` in seconds, and how many evaluations there were."""

    def __init__(self, folder: Path, price: prices.OwnPrice, machine: str, begun: float | None = None) -> None:
        self.folder, self.price, self.machine = folder, price, machine
        self.before = known(folder)
        self.begun = self._written = self._since = time.monotonic() if begun is None else begun
        self.parts, self.evaluations = dict.fromkeys(PARTS, 0.0), 0

    def ends(self, part: str) -> None:
        """All since the last end was this part."""
        now = time.monotonic()
        self.parts[part] += now - self._since
        self._since = now
        self.evaluations += part == EVALUATING

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
