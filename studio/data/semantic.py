"""Duplicates by meaning: rows whose embeddings point the same way, found by a local model in a job of its own.

An embedding is the mean of a model's last hidden states over the tokens of a text, at length 1 (Reimers and Gurevych
2019, Sentence-BERT, section 3). A row goes when its cosine to one that is kept reaches the threshold, the best first,
as in SemDeDup (Abbas et al. 2023), but against all kept rows instead of within clusters.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from studio import models, store
from studio.data import duplicate_groups, near_duplicates
from studio.data.near_duplicates import Pairs
from studio.data.words import Array
from studio.errors import InputError
from studio.examples import Dataset, open_dataset
from studio.jobs.job import Job

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

THRESHOLD = 0.95
FORMAT = 2  # one up where the text that is embedded changes
MOST_TOKENS = 512  # of a text; what follows is not looked at
BATCH_TOKENS = 8192
ROWS_AT_ONCE = 1024
KEPT_AT_ONCE = 8192
MANY = 50_000
"""Rows from which it is said in advance how long it takes to compare them: it grows with the square of their number."""


def check(threshold: float) -> None:
    """Raises InputError for a threshold that cannot be."""
    if not 0 < threshold <= 1:
        raise InputError("Duplicates by meaning cannot be searched", f"a threshold of {threshold:g}", "0.95 is usual")


def result_path(dataset: Dataset, model: str, threshold: float) -> Path:
    """Where the groups are kept, beside the dataset: another name for each model (its files, too) and threshold."""
    place = models.resolve(model)
    signs = [str(place)]
    if isinstance(place, Path):
        signs += [f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in sorted(place.glob("*.*"))]
    digest = hashlib.sha256("\n".join(signs).encode()).hexdigest()[:12]
    return dataset.folder / "measures" / f"semantic-{digest}-{threshold:g}.{FORMAT}.parquet"


def work(job: Job) -> None:
    """The job: embeds the rows of `dataset` (name@vN), compares them, and writes the groups beside it; a stop leaves
    nothing behind."""
    request = job.request
    dataset = open_dataset(Path(request.get("data_folder", request["project_folder"])), request["dataset"])
    threshold = float(request["threshold"])
    job.report(0, 1, "loading the model")
    model, tokenizer = models.load_encoder(request["model"])
    rows, a_pair, begun = len(dataset), pair_seconds(int(model.config.hidden_size)), time.monotonic()
    then = f", then at most about {_pairs(rows) * a_pair / 60:,.0f} min to compare them" if rows > MANY else ""

    def embedded(done: int) -> None:
        took = time.monotonic() - begun
        left = took / max(1, done) * (rows - done) + _pairs(rows) * a_pair
        job.report(rows * took / (took + left), rows, f"{done:,} of {rows:,} rows read{then}", left=left)

    codes, made = embed_rows(dataset, model, tokenizer, embedded, job.stop_requested)
    read = time.monotonic()

    def compared(done: int) -> None:
        part = _pairs(done) / _pairs(len(made))
        took = time.monotonic() - read
        left, share = took / part * (1 - part), (read - begun) / (read - begun + took / part)
        note = f"{done:,} of {len(made):,} different rows compared"
        job.report(rows * (share + (1 - share) * part), rows, note, left=left)

    if job.stop_requested():
        return
    quality = dataset.columns("quality")["quality"].to_numpy(float)
    instead, similarity = keepers(made, codes, quality, threshold, compared, job.stop_requested)
    if job.stop_requested():
        return
    gone = np.flatnonzero(instead != np.arange(len(instead)))
    groups = duplicate_groups.table(dataset, Pairs(instead[gone], gone, similarity[gone]))
    path = result_path(dataset, request["model"], threshold)
    with store.replacing(path) as beside:
        groups.to_parquet(beside, index=False)
    job.report(1, 1, "finished")


def pair_seconds(width: int) -> float:
    """Seconds that comparing two embeddings of so many numbers takes on this machine now, measured on one block."""
    rows, kept = np.ones((ROWS_AT_ONCE, width), np.float32), np.ones((KEPT_AT_ONCE, width), np.float32)
    begun = time.perf_counter()
    (rows @ kept.T).argmax(1)
    return (time.perf_counter() - begun) / (ROWS_AT_ONCE * KEPT_AT_ONCE)


def _pairs(rows: int) -> float:
    """The pairs of so many rows, all of which are compared where every row is kept."""
    return rows * rows / 2


def embed_rows(
    dataset: Dataset, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase",
    on_done: Callable[[int], None] = lambda done: None, should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Array, Array]:  # fmt: skip
    """(for each row the number of its text, the embeddings of the different texts); no more than a batch of texts is in
    memory."""
    number: dict[bytes, int] = {}
    codes: list[int] = []
    parts: list[Array] = []
    for batch in dataset.batches():
        if should_stop():
            break
        texts = [
            f"{near_duplicates.text(messages)}\n{worse}" if worse else near_duplicates.text(messages)
            for messages, worse in zip(batch["messages"], batch["rejected"], strict=True)
        ]
        keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        new = [text for key, text in dict(zip(keys, texts, strict=True)).items() if key not in number]

        def embedded(done: int, before: int = len(codes)) -> None:
            on_done(before + done)

        codes += [number.setdefault(key, len(number)) for key in keys]
        parts.append(embed(model, tokenizer, new, embedded, should_stop))
        on_done(len(codes))
    empty = np.zeros((0, int(model.config.hidden_size)), np.float16)
    return np.array(codes, np.int64), np.concatenate([empty, *parts])


def embed(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str],
    on_done: Callable[[int], None] = lambda done: None, should_stop: Callable[[], bool] = lambda: False,
) -> Array:  # fmt: skip
    """One row of length 1 (float16) for each text, in their order; a text without a token gets zeros. Texts of one
    length go together. After a stop the rest is zeros."""
    import torch

    limit = min(MOST_TOKENS, int(getattr(model.config, "max_position_embeddings", None) or MOST_TOKENS + 2) - 2)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    made = np.zeros((len(texts), int(model.config.hidden_size)), np.float16)
    begin = 0
    while begin < len(order) and not should_stop():
        longest = min(limit, len(texts[order[begin]]) // 2 + 8)
        chosen = order[begin : begin + max(1, min(64, BATCH_TOKENS // longest))]
        given = tokenizer(
            [texts[at] or " " for at in chosen], return_tensors="pt", padding=True, truncation=True, max_length=limit
        ).to(model.device)  # fmt: skip
        given.pop("token_type_ids", None)
        with torch.inference_mode():
            states = model(**given).last_hidden_state.float()
        mask = given["attention_mask"].unsqueeze(-1)
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        made[chosen] = torch.nn.functional.normalize(mean, dim=1).half().cpu().numpy()
        begin += len(chosen)
        on_done(begin)
    return made


def keepers(
    embeddings: Array, codes: Array, quality: Array, threshold: float,
    on_done: Callable[[int], None] = lambda done: None, should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Array, Array]:  # fmt: skip
    """(for each row the position of the row kept in its place, their cosine); a kept row stands for itself.

    `codes` says which embedding is a row's: rows with the same text are the same. The best by quality is looked at
    first, then the first in the data; each row is compared with those kept so far, a block of both at a time.
    """
    best_first = np.lexsort((np.arange(len(codes)), -np.nan_to_num(quality)))
    chosen, first = np.unique(codes[best_first], return_index=True)
    stands_for = np.zeros(len(embeddings), np.int64)  # of each text its best row
    stands_for[chosen] = best_first[first]
    texts = chosen[np.argsort(first, kind="stable")]  # best first
    keeper, cosine = np.arange(len(embeddings)), np.ones(len(embeddings))
    kept: list[int] = []
    for begin in range(0, len(texts), ROWS_AT_ONCE):
        if should_stop():
            break
        block = texts[begin : begin + ROWS_AT_ONCE]
        vectors = embeddings[block].astype(np.float32)
        nearest, best = np.zeros(len(block), np.int64), np.full(len(block), -1.0, np.float32)
        for at in range(0, len(kept), KEPT_AT_ONCE):
            part = kept[at : at + KEPT_AT_ONCE]
            found = vectors @ embeddings[part].astype(np.float32).T
            place = found.argmax(1)
            value = found[np.arange(len(block)), place]
            closer = value > best
            nearest[closer], best[closer] = np.array(part)[place[closer]], value[closer]
        among = vectors @ vectors.T
        stays: list[int] = []
        for at in range(len(block)):
            if stays:
                near = stays[int(np.argmax(among[at, stays]))]
                if among[at, near] > best[at]:
                    nearest[at], best[at] = block[near], among[at, near]
            if best[at] >= threshold:
                keeper[block[at]], cosine[block[at]] = nearest[at], min(1.0, float(best[at]))
            else:
                stays.append(at)
        kept += block[stays].tolist()
        on_done(begin + len(block))
    instead = stands_for[keeper[codes]]
    similarity = np.where(stands_for[codes] == instead, 1.0, cosine[codes])
    return instead, similarity


def read(dataset: Dataset, model: str, threshold: float) -> pd.DataFrame | None:
    """The groups that were found and kept, None when they were not searched yet; see `duplicate_groups.of_words`."""
    path = result_path(dataset, model, threshold)
    return pd.read_parquet(path) if path.exists() else None


def request_of(project_folder: Path, dataset: Dataset, model: str, threshold: float) -> dict[str, Any]:
    """What the job is told; in a replay of steps (see `replay`) the dataset is not in the project yet."""
    return {
        "project_folder": str(project_folder), "data_folder": str(dataset.folder.parents[2]), "dataset": dataset.reference, "model": model,
        "threshold": threshold,
    }  # fmt: skip
