import math

import pytest
from scipy.stats import binomtest

from studio.evaluation import metrics


def test_exact_match_is_trimmed_and_case_insensitive() -> None:
    assert metrics.exact_match(' {"A": "b"}\n', '{"a": "B"} ')
    assert not metrics.exact_match("a b", "ab")


@pytest.mark.parametrize(
    ("answer", "valid"),
    [('{"a": [1, 2]}', True), (" [] \n", True), ("12", False), ('"word"', False), ("", False), ('{"a": NaN}', False)]
    + [('{"a": 1', False), ("Sure! {}", False), ("[" * 100_000, False)],
)
def test_valid_json_is_a_whole_object_or_list(answer: str, valid: bool) -> None:
    assert metrics.valid_json(answer) is valid


def test_rouge_l_is_that_of_the_paper() -> None:
    # Lin 2004, section 3.1: "police killed the gunman" against "police kill the gunman" has F = 3/4
    assert metrics.rouge_l("police killed the gunman", "police kill the gunman") == pytest.approx(0.75)
    assert metrics.rouge_l("police killed the gunman", "the gunman kill police") == pytest.approx(0.5)
    assert metrics.rouge_l("привет мир", "Привет, мир!") == 1.0
    assert metrics.rouge_l("something", "") == 0.0


@pytest.mark.parametrize(("hits", "rows"), [(0, 10), (7, 10), (10, 10), (61, 64)])
def test_shares_have_wilsons_interval(hits: int, rows: int) -> None:
    found = metrics.share([True] * hits + [False] * (rows - hits))
    expected = binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    assert found.value == hits / rows
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.value <= found.high


def test_means_have_a_repeatable_bootstrap_interval() -> None:
    values = [n / 100 for n in range(100)]
    found = metrics.mean(values, seed=1)
    assert found == metrics.mean(values, seed=1) != metrics.mean(values, seed=2)
    half = 1.96 * 0.2887 / 10
    assert (found.low, found.high) == pytest.approx((0.495 - half, 0.495 + half), abs=0.01)


def test_perplexity_weighs_tokens_not_rows() -> None:
    found = metrics.perplexity([math.log(2) * 9, math.log(8)], [9, 1])
    assert found.value == pytest.approx(2**1.2)
    assert found.low == pytest.approx(2) and found.high == pytest.approx(8)


def test_no_rows_give_no_number() -> None:
    for found in (metrics.share([]), metrics.mean([]), metrics.perplexity([], [])):
        assert math.isnan(found.value) and math.isnan(found.low)
