"""What each part of an open page shows, and how new that is: what began before it, and ends after it, leaves it alone.

A refresh reads the disk; so does a tick. It ends when it is sent: between the handler's answer and that moment Gradio
prepares the values of a hundred parts (0.06 s, and more on a busy machine), in which a press can be answered and sent; so
the last look comes after that.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gradio as gr

from components.stale_choices import without_stale

VISITS = 1000  # pages remembered; those that were shown something longest ago are forgotten first


class Shown:
    """Until when what each part shows is true: a press shows what is true now, a refresh what was when it began.

    Times are those of time.monotonic, in seconds; a visit is Gradio's session hash of one open page.
    """

    def __init__(self) -> None:
        self._until: dict[str, dict[Any, float]] = {}
        self._lock = threading.Lock()  # presses are handled in threads

    def note(self, visit: str | None, parts: Iterable[Any], until: float) -> None:
        with self._lock:
            times = self._until.pop(visit or "", {})
            times.update(dict.fromkeys(parts, until))
            self._until[visit or ""] = times
            while len(self._until) > VISITS:
                del self._until[next(iter(self._until))]

    def is_due(self, visit: str | None, part: Any, began: float) -> bool:
        """Whether a refresh that read the disk from `began` on may show the part: nothing newer is there."""
        with self._lock:
            return self._until.get(visit or "", {}).get(part, -1.0) <= began


class Refresh(list[Any]):
    """The values of a refresh that read the disk from `began` on, in the order of its parts, each looked at when taken.

    Gradio keeps the value of a State, and the choices of a list, at once when it takes them: a look before the first would
    be too early for the last, and from then on an older refresh must not take them back.
    """

    def __init__(
        self, updates: Mapping[Any, Any], parts: Sequence[Any], shown: Shown, visit: str | None, began: float
    ) -> None:
        super().__init__(updates.get(part, gr.skip()) for part in parts)
        self._given = [part in updates for part in parts]
        self._parts, self._shown, self._visit, self._began = parts, shown, visit, began

    def __getitem__(self, at: Any) -> Any:
        if not self._is_due(at):
            return gr.skip()
        if self._given[at]:
            self._shown.note(self._visit, [self._parts[at]], self._began)
        return super().__getitem__(at)

    def _is_due(self, at: int) -> bool:
        return self._shown.is_due(self._visit, self._parts[at], self._began)

    def to_send(self, ready: Sequence[Any]) -> list[Any]:
        """What Gradio made of the values, without those that are not due any more."""
        return [value if self._is_due(at) else gr.skip() for at, value in enumerate(ready)]


class Blocks(gr.Blocks):
    """A page on which a refresh takes back nothing, and a choice that is gone by then is none.

    What Gradio (6.31) has prepared, it sends before its loop turns to anything else: a press that is noted after the look
    here is sent after this.
    """

    async def preprocess_data(self, block_fn: Any, inputs: Any, state: Any, explicit_call: bool = False) -> Any:
        """What a handler is given; Gradio refuses inputs that are too few or too many."""
        if len(inputs) == len(block_fn.inputs):
            inputs = without_stale(block_fn.inputs, inputs, state)
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """What the browser is sent: Gradio's own values, without those that are not due any more."""
        if not isinstance(predictions, Refresh):
            return list(await super().postprocess_data(block_fn, predictions, state))
        # of one part alone Gradio takes the value and not a list
        given = predictions[0] if len(predictions) == 1 else predictions
        return predictions.to_send(await super().postprocess_data(block_fn, given, state))
