"""Names of persons, places and the like by Microsoft Presidio, where it is installed and a spaCy model with it.

Nothing is downloaded. The work is done in a process of its own (`python -m studio.data.presidio IN OUT`): spaCy imports
torch where that is installed, which the page process never does.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from studio.errors import InputError

ENTITIES = {
    "name of a person": "PERSON", "place": "LOCATION", "nationality, religion or politics": "NRP",
    "US social security number": "US_SSN", "US passport number": "US_PASSPORT", "wallet address": "CRYPTO",
}  # fmt: skip
KINDS = tuple(ENTITIES)
MASKS = {
    "name of a person": "[NAME]", "place": "[PLACE]", "nationality, religion or politics": "[GROUP]",
    "US social security number": "[SSN]", "US passport number": "[PASSPORT]", "wallet address": "[WALLET]",
}  # fmt: skip
MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
"""spaCy models, the best first"""
LEAST_SCORE = 0.5
FIRST = "Alex Robin Sam Kim Jo Sasha Charlie Noor Rene Dana Mika Toni".split()
LAST = "Field Hill Brook Stone Lake Wood Moor Ford Dale Grove Marsh Ridge".split()
HOW_TO = "“pip install presidio-analyzer”, then “python -m spacy download en_core_web_lg”, and start the studio again"


def model() -> str | None:
    """The spaCy model that is used; None when Presidio or every one of MODELS is missing."""
    if not _is_there("presidio_analyzer"):
        return None
    return next((name for name in MODELS if _is_installed(name)), None)


def state() -> str:
    """Whether it is in use, in words, and how to get it where it is not."""
    if (chosen := model()) is not None:
        return f"Presidio is in use, with {chosen}: names, places and more in English texts. It takes longer than the other kinds."
    if _is_there("presidio_analyzer"):
        found = "Presidio is installed, but no spaCy model for it"
    else:
        found = "Presidio is not installed"
    return f"{found}: names of persons and places are not looked for. To have it: {HOW_TO}."


def find(texts: Sequence[str], kinds: Sequence[str]) -> Iterator[tuple[int, list[tuple[str, int, int]]]]:
    """(place of the text, its details: kind, start, end) for each text that has any of these KINDS. Raises InputError
    when the process fails."""
    number: dict[str, int] = {}
    codes = [number.setdefault(text, len(number)) for text in texts]
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        asked, told = Path(folder) / "asked.jsonl", Path(folder) / "told.jsonl"
        with open(asked, "w", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps([ENTITIES[kind] for kind in kinds]) + "\n")
            file.writelines(json.dumps(text) + "\n" for text in number)
        command = [sys.executable, "-m", "studio.data.presidio", str(asked), str(told)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise InputError(
                "Presidio could not look through the texts", words[:300], "Leave its kinds out, or repair it"
            )
        with open(told, encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
    named = {entity: kind for kind, entity in ENTITIES.items()}
    for at, code in enumerate(codes):
        if found[code]:
            yield at, [(named[entity], start, end) for entity, start, end in found[code]]


def made_up(kind: str, random: Random) -> str:
    """A value in place of one of a kind."""
    digits = "".join(str(random.randint(0, 9)) for _ in range(9))
    return {
        "name of a person": f"{random.choice(FIRST)} {random.choice(LAST)}",
        "place": f"{random.choice(LAST)}{random.choice(('ton', 'ville', 'stead'))}",
        "US social security number": f"9{digits[:2]}-{digits[2:4]}-{digits[4:8]}",  # 9xx is given to nobody
        "US passport number": digits,
        "wallet address": "1" + "".join(random.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(33)),
    }.get(kind, "a group")


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _is_installed(name: str) -> bool:
    """As spaCy sees it: Presidio has a model downloaded that is there without being installed as a package."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _analyzer() -> Any:
    """Presidio over the spaCy model that is there; its own default would download one."""
    from presidio_analyzer import AnalyzerEngine  # type: ignore[import-not-found]
    from presidio_analyzer.nlp_engine import NlpEngineProvider  # type: ignore[import-not-found]

    models = [{"lang_code": "en", "model_name": model()}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    return AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])


def main(asked: Path, told: Path) -> None:
    """The process: one line of found details for each line of text; of two that overlap the surer one stays."""
    analyzer = _analyzer()
    with open(asked, encoding="utf-8") as texts, open(told, "w", encoding="utf-8") as found:
        entities = json.loads(next(texts))
        for line in texts:
            given = analyzer.analyze(json.loads(line), language="en", entities=entities, score_threshold=LEAST_SCORE)
            kept: list[Any] = []
            for one in sorted(given, key=lambda one: (-one.score, one.start)):
                if all(one.end <= other.start or one.start >= other.end for other in kept):
                    kept.append(one)
            kept.sort(key=lambda one: one.start)
            found.write(json.dumps([(one.entity_type, one.start, one.end) for one in kept]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
