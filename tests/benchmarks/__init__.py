"""Speeds as ratios against a baseline timed in the same run; see `python -m tests.benchmarks`."""
