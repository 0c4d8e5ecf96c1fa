"""The process that submits a training to a provider, follows it there, and cancels it when a stop is asked for."""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from studio import store
from studio.errors import InputError, JobError, StudioError
from studio.jobs import queue
from studio.jobs.job import Job, Stopped
from studio.journal import Journal
from studio.training.cloud.bringing import bring
from studio.training.cloud.package import SECRETS
from studio.training.cloud.provider import RESULTS
from studio.training.cloud.renting import LOG, CloudJob, Rented

HIDDEN = "[secret]"
KEYS = (*SECRETS, "RUNPOD_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
LINK = "PACKAGE_URL"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between two looks: just after a submit somebody watches, and a training goes on for hours."""
PATIENCE = 5
"""Looks in a row that may fail for another reason than the login."""
SUBMIT_SECONDS, LOOK_SECONDS, FETCH_SECONDS = 1800, 120, 4 * 3600
REFUSED = re.compile(
    r"expired|credential|unauthori[sz]ed|unauthenticated|access ?denied|forbidden|log ?in again|not logged in"
    r"|invalid\w*.{0,30}(token|key)|api key|\b401\b|\b403\b", re.IGNORECASE,
)  # fmt: skip
NOT_THERE = re.compile(r"not ?found|no (matching|such|running|in-progress)|does not exist", re.IGNORECASE)
STEP = re.compile(r"step ([\d,]+) of ([\d,]+)")


def work(job: Job) -> None:
    """Raises JobError when the login is refused, a command fails, or the training has failed there."""
    Following(CloudJob(job.folder), os.environ.pop(queue.SECRET_VARIABLE, None)).work()


class Following:
    def __init__(self, cloud: CloudJob, link: str | None) -> None:
        self.cloud, self.job = cloud, cloud.job
        self.files, self.provider = cloud.files, cloud.provider
        self.environment = {**os.environ, **({LINK: link} if link else {})}
        told = [self.environment.get(name, "") for name in (*KEYS, LINK)]
        self.secrets = sorted((value for value in told if len(value) >= 6), key=len, reverse=True)

    def work(self) -> None:
        try:
            self.submit()
            self.follow()
        except Stopped:
            self.cancel()
        else:
            self.fetch()

    def submit(self) -> None:
        """From the first command that was not done: one that was is never done twice."""
        rented = self.cloud.rented
        if rented.submitted:
            return
        try:
            output = self.run(self.provider.check(self.files.machine), LOOK_SECONDS)
        except Unanswered as error:
            title, login = self.provider.title, self.provider.login
            raise JobError(f"{title} does not say that we may rent there", error.words, login) from None
        if not self.allows(output):
            raise self.refused(output)
        for done, command in enumerate(self.files.submitting):
            if done >= rented.done:
                self.cloud.keep(
                    replace(rented, done=done + 1)
                )  # before: one that was cut short may have had its effect
                self.run(command, SUBMIT_SECONDS, on_failure=done)
        self.cloud.keep(replace(self.cloud.rented, submitted=True))

    def allows(self, output: str) -> bool:
        try:
            return self.provider.allows(output, self.files.machine)
        except (ValueError, LookupError, AttributeError):
            return False

    def follow(self) -> None:
        began, failures = time.monotonic(), 0
        while self.cloud.rented.stage != "finished":
            try:
                rented = self.look()
                failures = 0
            except Unanswered as error:
                failures += 1
                if failures == PATIENCE:
                    raise JobError(
                        f"{self.provider.title} does not answer", error.words, "The training may go on there: follow it again"
                    ) from None  # fmt: skip
                rented = self.cloud.rented
            if rented.stage == "failed":
                last = (self.cloud.log.splitlines() or [""])[-1]
                raise JobError(f"The training has failed on {self.files.machine}", last, "See its log; submitted again it goes on from its last checkpoint")  # fmt: skip
            if rented.stage == "cancelled":
                raise JobError("The training was cancelled there", self.provider.title, "Submitted again it goes on from its last checkpoint")  # fmt: skip
            if rented.stage != "finished":
                self.wait(min(LONGEST_PAUSE, FIRST_PAUSE + (time.monotonic() - began) / 20))

    def look(self) -> Rented:
        """Asks once, and keeps what was said."""
        output = self.run(self.provider.status(self.files.name), LOOK_SECONDS, told="failures")
        before = self.cloud.rented
        try:
            stage = self.provider.reads(output, self.files.name)
        except (ValueError, LookupError, AttributeError):
            raise Unanswered(f"it said {output.strip()[:200]!r}") from None
        since = before.since if before.since or stage == "waiting" else time.time()
        ended = stage in ("finished", "failed", "cancelled")
        until = (before.until or time.time()) if ended else None
        if stage != before.stage:
            print(f"it is {stage}", flush=True)
        if since:
            self.bring_log()
        return self.cloud.keep(replace(before, stage=stage, since=since, until=until))

    def bring_log(self) -> None:
        """A log that cannot be had yet is no reason to stop following."""
        if (command := self.provider.log(self.files.name)) is None:
            return
        try:
            text = self.run(command, LOOK_SECONDS, told="nothing")
        except StudioError:
            return
        store.write_text(self.cloud.folder / LOG, text)
        if steps := STEP.findall(text):
            done, of = (int(number.replace(",", "")) for number in steps[-1])
            self.job.report(done, of, f"step {done:,} of {of:,}")

    def fetch(self) -> None:
        """What it has learned becomes a run of the project."""
        if not self.cloud.lacks_results:
            return
        try:
            (self.files.folder / RESULTS).mkdir(exist_ok=True)
            for command in self.files.fetching:
                self.run(command, FETCH_SECONDS)
            project_folder = Path(self.job.request["project_folder"])
            journal = Journal(project_folder)
            run = bring(project_folder, self.job.home, journal, self.files, self.files.folder / RESULTS)
        except Stopped:
            return
        except StudioError as error:
            fix = "Follow it again, or fetch them by the command and bring them home"
            raise JobError("The training has finished, but its results did not come", error.found, fix) from None
        self.cloud.keep(replace(self.cloud.rented, run=run.id))
        print(f"its results are {run.id}", flush=True)

    def cancel(self) -> None:
        rented = self.cloud.rented
        if not rented.done:
            return
        try:
            self.run(self.provider.cancel(self.files.name), LOOK_SECONDS, stoppable=False)
        except StudioError as error:
            if not NOT_THERE.search(error.found):
                raise JobError(
                    f"It could not be cancelled: it may go on at {self.provider.title}, and cost", error.found,
                    f"{self.provider.login}; then follow it again and cancel, or end it there",
                ) from None  # fmt: skip
        self.cloud.keep(replace(rented, stage="cancelled", until=rented.since and time.time()))

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.job.stop_requested():
                raise Stopped
            time.sleep(0.2)

    def run(
        self, command: Sequence[str], seconds: float, told: str = "all", stoppable: bool = True, on_failure: int | None = None
    ) -> str:  # fmt: skip
        """What a command without a shell has printed; `told` is what of it goes to the log (all, failures, nothing). Raises
        Stopped when a stop was asked for meanwhile, JobError when the login is refused, Unanswered when it fails otherwise;
        `on_failure` commands were done before this one then."""
        if told == "all":
            print("$", self.hidden(shlex.join(command)), flush=True)
        try:
            process = subprocess.Popen(
                command, cwd=self.files.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, errors="replace",
            )  # fmt: skip
        except FileNotFoundError:
            raise InputError(f"The tool {command[0]} is not there", "not on the PATH", self.provider.login) from None
        deadline = time.monotonic() + seconds
        while True:
            try:
                output, problems = (self.hidden(text) for text in process.communicate(timeout=0.3))
                break
            except subprocess.TimeoutExpired:
                stopped = stoppable and self.job.stop_requested()
                if stopped or time.monotonic() > deadline:
                    end(process)
                    if stopped:
                        raise Stopped from None
                    raise Unanswered(f"{command[0]} took longer than {seconds:.0f} s") from None
        if told == "all" or (told == "failures" and process.returncode):
            print("\n".join(filter(None, (output.strip(), problems.strip()))), flush=True)
        if process.returncode == 0:
            return output
        if on_failure is not None:
            self.cloud.keep(replace(self.cloud.rented, done=on_failure))
        said = " ".join((problems.strip() or output.strip()).splitlines()[-3:])[-300:]
        if REFUSED.search(problems + output):
            raise self.refused(said)
        raise Unanswered(said or f"{command[0]} ended with {process.returncode}")

    def refused(self, said: str) -> JobError:
        goes_on = " The training goes on there: then follow it again." if self.cloud.rented.submitted else ""
        found = " ".join(said.split())[-300:]
        return JobError(f"{self.provider.title} refuses the login: it is missing, wrong or has expired", found, f"{self.provider.login}.{goes_on}")  # fmt: skip

    def hidden(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text


class Unanswered(JobError):
    """A command failed, and not for the login."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__("The provider's tool has failed", words, "See the log, then submit again")


def end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
