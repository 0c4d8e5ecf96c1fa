"""Behind a password every route of the page's interface is closed to strangers.

Gradio asks for the login on most of its routes itself; a few (cancel, reset, stream, heartbeat) answer anybody who can
guess an event's id (6.31). Here one rule stands before them all.
"""

from http.cookies import CookieError, SimpleCookie
from typing import Any

CLOSED = "/gradio_api/"
OPEN = ("login_check", "token", "startup-events")
"""What is needed to log in, and what the studio asks itself when it starts; none tells anything."""


class Gate:
    """ASGI middleware: 401 for a request under CLOSED without the cookie that the login gave."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and _is_closed(scope["path"]) and not _has_logged_in(scope):
            await send(
                {"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"application/json")]}
            )
            await send({"type": "http.response.body", "body": b'{"detail": "Not authenticated"}'})
            return
        await self.app(scope, receive, send)


def _is_closed(path: str) -> bool:
    _, found, rest = path.partition(CLOSED)
    return bool(found) and rest.strip("/") not in OPEN


def _has_logged_in(scope: Any) -> bool:
    page = scope["app"]
    given = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    try:
        cookies = SimpleCookie(given)
    except CookieError:
        return False
    names = (f"access-token-{page.cookie_id}", f"access-token-unsecure-{page.cookie_id}")
    return any(page.tokens.get(cookies[name].value) is not None for name in names if name in cookies)
