"""A double click is one press: what it asks for twice is done once."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

from studio import Project

SECONDS = 5.0
"""After a training was started the same one is not started again by a press for so long."""
_done: dict[Hashable, tuple[float, Any]] = {}
_lock = threading.Lock()  # the second press waits for the first: only then is it known whether that started anything


def once(project: Project, asked: Hashable, act: Callable[[], Any]) -> tuple[Any, bool]:
    """What `act` makes, and True; or what it made for a press that asked the same of the project in the last seconds, and
    False. An `act` that raises has made nothing."""
    key = (str(project.folder), asked)
    with _lock:
        now = time.monotonic()
        for old in [one for one, (when, _) in _done.items() if now - when > SECONDS]:
            del _done[old]
        if key in _done:
            return _done[key][1], False
        made = act()
        _done[key] = time.monotonic(), made
        return made, True


def note(made: Any) -> str:
    """Of a press that did nothing, as HTML: ids are the studio's own."""
    return (
        f'<div class="note">{made.id} was started by a press just before this one, and it is the same: nothing was started '
        f"twice. Press again in {SECONDS:.0f} seconds to do it once more.</div>"
    )
