"""What a month of answers costs, prompted or fine-tuned, with the guide's prices (G1), in US dollars."""

INPUT_TOKENS, OUTPUT_TOKENS = 2000, 500
INPUT_PRICE, OUTPUT_PRICE = 0.003, 0.015  # a thousand tokens
TUNED_PRICE = 0.012  # a call
EXAMPLE_PRICE, MONTHS = 0.008, 6  # training, spread over half a year


def prompting(calls: float) -> float:
    return calls * (INPUT_TOKENS / 1000 * INPUT_PRICE + OUTPUT_TOKENS / 1000 * OUTPUT_PRICE)


def fine_tuned(calls: float, examples: int) -> float:
    return examples * EXAMPLE_PRICE / MONTHS + calls * TUNED_PRICE


def break_even(examples: int) -> float:
    """Calls a month above which the fine-tuned model is the cheaper one."""
    return examples * EXAMPLE_PRICE / MONTHS / (prompting(1) - TUNED_PRICE)


def curve(examples: int, calls: int, points: int = 41) -> list[dict[str, float]]:
    """Rows of calls, prompting and fine_tuned (dollars a month) from none to twice the volume or the break-even."""
    most = max(2.0 * calls, 2.0 * break_even(examples), 1000.0)
    steps = [most * step / (points - 1) for step in range(points)]
    return [{"calls": at, "prompting": prompting(at), "fine_tuned": fine_tuned(at, examples)} for at in steps]
