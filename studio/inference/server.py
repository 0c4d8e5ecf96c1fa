"""The process that holds a model: one base with the adapter of one run, answering the page over loopback.

A job like any other, so it waits for the card and gives it up: when it was idle for ten minutes, when another job
waits, or when a stop is asked for. It listens on 127.0.0.1 alone, on a port that the system chooses, and answers only
who knows the secret in `address.json` (readable by the owner of the machine alone).
"""

import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from studio import models
from studio.chat import Message
from studio.errors import BusyError, InputError, StudioError
from studio.example_tables import MESSAGE_FIELDS
from studio.inference import answers
from studio.jobs import queue
from studio.jobs.job import Job

ADDRESS = "address.json"
IDLE_SECONDS = 600.0
LOOK_SECONDS = 0.25
LONGEST_BODY = 400_000
LONGEST_PROMPT = 100_000
"""Characters of one conversation; the model's own context is checked after counting tokens."""
MOST_NEW_TOKENS = 4_096
ROLES = ("system", "user", "assistant", "tool")

Pair = dict[str, str]
Answer = Callable[[list[Message], int, str | None], Iterator[Pair]]
"""Of a conversation, the longest answer in tokens, and the JSON text of the tools on offer."""


class Answering:
    """One generation at a time, and when the last one ended."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._turn = threading.Lock()
        self._closing = threading.Event()
        self.used = time.monotonic()

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    def close(self) -> None:
        """No new answers; the one being written ends."""
        self._closing.set()

    def pairs(self, messages: list[Message], max_new_tokens: int, tools: str | None = None) -> Iterator[dict[str, Any]]:
        if not self._turn.acquire(timeout=60):
            raise BusyError("Another answer is being written", fix="Wait for it, or stop it")
        try:
            pair = {"base": "", "tuned": ""}
            for pair in self._answer(messages, max_new_tokens, tools):
                if self._closing.is_set():
                    raise BusyError("The answering process is giving the card up", fix="Ask again when it is free")
                yield {**pair, "done": False}
            yield {**pair, "done": True}
        finally:
            self.used = time.monotonic()
            self._turn.release()


def work(job: Job) -> None:
    """Loads what job.request names (model, quantisation, adapter_folder, full) and serves until nobody needs it."""
    model_thread = ThreadPoolExecutor(1)
    answering = Answering(model_thread.submit(_load, job.request, model_thread, job.home).result())
    address = job.folder / ADDRESS
    token = secrets.token_urlsafe(32)
    server = make_server(answering, token)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    write_secret(address, {"port": server.server_address[1], "token": token})
    job.report(1, 1, "ready")
    try:
        while (reason := why_end(job, answering)) is None:
            time.sleep(LOOK_SECONDS)
    finally:
        address.unlink(missing_ok=True)
        answering.close() if job.stop_requested() else None
        server.shutdown()
        server.server_close()
    job.set_state(message=reason)


def why_end(job: Job, answering: Answering) -> str | None:
    """The reason to give the card up, or None."""
    if job.stop_requested():
        return "stopped"
    if answering.busy:
        return None
    if queue.waiting(job.home):
        return "gave the card to a waiting job"
    if time.monotonic() - answering.used > float(job.request.get("idle_seconds", IDLE_SECONDS)):
        return "nobody asked for a while"
    return None


def _load(request: dict[str, Any], model_thread: Executor, home: Path) -> Answer:
    folder = Path(request["adapter_folder"])
    if not request["full"]:
        model, tokenizer = models.load(request["model"], request["quantisation"], adapter=folder, home=home)
        return lambda messages, length, tools: answers.stream_pair(
            model, tokenizer, messages, length, model_thread, tools
        )
    base, tokenizer = models.load(request["model"], request["quantisation"], home=home)
    tuned, tuned_tokenizer = models.load(folder, request["quantisation"], home=home, code_of=request["model"])

    def one_after_the_other(messages: list[Message], length: int, tools: str | None) -> Iterator[Pair]:
        """A full training has weights of its own, so the two cannot share a batch."""
        tuned_text = ""
        for tuned_text in answers.stream(tuned, tuned_tokenizer, messages, length, model_thread, tools):
            yield {"base": "", "tuned": tuned_text}
        for base_text in answers.stream(base, tokenizer, messages, length, model_thread, tools):
            yield {"base": base_text, "tuned": tuned_text}

    return one_after_the_other


def write_secret(path: Path, value: dict[str, Any]) -> None:
    """Written beside with rights for the owner only, then renamed, so that no other user ever sees it."""
    beside = path.with_name(f".{path.name}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(value, file)
    os.replace(beside, path)


def make_server(answering: Answering, token: str) -> ThreadingHTTPServer:
    """POST /answer {messages, max_new_tokens, tools} with the token as bearer gives lines of {base, tuned, done} in JSON."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return self._refuse(401, StudioError("This address answers the studio alone"))
            if self.path != "/answer":
                return self._refuse(404, StudioError("There is nothing here", self.path))
            try:
                asked = self._read()
            except StudioError as error:
                return self._refuse(400, error)
            self._stream(answering.pairs(*asked))

        def _read(self) -> tuple[list[Message], int, str | None]:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LONGEST_BODY:
                raise InputError("The prompt is too long", f"{length or 'no length'} bytes", f"At most {LONGEST_BODY}")
            return checked(self.rfile.read(int(length)))

        def _stream(self, lines: Iterator[dict[str, Any]]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()
            try:
                for line in lines:
                    self._line(line)
            except ConnectionError:
                pass  # the reader went away: closing the lines below ends the generation
            except Exception as error:
                self._line({"error": _error_words(error)})
                raise
            finally:
                lines.close()  # type: ignore[attr-defined]

        def _line(self, value: dict[str, Any]) -> None:
            self.wfile.write(json.dumps(value).encode() + b"\n")
            self.wfile.flush()

        def _refuse(self, status: int, error: StudioError) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self._line({"error": _error_words(error)})

        def log_message(self, format: str, *arguments: Any) -> None:
            """Prompts and addresses stay out of the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    return server


def checked(body: bytes) -> tuple[list[Message], int, str | None]:
    """The messages, the length asked for, and the tools on offer. Raises InputError for anything else."""
    try:
        value = json.loads(body)
        messages = [plain(message) for message in value["messages"]]
        max_new_tokens, tools = value.get("max_new_tokens", answers.MAX_NEW_TOKENS), value.get("tools")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("This is no conversation", str(error), "Give messages with role and content") from error
    for message in messages:
        if message["role"] not in ROLES or not all(isinstance(text, str) for text in message.values()):
            raise InputError(
                "A message is wrong", repr(message)[:100], f"Roles are {', '.join(ROLES)}; content is text"
            )
    if not messages or messages[-1]["role"] == "assistant":
        raise InputError("There is no question to answer", fix="End with a message of the user")
    if tools is not None and not _is_a_json_list(tools):
        raise InputError("The tools on offer are wrong", repr(tools)[:100], "Give a list of them as JSON text")
    length = sum(len(text) for message in messages for text in message.values()) + len(tools or "")
    if length > LONGEST_PROMPT:
        raise InputError("The prompt is too long", f"{length} characters", f"At most {LONGEST_PROMPT}")
    if type(max_new_tokens) is not int or not 1 <= max_new_tokens <= MOST_NEW_TOKENS:
        raise InputError("The length of the answer is wrong", repr(max_new_tokens), f"1 to {MOST_NEW_TOKENS} tokens")
    return messages, max_new_tokens, tools


def plain(message: Message) -> Message:
    """Role and content, and of a call of tools what a template needs to show it."""
    return {name: message[name] for name in MESSAGE_FIELDS if name in ("role", "content") or name in message}


def _is_a_json_list(text: object) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), list)
    except ValueError:
        return False


def _error_words(error: Exception) -> dict[str, str]:
    if isinstance(error, StudioError):
        return {"kind": type(error).__name__, "what": error.what, "found": error.found, "fix": error.fix}
    return {
        "kind": "JobError",
        "what": "The answer failed",
        "found": f"{type(error).__name__}: {error}"[:300],
        "fix": "",
    }
