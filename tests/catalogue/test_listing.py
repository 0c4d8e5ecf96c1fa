import json
import shutil
from pathlib import Path

import pytest

from studio import ForbiddenError, InputError, NotFoundError, Project, Recipe, models
from studio.catalogue.listing import Known
from studio.catalogue.remote import Found
from tests.families import make_model
from tests.hub_server import TOKEN, HubServer, put_into_cache

SIZE = (models.STARTER / "model.safetensors").stat().st_size


def test_starter_then_cache_then_folders_that_were_used(project: Project, cache: Path, tmp_path: Path) -> None:
    assert project.models() == [Known("starter", "starter", SIZE)]
    put_into_cache(cache, "maker/whole", models.STARTER)
    shutil.rmtree(put_into_cache(cache, "maker/part", models.STARTER))
    encoder = tmp_path / "encoder"
    shutil.copytree(models.STARTER, encoder)
    (encoder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    put_into_cache(cache, "maker/encoder", encoder)
    used, gone = make_model(tmp_path / "used", "qwen2"), tmp_path / "gone"
    other = Project.open("another", home=project.home)
    for number, model in enumerate(["starter", str(used), str(gone), "maker/whole"]):
        place = other.folder / "runs" / f"run-{number}" / "recipe.json"
        place.parent.mkdir(parents=True)
        place.write_text(Recipe(model=model).to_json())
    found = project.models()
    assert [(one.model, one.where) for one in found] == [
        ("starter", "starter"), ("maker/whole", "cache"), (str(used), "folder"),
    ]  # fmt: skip
    assert found[1].bytes == SIZE


def test_the_hub_is_searched_by_a_part_of_the_name(project: Project, server: HubServer, cache: Path) -> None:
    server.models["maker/closed-starter"] = server.models["maker/starter"]
    server.gated.add("maker/closed-starter")
    assert project.search_models("st") == [] and server.searches == []
    found = project.search_models(" starter ")
    assert found == [Found("maker/starter", 1_234_567, False, False), Found("maker/closed-starter", 1_234_567, True, False)]  # fmt: skip
    assert server.searches[0]["filter"] == ["text-generation", "safetensors"]


def test_a_hub_that_is_not_there_is_said_shortly(
    project: Project, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    for address in ("https://hub.invalid", "http://127.0.0.1:9"):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        with pytest.raises(NotFoundError, match="The Hub does not answer.*this machine work without it"):
            project.search_models("llama")
        assert "does not answer" in project.look_at_model("maker/starter").problem


def test_a_machine_that_is_to_stay_offline_asks_nobody(
    project: Project, server: HubServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_into_cache(cache, "maker/whole", models.STARTER)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(NotFoundError, match="HF_HUB_OFFLINE is set"):
        project.search_models("starter")
    assert project.look_at_model("maker/whole").where == "cache" and server.searches == []


def test_what_a_model_is_before_it_is_here(project: Project, server: HubServer, cache: Path, tmp_path: Path) -> None:
    found = project.look_at_model("maker/starter")
    assert (found.where, found.family, found.bytes, found.why_not) == ("hub", "llama", SIZE, "")
    assert found.missing > SIZE and found.parameters == 3_463_424 and not found.gated
    assert not (cache / "models--maker--starter" / "blobs").exists() or not any(
        path.stat().st_size == SIZE for path in (cache / "models--maker--starter" / "blobs").iterdir()
    )
    server.gated.add("maker/starter")
    shutil.rmtree(cache)
    closed = project.look_at_model("maker/starter")
    assert closed.gated and "is gated" in closed.problem and closed.bytes == SIZE
    project.use_token(TOKEN)
    try:
        assert project.look_at_model("maker/starter").problem == ""
    finally:
        project.use_token(None)
    assert "There is no model maker/nothing on the Hub" in project.look_at_model("maker/nothing").problem
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertForMaskedLM"]}))
    (encoder / "model.safetensors").write_bytes(b"1")
    server.models["maker/encoder"] = encoder
    assert "BertForMaskedLM" in project.look_at_model("maker/encoder").why_not
    (encoder / "model.safetensors").rename(encoder / "pytorch_model.bin")
    assert "no safetensors weights. found: pytorch_model.bin" in project.look_at_model("maker/encoder").problem


def test_a_template_that_was_chosen_is_said(project: Project, tmp_path: Path) -> None:
    own = project.look_at_model("starter")
    assert own.brings_template and "<|assistant|>On its way." in own.sample
    given = project.look_at_model(str(make_model(tmp_path / "base", "gpt2")))
    assert given.brings_template is False
    assert (
        "### User:\nWhere is my parcel?" in given.sample and "### Assistant:\nOn its way.<|endoftext|>" in given.sample
    )


def test_the_demo_has_the_starter_and_nothing_else(project: Project, cache: Path) -> None:
    put_into_cache(cache, "maker/whole", models.STARTER)
    demo = Project.open("models", home=project.home, demo=True)
    assert [one.model for one in demo.models()] == ["starter"] and demo.look_at_model("starter").where == "starter"
    for refused in (
        lambda: demo.search_models("starter"),
        lambda: demo.look_at_model("maker/whole"),
        lambda: demo.look_at_model("/etc"),
        lambda: demo.start_download("maker/starter"),
        lambda: demo.model_code("maker/whole"),
        lambda: demo.allow_code("maker/whole", {"a.py": ""}),
        lambda: demo.withdraw_code("maker/whole"),
        lambda: demo.allowed_code(),
        lambda: demo.use_token(TOKEN),
    ):
        with pytest.raises(ForbiddenError):
            refused()


def test_a_name_that_is_nothing_is_refused(project: Project) -> None:
    with pytest.raises(NotFoundError, match="no folder of this machine and no Hub id"):
        project.look_at_model("nothing")
    with pytest.raises(InputError, match="on this machine already"):
        project.start_download("starter")
