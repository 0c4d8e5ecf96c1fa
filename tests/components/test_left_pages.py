"""A page that was left while its events were on their way writes nothing to the log."""

import asyncio
import logging
import threading
from collections.abc import Iterator

import gradio as gr
import httpx
import pytest
from starlette.middleware import Middleware

import launch
from components.left_pages import LeftPages


@pytest.fixture()
def address() -> Iterator[str]:
    """A page with one event, which goes on for as long as the test."""
    over = threading.Event()
    with gr.Blocks() as blocks:
        gr.Button().click(lambda: over.wait(30), None, None)
    port = launch.free_port("127.0.0.1", 9400)
    app_kwargs = {"middleware": [Middleware(LeftPages)]}
    _, address, _ = blocks.launch(
        server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, app_kwargs=app_kwargs
    )
    yield address
    over.set()
    blocks.close()


@pytest.fixture()
def logged() -> Iterator[list[str]]:
    """What the server says of failures of its own."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logging.getLogger("uvicorn.error").addHandler(handler)
    yield lines
    logging.getLogger("uvicorn.error").removeHandler(handler)


def test_a_page_that_is_left_with_two_streams_ends_quietly(address: str, logged: list[str]) -> None:

    async def leave() -> None:
        async with httpx.AsyncClient(base_url=address, trust_env=False) as page:
            event = {"data": [], "fn_index": 0, "session_hash": "left"}
            assert (await page.post("gradio_api/queue/join", json=event)).status_code == 200
            streams = [asyncio.create_task(page.get("gradio_api/queue/data?session_hash=left")) for _ in range(2)]
            await asyncio.sleep(1)
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
        await asyncio.sleep(1)

    asyncio.run(leave())
    assert httpx.get(address, trust_env=False).status_code == 200
    assert logged == []


def test_an_error_of_the_studio_itself_is_not_hidden() -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise KeyError("left")

    with pytest.raises(KeyError):
        asyncio.run(LeftPages(broken)({"type": "http", "path": "/gradio_api/queue/join"}, None, None))
    with pytest.raises(KeyError):
        asyncio.run(LeftPages(broken)({"type": "http", "path": "/gradio_api/queue/data"}, None, None))
