"""Steps and looks that take long with many rows, done in a process of their own; `studio.Project` inherits them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio import store
from studio.data import near_duplicates, presidio, privacy
from studio.data.measures import Measures, leakage_name, near_name, private_name
from studio.errors import InputError, JobError
from studio.examples import Dataset
from studio.jobs import queue
from studio.jobs.job import ENDED, Job

KIND = "step"
LONG = 4.0  # seconds; a process of its own takes two to begin
SECONDS = {
    "filter": 1.0, "split": 4.0, "mix": 2.0, "save_copy": 4.0, "redact": 8.0, "private_details": 3.0, "drop_leaked": 13.0,
    "check_leakage": 13.0, "drop_duplicates": 6.0, "near_duplicate_groups": 6.0,
}  # fmt: skip
"""for 100,000 rows of 200 tokens on two cores"""
PRESIDIO_SECONDS = 1000.0  # about 10 ms a row


class StepVerbs:
    """Needs the folder and the home of a project."""

    folder: Path
    home: Path
    demo: bool

    def start_step(self, verb: str, *datasets: Dataset, **arguments: Any) -> Job:
        """The verb in a process of its own that needs no card, at once: what it makes is a step as ever, and what it finds
        is kept, so that the verb answers at once afterwards. Raises InputError for a verb that is none of SECONDS,
        JobError when the same is under way."""
        if verb not in SECONDS:
            raise InputError("This is no step for a process of its own", repr(verb), f"There are {', '.join(SECONDS)}")
        asked = {"verb": verb, "datasets": [dataset.reference for dataset in datasets], "arguments": arguments}
        for other in self.step_jobs(verb):
            if other.state.status not in ENDED and all(other.request[name] == value for name, value in asked.items()):
                raise JobError("The same is being done already", f"{other.id} is {other.state.status}", "Wait for it, or stop it")  # fmt: skip
        folder = store.new_numbered_folder(self.folder / "jobs", KIND)
        return queue.begin(self.home, folder, KIND, {"project": self.folder.name, "demo": self.demo, **asked})

    def step_jobs(self, *verbs: str) -> list[Job]:
        """The jobs that do or did one of these, the newest first. No step."""
        found = [Job(path.parent) for path in (self.folder / "jobs").glob(f"{KIND}-*/job.json")]
        return sorted((job for job in found if job.request["verb"] in verbs), key=lambda job: job.id, reverse=True)

    def is_long(self, verb: str, *datasets: Dataset, **arguments: Any) -> bool:
        """Whether the verb is better done by `start_step`: more than LONG seconds' work, and what it finds is not known
        yet. No step."""
        kept = _kept_as(verb, datasets, arguments)
        if kept is not None and kept[0].knows(kept[1]):
            return False
        by_presidio = set(arguments.get("kinds", ())) & set(presidio.KINDS)
        rows = sum(len(dataset) for dataset in datasets)
        return rows / 100_000 * (PRESIDIO_SECONDS if by_presidio else SECONDS[verb]) > LONG


def _kept_as(verb: str, datasets: Sequence[Dataset], arguments: dict[str, Any]) -> tuple[Measures, str] | None:
    """Where what a look finds is kept, and as what; None of what makes something."""
    if verb == "check_leakage":
        return Measures.of(datasets[1]), leakage_name("test", datasets[0].reference)
    if verb == "private_details":
        return Measures.of(datasets[0]), private_name(arguments.get("kinds", privacy.KINDS))
    if verb == "near_duplicate_groups":
        threshold, run = arguments.get("threshold", near_duplicates.THRESHOLD), arguments.get("run", near_duplicates.WORDS_IN_A_RUN)  # fmt: skip
        return Measures.of(datasets[0]), near_name(threshold, run)
    return None
