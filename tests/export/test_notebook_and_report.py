"""What leads to a result, and what a page of the studio lets through."""

import html.parser
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from studio import NotFoundError, Recipe, store
from studio.evaluation.evaluate import CONTESTANTS
from studio.examples import write_dataset
from studio.export import report
from studio.export.notebook import ancestry, write_notebook
from studio.journal import Step
from studio.training.run import Run


def step(number: int, verb: str, inputs: dict[str, str], outputs: list[str], state: str = "done") -> Step:
    return Step(
        number, verb, {}, inputs, outputs, outputs, state, f"{', '.join(outputs)} = project.{verb}()", "2026-01-01"
    )


STEPS = [
    step(1, "load", {}, ["raw"]),
    step(2, "filter", {"dataset": "raw"}, ["clean"]),
    step(3, "filter", {"dataset": "raw"}, ["clean_2"]),
    step(4, "split", {"dataset": "clean_2"}, ["train", "test"]),
    step(5, "train", {"dataset": "train"}, [], "failed"),
    step(6, "train", {"dataset": "train", "evaluation": "test"}, ["run"]),
    step(7, "decide", {"dataset": "clean"}, ["advice"]),
]


def test_only_what_led_to_the_result() -> None:
    assert [found.number for found in ancestry(STEPS, "run")] == [1, 3, 4, 6]
    assert [found.number for found in ancestry(STEPS, None)] == [1, 2, 3, 4, 6, 7]
    with pytest.raises(NotFoundError, match="clean_2"):
        ancestry(STEPS, "nothing")


def test_the_notebook_waits_for_its_run(tmp_path: Path) -> None:
    path = write_notebook(ancestry(STEPS, "run"), tmp_path / "steps.ipynb", "again", tmp_path)
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    sources = [cell.source for cell in made.cells if cell.cell_type == "code"]
    assert f"Project.open('again', home='{tmp_path}')" in sources[0]
    assert sources[-1].endswith("run.wait()")
    with pytest.raises(NotFoundError, match="nothing to export"):
        write_notebook(ancestry([replace(STEPS[0], state="failed")], None), path, "again", tmp_path)


def test_what_came_to_nothing_is_left_out_with_all_that_was_made_from_it() -> None:
    steps = [*STEPS, step(8, "evaluate", {"run": "run", "dataset": "test"}, ["report"])]
    assert [found.number for found in ancestry(steps, None, lost=["run"])] == [1, 2, 3, 4, 7]
    assert [found.number for found in ancestry(steps, None, lost=["report"])] == [1, 2, 3, 4, 6, 7]
    with pytest.raises(NotFoundError, match="report"):
        ancestry(steps, "report", lost=["run"])


SCRIPT = "<script src='https://evil.example/x.js'>alert(1)</script>"
IMAGE = '"><img src=x onerror="alert(2)">'
LINK = "</pre></table><a href='javascript:alert(3)'>&amp; {{ 7 * 7 }}</a>"


@dataclass(frozen=True)
class Measured:
    """An evaluation by hand, with whatever a model or a user may have written."""

    table: pd.DataFrame
    answers: pd.DataFrame
    description: dict[str, Any]
    dataset: str = "train@v1"


