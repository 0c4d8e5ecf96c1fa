"""Questions with choices: the choices are asked along, and the one that is right is answered in its own words."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from studio.data.conversations import BadRowError, from_json
from studio.data.rows import as_text, clean, is_absent, is_number
from studio.errors import InputError

WORDS = 5


def asked_along(question: str, given: Any) -> str:
    """The question with its choices below it, each after its letter or number. Raises BadRowError for what are none."""
    return "\n".join([f"{question}\n", *(f"{label}. {text}" for label, text in choices_of(given).items())])


def chosen(given: Any, answer: Any) -> str:
    """The text of the choice that `answer` means: by its text, by its letter, or by its place, counted from 0; an answer
    in words of its own (more than WORDS) stays as it is. Raises BadRowError where it means none."""
    choices = choices_of(given)
    said = answer.strip() if isinstance(answer, str) else as_text(answer)
    if said is None or is_absent(said):
        raise BadRowError("answer is missing")
    if said in choices.values():
        return said
    by_label = {label.upper(): text for label, text in choices.items()}
    if (label := said.strip("().").upper()) in by_label:
        return by_label[label]
    texts = list(choices.values())
    place = _place(said)
    if place is None and len(said.split()) > WORDS:
        return clean(said)
    if place is None or not 0 <= place < len(texts):
        last = len(texts) - 1
        raise BadRowError(f"answer {said!r:.40} is none of the choices, nor a place of one from 0 to {last}")
    return texts[place]


def choices_of(given: Any) -> dict[str, str]:
    """The choices by their letters: of a list, of {"text": [...], "label": [...]} or of {"A": ...}; JSON text of these too.
    Raises BadRowError for anything else."""
    value = from_json(given, "choices")
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        texts, labels = value["text"], value.get("label")
    elif isinstance(value, Mapping):
        texts, labels = list(value.values()), list(value)
    else:
        texts, labels = value, None
    if not isinstance(texts, list) or not 2 <= len(texts) <= len(ascii_uppercase):
        raise BadRowError("choices are not a list of two to 26")
    said = [_text(text) for text in texts]
    named = list(map(str, labels)) if isinstance(labels, list) and len(labels) == len(said) else ascii_uppercase
    return dict(zip(named, said, strict=False))


def doubt(rows: Sequence[tuple[Any, Any]]) -> InputError | None:
    """The question to ask of (choices, answer) pairs whose answers seem to count from 1: the last place is there, which
    counted from 0 is none, and place 0 is not."""
    places: list[tuple[int, int]] = []
    for given, answer in rows:
        try:
            choices = choices_of(given)
        except BadRowError:
            continue
        said = answer.strip() if isinstance(answer, str) else as_text(answer)
        if said and said not in choices.values() and said not in choices and (place := _place(said)) is not None:
            places.append((place, len(choices)))
    over = [place for place, count in places if place == count]
    if not over or any(place == 0 for place, _ in places):
        return None
    found = f"answer {over[0]} of {over[0]} choices, and 0 nowhere in {len(places)} rows"
    return InputError(
        "The answers seem to count the choices from 1", found, "Count from 0, or write the right choice's text"
    )


def _place(said: str) -> int | None:
    return int(float(said)) if is_number(said) and float(said).is_integer() else None


def _text(choice: Any) -> str:
    text = choice.get("text") if isinstance(choice, Mapping) else choice
    said = text if isinstance(text, str) else as_text(text)
    if said is None or not said.strip():
        raise BadRowError("a choice is no text")
    return clean(said.strip())
