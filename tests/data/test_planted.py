"""Each planted flaw of the sample, and of a second set made by another method, is found and little else with it."""

import pytest

from studio.data import filters, privacy
from tests.data import frames
from tests.data.planted import SETS, planted, reaches

DUPLICATES = ("exact duplicate", "near duplicate")


def flagged(name: str, flag: str) -> set[str]:
    examples = planted(name).examples
    return {row_id for row_id, found in zip(examples["id"], examples["flags"], strict=True) if flag in found}


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("flaw", ["truncated", "TODO", "e-mail address", "phone number"])
def test_flagged(name: str, flaw: str) -> None:
    known = planted(name)
    copies = known.ids(*DUPLICATES)
    reaches(flagged(name, flaw) - copies, known.ids(flaw))


@pytest.mark.parametrize("name", SETS)
def test_broken_json_is_told_from_an_answer_that_was_cut(name: str) -> None:
    reaches(flagged(name, "broken JSON") - flagged(name, "truncated"), planted(name).ids("broken JSON"))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("flaw", "choices"), [
    ("exact duplicate", {}), ("near duplicate", {"near_duplicates": 0.8}), ("too long", {"exact_duplicates": False}),
])  # fmt: skip
def test_left_out(name: str, flaw: str, choices: dict[str, float]) -> None:
    known = planted(name)
    _, dropped = frames.apply(known.examples, min_quality=0, **choices)
    kinds = dropped["reason"].map(filters.kind)
    reaches(dropped["id"][kinds == flaw], known.ids(flaw))


@pytest.mark.parametrize("name", SETS)
def test_clean_rows_keep_a_good_score(name: str) -> None:
    """The studio's preset leaves labels, JSON, lists and code alone, and takes the broken answers away by itself."""
    known = planted(name)
    _, dropped = frames.apply(known.examples, preset="studio", max_tokens=10**6, exact_duplicates=False)
    reaches(dropped["id"], known.ids("truncated", "TODO", "broken JSON"))


@pytest.mark.parametrize("how", ["mask", "replace"])
@pytest.mark.parametrize("name", SETS)
def test_nothing_private_is_left(name: str, how: str) -> None:
    known = planted(name)
    before = privacy.count(known.examples)
    assert before["e-mail address"] >= len(known.ids("e-mail address"))
    redacted, _ = privacy.redact(known.examples, how=how)
    if how == "mask":
        assert sum(privacy.count(redacted).values()) == 0
    else:
        assert privacy.count(redacted) == before
    changed = redacted["messages"] != known.examples["messages"]
    found = planted(name).examples["id"][changed]
    reaches(found, known.ids("e-mail address", "phone number"))
