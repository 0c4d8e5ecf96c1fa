"""The job that makes examples of documents, to who starts and follows it."""

from pathlib import Path
from typing import Any

from studio import store
from studio.errors import InputError, JobError
from studio.examples import Dataset, open_dataset
from studio.jobs import queue
from studio.jobs.job import Job

KIND = "generate"
GENERATED = "generated.jsonl"
RESULT = "result.json"


class Generation(Job):
    """Its dataset is there once it has finished; stopped or killed, it goes on where it was."""

    @property
    def dataset(self) -> Dataset | None:
        path = self.folder / RESULT
        return open_dataset(self.folder.parents[1], store.read_json(path)["dataset"]) if path.exists() else None

    @property
    def generated(self) -> Path:
        """What the generator gave so far, one JSON line for each question."""
        return self.folder / GENERATED

    @property
    def lacks_key(self) -> bool:
        """Whether it needs a key that was typed, and that this process was not told."""
        return bool(self.request.get("typed_key")) and not queue.knows_secret(self)

    def resume(self, api_key: str | None = None) -> "Generation":
        """Goes on: nothing that was generated is asked for again. `api_key` replaces the one that was typed."""
        if self.dataset is not None:
            raise JobError(f"{self.id} cannot be resumed", "it has made its dataset", "Start a new one")
        if self.lacks_key and not api_key:
            raise InputError(
                "The key is not known any more", "it was held in memory only", "Type it again, then resume"
            )
        queue.submit(self.home, self.folder, KIND, self.request, secret=api_key or None)
        return self


def start(project_folder: Path, home: Path, request: dict[str, Any], api_key: str | None) -> Generation:
    """Puts the work in the queue and returns at once."""
    folder = store.new_numbered_folder(project_folder / "jobs", KIND)
    request = {"project_folder": str(project_folder), **request, "typed_key": api_key is not None}
    return Generation(queue.submit(home, folder, KIND, request, secret=api_key).folder)


def all_of(project_folder: Path) -> list[Generation]:
    """The oldest first."""
    return [Generation(path.parent) for path in sorted((project_folder / "jobs").glob(f"{KIND}-*/job.json"))]
