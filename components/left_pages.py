"""A page that was left can ask for its events once more; that ends quietly, and the log of a sound studio stays empty.

On its way out the browser's part of Gradio (6.31) closes the stream of events, with which the server forgets the page;
the answer to an event that was on its way then opens the stream again. Gradio says in it that the page is not known,
and raises on top, in the middle of an answer that has begun, which the server logs as a failure of its own. Where the
second stream was opened before the first was closed, the server forgets the page twice, and the second time raises too.
"""

from asyncio import CancelledError
from typing import Any

STREAM = "/gradio_api/queue/data"


class LeftPages:
    """ASGI middleware: ends the stream of a page that is not known any more."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except (RuntimeError, KeyError) as error:
            cause = error.__cause__
            unknown = getattr(cause, "status_code", None) == 404
            forgotten = isinstance(error, KeyError) and isinstance(cause, CancelledError)
            if not ((unknown or forgotten) and scope["type"] == "http" and scope["path"].endswith(STREAM)):
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})
