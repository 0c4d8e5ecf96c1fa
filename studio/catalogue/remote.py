"""What the Hub says: models by a part of their name, and the files of one. Short waits, for a person is waiting."""

import re
from dataclasses import dataclass
from typing import Any

from studio import hub
from studio.errors import InputError, NotFoundError, StudioError
from studio.models import HUB_ID

SECONDS = 5.0
MOST = 12
SHORTEST = 3
"""Letters from which on a search is worth a question."""
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
TEXTS = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|tekken)\.json"
    r"|(tokenizer|spiece|sentencepiece\.bpe)\.model|vocab\.txt|merges\.txt|chat_template\.jinja"
)
CODE = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]*\.py")
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""Of git (SHA-1 of the blob) or of large files (SHA-256); it becomes a file's name in the cache."""


@dataclass(frozen=True)
class Found:
    """One model of the Hub: `gated` when its owner wants terms accepted first."""

    model: str
    downloads: int
    gated: bool
    private: bool


@dataclass(frozen=True)
class HubFile:
    """`size` in bytes; `digest` is what its bytes must give (see DIGEST)."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class HubModel:
    """One model of the Hub as it is at `commit`; `files` are those that a training needs, with code files apart."""

    model: str
    commit: str
    gated: bool
    private: bool
    files: tuple[HubFile, ...]
    code: tuple[HubFile, ...]
    other_weights: tuple[str, ...]


def search(text: str) -> list[Found]:
    """Causal language models with safetensors weights whose name holds the text, the most downloaded first. Raises
    NotFoundError when the Hub does not answer."""
    import httpx

    text = text.strip()
    if len(text) < SHORTEST:
        return []
    _check_reachable()
    asked: dict[str, Any] = {
        "search": text,
        "filter": ["text-generation", "safetensors"],
        "sort": "downloads",
        "direction": "-1",
        "limit": MOST,
    }
    try:
        answer = httpx.get(f"{hub.endpoint()}/api/models", params=asked, headers=headers(), timeout=SECONDS, follow_redirects=True)  # fmt: skip
        answer.raise_for_status()
        rows = answer.json()
        return [_found(row) for row in rows if HUB_ID.fullmatch(str(row.get("id")))][:MOST]
    except (httpx.HTTPError, ValueError, AttributeError, TypeError) as error:
        raise _silent(f"{type(error).__name__}") from error


def _found(row: dict[str, Any]) -> Found:
    return Found(str(row["id"]), int(row.get("downloads") or 0), bool(row.get("gated")), bool(row.get("private")))


def details(model: str) -> HubModel:
    """The files of a model and whether it is gated or private. Raises NotFoundError with what the Hub said, InputError when
    the model has no safetensors weights."""
    import httpx2  # what huggingface_hub speaks with
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    _check_reachable()
    try:
        info = HfApi(endpoint=hub.endpoint()).model_info(model, files_metadata=True, timeout=SECONDS)
    except HfHubHTTPError as error:
        raise hub.why_not_fetched(model, error) from error
    except (httpx2.HTTPError, OSError) as error:
        raise _silent(type(error).__name__) from error
    there = [
        HubFile(one.rfilename, int(one.size or 0), str(one.lfs.sha256 if one.lfs else one.blob_id or ""))
        for one in info.siblings or []
    ]
    weights = [one for one in there if WEIGHTS.fullmatch(one.name)]
    if any(one.name == "model.safetensors" for one in weights):
        weights = [one for one in weights if one.name == "model.safetensors"]  # the same once more, in parts
    texts = [one for one in there if TEXTS.fullmatch(one.name)]
    code = [one for one in there if CODE.fullmatch(one.name)]
    others = [one.name for one in there if one.name.endswith((".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack"))]
    return HubModel(
        model, str(info.sha), bool(info.gated), bool(info.private), (*texts, *weights), tuple(code), tuple(others)
    )


def check_weights(found: HubModel) -> None:
    """Raises InputError when there are no safetensors weights: other kinds can run code while they are read."""
    if not any(WEIGHTS.fullmatch(one.name) and not one.name.endswith(".json") for one in found.files):
        there = ", ".join(found.other_weights[:4]) or "no weights at all"
        raise InputError(
            f"The model {found.model} has no safetensors weights", there, "Choose one that has: other kinds can run code while they are read"
        )  # fmt: skip


def headers() -> dict[str, str]:
    from huggingface_hub.utils._headers import build_hf_headers

    return dict(build_hf_headers(library_name="fine-tuning-studio"))


def _check_reachable() -> None:
    if not hub.answers():
        raise _silent("HF_HUB_OFFLINE is set, or its name cannot be looked up")


def _silent(found: str) -> StudioError:
    return NotFoundError("The Hub does not answer", found, "The models on this machine work without it")
