"""Prices of rented machines in one dated file: the guide's, the owner's over them, and every mistake named together."""

from pathlib import Path

import pytest

from studio import InputError, Project, prices, store
from studio.prices import MachinePrice, OwnPrice


def test_every_machine_that_can_be_rented_has_a_row(tmp_path: Path) -> None:
    from studio.training.cloud.files import PROVIDERS

    rows = {(row.provider, row.machine): row for row in prices.machine_prices(tmp_path)}
    wanted = {one.priced for provider in PROVIDERS.values() for one in provider.machines}
    assert wanted == set(rows) and len(rows) == 14
    assert rows["sagemaker", "ml.g5.2xlarge"] == MachinePrice("sagemaker", "ml.g5.2xlarge", 1.69, None, "2025-01")
    assert rows["aws", "g5.xlarge"].spot == 0.35 and rows["runpod", "RTX_4090"].dollars_an_hour is None
    assert all(row.date for row in rows.values() if row.dollars_an_hour is not None)


def test_a_price_of_the_owner_holds_until_it_is_reset(tmp_path: Path) -> None:
    project = Project.open("priced", home=tmp_path)
    new = MachinePrice("runpod", "RTX_4090", 0.34, None, "2026-11")
    assert new in project.keep_prices([new])
    project.keep_price(0, 300, 0.3, "2026-11-24")
    assert new in Project.open("another", home=tmp_path).prices()
    assert prices.rate(tmp_path, "runpod", "RTX_4090", spot=False) == prices.Rate(0.34, 0.34, "2026-11")
    dearer = MachinePrice("aws", "g5.xlarge", 2.0, 1.0, "2026-11-25")
    known = project.keep_prices([dearer])
    assert prices.training_cost(1000, 3, known=known).dollars == pytest.approx(6 * 2.0 * 1.2)
    assert [(row.dollars, row.date) for row in prices.comparison(known=known)[2:]] == [(120.0, "2026-11-25"), (60.0, "2026-11-25")]  # fmt: skip
    assert prices.comparison()[2].dollars == 60.36  # the guide's stays what it is
    assert project.reset_prices() == prices.GUIDE and project.price().watts == 300


def test_a_spot_machine_is_between_60_and_80_percent_less_where_nobody_says_more(tmp_path: Path) -> None:
    found = prices.rate(tmp_path, "aws", "g5.2xlarge", spot=True)
    assert found is not None and (found.low, found.high) == (pytest.approx(0.2424), pytest.approx(0.4848))
    assert prices.rate(tmp_path, "aws", "g5.xlarge", spot=True) == prices.Rate(0.35, 0.35, "2025-01")
    assert prices.rate(tmp_path, "kubernetes", "1 x NVIDIA GPU", spot=True) is None


def test_all_mistakes_are_named_and_nothing_is_kept(tmp_path: Path) -> None:
    wrong = [
        MachinePrice("aws", "g5.xlarge", -1, None, "soon"), MachinePrice("gcp", "h9", 1, None, "2026-11-24"),
        MachinePrice("runpod", "RTX_4090", float("nan"), None, "2026-13"), MachinePrice("runpod", "A100_80GB", 1.2, None, "2026-11-24"),
    ]  # fmt: skip
    with pytest.raises(InputError) as error:
        prices.keep_machine_prices(tmp_path, wrong)
    for words in (
        "aws g5.xlarge: dollars an hour -1", "aws g5.xlarge: spot is missing", "aws g5.xlarge: date 'soon'",
        "gcp h9: there is no such machine", "runpod RTX_4090: dollars an hour nan", "runpod RTX_4090: date '2026-13'",
    ):  # fmt: skip
        assert words in str(error.value)
    assert prices.machine_prices(tmp_path) == prices.GUIDE


def test_what_a_run_has_cost_needs_a_price_for_all_of_it() -> None:
    known, unknown = OwnPrice(0.36, date="2026-11-24"), OwnPrice()
    first = prices.spent(known, "RTX 4090", 3600, None)
    assert first.dollars == pytest.approx(0.36) and first.price.machine == "RTX 4090"
    rented = prices.spent(OwnPrice(1.0, date="2025-01", machine="aws g5.xlarge"), "A10G", 1800, first)
    assert rented.words == "$0.86 on aws g5.xlarge ($1.000 an hour of rent, price of 2025-01)"
    assert prices.spent(unknown, "CPU", 60, None).words == "no price of CPU was known when it ran"
    assert prices.spent(known, "CPU", 60, prices.spent(unknown, "CPU", 60, None)).dollars is None


def test_the_price_that_an_earlier_studio_kept_is_found(tmp_path: Path) -> None:
    store.write_json(tmp_path / "price.json", {"rent": 0.5, "watts": 0.0, "dollars_a_kwh": 0.0, "date": "2026-11-01"})
    assert prices.own_price(tmp_path) == OwnPrice(0.5, date="2026-11-01")
    prices.keep_machine_prices(tmp_path, [MachinePrice("aws", "g5.xlarge", 1.1, 0.4, "2026-11-24")])
    assert prices.own_price(tmp_path).rent == 0.5
