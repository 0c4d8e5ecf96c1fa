"""What the Review cell says of the thresholds, and the scorer that its threshold is of."""

import gradio as gr
import pandas as pd

from components import app, review_cell
from studio.data.review import suggest, thresholds, why_none


def report(scores: list[float], bad: list[bool], preset: str) -> str:
    ids = [f"r{at}" for at in range(len(scores))]
    examples = pd.DataFrame({"id": ids, "quality": scores, "source": "one"})
    verdicts = ["bad" if one else "good" for one in bad]
    judged = pd.DataFrame({"id": ids[: len(bad)], "reviewer": "Ada", "verdict": verdicts})
    found = thresholds(examples, judged)
    return review_cell._report({
        "judged": len(bad), "preset": preset, "thresholds": found, "suggested": suggest(found),
        "why_none": why_none(found, preset), "agreement": {"rows": 0},
    })  # fmt: skip


def test_the_scorer_is_named_and_what_was_not_judged_is_not_told_in_numbers() -> None:
    words = report([0.6] * 20 + [1.0] * 60, [True] * 20 + [False] * 20, "studio")
    assert "keep from this studio score" in words and "studio score under" in words and "not judged" not in words
    unseen = report([1.0] * 40 + [0.6] * 20, [False] * 40, "guide")
    assert "not judged" in unseen and "0% to 100%" not in unseen and "there is no reason to cut" in unseen
    alike = report([0.775] * 40, [True] * 10 + [False] * 10, "guide")
    assert "no threshold of the guide score separates" in alike.replace("No", "no") and "keep from" not in alike


def test_a_threshold_goes_to_the_filter_with_its_dataset_and_scorer(tmp_path: object) -> None:
    blocks: gr.Blocks = app.build(tmp_path, "support", demo=False)
    use = next(block for block in blocks.blocks.values() if getattr(block, "elem_id", None) == "data-review-use")
    pressed = next(function for function in blocks.fns.values() if (use._id, "click") in function.targets)
    given = {getattr(block, "elem_id", None) for block in pressed.outputs}
    assert {"data-filter-dataset", "data-filter-quality", "data-filter-preset"} <= given
