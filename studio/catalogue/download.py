"""A model comes from the Hub into the library's own cache: safetensors, tokenizer and configuration, nothing else.

The library itself begins a file anew after each interruption (huggingface_hub 2.4); here a file that was cut off goes on
where it was, and every file is checked against the digest that the Hub gave before it counts.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio import hub, model_files, store
from studio.catalogue import remote
from studio.catalogue.remote import HubFile, HubModel
from studio.errors import InputError, JobError
from studio.jobs import queue
from studio.jobs.job import ENDED, Job

KIND = "download"
RESERVE = 512 * 1024**2
"""Bytes of the disk that stay free."""
LARGEST = 50 * 1000**3
"""Bytes beyond which the Hub gives a file to its own library only."""
BLOCK = 1024 * 1024
RETRIES = 5
PARTIAL = ".studio.incomplete"


def start(project_folder: Path, home: Path, model: str) -> Job:
    """Begins to fetch at once and returns; it needs no card. Raises NotFoundError for what the Hub does not give,
    InputError for what is no causal language model with safetensors weights, and when the disk is too small."""
    if model_files.cached_folder(model) is not None:
        raise InputError(f"The model {model} is on this machine already", "it is whole", "Start the training")
    for other in all_of(project_folder):
        if other.request["model"] == model and other.state.status not in ENDED:
            raise JobError(f"The model {model} is coming already", f"{other.id} is {other.state.status}", "Wait for it")
    found = remote.details(model)
    remote.check_weights(found)
    files = [*found.files, *wanted_code(found)]
    check_disk(model, missing_bytes(model, found.commit, files))
    request = {"project_folder": str(project_folder), "model": model, "commit": found.commit, "files": [asdict(one) for one in files]}  # fmt: skip
    return queue.begin(home, store.new_numbered_folder(project_folder / "jobs", KIND), KIND, request)


def resume(job: Job) -> Job:
    """Goes on where it was: whole files stay, and a part of one is not fetched again."""
    request = job.request
    check_disk(request["model"], missing_bytes(request["model"], request["commit"], _files(request)))
    return queue.begin(job.home, job.folder, KIND, request)


def all_of(project_folder: Path) -> list[Job]:
    """The project's downloads, the oldest first."""
    return [Job(path.parent) for path in sorted((project_folder / "jobs").glob(f"{KIND}-*/job.json"))]


def wanted_code(found: HubModel) -> tuple[HubFile, ...]:
    """The model's Python files, to be read by a person, where its configuration says that it needs them."""
    config = small_text(found.model, "config.json")
    model_files.check_causal(found.model, config)
    return found.code if model_files.needs_own_code(config) else ()


def small_text(model: str, name: str) -> dict[str, Any]:
    """One small JSON file of a model of the Hub, kept in the cache. Raises NotFoundError with what the Hub said."""
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(model, name, endpoint=hub.endpoint(), etag_timeout=remote.SECONDS)
    except (OSError, ValueError) as error:
        raise hub.why_not_fetched(model, error) from error
    return model_files.read_json(Path(path))


def check_disk(model: str, needed: int) -> None:
    """Raises InputError when the disk of the cache has not that many bytes and a reserve."""
    free = shutil.disk_usage(_existing(cache())).free
    if needed + RESERVE > free:
        raise InputError(
            f"There is no room for the model {model}", f"it needs {_size(needed)}, and {_size(free)} are free on the disk of {cache()}",
            "Free some space, set HF_HOME to a larger disk, or choose a smaller model",
        )  # fmt: skip


def cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def missing_bytes(model: str, commit: str, files: list[HubFile] | tuple[HubFile, ...]) -> int:
    return sum(one.size - _there(model, commit, one) for one in files)


def _there(model: str, commit: str, file: HubFile) -> int:
    """Bytes of a file that need not be fetched any more."""
    place = _repository(model)
    if (place / "snapshots" / commit / file.name).exists() or (place / "blobs" / file.digest).exists():
        return file.size
    part = place / "blobs" / f"{file.digest}{PARTIAL}"
    return min(part.stat().st_size, file.size) if part.exists() else 0


def _repository(model: str) -> Path:
    """The model's folder in the cache, as huggingface_hub lays it out."""
    from huggingface_hub.file_download import repo_folder_name

    return cache() / str(repo_folder_name(repo_id=model, repo_type="model"))


