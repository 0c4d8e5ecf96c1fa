"""A user's own rules on answers: a regular expression, a JSON schema, a length."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from studio.errors import InputError

KINDS = ("regex", "json_schema", "length")
UNITS = ("characters", "words")


@dataclass(frozen=True)
class Rule:
    """What an answer must be. A row that breaks it is left out with the rule's `name` as its reason."""

    kind: str
    name: str = ""
    """what the reason says; made from the rule when empty"""
    pattern: str = ""
    """regex: must be found in the answer (RE2: no backreference or look-around, so that none runs forever)"""
    forbidden: bool = False
    """regex: must not be found instead"""
    schema: str = ""
    """json_schema: the schema as JSON (Draft 2020-12)"""
    minimum: int = 0
    maximum: int = 0
    """length: the least and the most of `unit`; 0 is no bound"""
    unit: str = "characters"

    @classmethod
    def of(cls, value: "Rule | Mapping[str, Any]") -> "Rule":
        """A rule from a rule or from its fields. Raises InputError for a field that is not known."""
        if isinstance(value, Rule):
            return value
        given = dict(value)
        known = [field.name for field in fields(cls)]
        unknown = [key for key in given if key not in known]
        if unknown or "kind" not in given:
            found = f"the field {', '.join(map(repr, unknown))}" if unknown else "no field 'kind'"
            raise InputError("A rule cannot be read", found, f"It has the fields {', '.join(known)}")
        if isinstance(given.get("schema"), Mapping):
            given["schema"] = json.dumps(given["schema"])
        wrong = [key for key, content in given.items() if type(content) is not type(getattr(cls, key, ""))]
        if wrong:
            found = ", ".join(f"{key} is {given[key]!r}" for key in wrong)
            raise InputError(
                "A rule cannot be read", found, "Patterns, schemas and names are text; bounds whole numbers"
            )
        return cls(**given)

    def plain(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {
            field.name: asdict(self)[field.name] for field in fields(self) if getattr(self, field.name) != field.default
        }

    @property
    def reason(self) -> str:
        if self.name:
            return self.name
        if self.kind == "regex":
            return f"{'matches' if self.forbidden else 'does not match'} {self.pattern}"
        if self.kind == "json_schema":
            return "not as the JSON schema says"
        bounds = [f"under {self.minimum:,}"] * bool(self.minimum) + [f"over {self.maximum:,}"] * bool(self.maximum)
        return f"{' or '.join(bounds)} {self.unit}"


def check(rules: Sequence[Rule]) -> None:
    """Raises InputError that names every mistake of every rule."""
    mistakes = [
        f"rule {number} ({rule.kind}): {mistake}" for number, rule in enumerate(rules, 1) for mistake in _mistakes(rule)
    ]
    if mistakes:
        raise InputError("The rules cannot be applied", "; ".join(mistakes), "Correct them and run again")


def broken(rules: Sequence[Rule], answers: Sequence[str]) -> list[str]:
    """For each answer the reason of the first rule that it breaks, or an empty text. Raises InputError as `check`."""
    check(rules)
    reasons = [""] * len(answers)
    for rule in rules:
        for at, holds in enumerate(_HOLDS[rule.kind](rule, answers)):
            if not holds and not reasons[at]:
                reasons[at] = rule.reason
    return reasons


def _found(pattern: str, texts: Sequence[str]) -> list[bool]:
    import pyarrow
    import pyarrow.compute

    encoded = pyarrow.array([text.encode("utf-8", "replace") for text in texts], pyarrow.large_binary())
    found: list[bool] = pyarrow.compute.match_substring_regex(encoded.cast(pyarrow.large_string()), pattern).to_pylist()
    return found


def _regex_holds(rule: Rule, answers: Sequence[str]) -> list[bool]:
    return [found != rule.forbidden for found in _found(rule.pattern, answers)]


def _length_holds(rule: Rule, answers: Sequence[str]) -> list[bool]:
    sizes = [len(answer.split()) if rule.unit == "words" else len(answer) for answer in answers]
    return [rule.minimum <= size and (not rule.maximum or size <= rule.maximum) for size in sizes]


def _schema_holds(rule: Rule, answers: Sequence[str]) -> list[bool]:
    validator = _validator(json.loads(rule.schema))

    def holds(answer: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(answer)))
        except (ValueError, RecursionError):
            return False

    return [holds(answer) for answer in answers]


def _validator(schema: Any) -> Any:
    """Draft 2020-12 with patterns in RE2 and without a network."""
    from jsonschema import Draft202012Validator, ValidationError, validators
    from referencing import Registry

    def pattern(validator: Any, given: str, value: Any, schema: Any) -> Any:
        if isinstance(value, str) and not _found(given, [value])[0]:
            yield ValidationError(f"{value!r} does not match {given!r}")

    return validators.extend(Draft202012Validator, {"pattern": pattern})(schema, registry=Registry())


def _mistakes(rule: Rule) -> list[str]:
    if rule.kind not in KINDS:
        return [f"there is no such kind; there are {', '.join(KINDS)}"]
    if rule.kind == "regex":
        return _pattern_mistakes(rule.pattern)
    if rule.kind == "json_schema":
        return _schema_mistakes(rule.schema)
    mistakes = [] if rule.unit in UNITS else [f"the unit is {rule.unit!r}, not {' or '.join(UNITS)}"]
    if rule.minimum < 0 or rule.maximum < 0 or not (rule.minimum or rule.maximum):
        mistakes.append(f"the bounds are {rule.minimum} and {rule.maximum}; give one over 0")
    elif 0 < rule.maximum < rule.minimum:
        mistakes.append(f"the most, {rule.maximum}, is under the least, {rule.minimum}")
    return mistakes


def _pattern_mistakes(pattern: str) -> list[str]:
    if not pattern:
        return ["the pattern is empty"]
    try:
        _found(pattern, [""])
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        return [f"{pattern!r} is no pattern of RE2 ({str(error).splitlines()[0]})"]
    return []


def _schema_mistakes(schema: str) -> list[str]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        value = json.loads(schema)
        Draft202012Validator.check_schema(value)
    except (ValueError, RecursionError) as error:
        return [f"the schema is not JSON ({error})"]
    except SchemaError as error:
        return [f"the schema is wrong at {error.json_path}: {error.message}"]
    mistakes = []
    for key, given in _entries(value):
        if key == "$ref" and not str(given).startswith("#"):
            mistakes.append(f"the schema refers to {given!r}, which is not within it")
        if key == "patternProperties":
            mistakes.append("patternProperties is not supported")
        if key == "pattern" and isinstance(given, str):
            mistakes += _pattern_mistakes(given)
    return mistakes + ([] if mistakes else _unresolved(value))


def _unresolved(schema: Any) -> list[str]:
    from referencing.exceptions import Unresolvable

    samples: tuple[Any, ...] = ({}, [], "", 0)
    for value in samples:
        try:
            _validator(schema).is_valid(value)
        except Unresolvable as error:
            return [f"the schema refers to {error.ref!r}, which is not within it"]
        except RecursionError:
            return ["the schema refers to itself without an end"]
    return []


def _entries(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [*value.items(), *(entry for inner in value.values() for entry in _entries(inner))]
    return [entry for inner in value for entry in _entries(inner)] if isinstance(value, list) else []


_HOLDS = {"regex": _regex_holds, "json_schema": _schema_holds, "length": _length_holds}
