"""The models that are on this machine: the starter, what the Hub's cache holds, and folders that were used before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio import model_files, store
from studio.errors import StudioError
from studio.models import STARTER


@dataclass(frozen=True)
class Known:
    """`model` is what a recipe names it by, `where` it is, and the bytes of its weights."""

    model: str
    where: Literal["starter", "cache", "folder"]
    bytes: int


def here(home: Path) -> list[Known]:
    """The starter first, then the cache with what was used last in front, then folders in the order of their paths."""
    return [Known("starter", "starter", model_files.weight_bytes(STARTER)), *_cached(), *_used_before(home)]


def _cached() -> list[Known]:
    """Causal language models with configuration and all safetensors weights; what else is in the cache is passed over."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    found = []
    for repository in sorted(repositories, key=lambda one: one.last_accessed, reverse=True):
        folder = model_files.cached_folder(repository.repo_id) if repository.repo_type == "model" else None
        if folder is not None and _writes_text(folder):
            found.append(Known(repository.repo_id, "cache", model_files.weight_bytes(folder)))
    return found


def _used_before(home: Path) -> list[Known]:
    """Folders that a run of any project of this home names, as long as a model is in them."""
    recipes = (store.read_json(path) for path in (home / "projects").glob("*/runs/*/recipe.json"))
    folders = {Path(str(recipe["model"])).expanduser() for recipe in recipes if recipe["model"] != "starter"}
    there = sorted(folder for folder in folders if folder.is_absolute() and model_files.is_whole(folder))
    return [Known(str(folder), "folder", model_files.weight_bytes(folder)) for folder in there]


def _writes_text(folder: Path) -> bool:
    try:
        return not model_files.why_not_causal(model_files.read_json(folder / "config.json"))
    except StudioError:
        return False
