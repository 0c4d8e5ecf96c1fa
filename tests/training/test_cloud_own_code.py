"""A model with code of its own on a rented machine: what the owner allowed of it goes along, and nothing else is trained."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from studio import InputError, Project, Recipe, consent, model_files, models, store
from studio.examples import Dataset
from studio.training.cloud import package, start
from tests.own_code import make_model


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.open("clouds", home=tmp_path / "home")


@pytest.fixture
def rows(project: Project) -> Dataset:
    said = [json.dumps({"prompt": f"Ticket {at}: help.", "completion": f"Ticket {at}."}) for at in range(4)]
    return project.load(pasted="\n".join(said), name="rows")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "tiny", tmp_path / "it-ran")


def recipe_of(model: Path | str) -> Recipe:
    return Recipe(model=str(model), method="lora", epochs=1, samples=0, max_length=64, targets=["q_proj", "v_proj"])


def allow(project: Project, model: Path) -> consent.Consent:
    return consent.give(project.home, str(model), model, model_files.code_hashes(model))


def rented(place: Path) -> "subprocess.CompletedProcess[str]":
    """The package as another machine starts it, which knows nothing of this one's home."""
    given = {
        **os.environ, "STUDIO_BUCKET": str(place / "bucket"), "STUDIO_HOME": str(place / "home"), "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "", "HF_MODULES_CACHE": str(place / "modules"),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "start.py"], cwd=place / "package", env=given, capture_output=True, text=True, timeout=180
    )


def test_what_nobody_allowed_is_refused_before_anything_is_written(
    project: Project, rows: Dataset, model: Path, tmp_path: Path
) -> None:
    def refused(words: str) -> None:
        with pytest.raises(InputError, match=words):
            project.cloud_files(rows, recipe_of(model), provider="kubernetes", gpus="two")
        assert not (project.folder / "exports").exists()

    refused("gpus.*nobody allowed.*modeling_tiny.py.*tab 3")
    allow(project, model)
    (model / "modeling_tiny.py").write_text("import os")
    refused("gpus.*has changed since it was allowed")
    assert not (tmp_path / "it-ran").exists()


def test_what_was_allowed_goes_along_and_holds_for_the_same_files_alone(
    project: Project, rows: Dataset, model: Path, tmp_path: Path
) -> None:
    allow(project, make_model(tmp_path / "other", tmp_path / "it-ran"))
    given = allow(project, model)
    files = project.cloud_files(rows, recipe_of(model))
    shutil.copytree(files.folder / "package", tmp_path / "machine" / "package")
    about = store.read_json(tmp_path / "machine" / "package" / "package.json")
    assert about["allowed"] == {"given": given.given, "files": given.files}
    there = tmp_path / "machine" / "package" / "model" / "modeling_tiny.py"
    before = there.read_text()
    there.write_text(before + "\n# one line more\n")
    done = rented(tmp_path / "machine")
    assert done.returncode == start.IN_VAIN and "Nothing was trained." in done.stdout, done.stdout + done.stderr
    assert "has changed since it was allowed" in done.stdout and not (tmp_path / "it-ran").exists()

    there.write_text(before)
    done = rented(tmp_path / "machine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "it-ran").exists() and (tmp_path / "machine" / "bucket" / "adapter").is_dir()
    kept = consent.listed(tmp_path / "machine" / "home")
    assert [(one.model, one.files) for one in kept] == [(str(there.parent), given.files)]


def test_a_model_that_needs_no_code_takes_no_consent_along(
    project: Project, rows: Dataset, model: Path, tmp_path: Path
) -> None:
    allow(project, model)
    plain = shutil.copytree(models.STARTER, tmp_path / "plain")
    for name in (str(plain), "starter", "owner/not-here"):
        assert package.allowed_code(project.home, name) is None
    files = project.cloud_files(rows, recipe_of(plain))
    assert store.read_json(files.folder / "package" / "package.json")["allowed"] is None


def test_code_that_the_machine_would_fetch_from_the_hub_is_refused(
    project: Project, rows: Dataset, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent.give(project.home, "owner/tiny", model, model_files.code_hashes(model))
    monkeypatch.setattr(model_files, "cached_folder", lambda *_: model)
    with pytest.raises(InputError, match=f"rented machine.*owner/tiny.*choose its folder.* {model}"):
        project.cloud_files(rows, recipe_of("owner/tiny"))
