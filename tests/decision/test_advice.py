import pytest

from studio import InputError
from studio.decision.advice import decide
from studio.prices import training_cost


def test_the_guides_worked_case() -> None:
    advice = decide(2000, 0.95, 0.8, 50_000, 500)
    assert advice.approach == "fine-tuning"
    assert advice.monthly_cost["prompting"] == pytest.approx(675.0)
    assert advice.monthly_cost["fine-tuning"] == pytest.approx(2000 * 0.008 / 6 + 600)


@pytest.mark.parametrize(
    ("examples", "consistency", "calls", "approach"),
    [(99, 0.95, 50_000, "prompting"), (501, 0.91, 0, "fine-tuning"), (500, 0.95, 50_000, "hybrid"), (2000, 0.9, 100, "prompting"),
     (2000, 0.9, 50_000, "hybrid"), (11_251, 0.5, 100, "prompting")],
)  # fmt: skip
def test_the_guides_order(examples: int, consistency: float, calls: int, approach: str) -> None:
    assert decide(examples, consistency, 0.5, calls, 500).approach == approach


def test_all_mistakes_at_once() -> None:
    with pytest.raises(InputError) as caught:
        decide(-1, 2, -0.5, -3, 0)
    for name in ("examples", "consistency", "specificity", "monthly_calls", "latency_ms"):
        assert name in caught.value.found


def test_the_curves_meet_at_the_break_even() -> None:
    advice = decide(1000)
    at = advice.break_even_calls
    assert at * 0.0135 == pytest.approx(1000 * 0.008 / 6 + at * 0.012)


@pytest.mark.parametrize(
    ("machine", "hours", "dollars"),
    [("p4d.24xlarge", 6.0, 196.62), ("g5.2xlarge", 42.857, 51.94), ("g5.xlarge", 60.0, 60.36)],
)
def test_the_guides_training_costs(machine: str, hours: float, dollars: float) -> None:
    cost = training_cost(10_000, 3, "aws", machine)
    assert cost.hours == pytest.approx(hours, abs=0.01)
    assert cost.dollars / 1.2 == pytest.approx(dollars, abs=0.01)
