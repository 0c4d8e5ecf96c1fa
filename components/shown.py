"""What a press showed last on each open page: a refresh that began before it, and ends after it, must not take it back.

A refresh ends when it is sent. Between the handler's answer and that moment Gradio prepares the values of a hundred
parts (0.06 s, and more on a busy machine), in which a press can be answered and sent; so the last look is ours after that.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

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

    def is_due(self, visit: str | None, part: Any, began: float) -> bool:
        """Whether a refresh that read the disk from `began` on may show the part: no press has since."""
        with self._lock:
            return self._when.get(visit or "", {}).get(part, -1.0) < began


class Refresh(list[Any]):
    """The values of a refresh, in the order of its parts: each is looked at when it is taken.

    Gradio keeps the value of a State at once when it takes it, so a look before the first would be too early for the last.
    `is_due(part)` is False when a press has shown the part since the refresh began.
    """

    def __init__(self, values: Sequence[Any], parts: Sequence[Any], is_due: Callable[[Any], bool]) -> None:
        super().__init__(values)
        self._parts, self._is_due = parts, is_due

    def __getitem__(self, at: Any) -> Any:
        return self.still_due(at, super().__getitem__(at))

    def still_due(self, at: int, value: Any) -> Any:
        """The value of a part, none when it is not due any more."""
        return value if self._is_due(self._parts[at]) else gr.skip()


class Blocks(gr.Blocks):
    """A page on which a refresh takes back nothing.

    What Gradio (6.31) has prepared, it sends before its loop turns to anything else: a press that is noted after the look
    here is sent after this.
    """

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What the browser is sent: Gradio's own values, without those that are not due any more."""
        ready = await super().postprocess_data(block_fn, predictions, state)
        if not isinstance(predictions, Refresh):
            return ready
        return [predictions.still_due(at, value) for at, value in enumerate(ready)]
