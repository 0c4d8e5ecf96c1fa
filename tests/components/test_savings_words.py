"""What the cost-saving settings say of memory, time and money."""

import pytest

from components.savings_box import then_words

SAME = {"needed_high": 1.5e9, "seconds": 71.0, "dollars": None}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (89.0, "1.3 GB of memory in place of 1.5 GB; it takes longer: about 89 s in place of 71 s."),
        (40.0, "1.3 GB of memory in place of 1.5 GB, and about 40 s in place of 71 s."),
        (71.3, "1.3 GB of memory in place of 1.5 GB."),
    ],
)
def test_a_longer_run_is_said_and_an_equal_time_is_not(seconds: float, said: str) -> None:
    found = {"now": SAME, "then": {**SAME, "needed_high": 1.3e9, "seconds": seconds}, "values": {}}
    assert said in then_words(found)


def test_the_price_follows_the_memory_where_the_time_stays() -> None:
    now, then = {**SAME, "dollars": 2.0}, {**SAME, "dollars": 1.5}
    assert then_words({"now": now, "then": then, "values": {"patience": 3}}).endswith(
        "($1.50 in place of $2.00), or less where early stopping ends it."
    )
