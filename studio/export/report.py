"""One page that convinces a manager: HTML that holds everything in itself and escapes all that it shows."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from studio import store
from studio.data.duplicates import fingerprint_of
from studio.examples import Dataset, open_dataset
from studio.training.run import Run

ROWS_SHOWN = 5
NAMES = {
    "exact_match": "Exactly right",
    "valid_json": "Valid JSON",
    "rouge_l": "ROUGE-L",
    "perplexity": "Perplexity (lower is better)",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ run.id }}: before and after</title><style>
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{border:1px solid #8886;padding:.4rem .6rem;text-align:left;vertical-align:top}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:13px/1.4 ui-monospace,monospace}.big{font-size:1.4rem}small{opacity:.75}
</style><h1>{{ run.id }}: before and after</h1>
{% if table %}<p class="big">{{ headline }}</p>
<table><tr><th>Measure<th>Base<th>Base with 3 examples<th>Tuned</tr>
{% for row in table %}<tr><th>{{ names.get(row.metric, row.metric) }}{% for who in ("base", "base_few_shot", "tuned") %}
<td>{{ figure(row, who) }}{% endfor %}</tr>{% endfor %}</table>
<p><small>On {{ rows }} examples{% if not learned %} that the model never learned from; in brackets the 95 % interval.</small></p>
{%- else %}; in brackets the 95 % interval.</small></p>
<p>The model learned from {{ "all" if learned == rows else learned }} of these {{ rows }} examples: how well it answers them says little of how it
answers others. Measure it on examples that it has not seen.</p>{% endif %}
<h2>Real answers</h2><table><tr><th>Question<th>Base<th>Tuned<th>Expected</tr>
{% for row in answers %}<tr><td><pre>{{ row.prompt }}</pre><td><pre>{{ row.base }}</pre><td><pre>{{ row.tuned }}</pre><td><pre>{{ row.expected }}</pre></tr>{% endfor %}
</table>{% else %}<p>This run has not been measured yet: use Measure in the Compare tab.</p>{% endif %}
<h2>How it was trained</h2>
<p>{{ "{:,}".format(rows_trained) }} examples of {{ run.train_dataset }}, {{ "{:,}".format(result.steps) }} steps,
{{ "%.1f"|format(result.seconds / 60) }} minutes, method {{ recipe.method }} on {{ recipe.model }}.
Cost: {{ cost }}.</p>
{{ curve|safe }}
<h2>Data</h2><p>{{ "{:,}".format(summary.count) }} examples, {{ "%.0f"|format(summary.mean_tokens) }} tokens each on average
({{ summary.min_tokens }} to {{ "{:,}".format(summary.max_tokens) }}).
{% for reason, count in left_out %}{{ loop.first and "Left out by the filter: " or "" }}{{ reason }} ({{ "{:,}".format(count) }}){{ ", " if not loop.last else ". " }}{% endfor %}
Sources:
{% for source, count in summary.sources.items() %}{{ source }} ({{ "{:,}".format(count) }}){{ ", " if not loop.last }}{% endfor %}.</p>
<h2>Recipe</h2><table>{% for key, value in fields.items() %}<tr><th>{{ key }}<td>{{ value }}</tr>{% endfor %}</table></html>
"""


class Evaluation(Protocol):
    """What is needed of an evaluation."""

    @property
    def table(self) -> pd.DataFrame: ...
    @property
    def answers(self) -> pd.DataFrame: ...
    @property
    def description(self) -> dict[str, Any]: ...
    @property
    def dataset(self) -> str: ...


def path_of(project_folder: Path, run: Run) -> Path:
    return project_folder / "exports" / f"report-{run.id}.html"


