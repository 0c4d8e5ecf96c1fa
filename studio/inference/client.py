"""Asking the answering process; it is started when it is needed. No torch here: the page calls this."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from studio import errors, store
from studio.chat import Message
from studio.errors import BusyError, JobError, StudioError
from studio.inference.server import ADDRESS, checked, plain
from studio.jobs import queue
from studio.jobs.job import ACTIVE, Job

START_SECONDS = 300.0
LOOK_SECONDS = 0.1
MAX_NEW_TOKENS = 512


class Run(Protocol):
    """What is needed of a run: who it is, what it was made of, and where its adapter lies."""

    @property
    def id(self) -> str: ...
    @property
    def recipe(self) -> Any: ...
    @property
    def adapter_folder(self) -> Path: ...


@dataclass(frozen=True)
class Address:
    port: int
    token: str


def server_job(project_folder: Path, run: Run) -> Job:
    """The job that answers for this run, whether it runs or not."""
    return Job(project_folder / "jobs" / f"answers-{run.id}")


def ask(
    home: Path,
    project_folder: Path,
    run: Run,
    prompt: str | Sequence[Message],
    max_new_tokens: int = MAX_NEW_TOKENS,
    system: str | None = None,
    tools: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields {"base": text so far, "tuned": text so far, "done": bool} until done. Closing it ends the generation.

    `prompt` is a question (with `system` before it, when given) or a whole conversation; `tools` is the JSON text of those
    on offer. Raises InputError for a
    prompt that is wrong or too long, BusyError when another job has the card, JobError when the process failed.
    """
    import httpx  # here, as it takes a tenth of the time in which the studio opens

    if isinstance(prompt, str):
        instructions = [{"role": "system", "content": system}] if system else []
        messages: list[Message] = [*instructions, {"role": "user", "content": prompt}]
    else:
        messages = [plain(message) for message in prompt]
    body = json.dumps({"messages": messages, "max_new_tokens": max_new_tokens, "tools": tools}).encode()
    checked(body)
    for attempt in (1, 2):
        address = start(home, project_folder, run)
        try:
            yield from _lines(address, body)
            return
        except httpx.ConnectError as error:  # it gave the card up between our look and our question
            if attempt == 2:
                raise JobError("The answering process cannot be reached", str(error), "Ask again") from error
            time.sleep(0.5)


def _lines(address: Address, body: bytes) -> Iterator[dict[str, Any]]:
    import httpx

    finished = False
    timeout = httpx.Timeout(10, read=300)
    try:
        with (
            httpx.Client(trust_env=False, timeout=timeout) as client,
            client.stream(
                "POST",
                f"http://127.0.0.1:{address.port}/answer",
                content=body,
                headers={"Authorization": f"Bearer {address.token}"},
            ) as response,
        ):
            for line in response.iter_lines():
                value = json.loads(line)
                if "error" in value:
                    raise _error(value["error"])
                finished = bool(value["done"])
                yield value
    except httpx.ConnectError:
        raise
    except httpx.HTTPError as error:
        raise JobError("The answering process ended in the middle of an answer", str(error), "Ask again") from error
    if not finished:
        raise JobError("The answering process ended in the middle of an answer", fix="Ask again")


def _error(words: dict[str, str]) -> StudioError:
    kind = getattr(errors, words["kind"], JobError)
    return (
        kind(words["what"], words["found"], words["fix"]) if kind is not errors.RecipeError else JobError(words["what"])
    )


def start(home: Path, project_folder: Path, run: Run) -> Address:
    """Where the answering process of this run listens; starts it and waits until it has loaded, when it doesn't yet."""
    job = server_job(project_folder, run)
    job.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(job.folder / "start.lock"):
        if not _active(job):
            _refuse_when_busy(home)
            (job.folder / ADDRESS).unlink(missing_ok=True)
            queue.submit(home, job.folder, "serve", _request(project_folder, run))
    return _wait_until_ready(home, job)


def _active(job: Job) -> bool:
    return (job.folder / "state.json").exists() and job.state.status in (*ACTIVE, "queued")


def _request(project_folder: Path, run: Run) -> dict[str, Any]:
    recipe = run.recipe
    return {
        "project_folder": str(project_folder),
        "run_id": run.id,
        "model": recipe.model,
        "quantisation": recipe.quantisation,
        "adapter_folder": str(run.adapter_folder),
        "full": recipe.method == "full",
    }


def _refuse_when_busy(home: Path) -> None:
    """Another run's answering process gives the card up to us; any other work is not disturbed."""
    holder = queue.holder(home)
    busy = [job for job in [*([holder] if holder else []), *queue.waiting(home)] if job.kind != "serve"]
    if busy:
        left = busy[0].progress.seconds_left
        raise BusyError(
            "The card is taken",
            f"{busy[0].id} ({busy[0].kind}) has it" + (f" for about {round(left)} s more" if left else ""),
            "Wait until it has finished, or stop it",
        )


def _wait_until_ready(home: Path, job: Job) -> Address:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        state = job.state
        if state.status == "queued":
            queue.start_next(home)
        elif state.status not in ACTIVE:
            if state.status in ("failed", "interrupted"):
                raise JobError("The answering process failed", state.error or state.message, state.fix)
            raise JobError("The answering process has ended", state.message, "Ask again")
        elif (job.folder / ADDRESS).exists():
            try:
                return Address(**store.read_json(job.folder / ADDRESS))
            except FileNotFoundError:
                continue
        time.sleep(LOOK_SECONDS)
    raise JobError("The answering process is not ready", f"after {START_SECONDS:.0f} s", "See its log")
