"""A small Hub on this machine, as huggingface_hub speaks with one: search, what a model has, and its files; gated and
missing ones are refused as the real one does. And a cache as the library lays it out, made by hand."""

import hashlib
import json
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_only_for_this_test_0123456789"
LARGE = (".safetensors", ".bin")


class HubServer:
    """`models` maps ids to folders; `gated` ids want TOKEN. `cut_after`: the byte of a large file at which every answer breaks
    off; `open`: an event that every block of a large file waits for, from the byte `wait_at` on. It counts bytes and keeps
    the tokens it saw."""

    def __init__(self) -> None:
        self.models: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.cut_after: int | None = None
        self.open = threading.Event()
        self.open.set()
        self.wait_at = 0
        self.tokens: set[str | None] = set()
        self.searches: list[dict[str, list[str]]] = []
        self.sent: Counter[str] = Counter()
        self.ranges: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def environment(self, home: Path) -> dict[str, str]:
        """What makes a process use this Hub, with a cache in `home`."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def used_here(self, patch: pytest.MonkeyPatch, home: Path) -> Path:
        """The same for this process, whose libraries are imported already. Returns the folder of the cache."""
        from huggingface_hub import constants

        for name, value in self.environment(home).items():
            patch.setenv(name, value)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setattr(constants, "ENDPOINT", self.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.url + "/{repo_id}/resolve/{revision}/{filename}")
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        return home / "hub"

    @contextmanager
    def serving(self) -> Iterator["HubServer"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.open.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.do_GET(with_body=False)

            def do_GET(self, with_body: bool = True) -> None:
                given = self.headers.get("Authorization")
                outer.tokens.add(given.removeprefix("Bearer ") if given else None)
                address = urlsplit(self.path)
                if address.path == "/api/models":
                    return self.json(outer.search(parse_qs(address.query)))
                if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+)?", address.path):
                    known = found[1] in outer.models
                    return self.json(outer.info(found[1])) if known else self.refuse(401, "RepoNotFound")
                if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", address.path):
                    return self.file(found[1], found[2], with_body)
                self.refuse(404, "EntryNotFound")

            def file(self, model: str, name: str, with_body: bool) -> None:
                if model not in outer.models:
                    return self.refuse(401, "RepoNotFound")
                if model in outer.gated and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return self.refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
                path = outer.models[model] / name
                if not path.is_file():
                    return self.refuse(404, "EntryNotFound")
                body, first = path.read_bytes(), 0
                if asked := self.headers.get("Range"):
                    outer.ranges.append(asked)
                    first = int(asked.removeprefix("bytes=").rstrip("-"))
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(body) - first))
                self.send_header("ETag", f'"{digest(path)}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.end_headers()
                if with_body:
                    self.blocks(path, body, first)

            def blocks(self, path: Path, body: bytes, first: int) -> None:
                large = path.suffix in LARGE
                stop = outer.cut_after if large and outer.cut_after is not None else len(body)
                for start in range(first, min(stop, len(body)), 1 << 19):
                    if large and start >= outer.wait_at:
                        outer.open.wait(60)
                    block = body[start : min(start + (1 << 19), stop)]
                    try:
                        self.wfile.write(block)
                    except OSError:
                        return
                    outer.sent[path.name] += len(block)
                if stop < len(body):
                    self.wfile.flush()
                    self.connection.close()

            def json(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def refuse(self, status: int, code: str) -> None:
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", f"{code} for this test")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def search(self, asked: dict[str, list[str]]) -> list[dict[str, Any]]:
        self.searches.append(asked)
        text = asked["search"][0].lower()
        return [
            {"id": name, "downloads": 1_234_567, "gated": "manual" if name in self.gated else False, "private": False}
            for name in self.models
            if text in name.lower()
        ]

    def info(self, model: str) -> dict[str, Any]:
        folder = self.models[model]
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            "id": model, "modelId": model, "sha": COMMIT, "private": False, "gated": "manual" if model in self.gated else False,
            "downloads": 1, "likes": 0, "tags": [], "siblings": [_sibling(folder, path) for path in files],
        }  # fmt: skip


def _sibling(folder: Path, path: Path) -> dict[str, Any]:
    said = {"rfilename": path.relative_to(folder).as_posix(), "size": path.stat().st_size, "blobId": _git(path)}
    if path.suffix in LARGE:
        said["lfs"] = {"sha256": digest(path), "size": path.stat().st_size, "pointerSize": 134}
    return said


def digest(path: Path) -> str:
    """What the Hub gives as a file's ETag: SHA-256 of a large one, git's name of the blob of any other."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix in LARGE else _git(path)


def _git(path: Path) -> str:
    body = path.read_bytes()
    return hashlib.sha1(f"blob {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


def put_into_cache(cache: Path, model: str, folder: Path) -> Path:
    """Copies a model folder into a cache: blobs by digest, a snapshot of links to them, and the branch's commit."""
    place = cache / f"models--{model.replace('/', '--')}"
    snapshot = place / "snapshots" / COMMIT
    for part in (place / "blobs", place / "refs", snapshot):
        part.mkdir(parents=True)
    for path in folder.iterdir():
        blob = place / "blobs" / digest(path)
        blob.write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    (place / "refs" / "main").write_text(COMMIT)
    return snapshot
