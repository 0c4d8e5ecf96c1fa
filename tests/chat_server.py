"""A real chat server for tests of what asks one."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """A chat server as OpenAI's: `answer(passage, attempt)` gives (status, body); it counts who asked what."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: Counter[str | None] = Counter()
        self.answered = 0
        self.delay = 0.0
        self.answer: Callable[[str, int], tuple[int, Any]] = lambda passage, attempt: (200, good(passage))
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                passage = body["messages"][-1]["content"].split("Text:\n")[-1]
                with outer._lock:
                    outer.asked[passage] += 1
                    outer.keys[self.headers.get("Authorization")] += 1
                time.sleep(outer.delay)
                status, said = outer.answer(passage, outer.asked[passage])
                content = (said if isinstance(said, str) else json.dumps(said)).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    return  # who asked is gone
                with outer._lock:
                    outer.answered += 1

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()


def said(content: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content}}]}


def good(passage: str) -> dict[str, Any]:
    pair = {"question": f"What is said in {passage[:24]}?", "answer": passage[-40:]}
    return said(f"Of course:\n```json\n{json.dumps([pair])}\n```")
