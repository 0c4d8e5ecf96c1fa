"""Judging answers: metrics with intervals, and evaluations of base, base with examples in the prompt, and tuned."""
