"""Prompting, fine-tuning or a hybrid: the guide's rule (G1), with its reasons and where it is weak."""

from dataclasses import dataclass, field

from studio.decision import costs
from studio.errors import InputError


@dataclass(frozen=True)
class Advice:
    """`approach` is fine-tuning, prompting or hybrid; `monthly_cost` maps prompting and fine-tuning to US dollars;
    `curve` has rows of calls, prompting and fine_tuned for a chart; `weaknesses` is what the rule cannot see."""

    approach: str
    reasons: list[str]
    monthly_cost: dict[str, float]
    break_even_calls: float
    curve: list[dict[str, float]] = field(repr=False)
    weaknesses: list[str] = field(repr=False)
    rule: str = "guide"


def decide(
    examples: int, consistency: float = 0.95, specificity: float = 0.8, monthly_calls: int = 50_000, latency_ms: float = 500
) -> Advice:  # fmt: skip
    """The guide's rule, in its order. Shares are 0 to 1, latency in ms. Raises InputError with all mistakes."""
    mistakes = [
        f"{name} is {value}, not from 0 to 1"
        for name, value in (("consistency", consistency), ("specificity", specificity))
        if not 0 <= value <= 1
    ]
    mistakes += [
        f"{name} is {value}, not 0 or more"
        for name, value in (("examples", examples), ("monthly_calls", monthly_calls))
        if value < 0
    ]
    mistakes += [f"latency_ms is {latency_ms}, not over 0"] if latency_ms <= 0 else []
    if mistakes:
        raise InputError("The case cannot be judged", "; ".join(mistakes), "Correct the inputs")
    prompt, tuned = costs.prompting(monthly_calls), costs.fine_tuned(monthly_calls, examples)
    approach, reason = _rule(examples, consistency, prompt, tuned)
    money = f"A month of {monthly_calls:,} calls costs ${prompt:,.0f} with prompting and ${tuned:,.0f} fine-tuned."
    weaknesses = [
        f"The rule does not use domain specificity ({specificity:g}) or latency ({latency_ms:g} ms), though it asks for them.",
        "By its prices a fine-tuned call is never under 0.889 of a prompted one, so cost alone can never decide for fine-tuning.",
        "It prices training by the example and not by the token.",
    ]
    curve = costs.curve(examples, monthly_calls)
    cost = {"prompting": prompt, "fine-tuning": tuned}
    return Advice(approach, [reason, money], cost, costs.break_even(examples), curve, weaknesses)


def _rule(examples: int, consistency: float, prompt: float, tuned: float) -> tuple[str, str]:
    """The verdict and its reason."""
    if consistency > 0.9 and examples > 500:
        return (
            "fine-tuning",
            f"Answers must be consistent ({consistency:g}, over 0.9) and {examples:,} examples (over 500) can teach it.",
        )
    if examples < 100:
        return "prompting", f"{examples:,} examples are fewer than 100: put the best of them into the prompt."
    if tuned < 0.7 * prompt:
        return "fine-tuning", "A fine-tuned model costs less than 0.7 of prompting."
    if prompt < 0.5 * tuned:
        return "prompting", "Prompting costs less than half of a fine-tuned model."
    return "hybrid", "Neither is much cheaper: prompt first, and fine-tune what is frequent and stable."