def write_report(
    project_folder: Path, run: Run, evaluation: Evaluation | None, dataset: Dataset, left_out: list[tuple[str, int]]
) -> Path:
    """Writes exports/report-RUN.html and returns its path; `left_out` has the filter's reasons with their counts."""
    import jinja2

    table: list[dict[str, Any]] = (
        [{str(key): value for key, value in row.items()} for row in evaluation.table.to_dict("records")]
        if evaluation
        else []
    )
    answers = evaluation.answers.head(ROWS_SHOWN).to_dict("records") if evaluation else []
    learned = 0
    if evaluation:
        learned = _learned(open_dataset(project_folder, evaluation.dataset), set(evaluation.answers["id"]), dataset)
    result = run.result
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string(PAGE).render(
        run=run, recipe=run.recipe, fields=run.recipe.model_dump(), result=result, table=table, names=NAMES, figure=_figure,
        rows=evaluation.description["rows"] if evaluation else 0, answers=answers, headline=_headline(table), summary=dataset.summary(),
        rows_trained=len(dataset), curve=loss_curve(run), left_out=left_out, cost=run.cost.words,
        learned=learned,
    )  # fmt: skip
    path = path_of(project_folder, run)
    store.write_text(path, text)
    return path


def _learned(measured: Dataset, ids: Collection[str], taught: Dataset) -> int:
    """How many of the measured rows with these ids are among the rows that were taught: the same question and answer to
    the letter, under the same system prompt."""
    rows = measured.examples
    asked = Counter(map(fingerprint_of, rows.loc[rows["id"].isin(ids), "messages"]))
    return sum(asked[one] for one in {one for one in _fingerprints(taught) if one in asked})


def _fingerprints(dataset: Dataset) -> Iterator[bytes]:
    """Of the question and the answer to give of each row, whatever answer is to be avoided and tools are on offer."""
    stored = dataset.table("fingerprint", "rejected", "tools")
    nulls = {name: stored[name].null_count for name in stored.column_names}
    more = [name for name in ("rejected", "tools") if nulls.get(name, len(stored)) < len(stored)]
    if nulls.get("fingerprint") == 0 and not more:
        yield from stored["fingerprint"].to_pylist()
    else:  # of an older format, or over more than is asked for
        for part in dataset.batches():
            yield from map(fingerprint_of, part["messages"])


def _figure(row: dict[str, Any], who: str) -> str:
    values = [row[who], row[f"{who}_low"], row[f"{who}_high"]]
    if any(value is None or value != value for value in values):
        return "not measured"
    if row["metric"] in ("exact_match", "valid_json"):
        return f"{values[0]:.0%} ({values[1]:.0%} to {values[2]:.0%})"
    return f"{values[0]:.2f} ({values[1]:.2f} to {values[2]:.2f})"


def _headline(table: list[dict[str, Any]]) -> str:
    exact = next((row for row in table if row["metric"] == "exact_match"), None)
    return f"Exactly right answers: {exact['base']:.0%} before, {exact['tuned']:.0%} after." if exact else ""


def loss_curve(run: Run, width: int = 720, height: int = 220) -> str:
    """Training and evaluation loss over the steps as inline SVG; numbers only, so nothing to escape."""
    metrics = run.metrics()
    train, held_out = metrics[["step", "loss"]].dropna(), metrics[["step", "eval_loss"]].dropna()
    if len(train) < 2:
        return ""
    last = max(float(metrics["step"].max()), 1.0)
    top = max(float(train["loss"].max()), float(held_out["eval_loss"].max()) if len(held_out) else 0.0, 1e-9)

    def line(points: Any, colour: str) -> str:
        shown = " ".join(
            f"{40 + step / last * (width - 50):.1f},{height - 25 - loss / top * (height - 40):.1f}"
            for step, loss in points
        )
        return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{shown}"/>'

    lines = line(train.to_numpy(), "#6b7280") + (line(held_out.to_numpy(), "#0f766e") if len(held_out) > 1 else "")
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Loss over steps" style="width:100%">{lines}'
        f'<g fill="currentColor" font-size="12"><text x="0" y="20">{top:.2f}</text><text x="0" y="{height - 25}">0</text>'
        f'<text x="{width - 90}" y="{height - 5}">step {last:,.0f}</text><text x="45" y="{height - 5}">loss: training grey, evaluation green</text></g></svg>'
    )
