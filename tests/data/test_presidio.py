"""Presidio where it is installed. No model of spaCy can be had without a network, so that Presidio and spaCy are played
by modules written here: what is tested is everything up to their edge, and what they are asked."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from studio import InputError, Project
from studio.data import presidio, privacy

ANALYZER = """
import json, os, re
from collections import namedtuple
from presidio_analyzer.nlp_engine import NlpEngineProvider
Result = namedtuple("Result", "entity_type start end score")
PATTERNS = {"PERSON": (r"Ada (?:Byron|Lovelace)|Byron", 0.85), "LOCATION": (r"Byron Bay|Paris", 0.9), "US_SSN": (r"\\d{3}-\\d{2}-\\d{4}", 0.3)}

class AnalyzerEngine:
    def __init__(self, nlp_engine=None, supported_languages=None):
        assert supported_languages == ["en"]
        with open(os.environ["ASKED_OF_PRESIDIO"], "w") as file:
            json.dump(nlp_engine, file)

    def analyze(self, text, language, entities=None, score_threshold=None):
        assert language == "en"
        if "explode" in text:
            raise RuntimeError("the model is broken")
        return [Result(entity, *match.span(), score) for entity, (pattern, score) in PATTERNS.items() if entity in entities
                and score >= score_threshold for match in re.finditer(pattern, text)]
"""
ENGINE = """
class NlpEngineProvider:
    def __init__(self, nlp_configuration=None):
        self.configuration = nlp_configuration

    def create_engine(self):
        return self.configuration
"""
PEOPLE = ("name of a person", "place")


def place(folder: Path, model: str | None) -> None:
    package = folder / "presidio_analyzer"
    package.mkdir()
    (package / "__init__.py").write_text(ANALYZER)
    (package / "nlp_engine.py").write_text(ENGINE)
    if model:
        (folder / model).mkdir()
        (folder / model / "__init__.py").touch()
        about = folder / f"{model}-3.8.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {model}\nVersion: 3.8.0\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the modules, with the smallest model."""
    folder = tmp_path / "modules"
    folder.mkdir()
    place(folder, "en_core_web_sm")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("ASKED_OF_PRESIDIO", str(folder / "asked.json"))
    return folder


def rows(*texts: str) -> pd.DataFrame:
    messages = [[{"role": "user", "content": text}] for text in texts]
    return pd.DataFrame(
        {"id": [f"r{at}" for at in range(len(texts))], "messages": messages, "flags": [[] for _ in texts]}
    )


def test_without_it_the_kinds_are_refused_and_it_is_said_how_to_get_them() -> None:
    if presidio.model() is not None:
        pytest.skip("Presidio is installed here")
    kinds, words = Project.more_private_kinds()
    assert kinds == () and "not installed" in words and "pip install presidio-analyzer" in words
    with pytest.raises(InputError, match="Presidio is not installed"):
        privacy.redact(rows("Ada Byron"), kinds=["name of a person"])


def test_without_a_model_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, None)
    (tmp_path / "en_core_web_sm").mkdir()  # a folder that is not installed: Presidio would have it downloaded
    (tmp_path / "en_core_web_sm" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    kinds, words = Project.more_private_kinds()
    assert kinds == () and "no spaCy model" in words and "spacy download" in words
    with pytest.raises(InputError, match="no spaCy model"):
        privacy.count(rows("Ada Byron"), kinds=["place"])


def test_names_and_places_stand_beside_our_own_kinds(installed: Path) -> None:
    assert Project.more_private_kinds()[0] == presidio.KINDS and "en_core_web_sm" in presidio.state()
    texts = [
        "Ada Byron lives in Paris, ada@example.org.",
        "nothing",
        "Ada Byron lives in Paris, ada@example.org.",
        "Byron Bay",
    ]
    kinds = (*PEOPLE, "e-mail address")
    found = privacy.find_batch(texts, kinds)
    said = [
        [(detail.kind, text[detail.start : detail.end]) for detail in details]
        for details, text in zip(found, texts, strict=True)
    ]
    person = [("name of a person", "Ada Byron"), ("place", "Paris"), ("e-mail address", "ada@example.org")]
    assert said == [person, [], person, [("place", "Byron Bay")]]  # of two that overlap the surer one
    asked = json.loads((installed / "asked.json").read_text())
    assert asked == {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm"}]}
    assert "presidio_analyzer" not in sys.modules  # a process of its own did it
    masked, _ = privacy.redact(rows(*texts), kinds=kinds)
    assert [row[0]["content"] for row in masked["messages"]] == [
        "[NAME] lives in [PLACE], [EMAIL].", "nothing", "[NAME] lives in [PLACE], [EMAIL].", "[PLACE]"
    ]  # fmt: skip
    made = [row[0]["content"] for row in privacy.redact(rows(*texts), kinds=PEOPLE, how="replace")[0]["messages"]]
    assert made[0] == made[2] and "Ada Byron" not in made[0] and "Paris" not in made[0] and "ada@example.org" in made[0]
    assert privacy.redact(rows(*texts), kinds=PEOPLE, how="drop")[1]["reason"].tolist() == [
        "has name of a person, place", "has name of a person, place", "has place"
    ]  # fmt: skip
    assert privacy.count(rows("123-45-6789"), kinds=["US social security number"]) == {
        "US social security number": 0
    }  # unsure
    assert set(privacy.count(rows(*texts))) == set(privacy.KINDS)  # only where it is asked for


def test_one_that_fails_is_one_clear_word(installed: Path) -> None:
    with pytest.raises(InputError, match="could not look.*the model is broken"):
        privacy.count(rows("explode"), kinds=["place"])


def test_every_kind_has_a_mask_and_something_in_its_place() -> None:
    from random import Random

    assert set(presidio.MASKS) == set(presidio.KINDS) and not set(presidio.KINDS) & set(privacy.KINDS)
    assert all(presidio.made_up(kind, Random(1)) for kind in presidio.KINDS)
