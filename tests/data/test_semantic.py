"""Duplicates by meaning: what counts as one, what is kept, and that a job finds and keeps them."""

import json
from pathlib import Path

import numpy as np
import pytest

from studio import ForbiddenError, InputError, NotFoundError, Project
from studio.data import semantic
from studio.examples import Dataset
from studio.jobs.job import Job
from studio.models import STARTER, load_encoder


def loaded(project: Project, tmp_path: Path) -> Dataset:
    path = tmp_path / "rows.jsonl"
    asked = [
        "Where is my parcel?",
        "Where is my parcel ?",
        "How do I reset a password?",
        "Where is my parcel?",
        "Name a colour.",
    ]
    quality = [0.6, 0.9, 0.8, 0.7, 0.5]
    lines = [
        json.dumps({"prompt": prompt, "completion": f"{prompt} Thank you.", "quality": score})
        for prompt, score in zip(asked, quality, strict=True)
    ]
    path.write_text("\n".join(lines))
    return project.load(path)


def plain(embeddings: np.ndarray, quality: np.ndarray, threshold: float) -> list[int]:
    """The same rule, one row at a time."""
    kept: list[int] = []
    instead = list(range(len(embeddings)))
    for at in sorted(range(len(embeddings)), key=lambda row: (-quality[row], row)):
        near = [(float(embeddings[at] @ embeddings[other]), -kept.index(other), other) for other in kept]
        if near and max(near)[0] >= threshold:
            instead[at] = max(near)[2]
        else:
            kept.append(at)
    return instead


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_blocks_find_what_one_row_at_a_time_finds(monkeypatch: pytest.MonkeyPatch, threshold: float) -> None:
    monkeypatch.setattr(semantic, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(semantic, "KEPT_AT_ONCE", 5)
    random = np.random.default_rng(0)
    centres = random.normal(size=(12, 16))
    rows = centres[random.integers(0, 12, 150)] + 0.25 * random.normal(size=(150, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    quality = random.integers(0, 4, 150) / 4
    instead, similarity = semantic.keepers(rows, np.arange(150), quality, threshold)
    assert instead.tolist() == plain(rows.astype(np.float32), quality, threshold)
    gone = instead != np.arange(150)
    assert gone.any() and (similarity[gone] >= threshold).all() and (instead[instead] == instead).all()


def test_an_embedding_is_the_mean_over_the_tokens_of_one_text_alone() -> None:
    import torch

    model, tokenizer = load_encoder("starter")
    texts = ["Where is my parcel?", "A much longer text about something else, with many more words in it.", ""]
    made = semantic.embed(model, tokenizer, texts)
    with torch.inference_mode():
        states = model(**tokenizer(texts[0], return_tensors="pt")).last_hidden_state[0].float().mean(0).numpy()
    assert np.allclose(made[0], states / np.linalg.norm(states), atol=2e-3)  # padding changes nothing
    assert np.allclose(np.linalg.norm(made[:2].astype(float), axis=1), 1, atol=1e-2)


def test_rows_with_one_text_share_an_embedding_whichever_batch_they_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = loaded(Project.open("meaning", home=tmp_path / "home"), tmp_path)
    model, tokenizer = load_encoder("starter")
    codes, made = semantic.embed_rows(raw, model, tokenizer)
    assert codes.tolist() == [0, 1, 2, 0, 3] and len(made) == 4
    monkeypatch.setattr(Dataset, "batches", lambda dataset: (dataset.examples.iloc[[at]] for at in range(5)))
    again, alone = semantic.embed_rows(raw, model, tokenizer)
    assert again.tolist() == codes.tolist() and np.allclose(made.astype(float), alone.astype(float), atol=2e-3)


@pytest.mark.usefixtures("jobs_here")
def test_found_in_a_job_and_dropped_in_a_step(tmp_path: Path) -> None:
    project = Project.open("meaning", home=tmp_path / "home")
    raw = loaded(project, tmp_path)
    assert project.found_semantic_duplicates(raw) is None
    found = project.semantic_duplicates(raw)
    assert found["id"].tolist() == ["r000002", "r000001", "r000004"] and found["keep"].tolist() == [True, False, False]
    assert set(found["instead"]) == {"r000002"} and found["quality"].tolist() == [0.9, 0.6, 0.7]
    assert project.journal.steps()[-1].verb == "load"  # a look is no step

    clean = project.drop_duplicates(raw, by="meaning")
    assert clean.examples["id"].tolist() == ["r000002", "r000003", "r000005"]
    assert len(project.jobs("semantic")) == 1  # what was found is not searched again
    assert all(reason.startswith("nearly the same as r000002 (") for reason in clean.dropped["reason"])
    code = project.journal.steps()[-1].code
    assert code == "clean = project.drop_duplicates(raw, by='meaning', threshold=0.95, model='starter')"
    again = Project.open("again", home=tmp_path / "home")
    names = {"project": again, "raw": loaded(again, tmp_path)}
    exec(code, names)
    assert names["clean"].examples.equals(clean.examples)  # type: ignore[attr-defined]
    assert len(project.redo(clean, leave_out=[1])) == 5


@pytest.mark.usefixtures("jobs_here")
def test_of_many_rows_it_is_said_at_once_how_long_comparing_them_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[float, float, str, float]] = []

    def report(job: Job, done: float, of: float, note: str = "", known: float = 0.0, left: float | None = None) -> None:
        if left is not None:
            said.append((done, of, note, left))

    monkeypatch.setattr(Job, "report", report)
    monkeypatch.setattr(semantic, "pair_seconds", lambda width: 48.0)
    project = Project.open("meaning", home=tmp_path / "home")
    raw = loaded(project, tmp_path)
    project.semantic_duplicates(raw)
    assert "then" not in said[0][2] and said[0][3] >= 600  # 5 rows are 12.5 pairs
    assert 0 < said[0][0] / said[0][1] < 0.1  # nearly all of the work is still to come
    assert all(one[0] <= other[0] for one, other in zip(said, said[1:], strict=False))
    assert said[-1][:2] == (5, 5) and said[-1][3] == 0
    monkeypatch.setattr(semantic, "MANY", 4)
    said.clear()
    project.semantic_duplicates(raw, threshold=0.9)
    assert said[0][2].endswith("rows read, then at most about 10 min to compare them")


def test_what_a_pair_takes_is_measured() -> None:
    assert 0 < semantic.pair_seconds(64) < 1e-3


@pytest.mark.usefixtures("jobs_here")
def test_a_stop_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project.open("meaning", home=tmp_path / "home")
    raw = loaded(project, tmp_path)
    monkeypatch.setattr("studio.jobs.job.Job.stop_requested", lambda job: True)
    with pytest.raises(InputError, match="The search was stopped"):
        project.semantic_duplicates(raw)
    assert project.found_semantic_duplicates(raw) is None


@pytest.mark.usefixtures("one_thread")
def test_a_process_of_its_own_takes_any_folder(tmp_path: Path) -> None:
    project = Project.open("meaning", home=tmp_path / "home")
    raw = loaded(project, tmp_path)
    job = project.start_semantic_search(raw, model=str(STARTER))
    assert job.wait(timeout=300) == "finished" and job.progress.done == job.progress.of
    found = project.found_semantic_duplicates(raw, model=str(STARTER))
    assert found is not None and found["id"].tolist() == ["r000002", "r000001", "r000004"]


def test_what_cannot_be_searched_is_said(tmp_path: Path) -> None:
    project = Project.open("meaning", home=tmp_path / "home")
    raw = loaded(project, tmp_path)
    with pytest.raises(InputError, match="a threshold of 2"):
        project.semantic_duplicates(raw, threshold=2)
    with pytest.raises(NotFoundError, match="There is no such model"):
        project.start_semantic_search(raw, model="/no/such/folder")
    with pytest.raises(InputError, match="'sound'; Choose|'sound'. Choose"):
        project.drop_duplicates(raw, by="sound")
    demo = Project.open("visitor", home=tmp_path / "home", demo=True)
    with pytest.raises(ForbiddenError, match="Only the starter"):
        demo.semantic_duplicates(raw, model="owner/name")


def test_an_answer_to_avoid_makes_rows_different(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"prompt": "Name a colour.", "chosen": "Blue.", "rejected": worse} for worse in ("A dog.", "The sea.", "A dog.")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    codes, made = semantic.embed_rows(Project.open("pairs", home=tmp_path).load(path), *load_encoder(str(STARTER)))
    assert codes.tolist() == [0, 1, 0] and len(made) == 2
