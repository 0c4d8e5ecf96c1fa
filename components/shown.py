"""What a press showed last on each open page: a refresh that began before it, and ends after it, must not take it back."""

import threading
import time
from collections.abc import Mapping
from typing import Any

VISITS = 1000  # pages remembered; those that were shown something longest ago are forgotten first


class Shown:
    """Times are those of time.monotonic, in seconds; a visit is Gradio's session hash of one open page."""

    def __init__(self) -> None:
        self._when: dict[str, dict[Any, float]] = {}
        self._lock = threading.Lock()  # presses are handled in threads

    def note(self, visit: str | None, updates: Mapping[Any, Any]) -> None:
        """A press shows these now."""
        with self._lock:
            times = self._when.pop(visit or "", {})
            self._when[visit or ""] = times | dict.fromkeys(updates, time.monotonic())
            while len(self._when) > VISITS:
                del self._when[next(iter(self._when))]

    def still_due(self, visit: str | None, updates: Mapping[Any, Any], began: float) -> dict[Any, Any]:
        """The updates of a refresh that read the disk from `began` on, without what a press has shown since."""
        with self._lock:
            times = self._when.get(visit or "", {})
            return {part: update for part, update in updates.items() if times.get(part, -1.0) < began}
