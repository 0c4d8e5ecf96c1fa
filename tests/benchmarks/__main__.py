"""Runs every benchmark in a process of its own and prints a table."""

import json
import subprocess
import sys

LIMITS = {
    "startup": "at most 1.3",
    "training": "at least 0.98",
    "side_by_side": "at most 1.3",
    "data_threshold": "at most 0.05",
    "data": "at least 3",
}

if __name__ == "__main__":
    print(f"{'benchmark':<16}{'ratio':>8}  aim")
    for name, aim in LIMITS.items():
        printed = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{name}"], check=True, capture_output=True, text=True
        ).stdout
        result = json.loads(printed.splitlines()[-1])
        print(f"{name:<16}{result['ratio']:>8.3f}  {aim}", flush=True)
