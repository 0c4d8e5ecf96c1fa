"""The answering process: its door with a hand-written answer, and whole with the real starter and a real adapter."""

import json
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from studio import store
from studio.errors import BusyError, InputError, JobError
from studio.inference import client, server
from studio.inference.server import Answering
from studio.jobs import queue
from studio.training.recipe import Recipe
from tests import card
from tests.inference.small_run import ANSWER

QUESTION = {"messages": [{"role": "user", "content": "Hello?"}], "max_new_tokens": 5}
TOKEN = "secret"


class Slow:
    """Answers in twenty pieces and remembers whether it was closed before the end."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.at_once = self.most_at_once = 0
        self.asked: list[tuple] = []

    def __call__(self, messages, max_new_tokens, tools) -> Iterator[dict[str, str]]:
        self.asked.append((messages, tools))
        if messages[-1]["content"] == "fail":
            raise InputError("The prompt is too long for this model", "9 tokens of 8", "Shorten it")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for count in range(1, 21):
                yield {"base": "b" * count, "tuned": "t" * count}
                time.sleep(0.05)
        except GeneratorExit:
            self.closed.set()
            raise
        finally:
            self.at_once -= 1


@pytest.fixture
def door():
    """A listening server without a model: (url, what answers, its turn)."""
    slow = Slow()
    answering = Answering(slow)
    listening = server.make_server(answering, TOKEN)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_address[1]}", slow, answering
    listening.shutdown()
    listening.server_close()
    thread.join()


def post(url: str, value: object, token: str = TOKEN, path: str = "/answer") -> httpx.Response:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    with httpx.Client(trust_env=False) as http:
        return http.post(url + path, content=content, headers={"Authorization": f"Bearer {token}"})


def test_only_who_knows_the_secret_is_answered(door) -> None:
    url, _, answering = door
    for token in ("no", "wrong", TOKEN + "x", TOKEN[:-1]):
        assert post(url, QUESTION, token).status_code == 401
    with httpx.Client(trust_env=False) as http:
        assert http.post(url + "/answer", json=QUESTION).status_code == 401
        assert http.get(url + "/answer").status_code == 501
    assert post(url, QUESTION, path="/other").status_code == 404
    assert not answering.busy


def test_it_listens_on_this_machine_alone(door) -> None:
    assert door[0].startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        {"messages": []},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "king", "content": "x"}]},
        {"messages": [{"role": "user", "content": 1}]},
        {"messages": [{"role": "assistant", "content": "x"}]},
        {**QUESTION, "max_new_tokens": 0},
        {**QUESTION, "max_new_tokens": "many"},
        {**QUESTION, "max_new_tokens": True},
        {**QUESTION, "tools": "{}"},
        {**QUESTION, "tools": [1]},
        {"messages": [{"role": "user", "content": "x", "tool_calls": [1]}]},
        {"messages": [{"role": "user", "content": "x" * (server.LONGEST_PROMPT + 1)}]},
        b" " * (server.LONGEST_BODY + 1),
    ],
)
def test_wrong_questions_are_refused_with_words(door, body) -> None:
    answer = post(door[0], body)
    assert answer.status_code == 400 and answer.json()["error"]["kind"] == "InputError"
    assert answer.json()["error"]["what"]


def test_lines_grow_until_done(door) -> None:
    lines = [json.loads(line) for line in post(door[0], QUESTION).text.splitlines()]
    assert lines[-1] == {"base": "b" * 20, "tuned": "t" * 20, "done": True}
    assert len(lines) > 5 and not lines[0]["done"] and len(lines[0]["base"]) < 20


def test_calls_of_tools_and_the_tools_on_offer_reach_the_model(door) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": '[{"type": "function"}]', "other": "left out"}
    found = {"role": "tool", "content": "7", "tool_call_id": "c1", "name": "add"}
    post(door[0], {"messages": [*QUESTION["messages"], call, found], "tools": "[{}]"})
    del call["other"]
    assert door[1].asked == [([*QUESTION["messages"], call, found], "[{}]")]


def test_an_error_while_answering_comes_as_the_last_line(door) -> None:
    answer = post(door[0], {"messages": [{"role": "user", "content": "fail"}]})
    assert json.loads(answer.text.splitlines()[-1])["error"]["found"] == "9 tokens of 8"


def test_one_answer_at_a_time(door) -> None:
    url, slow, answering = door
    with httpx.Client(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with http.stream("POST", url + "/answer", json=QUESTION, headers=headers) as first:
            next(first.iter_lines())
            assert answering.busy
            began = time.monotonic()
            assert '"done": true' in post(url, QUESTION).text
            assert time.monotonic() - began > 0.9  # its own second, after the first one ended
            assert slow.most_at_once == 1


def test_a_reader_who_leaves_ends_the_generation(door) -> None:
    url, slow, answering = door
    with httpx.Client(trust_env=False) as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with http.stream("POST", url + "/answer", json=QUESTION, headers=headers) as first:
            next(first.iter_lines())
    assert slow.closed.wait(2)
    deadline = time.monotonic() + 2
    while answering.busy and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not answering.busy


def test_the_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    server.write_secret(tmp_path / "address.json", {"port": 1, "token": "t"})
    assert stat.S_IMODE((tmp_path / "address.json").stat().st_mode) == 0o600
    server.write_secret(tmp_path / "address.json", {"port": 2, "token": "u"})
    assert store.read_json(tmp_path / "address.json") == {"port": 2, "token": "u"}


@dataclass(frozen=True)
class FinishedRun:
    id: str
    recipe: Recipe
    adapter_folder: Path


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_ask_starts_it_streams_and_gives_the_card_to_a_waiting_job(tmp_path: Path, adapter: Path) -> None:
    home = store.studio_home(tmp_path)
    project = home / "projects" / "triage"
    run = FinishedRun("run-001", Recipe(model="starter", method="qlora"), adapter)
    lines = list(client.ask(home, project, run, "Where is my parcel?", 20, system="You are a helpful assistant."))
    assert lines[-1]["done"] and lines[-1]["tuned"] == ANSWER and lines[-1]["base"] not in ("", ANSWER)
    assert len(lines) > 1

    job = client.server_job(project, run)
    assert job.state.status == "running" and queue.holder(home).id == job.id  # type: ignore[union-attr]
    address = store.read_json(job.folder / server.ADDRESS)
    assert stat.S_IMODE((job.folder / server.ADDRESS).stat().st_mode) == 0o600
    assert address["token"] not in job.log_tail(1000)
    assert post(f"http://127.0.0.1:{address['port']}", QUESTION, "wrong").status_code == 401
    with pytest.raises(InputError, match="too long for this model"):
        list(client.ask(home, project, run, "word " * 3000))
    pid = job.state.pid
    again = list(client.ask(home, project, run, [{"role": "user", "content": "Hello"}], 5))
    assert again[-1]["done"] and job.state.pid == pid

    request = {"project_folder": str(project), "run_id": "run-404", "kind": "adapter"}
    waiting = queue.submit(home, project / "jobs" / "export-001", "export", request)
    wait_for(lambda: job.state.status == "finished")
    assert "waiting job" in job.state.message and not (job.folder / server.ADDRESS).exists()
    with pytest.raises(JobError):
        waiting.wait(timeout=60)


def test_it_ends_when_nobody_asks_and_when_a_stop_is_asked_for(tmp_path: Path) -> None:
    answering = Answering(Slow())
    home = store.studio_home(tmp_path)
    folder = home / "projects" / "p" / "jobs" / "answers-run-001"
    store.write_json(
        folder / "job.json", {"format": 1, "kind": "serve", "home": str(home), "request": {"idle_seconds": 100}}
    )
    job = client.Job(folder)
    assert server.why_end(job, answering) is None
    answering.used -= 101
    assert server.why_end(job, answering) == "nobody asked for a while"
    running = answering.pairs([{"role": "user", "content": "Hello"}], 5)
    next(running)
    assert server.why_end(job, answering) is None  # not in the middle of an answer
    (folder / "stop").touch()
    assert server.why_end(job, answering) == "stopped"
    answering.close()
    with pytest.raises(BusyError, match="giving the card up"):
        list(running)


def test_another_job_on_the_card_is_not_disturbed(tmp_path: Path, adapter: Path) -> None:
    home = store.studio_home(tmp_path)
    run = FinishedRun("run-001", Recipe(model="starter", method="qlora"), adapter)
    with card.taken(home), pytest.raises(BusyError, match="run-001 .train. has it"):
        next(client.ask(home, home / "projects" / "triage", run, "Hello"))
    assert queue.waiting(home) == []


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    home = store.studio_home(tmp_path)
    project = home / "projects" / "triage"
    run = FinishedRun("run-001", Recipe(model="no-such-model", method="qlora"), tmp_path)
    with pytest.raises(JobError, match="There is no such model.*no-such-model"):
        next(client.ask(home, project, run, "Hello"))
