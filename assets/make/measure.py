"""What a fine-tune of the starter brings, measured: `python -m assets.make.measure [sample|second] [--model FOLDER]`.

The sample is loaded, filtered and split as on the page, and trained by the recommended recipe. What is measured are
the held-out rows that share no near duplicate with a training row (Jaccard of word triples under 0.7). `second` does
the same on a schema of other field names and order, with labels and sentences of its own, written after the starter
was frozen. The last line printed is one JSON object.
"""

import argparse
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

from assets.make import second_schema
from assets.make.samples import TOO_NEAR, nearness, triples
from studio import Project, Recipe
from studio.evaluation import metrics

TEST_SHARE = 0.1
ROWS = 1120


def rows_of(which: str, folder: Path) -> Path:
    if which == "sample":
        return Project.sample()
    path = folder / "second.jsonl"
    random = Random(second_schema.SEED)
    path.write_text("".join(json.dumps(second_schema.row(random)) + "\n" for _ in range(ROWS)), encoding="utf-8")
    return path


def question(messages: list[dict[str, str]]) -> str:
    return next(message["content"] for message in messages if message["role"] == "user")


def without_near_duplicates(test: pd.DataFrame, train: pd.DataFrame) -> list[str]:
    """The ids of the test rows that are like no training row."""
    learned = [triples(question(messages)) for messages in train["messages"]]
    return [
        str(row_id)
        for row_id, messages in zip(test["id"], test["messages"], strict=True)
        if all(nearness(triples(question(messages)), other) < TOO_NEAR for other in learned)
    ]


def measure(which: str, model: str) -> dict[str, Any]:
    """Exact match and valid JSON of base and tuned on the clean held-out rows, and how often each field is right."""
    with tempfile.TemporaryDirectory() as home:
        project = Project.open("measure", home=home)
        clean = project.filter(project.load(rows_of(which, Path(home))))
        train, test = project.split(clean, test=TEST_SHARE, seed=0)
        run = project.train(train, Recipe.recommended(train, model=model), evaluation=test)
        run.wait()
        answers = project.evaluate(run, test).answers.set_index("id")
        kept = answers.loc[without_near_duplicates(test.examples, train.examples)]
        result: dict[str, Any] = {
            "name": which, "model": model, "trained_rows": len(train), "measured_rows": len(kept), "steps": run.result["steps"],
            "seconds": round(run.result["seconds"]),
        }  # fmt: skip
        for who in ("base", "base_few_shot", "tuned"):
            pairs = list(zip(kept["expected"], kept[who], strict=True))
            exact = metrics.share([metrics.exact_match(*pair) for pair in pairs])
            valid = metrics.share([metrics.valid_json(answer) for _, answer in pairs])
            result[who] = {
                "exact_match": [round(value, 3) for value in (exact.value, exact.low, exact.high)],
                "valid_json": round(valid.value, 3),
            }
        result["fields"] = fields_right(kept)
        return result


def fields_right(answers: pd.DataFrame) -> dict[str, float]:
    """For each field the share of rows in which the tuned answer has it right."""
    expected = [json.loads(text) for text in answers["expected"]]
    given = [json.loads(text) if metrics.valid_json(text) else {} for text in answers["tuned"]]
    given = [answer if isinstance(answer, dict) else {} for answer in given]
    return {
        name: round(sum(answer.get(name) == right[name] for answer, right in zip(given, expected, strict=True)) / len(expected), 3)
        for name in expected[0]
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="?", default="sample", choices=["sample", "second"])
    parser.add_argument("--model", default="starter")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.which, arguments.model)))
