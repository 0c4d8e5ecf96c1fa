"""When a training saves between its evaluations: so often that a power cut costs a bounded time, and so seldom that saving
costs next to none."""

import time
from typing import Any

from transformers import TrainerCallback

from studio.training.launching import any_of

MOST_LOST = 600.0
"""Seconds of training that a power cut costs at most, but for what SHARE says."""
SHARE = 0.02
"""Of the time that may go into checkpoints made for that: one that takes long, as of all weights on a slow disk, is made
less often."""


class SavesByTime(TrainerCallback):  # type: ignore[misc]
    """Asks for a checkpoint when the last one is old. The process that writes it decides for all."""

    def __init__(self) -> None:
        self._saved = time.monotonic()
        self._every = MOST_LOST

    def on_train_begin(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        self._saved = time.monotonic()

    def on_step_end(self, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if any_of(state.is_world_process_zero and time.monotonic() - self._saved >= self._every):
            control.should_save = True

    def saved(self, begun: float) -> None:
        """A checkpoint is on disk that was begun then."""
        self._saved = time.monotonic()
        self._every = max(MOST_LOST, (self._saved - begun) / SHARE)
