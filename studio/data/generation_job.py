"""The job that makes examples of documents, to who starts and follows it."""

from pathlib import Path
from typing import Any

from studio import store
from studio.data.generators import ChatModel
from studio.errors import InputError, JobError
from studio.examples import Dataset, open_dataset
from studio.jobs import queue
from studio.jobs.job import ENDED, Job

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
        _start(self.home, self.folder, self.request, api_key or None)
        return self


def start(project_folder: Path, home: Path, request: dict[str, Any], api_key: str | None) -> Generation:
    """Begins and returns at once. Raises JobError when the same is under way: it would be asked for twice."""
    for other in all_of(project_folder):
        same = all(other.request[name] == request[name] for name in ("documents", "generator"))
        if same and other.state.status not in ENDED:
            found = f"{other.id} is {other.state.status}"
            raise JobError("The same is being made already", found, "Wait for it, or stop it first")
    folder = store.new_numbered_folder(project_folder / "jobs", KIND)
    request = {"project_folder": str(project_folder), **request, "typed_key": api_key is not None}
    return _start(home, folder, request, api_key)


def _start(home: Path, folder: Path, request: dict[str, Any], api_key: str | None) -> Generation:
    """Only a model on this machine needs the card."""
    if request["generator"]["kind"] == ChatModel.kind:
        queue.submit(home, folder, KIND, request)
    else:
        queue.begin(home, folder, KIND, request, secret=api_key)
    return Generation(folder)


def all_of(project_folder: Path) -> list[Generation]:
    """The oldest first."""
    return [Generation(path.parent) for path in sorted((project_folder / "jobs").glob(f"{KIND}-*/job.json"))]
