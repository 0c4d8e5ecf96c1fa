"""A training on a rented machine: the job that submits its files, follows it and cancels it, read from its folder."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from studio import store
from studio.errors import ForbiddenError, InputError, JobError, NotFoundError
from studio.jobs import queue
from studio.jobs.job import ENDED, JobView
from studio.training.cloud.files import PROVIDERS, CloudFiles, open_files
from studio.training.cloud.provider import Provider, between

KIND = "rent"
FORMAT = 1
RENTED, LOG = "rented.json", "machine.txt"
STAGES = {
    "": "being submitted", "waiting": "waits for its machine", "running": "runs", "finished": "finished", "failed": "failed there",
    "cancelled": "cancelled",
}  # fmt: skip


@dataclass(frozen=True)
class Rented:
    """How far it is: how many of the commands that submit it are `done`, whether all are, its `stage` as the provider
    told it last, since when and until when it ran (seconds since 1970), and which `run` here has its results."""

    done: int = 0
    submitted: bool = False
    stage: str = ""
    since: float | None = None
    until: float | None = None
    run: str = ""


class CloudJob(JobView):
    """`stop` cancels the training at the provider. Its state is that of the job here: one that is interrupted or failed
    here may well go on there, and `resume` follows it again."""

    @property
    def files(self) -> CloudFiles:
        return open_files(Path(self.job.request["project_folder"]), str(self.job.request["files"]))

    @property
    def provider(self) -> Provider:
        return PROVIDERS[self.files.provider]

    @property
    def rented(self) -> Rented:
        path = self.folder / RENTED
        if not path.exists():
            return Rented()
        kept = store.read_description(path, FORMAT, self.id)
        return Rented(**{name: value for name, value in kept.items() if name != "format"})

    def keep(self, rented: Rented) -> Rented:
        store.write_json(self.folder / RENTED, {"format": FORMAT, **asdict(rented)})
        return rented

    @property
    def words(self) -> str:
        """Where it is, in a few words."""
        if self.state == "stopping":
            return "being cancelled"
        if self.state == "stopped" and not self.rented.done:
            return "cancelled before it was submitted"
        if self.state == "running" and self.lacks_results:
            return "finished, its results are on their way"
        return STAGES[self.rented.stage] + (f": it is {self.rented.run} here" if self.rented.run else "")

    @property
    def cost(self) -> str:
        """What it has cost since it began to run, at the price that held when its files were made."""
        rented, rate = self.rented, self.files.estimate.rate
        if rented.since is None:
            return ""
        if rate is None:
            return f"no price of {self.files.machine} was known"
        hours = ((rented.until or time.time()) - rented.since) / 3600
        took = f"{hours * 60:.0f} min" if hours < 1.5 else f"{hours:.1f} h"
        return f"{between(hours * rate.low, hours * rate.high)} for {took} at {rate.words}"

    @property
    def log(self) -> str:
        """The last lines of the machine's own log; before there are any, what was said here."""
        path = self.folder / LOG
        there = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return there.strip() or self.job.log_tail()

    @property
    def is_over(self) -> bool:
        """Whether the provider is done with it, so that there is nothing to follow or to cancel."""
        return self.rented.stage in ("finished", "failed", "cancelled")

    @property
    def lacks_results(self) -> bool:
        """Whether it has finished, and what it has learned could be fetched from here and was not."""
        return self.rented.stage == "finished" and not self.rented.run and bool(self.files.fetching)

    def resume(self, link: str | None = None) -> "CloudJob":
        """Follows it again, or fetches its results; what was submitted is not submitted again. Raises JobError when it is
        over, InputError when a link is needed still: it was held in memory only."""
        if self.is_over and not self.lacks_results:
            raise JobError(f"{self.id} cannot be followed", f"it has {self.rented.stage} there", "Submit it again")
        if self.provider.needs_link and not (self.rented.submitted or link or queue.knows_secret(self.job)):
            raise InputError(
                "The link to package.zip is not known any more", "it was held in memory only", "Give it again"
            )
        queue.begin(self.job.home, self.folder, KIND, self.job.request, secret=link)
        return self


def start(project_folder: Path, home: Path, files: CloudFiles, link: str | None, demo: bool) -> CloudJob:
    """Submits and returns at once. Raises ForbiddenError in the demo, InputError with all that is missing on this computer,
    and JobError when the same training is under way there."""
    if demo:
        raise ForbiddenError("Nothing is rented from this demo", "a shared Space", "Run the studio on your own machine")
    provider = PROVIDERS[files.provider]
    lacking = [f"{one.what} ({one.how})" for one in provider.missing(files.machine)]
    if provider.needs_link and not (link or "").strip().startswith("https://"):
        lacking.append("a link to package.zip that begins with https://")
    if lacking:
        raise InputError(f"{provider.title} cannot be asked from here", f"missing: {'; '.join(lacking)}", "See to it, then submit again")  # fmt: skip
    for other in all_of(project_folder):
        if other.files.name == files.name and (other.state not in ENDED or (other.rented.done and not other.is_over)):
            raise JobError("This training is under way there already", f"{other.id} {other.words}", "Follow that one")
    folder = store.new_numbered_folder(project_folder / "jobs", KIND)
    queue.begin(home, folder, KIND, {"project_folder": str(project_folder), "files": files.id}, secret=link and link.strip())  # fmt: skip
    return CloudJob(folder)


def open_job(project_folder: Path, job_id: str) -> CloudJob:
    """Raises NotFoundError."""
    folder = project_folder / "jobs" / store.check_name(job_id)
    if not (folder / "job.json").exists():
        raise NotFoundError("There is no such cloud job", job_id, "Submit one first")
    return CloudJob(folder)


def all_of(project_folder: Path) -> list[CloudJob]:
    """The oldest first."""
    return [CloudJob(path.parent) for path in sorted((project_folder / "jobs").glob(f"{KIND}-*/job.json"))]


def facts(files: CloudFiles) -> dict[str, Any]:
    """What the page says of files before they are submitted: missing (what and how), needs_link, notes."""
    provider = PROVIDERS[files.provider]
    return {
        "missing": provider.missing(files.machine),
        "needs_link": provider.needs_link,
        "notes": [*filter(None, [files.memory]), *provider.notes],
    }
