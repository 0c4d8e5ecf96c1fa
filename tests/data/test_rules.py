"""Custom rules: what breaks them, what is wrong with them, and that none runs forever."""

import time
from typing import Any

import pytest

from studio import InputError
from studio.data import rules
from studio.data.rules import Rule

SCHEMA = {
    "type": "object", "required": ["team"], "properties": {"team": {"enum": ["a", "b"]}, "order": {"pattern": "^[A-Z]{2}-[0-9]+$"}},
}  # fmt: skip


def broken(rule: dict[str, Any], *answers: str) -> list[bool]:
    return [bool(reason) for reason in rules.broken([Rule.of(rule)], answers)]


def test_each_kind() -> None:
    assert broken({"kind": "regex", "pattern": "^[A-Z]"}, "Yes", "no", "") == [False, True, True]
    assert broken({"kind": "regex", "pattern": r"(?i)\bhotel\b", "forbidden": True}, "The Hotel", "hotels") == [
        True,
        False,
    ]
    assert broken({"kind": "length", "minimum": 2, "maximum": 4}, "a", "ab", "abcde") == [True, False, True]
    assert broken({"kind": "length", "maximum": 2, "unit": "words"}, "one two", "one two three") == [False, True]
    answers = ('{"team": "a", "order": "AB-1"}', '{"team": "c"}', '{"team": "a", "order": "x"}', "{}", "no JSON", "[1]")
    assert broken({"kind": "json_schema", "schema": SCHEMA}, *answers) == [False, True, True, True, True, True]


def test_the_first_broken_rule_gives_the_reason() -> None:
    both = [Rule("length", maximum=3), Rule("regex", name="speaks of a cat", pattern="cat", forbidden=True)]
    assert rules.broken(both, ["cat", "a cat", "dog"]) == ["speaks of a cat", "over 3 characters", ""]
    assert Rule.of(both[1].plain()) == both[1]


@pytest.mark.parametrize(("rule", "word"), [
    ({"kind": "regex", "pattern": "["}, "missing ]"), ({"kind": "regex", "pattern": "(?=a)"}, "RE2"), ({"kind": "regex"}, "empty"), ({"kind": "shape"}, "no such kind"),
    ({"kind": "json_schema", "schema": "{"}, "not JSON"), ({"kind": "json_schema", "schema": {"type": "shape"}}, "shape"), ({"kind": "length"}, "over 0"),
    ({"kind": "json_schema", "schema": {"$ref": "http://example.org/a.json"}}, "example.org"), ({"kind": "json_schema", "schema": {"$ref": "#"}}, "without an end"),
    ({"kind": "json_schema", "schema": {"properties": {"a": {"pattern": "(?<=a)b"}}}}, "RE2"), ({"kind": "length", "minimum": 5, "maximum": 2}, "under the least"),
    ({"kind": "length", "maximum": 5, "unit": "pages"}, "pages"),
])  # fmt: skip
def test_what_is_wrong_with_a_rule(rule: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError) as caught:
        rules.check([Rule.of(rule), Rule("odd")])
    assert word in caught.value.found and "rule 2 (odd)" in caught.value.found


@pytest.mark.parametrize(
    "rule", [{"pattern": "a"}, {"kind": "regex", "colour": "red"}, {"kind": "length", "maximum": "5"}]
)
def test_fields_that_no_rule_has(rule: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Rule.of(rule)


def test_no_pattern_runs_forever() -> None:
    begun = time.monotonic()
    slow = {"kind": "json_schema", "schema": {"pattern": "^(a+)+$"}}
    assert broken({"kind": "regex", "pattern": "^(a+)+$"}, "a" * 50_000 + "!") == [True]
    assert broken(slow, '"' + "a" * 50_000 + '!"') == [True]
    assert time.monotonic() - begun < 5