def _files(request: dict[str, Any]) -> list[HubFile]:
    return [HubFile(**one) for one in request["files"]]


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _size(amount: int) -> str:
    return f"{amount / 1000**3:.1f} GB" if amount >= 1000**3 else f"{amount / 1000**2:.1f} MB"


def work(job: Job) -> None:
    """Fetches what is missing; a stop keeps what came, also the part of a file."""
    from huggingface_hub import hf_hub_download

    request = job.request
    model, commit, files = str(request["model"]), str(request["commit"]), _files(request)
    total = sum(one.size for one in files)
    known = total - missing_bytes(model, commit, files)
    done = 0
    for file in files:
        if _there(model, commit, file) < file.size and remote.DIGEST.fullmatch(file.digest) and file.size <= LARGEST:
            before = done

            def came(amount: int, name: str = file.name, before: int = before) -> None:
                job.report(before + amount, total, f"{name}, {_size(before + amount)} of {_size(total)}", known)

            blob = _repository(model) / "blobs" / file.digest
            fetch(f"{hub.endpoint()}/{model}/resolve/{commit}/{file.name}", blob, file, came, job.stop_requested)
        if job.stop_requested():
            return
        try:  # puts it in its place; nothing is fetched that is there
            hf_hub_download(model, file.name, revision=commit, endpoint=hub.endpoint())
        except (OSError, ValueError) as error:
            raise hub.why_not_fetched(model, error) from error
        done += file.size
        job.report(done, total, f"{file.name}, {_size(done)} of {_size(total)}", known)
    store.write_text(_repository(model) / "refs" / "main", commit)
    if model_files.cached_folder(model) is None:
        raise InputError(f"The model {model} is not whole", "a file that its index names is not on the Hub", "Choose another model")  # fmt: skip


def fetch(url: str, blob: Path, file: HubFile, came: Callable[[int], None], should_stop: Callable[[], bool]) -> None:
    """Brings a file to `blob`, going on from what an earlier try left beside it. `came(bytes of this file)` hears of every
    block. Raises JobError when the Hub does not give it, or gives something else than it said."""
    import httpx

    part = blob.with_name(f"{blob.name}{PARTIAL}")
    part.parent.mkdir(parents=True, exist_ok=True)
    tries = 0
    with httpx.Client(follow_redirects=True, timeout=30) as client:
        while _length(part) < file.size and not should_stop():
            before = _length(part)
            try:
                _append(client, url, part, came, should_stop)
            except httpx.TransportError as error:
                tries = 0 if _length(part) > before else tries + 1
                if tries >= RETRIES:
                    raise JobError(f"{file.name} could not be fetched", f"{type(error).__name__}: {error}", "Resume goes on where it was") from error  # fmt: skip
                time.sleep(1)
    if should_stop():
        return
    if not file.size:
        part.touch()
    if _length(part) != file.size or _digest(part, len(file.digest)) != file.digest:
        part.unlink()
        raise JobError(f"{file.name} came damaged", "its bytes are not those that the Hub names", "Resume fetches it anew")  # fmt: skip
    part.replace(blob)


def _append(client: Any, url: str, part: Path, came: Callable[[int], None], should_stop: Callable[[], bool]) -> None:
    """One answer of the Hub onto the end of the part; from the start where the Hub gives the whole file again."""
    have = _length(part)
    asked = {**remote.headers(), "Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with client.stream("GET", url, headers=asked) as answer:
        if answer.status_code not in (200, 206):
            raise JobError(
                "The Hub refused a file", f"{url}: status {answer.status_code}", "Accept its terms, type a token in tab 3, or try later"
            )  # fmt: skip
        goes_on = answer.status_code == 206
        have = have if goes_on else 0
        with open(part, "ab" if goes_on else "wb") as out:
            for block in answer.iter_bytes():  # as they come: what was cut off loses nothing
                out.write(block)
                have += len(block)
                came(have)
                if should_stop():
                    return


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path, length: int) -> str:
    """SHA-256 (64 digits), or git's name of a blob (40): the SHA-1 of its size and its bytes."""
    sum_of = hashlib.sha256() if length == 64 else hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)  # fmt: skip
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            sum_of.update(block)
    return sum_of.hexdigest()
