"""A model's own code runs only when the owner allowed exactly that code, wherever the model is loaded."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio import InputError, Project, Recipe, consent, model_files, models
from studio.inference import server
from tests.jobs_here import work_here
from tests.own_code import make_model


@pytest.fixture(autouse=True, scope="module")
def _modules_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where transformers copies code to before it runs it."""
    folder = str(tmp_path_factory.mktemp("modules"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", folder)
        patch.syspath_prepend(folder)
        _forget_modules()  # another test may have had them elsewhere
        yield
    _forget_modules()


def _forget_modules() -> None:
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def model(tmp_path: Path, marker: Path) -> Path:
    return make_model(tmp_path / "tiny", marker)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return Project.open("own", home=tmp_path / "home").home


def allow(home: Path, model: Path) -> consent.Consent:
    return consent.give(home, str(model), model, model_files.code_hashes(model))


def test_without_consent_it_is_refused_and_never_run(home: Path, model: Path, marker: Path, monkeypatch) -> None:
    monkeypatch.setenv("TRUST_REMOTE_CODE", "1")
    for place in (None, home):
        with pytest.raises(InputError, match="nobody allowed.*modeling_tiny.py.*tab 3"):
            models.load(model, home=place)
    allow(home, model)
    with pytest.raises(InputError, match="nobody allowed"):
        models.load(model)  # no home, no consent
    assert not marker.exists()


def test_with_consent_it_runs_until_it_changes_or_is_withdrawn(home: Path, model: Path, marker: Path) -> None:
    given = allow(home, model)
    assert set(given.files) == {"configuration_tiny.py", "modeling_tiny.py"} and consent.listed(home) == [given]
    assert type(models.load(model, home=home)[0]).__name__ == "TinyForCausalLM"
    assert marker.exists()
    marker.unlink()
    code = model / "modeling_tiny.py"
    before = code.read_text()
    code.write_text(before + "\n# one line more\n")
    with pytest.raises(InputError, match="has changed since it was allowed"):
        models.load(model, home=home)
    code.write_text(before)
    (model / "another.py").write_text("")
    with pytest.raises(InputError, match="has changed.*another.py"):
        models.load(model, home=home)
    (model / "another.py").unlink()
    consent.withdraw(home, str(model))
    with pytest.raises(InputError, match="nobody allowed"):
        models.load(model, home=home)
    assert not marker.exists() and consent.listed(home) == []


def test_it_counts_for_this_model_and_this_home_alone(home: Path, model: Path, tmp_path: Path) -> None:
    allow(home, model)
    twin = make_model(tmp_path / "twin" / "tiny", tmp_path / "it-ran")
    for place, other in ((twin, home), (model, tmp_path / "other-home")):
        with pytest.raises(InputError, match="nobody allowed"):
            models.load(place, home=other)


def test_only_what_was_read_is_allowed(home: Path, model: Path) -> None:
    read = model_files.code_hashes(model)
    (model / "modeling_tiny.py").write_text("import os")
    with pytest.raises(InputError, match="changed while you read it"):
        consent.give(home, str(model), model, read)
    assert consent.listed(home) == []


def test_code_in_another_repository_is_refused_though_allowed(home: Path, model: Path, marker: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["auto_map"]["AutoModelForCausalLM"] = "owner/code--modeling_tiny.TinyForCausalLM"
    (model / "config.json").write_text(json.dumps(config))
    allow(home, model)
    with pytest.raises(InputError, match="code that lies elsewhere.*owner/code"):
        models.load(model, home=home)
    assert not marker.exists()


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_it_holds_from_training_to_export(home: Path, model: Path, tmp_path: Path, method: str) -> None:
    rows = [json.dumps({"prompt": f"Greet {name}.", "completion": "Hello."}) for name in ("Ola", "Mia", "Tom", "Ada")]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    project = Project.open("own", home=home)
    data = project.load(tmp_path / "rows.jsonl")
    recipe = Recipe(model=str(model), method=method, epochs=1, samples=0, evaluations=1, max_length=128)  # type: ignore[arg-type]
    request = {"model": str(model), "quantisation": recipe.quantisation, "full": method == "full"}
    with pytest.MonkeyPatch.context() as patch:
        work_here(patch)
        with pytest.raises(InputError, match="nobody allowed"):
            project.train(data, recipe)
        allow(home, model)
        run = project.train(data, recipe)
        assert project.evaluate(run, data).answers["tuned"].notna().all()
        assert project.export(run, "merged").parity is not None
        request["adapter_folder"] = str(run.adapter_folder)
        server._load(request, None, home)  # type: ignore[arg-type]
        consent.withdraw(home, str(model))
        for use in (
            lambda: project.train(data, recipe),
            lambda: project.evaluate(run, data),
            lambda: project.export(run, "merged"),
            lambda: server._load(request, None, home),  # type: ignore[arg-type]
        ):
            with pytest.raises(InputError, match="nobody allowed"):
                use()