class Seen(html.parser.HTMLParser):
    """The tags with their attributes, and the text, of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def trained(folder: Path, recipe: Recipe, machine: str = "RTX 4090") -> Run:
    """A run by hand that has finished."""
    place = folder / "runs" / "run-001"
    store.write_text(place / "recipe.json", recipe.to_json())
    request = {"dataset": "train@v1", "evaluation": None}
    store.write_json(place / "job.json", {"format": 1, "kind": "train", "home": str(folder), "request": request})
    price = {"rent": 0.0, "watts": 350.0, "dollars_a_kwh": 0.3, "date": "2026-11-24", "machine": machine}
    store.write_json(place / "result.json", {"steps": 2, "seconds": 60.0, "cost": {"dollars": 1.175, "price": price}})
    for number in (1, 2, 3):
        store.append_json_line(place / "metrics.jsonl", {"step": number, "loss": 1 / number})
    return Run(place)


def figures(metric: str) -> pd.DataFrame:
    """The table of an evaluation with one measure."""
    columns = (column for name in CONTESTANTS for column in (name, f"{name}_low", f"{name}_high"))
    return pd.DataFrame({"metric": [metric], **dict.fromkeys(columns, 0.5)})


@pytest.fixture
def hostile_page(tmp_path: Path) -> str:
    messages = [{"role": "user", "content": SCRIPT}, {"role": "assistant", "content": IMAGE}]
    row = {"id": "r1", "messages": messages, "source": f"{LINK}.csv", "tokens": 9, "quality": 1.0, "flags": [SCRIPT]}
    dataset = write_dataset(tmp_path, "train", pd.DataFrame([row]))
    recipe = Recipe(model=f"/models/{IMAGE}", targets=[SCRIPT, "q_proj"])
    answers = pd.DataFrame({"id": ["r1"], "prompt": [SCRIPT], "expected": [LINK], "base": [IMAGE], "base_few_shot": [LINK],
                            "tuned": [SCRIPT + IMAGE]})  # fmt: skip
    measured = Measured(figures(SCRIPT), answers, {"rows": 1})
    path = report.write_report(
        tmp_path, trained(tmp_path, recipe, f"RTX 4090 {IMAGE}"), measured, dataset, [(IMAGE, 3)]
    )
    return path.read_text(encoding="utf-8")


def test_what_data_and_answers_hold_is_shown_and_never_obeyed(hostile_page: str) -> None:
    seen = Seen(hostile_page)
    known = set("html meta title style h1 h2 p table tr th td pre small svg polyline g text".split())
    assert {tag for tag, _ in seen.tags} <= known
    assert not [attribute for _, attributes in seen.tags for attribute in attributes if attribute.startswith("on")]
    for words in (SCRIPT, IMAGE, LINK):
        assert words in seen.text
    assert f"Cost: $1.18 on RTX 4090 {IMAGE} (350 W at $0.300 a kWh, price of 2026-11-24)." in seen.text
    assert seen.text.count(SCRIPT) >= 4  # as a metric, a question, an answer and a target


def test_the_report_needs_nothing_from_outside(hostile_page: str) -> None:
    seen = Seen(hostile_page)
    outside = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}
    assert not [attributes for _, attributes in seen.tags if outside & set(attributes)]
    style = hostile_page[hostile_page.index("<style>") : hostile_page.index("</style>")]
    assert "url(" not in style and "@import" not in style and "polyline" in {tag for tag, _ in seen.tags}


def row_of(number: int, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Question {number}"}, {"role": "assistant", "content": f"Answer {number}"}]
    return {
        "id": f"r{number}",
        "messages": messages,
        "source": "made",
        "tokens": 9,
        "quality": 1.0,
        "flags": [],
        **more,
    }


@pytest.mark.parametrize("taught_as", [{}, {"kind": "preference", "rejected": "Nothing"}, {"tools": "[{}]"}])
@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (range(4, 7), "On 3 examples that the model never learned from; in brackets the 95 % interval."),
        (range(3, 6), "The model learned from 1 of these 3 examples: how well"),
        (range(2, 4), "The model learned from all of these 2 examples: how well"),
    ],
)
def test_the_report_says_which_measured_rows_were_learned_from(
    tmp_path: Path, measured: range, words: str, taught_as: dict[str, Any]
) -> None:
    taught = write_dataset(tmp_path, "taught", pd.DataFrame([row_of(number, **taught_as) for number in range(4)]))
    rows = [row_of(number, id=f"other-{number}") for number in (*measured, 0)]  # the last one was too long to be asked
    asked = write_dataset(tmp_path, "asked", pd.DataFrame(rows))
    answers = pd.DataFrame(
        {"id": [row["id"] for row in rows[:-1]], **dict.fromkeys(("prompt", "expected", *CONTESTANTS), "x")}
    )
    evaluation = Measured(figures("exact_match"), answers, {"rows": len(measured)}, asked.reference)
    path = report.write_report(tmp_path, trained(tmp_path, Recipe()), evaluation, taught, [])
    said = " ".join(Seen(path.read_text(encoding="utf-8")).text.split())
    assert words in said and ("never learned" in said) == ("never learned" in words)
