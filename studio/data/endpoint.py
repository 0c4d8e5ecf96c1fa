"""Asking a server that speaks OpenAI's chat completions: several at once, patient with one that is busy."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import httpx

from studio.data.generation import Failure
from studio.data.generators import Endpoint
from studio.errors import JobError
from studio.jobs.job import Stopped

ATTEMPTS = 4
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
MOST_FAILURES = 8
"""In a row, all attempts of each: then the endpoint is down, and asking on costs hours."""
AHEAD = 2
"""Prompts held for each request under way, so that none waits for the slowest."""
BUSY = (408, 409, 425, 429)
HIDDEN = "[key]"
SHOWN = 200


class EndpointAsker:
    """Asks prompts and yields (place, answer or Failure) as they come. The key is in no text that leaves it.

    Raises JobError when asking on makes no sense: a wrong key or address, or one failure after the other."""

    def __init__(self, endpoint: Endpoint, should_stop: Callable[[], bool]) -> None:
        self.at_once = AHEAD * endpoint.at_once
        self._endpoint, self._should_stop, self._key = endpoint, should_stop, endpoint.key()
        self._given_up = threading.Event()
        self._failures = 0
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx.Client(timeout=endpoint.timeout, headers=headers, trust_env=not endpoint.is_here)

    def __call__(self, prompts: Sequence[str]) -> Iterator[tuple[int, str | Failure]]:
        wrong: BaseException | None = None
        with ThreadPoolExecutor(self._endpoint.at_once) as pool:
            asked = {pool.submit(self._ask, prompt): place for place, prompt in enumerate(prompts)}
            for future in as_completed(asked):  # all of them, so that no answer that came is lost
                if (error := future.exception()) is not None:
                    wrong = error if wrong is None or isinstance(wrong, Stopped) else wrong
                    continue
                reply = future.result()
                yield asked[future], reply
                self._failures = self._failures + 1 if isinstance(reply, Failure) else 0
                if isinstance(reply, Failure) and self._failures == MOST_FAILURES:
                    self._given_up.set()
                    fix = "What was answered is kept: look at the endpoint, then resume"
                    wrong = JobError(f"The endpoint failed {MOST_FAILURES} times in a row", reply.reason, fix)
        if wrong is not None:
            raise wrong

    def close(self) -> None:
        self._client.close()

    def _ask(self, prompt: str) -> str | Failure:
        failure, pause = Failure("it was not asked"), 0.0
        for attempt in range(ATTEMPTS):
            self._wait(pause)
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt) * random.uniform(0.8, 1.2)
            try:
                response = self._client.post(self._address, json=self._body(prompt))
            except httpx.TimeoutException:
                failure = Failure(f"the endpoint did not answer in {self._endpoint.timeout:g} s")
                continue
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = Failure(f"the endpoint cannot be reached: {self._hidden(str(error)) or type(error).__name__}")
                continue
            if response.status_code not in BUSY and response.status_code < 500:
                return self._answer(response)
            failure = Failure(f"the endpoint answered {response.status_code}: {self._words(response)}")
            pause = max(pause, _asked_for(response))
        return Failure(f"{failure.reason} ({ATTEMPTS} attempts)")

    @property
    def _address(self) -> str:
        return f"{self._endpoint.base_url.strip().rstrip('/')}/chat/completions"

    def _body(self, prompt: str) -> dict[str, Any]:
        said = {"max_tokens": self._endpoint.max_tokens, "temperature": self._endpoint.temperature}
        body = {"model": self._endpoint.model, "messages": [{"role": "user", "content": prompt}]}
        return body | {name: value for name, value in said.items() if value is not None}

    def _answer(self, response: httpx.Response) -> str | Failure:
        """The text of the answer. Raises JobError for what is wrong with every question, not with this one."""
        status = response.status_code
        if status in (401, 403):
            self._give_up("The endpoint refuses the key", response, "Give the right key, then resume")
        if status == 404:
            self._give_up("The endpoint does not know this address or model", response, "Correct it and run again")
        if 300 <= status < 400:
            self._give_up("The endpoint sends us elsewhere", response, "Give the address to which it leads")
        if status >= 400:
            return Failure(f"the endpoint refused it ({status}): {self._words(response)}")
        try:
            content = response.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            return Failure(f"this is no chat completion: {self._words(response)}")
        if isinstance(content, list):  # in parts
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
        if not isinstance(content, str) or not content.strip():
            return Failure("the endpoint answered with no text")
        return self._hidden(content)

    def _give_up(self, what: str, response: httpx.Response, fix: str) -> None:
        self._given_up.set()
        raise JobError(what, f"{self._endpoint.model} at {self._address}: {response.status_code} {self._words(response)}", fix)  # fmt: skip

    def _words(self, response: httpx.Response) -> str:
        """What the server says of an error, short."""
        try:
            said = response.json()["error"]
            text = str(said.get("message", said) if isinstance(said, dict) else said)
        except (ValueError, LookupError, TypeError):
            text = response.text
        return self._hidden(" ".join(text.split()))[:SHOWN]

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, HIDDEN) if self._key else text

    def _wait(self, seconds: float) -> None:
        """Raises Stopped when a stop is asked for meanwhile."""
        until = time.monotonic() + seconds
        while True:
            if self._should_stop() or self._given_up.is_set():
                raise Stopped
            if (left := until - time.monotonic()) <= 0:
                return
            time.sleep(min(left, 0.2))


def _asked_for(response: httpx.Response) -> float:
    """How long the server asks us to wait (s)."""
    try:
        return min(LONGEST_PAUSE, max(0.0, float(response.headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0
