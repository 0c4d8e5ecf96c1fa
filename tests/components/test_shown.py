"""A page that reads the disk and a press on it run beside each other; what the press shows stays."""

from pathlib import Path
from threading import Event, Thread
from typing import Any

import gradio as gr

from components import shown
from components.cell import Page, Updates
from components.shown import Shown
from studio import Project


def handler_of(page: Page, function: Any, outputs: list[Any], refresh: bool = False) -> Any:
    """What Gradio calls when an event comes."""
    found: list[Any] = []
    page.on(lambda handler, *_, **__: found.append(handler), function, [], outputs, refresh=refresh)
    return found[0]


def test_a_refresh_takes_back_nothing_that_a_press_showed_since_it_began(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    with gr.Blocks():
        answer, count = gr.HTML(), gr.HTML()
    begun, pressed = Event(), Event()

    def refresh(project: Project) -> Updates:
        begun.set()
        assert pressed.wait(30)
        return {answer: "nothing yet", count: "0"}

    refreshes = handler_of(page, refresh, [answer, count], refresh=True)
    presses = handler_of(page, lambda project: {answer: "the answer"}, [answer, count])
    here, elsewhere = gr.Request(session_hash="here"), gr.Request(session_hash="elsewhere")
    last: dict[str, Any] = {}
    both = [
        Thread(target=lambda name=name, visit=visit: last.update({name: refreshes(visit, "support")}))  # type: ignore[misc]
        for name, visit in (("here", here), ("elsewhere", elsewhere))
    ]
    for thread in both:
        thread.start()
    assert begun.wait(30)
    assert presses(here, "support")[0] == "the answer"
    pressed.set()
    for thread in both:
        thread.join(30)
    assert last["here"] == [gr.skip(), "0"]
    assert last["elsewhere"] == ["nothing yet", "0"]
    assert refreshes(here, "support") == ["nothing yet", "0"]  # this one has read the disk after the press


def test_pages_that_were_left_are_forgotten() -> None:
    known = Shown()
    for visit in range(shown.VISITS + 10):
        known.note(str(visit), {"answer": "yes"})
    due = {"answer": "nothing yet"}
    assert known.still_due("0", due, began=0.0) == due
    assert known.still_due(str(shown.VISITS + 9), due, began=0.0) == {}
