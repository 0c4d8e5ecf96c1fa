"""The browser's part of Gradio (6.31) is told the state of an event where it has changed, and nowhere else.

At each turn of an event it tells every part that ever took part in one, inputs too, and searches the whole page for each:
while the studio opens, some fifty events with five turns each, that were 8,448 searches through 811 parts. One of its files
is therefore served with a few words more: what a part was told last is not said again. Where a later Gradio is written
otherwise, its file is served as it is.
"""

import functools
import re
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.responses import Response

FILE = re.compile(r"/assets/(Blocks-[\w-]+\.js)$")
FOLDER = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
TELLS = "async update_loading_stati_state(){await Promise.all(Object.entries(this.loading_stati.current)"
TELLS_WHAT_CHANGED = TELLS.replace("{", "{const told=this.told_stati??=new Map();", 1) + (
    ".filter(([id,state])=>{const words=JSON.stringify(state);return told.get(id)!==words&&told.set(id,words)})"
)


@functools.cache
def mended(name: str) -> str | None:
    """The text of Gradio's file with the words more; None where there is no such file, or it is written otherwise."""
    path = FOLDER / name
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return text.replace(TELLS, TELLS_WHAT_CHANGED) if text.count(TELLS) == 1 else None


class ToldStates:
    """ASGI middleware: serves that file with the words more, and leaves all else as it is."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = FILE.search(scope["path"]) if scope["type"] == "http" else None
        text = mended(found[1]) if found else None
        if text is None:
            await self.app(scope, receive, send)
        else:
            await Response(text, media_type="text/javascript")(scope, receive, send)
