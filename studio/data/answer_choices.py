"""Questions with choices: the choices are asked along, and the one that is right is answered in its own words."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from studio.data.conversations import BadRowError, from_json
from studio.data.rows import as_text, clean, is_absent, is_number
from studio.errors import InputError

WORDS = 5
TRUTH = {"true": ("true", "yes"), "yes": ("true", "yes"), "false": ("false", "no"), "no": ("false", "no")}


class Choices(NamedTuple):
    """`by_label` has the texts by their labels, which the file gives itself where it `has_labels`; `are_numbers` where
    its choices are numbers and no texts."""

    by_label: dict[str, str]
    has_labels: bool
    are_numbers: bool

    @property
    def texts(self) -> list[str]:
        return list(self.by_label.values())

    @property
    def are_counted(self) -> bool:
        """Whether a number may be a place: not where the file's own labels are numbers."""
        return not (self.has_labels and all(map(is_number, self.by_label)))

    def labelled(self, said: str) -> str | None:
        wanted = said.strip("().").upper()
        return next((text for label, text in self.by_label.items() if label.upper() == wanted), None)

    def at(self, said: str) -> str | None:
        """The text of the choice whose place is said, counted from 0."""
        place, texts = _place(said), self.texts
        return texts[place] if self.are_counted and place is not None and 0 <= place < len(texts) else None


def asked_along(question: str, given: Any) -> str:
    """The question with its choices below it, each after its letter or number. Raises BadRowError for what are none."""
    return "\n".join([f"{question}\n", *(f"{label}. {text}" for label, text in choices_of(given).by_label.items())])


def chosen(given: Any, answer: Any) -> str:
    """The text of the choice that `answer` means: by the file's own label of it; a number by its place, counted from 0; a
    text by the choice's text, its letter or its place; true and false also by yes and no. An answer in words of its own
    (more than WORDS) stays as it is. Raises BadRowError where it means none, or may mean two."""
    choices = choices_of(given)
    said = _said(answer)
    if said is None or is_absent(said):
        raise BadRowError("answer is missing")
    by_label = choices.labelled(said)
    if choices.has_labels and by_label is not None:
        return by_label
    by_text = said if said in choices.texts else None
    by_place = choices.at(said)
    if isinstance(answer, str):
        meant, types_tell = (by_text, by_label, by_place), not isinstance(given, str)  # a cell of CSV has no type
    else:
        meant, types_tell = (by_place, by_text, None), not choices.are_numbers
    found = dict.fromkeys(text for text in meant if text is not None)
    if len(found) > 1 and not types_tell:
        other = "letter" if by_label is not None else "place"
        raise BadRowError(f"answer {said!r:.40} is the text of one choice and the {other} of another; write its letter")
    return next(iter(found), None) or _in_words(choices, said)


def _in_words(choices: Choices, said: str) -> str:
    """The choice that says true or false as the answer does, or the answer's own words."""
    truth = TRUTH.get(said.lower(), ())
    if true := [text for text in choices.texts if text.lower() in truth]:
        return true[0]
    if len(said.split()) > WORDS and _place(said) is None:
        return clean(said)
    places = f", nor a place of one from 0 to {len(choices.texts) - 1}" if choices.are_counted else ""
    raise BadRowError(f"answer {said!r:.40} is none of the choices{places}")


def choices_of(given: Any) -> Choices:
    """The choices of a list, of {"text": [...], "label": [...]} or of {"A": ...}; JSON text of these too.
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
    has_labels = isinstance(labels, list) and len(set(map(str, labels))) == len(said)
    named = map(str, labels) if has_labels and labels else ascii_uppercase
    are_numbers = all(isinstance(text, int | float) for text in texts)
    return Choices(dict(zip(named, said, strict=False)), has_labels, are_numbers)


def doubt(rows: Sequence[tuple[Any, Any]]) -> InputError | None:
    """The question to ask of (choices, answer) pairs whose numbers seem to count from 1 (the last place is there, which
    counted from 0 is none, and place 0 is not), or may be the texts of choices as well as places."""
    places: list[tuple[int, int]] = []
    texts: list[str] = []
    either: list[str] = []
    for given, answer in rows:
        try:
            choices = choices_of(given)
        except BadRowError:
            continue
        said = _said(answer)
        place = _place(said) if said else None
        if not said or place is None or not choices.are_counted or choices.labelled(said) is not None:
            continue
        if said not in choices.texts:
            places.append((place, len(choices.by_label)))
        elif not isinstance(answer, str) and (at := choices.at(said)) != said:
            (texts if at is None else either).append(said)
    if texts and either:
        return InputError(
            "It is not sure whether numbers as answers are the texts of choices or places",
            f"answer {texts[0]} is a choice's text and no place, answer {either[0]} the text of one and the place of another",
            "Write the letter of the right choice, or its text in quotes",
        )
    return _counted_from_one(places)


def _counted_from_one(places: list[tuple[int, int]]) -> InputError | None:
    over = [place for place, count in places if place == count]
    if not over or any(place == 0 for place, _ in places):
        return None
    found = f"answer {over[0]} of {over[0]} choices, and 0 nowhere in {len(places)} rows"
    return InputError(
        "The answers seem to count the choices from 1", found, "Count from 0, or write the right choice's text"
    )


def _said(answer: Any) -> str | None:
    return answer.strip() if isinstance(answer, str) else as_text(answer)


def _place(said: str) -> int | None:
    return int(float(said)) if is_number(said) and float(said).is_integer() else None


def _text(choice: Any) -> str:
    text = choice.get("text") if isinstance(choice, Mapping) else choice
    said = text if isinstance(text, str) else as_text(text)
    if said is None or not said.strip():
        raise BadRowError("a choice is no text")
    return clean(said.strip())
