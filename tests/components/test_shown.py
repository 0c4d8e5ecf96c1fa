"""A page that reads the disk and a press on it run beside each other; what the press shows stays."""

import asyncio
from pathlib import Path
from threading import Event, Thread
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState

from components import shown
from components.cell import Page, Updates
from components.shown import Blocks, Shown
from studio import Project


def sent(blocks: gr.Blocks, event: int, visit: gr.Request, kept: SessionState | None = None) -> list[Any]:
    """What the browser is told of an event of the page; the values of a State are `kept` by the server."""
    function = blocks.fns[event]
    answer = function.fn(visit, "support")  # type: ignore[misc]
    return asyncio.run(blocks.postprocess_data(function, answer, kept or SessionState(blocks)))


def nothing(told: dict[str, Any]) -> bool:
    return "value" not in told


def test_a_refresh_takes_back_nothing_that_a_press_showed_since_it_began(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    here, elsewhere = gr.Request(session_hash="here"), gr.Request(session_hash="elsewhere")
    begun, pressed = Event(), Event()

    def refresh(project: Project) -> Updates:
        begun.set()
        assert pressed.wait(30)
        return {answer: "nothing yet", count: "0"}

    with Blocks() as blocks:
        page.name, button, answer, count = gr.Textbox(), gr.Button(), gr.HTML(), gr.HTML()
        page.on(button.click, refresh, [], [answer, count], refresh=True)
        page.on(button.click, lambda project: {answer: "the answer"}, [], [answer, count])
    told: dict[str, Any] = {}
    both = [
        Thread(target=lambda name=name, visit=visit: told.update({name: sent(blocks, 0, visit)}))  # type: ignore[misc]
        for name, visit in (("here", here), ("elsewhere", elsewhere))
    ]
    for thread in both:
        thread.start()
    assert begun.wait(30)
    assert sent(blocks, 1, here)[0] == "the answer"
    pressed.set()
    for thread in both:
        thread.join(30)
    assert nothing(told["here"][0]) and told["here"][1] == "0"
    assert told["elsewhere"] == ["nothing yet", "0"]
    assert sent(blocks, 0, here) == ["nothing yet", "0"]  # this one has read the disk after the press


def test_nor_what_a_press_shows_while_its_own_values_are_prepared(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    here = gr.Request(session_hash="here")

    def answered_meanwhile(value: Any) -> Any:
        """Of a part whose value takes long."""
        told.extend(sent(blocks, 1, here, kept))
        return value

    with Blocks() as blocks:
        page.name, button, answer, count, place = gr.Textbox(), gr.Button(), gr.HTML(), gr.HTML(), gr.State(-1)
        page.on(
            button.click,
            lambda project: {answer: "nothing yet", count: "0", place: -1},
            [],
            [answer, count, place],
            refresh=True,
        )
        page.on(button.click, lambda project: {answer: "the answer", place: 7}, [], [answer, place])
    count.postprocess = answered_meanwhile
    told: list[Any] = []
    kept = SessionState(blocks)
    after = sent(blocks, 0, here, kept)
    assert told[0] == "the answer" and kept[place._id] == 7
    assert nothing(after[0]) and after[1] == "0"


def test_an_older_refresh_takes_nothing_back_that_a_newer_one_has_read(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    here = gr.Request(session_hash="here")
    begun, read = Event(), Event()

    def slow(project: Project) -> Updates:
        begun.set()
        assert read.wait(30)
        return {state: "running", name: "of the slow one"}

    with Blocks() as blocks:
        page.name, timer, state, name = gr.Textbox(), gr.Timer(), gr.HTML(), gr.HTML()
        page.on(timer.tick, slow, [], [state, name], refresh=True)
        page.on(timer.tick, lambda project: {state: "finished"}, [], [state, name], refresh=True)
    told: list[Any] = []
    thread = Thread(target=lambda: told.extend(sent(blocks, 0, here)))
    thread.start()
    assert begun.wait(30)
    assert sent(blocks, 1, here)[0] == "finished"
    read.set()
    thread.join(30)
    assert nothing(told[0]) and told[1] == "of the slow one"  # of this part the newer one said nothing


def test_a_refresh_of_one_part_alone_shows_its_value(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    with Blocks() as blocks:
        page.name, button, run = gr.Textbox(), gr.Button(), gr.Dropdown(["run-001"])
        page.on(button.click, lambda project: {run: gr.update(choices=["run-002"])}, [], [run], refresh=True)
    (told,) = sent(blocks, 0, gr.Request(session_hash="here"))
    assert told["choices"] == [["run-002", "run-002"]] and nothing(told)


def test_what_the_server_keeps_of_a_list_is_what_the_browser_was_told_last(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    here = gr.Request(session_hash="here")
    known: list[str] = []

    def show(project: Project) -> Updates:
        return {choice: gr.update(choices=list(known)), count: str(len(known))}

    with Blocks() as blocks:
        page.name, button, choice, count = gr.Textbox(), gr.Button(), gr.Dropdown([]), gr.HTML()
        page.on(button.click, show, [], [choice, count], refresh=True)
        page.on(button.click, show, [], [choice, count], refresh=True)
    kept, told = SessionState(blocks), list[Any]()
    older = blocks.fns[0].fn(here, "support")  # type: ignore[misc]
    known.append("run-002")
    newer = blocks.fns[1].fn(here, "support")  # type: ignore[misc]

    def prepared_meanwhile(value: Any) -> Any:
        """The older one is prepared when half of the newer one is."""
        if value == "1":
            told.extend(asyncio.run(blocks.postprocess_data(blocks.fns[0], older, kept)))
        return value

    count.postprocess = prepared_meanwhile
    sent_last = asyncio.run(blocks.postprocess_data(blocks.fns[1], newer, kept))
    assert [value for _, value in sent_last[0]["choices"]] == ["run-002"]
    assert [value for _, value in kept[choice._id].choices] == ["run-002"]
    assert "choices" not in told[0]


def test_a_choice_that_is_gone_by_then_is_none(tmp_path: Path) -> None:
    page = Page(tmp_path, "support", demo=False)
    here = gr.Request(session_hash="here")
    with Blocks() as blocks:
        page.name, button = gr.Textbox("support"), gr.Button()
        waiting, others, free = (
            gr.Dropdown(["a"]),
            gr.Dropdown(["a"], multiselect=True),
            gr.Dropdown(["a"], allow_custom_value=True),
        )
        page.on(button.click, lambda project: {waiting: gr.update(choices=[])}, [], [waiting], refresh=True)
        page.on(button.click, lambda project, *_: {}, [waiting, others, free], [waiting])
    kept = SessionState(blocks)
    asked = ["support", "a", ["a", "b"], "typed"]
    assert asyncio.run(blocks.preprocess_data(blocks.fns[1], asked, kept)) == ["support", "a", ["a"], "typed"]
    sent(blocks, 0, here, kept)
    assert asyncio.run(blocks.preprocess_data(blocks.fns[1], asked, kept)) == ["support", None, ["a"], "typed"]


def test_pages_that_were_left_are_forgotten() -> None:
    known = Shown()
    for visit in range(shown.VISITS + 10):
        known.note(str(visit), ["answer"], until=1.0)
    assert known.is_due("0", "answer", began=0.0)
    assert not known.is_due(str(shown.VISITS + 9), "answer", began=0.0)
