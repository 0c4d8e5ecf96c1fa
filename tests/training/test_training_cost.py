"""The guide's figures for time and cost, exactly; and the owner's own price."""

from pathlib import Path

import pytest

from studio import InputError, prices


def test_the_comparison_of_the_guide() -> None:
    found = [(row.way, row.machine, round(row.hours, 1), round(row.dollars, 2)) for row in prices.comparison()]
    assert found == [
        ("full", "p4d.24xlarge", 6.0, 196.62), ("LoRA", "g5.2xlarge", 42.9, 51.94), ("QLoRA", "g5.xlarge", 60.0, 60.36),
        ("QLoRA, spot", "g5.xlarge", 60.0, 21.00),
    ]  # fmt: skip


def test_the_surcharge_is_on_the_cost_and_not_on_the_hours() -> None:
    found = prices.training_cost(1000, 3)
    assert found.hours == 6.0 and found.dollars_an_hour == 1.006
    assert found.dollars == pytest.approx(6.0 * 1.006 * 1.2)
    assert found.dollars_an_example == pytest.approx(found.dollars / 3000)


@pytest.mark.parametrize(
    ("provider", "machine", "price", "pace"),
    [("aws", "g5.xlarge", 1.006, 500), ("aws", "g5.2xlarge", 1.212, 700), ("aws", "p4d.24xlarge", 32.77, 5000),
     ("gcp", "a2-highgpu-1g", 3.67, 500), ("gcp", "a2-highgpu-8g", 29.39, 500)],
)  # fmt: skip
def test_each_machine_of_the_guide(provider: str, machine: str, price: float, pace: int) -> None:
    found = prices.training_cost(7000, 1, provider, machine)
    assert (found.dollars_an_hour, found.hours) == (price, 7000 / pace)


def test_a_machine_without_a_price_is_said() -> None:
    with pytest.raises(InputError, match="aws g5.xlarge"):
        prices.training_cost(10, 1, "aws", "g9")


def test_the_owners_price_is_kept_with_its_date(tmp_path: Path) -> None:
    assert prices.own_price(tmp_path).dollars_an_hour == 0
    prices.keep_own_price(tmp_path, prices.OwnPrice(0.5, 300, 0.30, "2026-11-24"))
    found = prices.own_price(tmp_path)
    assert found.dollars_an_hour == pytest.approx(0.59) and found.date == "2026-11-24"
    with pytest.raises(InputError, match=r"watts: -1.*date: 'soon'"):
        prices.keep_own_price(tmp_path, prices.OwnPrice(0.5, -1, 0.30, "soon"))
    assert prices.own_price(tmp_path) == found
