"""A threshold that is moved on 100,000 rows: the time to its new count, over the time of a full rescore.

`python -m tests.benchmarks.data_threshold`. Medians of ROUNDS; the rescore is the studio's own scorer on all rows.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from studio import Project
from studio.data import studio_quality
from tests.benchmarks.data import write_rows

ROWS, ROUNDS = 100_000, 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, ROWS)
        project = Project.open("benchmark", home=folder)
        data = project.load(path)
        began = time.perf_counter()
        studio_quality.score_messages({"messages": list(data.examples["messages"])})
        rescore = time.perf_counter() - began
        project.preview_filter(data, min_quality=0.7, preset="studio")
        moved = []
        for round_ in range(ROUNDS):
            began = time.perf_counter()
            # as the page does it: the dataset is opened anew for each event
            project.preview_filter(project.dataset(data.reference), min_quality=0.5 + round_ / 20, preset="studio")
            moved.append(time.perf_counter() - began)
    median = statistics.median(moved)
    print(
        json.dumps(
            {"name": "data_threshold", "ratio": median / rescore, "moved_seconds": moved, "rescore_seconds": rescore}
        )
    )


if __name__ == "__main__":
    main()
