"""The Review cell of tab 1: one example at a time, judged good or bad with a key, and what that says of a threshold."""

import math
from html import escape
from typing import Any

import gradio as gr

from components.cell import Cell, Page, Updates, empty, table, tiles, turns
from components.dataset_box import choose, opened
from components.filter_cell import SCORERS, Threshold
from studio import InputError, Project

FIRST = "No dataset yet: use the sample in cell 1."
# A key judges when nobody is typing: g good, b bad, u takes the last judgement back. A press while the last one is
# still on its way waits until the next example is there, so that none is lost and none falls on the wrong example.
KEYS = """() => {
  if (window.reviewKeys) return;
  const buttons = {g: "#data-review-good", b: "#data-review-bad", u: "#data-review-undo"};
  const waiting = window.reviewKeys = [];
  let busy = false;
  const next = () => {
    const button = !busy && waiting.length && document.querySelector(buttons[waiting[0]]);
    if (!button || button.disabled) return;
    waiting.shift();
    busy = true;
    const shown = () => document.querySelector("#data-review-example [data-row]")?.dataset.row;
    const before = shown(), until = Date.now() + 5000;
    const look = () => {
      if (shown() === before && Date.now() < until) return setTimeout(look, 30);
      busy = false;
      next();
    };
    setTimeout(look, 30);
    button.click();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, [contenteditable]")) return;
    const button = buttons[event.key] && document.querySelector(buttons[event.key]);
    if (button && button.offsetParent) { event.preventDefault(); waiting.push(event.key); next(); }
  });
}"""


def build_review(page: Page, number: int, threshold: Threshold) -> None:
    """`threshold` are the boxes of the filter that take what is suggested here."""
    why = "Judge a sample that represents: the numbers then say which score is worth cutting at."
    with Cell(page, "data-review", number, "Review by hand", why) as cell:
        with gr.Row(elem_classes="row"):
            dataset = gr.Dropdown([], label="Dataset", elem_id="data-review-dataset")
            reviewer = gr.Textbox("me", label="Who judges", max_length=60, elem_id="data-review-name")
            preset = gr.Dropdown(SCORERS, value="guide", label="Scorer to cut by", elem_id="data-review-preset")
        example = gr.HTML(empty(FIRST), elem_id="data-review-example")
        with gr.Row(elem_classes="row"):
            good = gr.Button("Good (g)", elem_id="data-review-good", interactive=False, min_width=120)
            bad = gr.Button("Bad (b)", elem_id="data-review-bad", interactive=False, min_width=120)
            undo = gr.Button("Take the last back (u)", elem_id="data-review-undo", interactive=False, min_width=160)
        report = gr.HTML("", elem_id="data-review-report")
        use = gr.Button("Use this threshold in the filter", elem_id="data-review-use", visible=False)
        shown = gr.State("")
    outputs = [example, good, bad, undo, report, use, shown]

    def look(
        project: Project, reference: str | None, who: str | None, scorer: str, wanted: str = ""
    ) -> Updates:  # fmt: skip
        if not reference:
            off = gr.update(interactive=False)
            return {
                **dict.fromkeys((good, bad, undo), off),
                example: empty(FIRST),
                report: "",
                use: gr.update(visible=False),
                shown: "",
                **cell.says(""),
            }
        chosen, name = project.dataset(reference), (who or "").strip()
        row_id = wanted or (project.next_review(chosen, name, scorer) if name else None)
        judged, found = project.reviews(chosen), project.review_report(chosen, scorer)
        mine = int((judged["reviewer"] == name).sum())
        can_judge = gr.update(interactive=row_id is not None)
        words = (
            "Write a name above: a judgement needs one."
            if not name
            else "Every example is judged. See the numbers below."
        )
        return {
            good: can_judge,
            bad: can_judge,
            undo: gr.update(interactive=mine > 0),
            example: empty(words) if row_id is None else _shown(project.row(chosen, row_id)),
            shown: row_id or "",
            report: _report(found),
            use: gr.update(visible=found["suggested"] is not None),
            **cell.says(f"{judged['id'].nunique():,} of {len(chosen):,} judged" if len(judged) else "not begun"),
        }

    def judge(verdict: str) -> Any:
        def press(project: Project, reference: str | None, who: str | None, scorer: str, row_id: str) -> Updates:
            chosen = opened(project, reference)
            if not row_id:
                raise InputError("There is no example to judge", "none is shown", "Choose a dataset and a name")
            project.judge(chosen, row_id, verdict, (who or "").strip())
            return look(project, reference, who, scorer)

        return press

    def take_back(project: Project, reference: str | None, who: str | None, scorer: str) -> Updates:
        chosen, name = opened(project, reference), (who or "").strip()
        judged = project.reviews(chosen)
        mine = judged[judged["reviewer"] == name]
        if mine.empty:
            raise InputError("There is nothing to take back", f"no judgement of {name!r}", "Judge an example first")
        last = str(mine["id"].iloc[-1])
        project.judge(chosen, last, None, name)
        return look(project, reference, who, scorer, last)

    def hand_over(project: Project, reference: str | None, scorer: str) -> Updates:
        found = project.review_report(opened(project, reference), scorer)
        if found["suggested"] is None:
            raise InputError("There is no threshold to use", found["why_none"] or "too little was judged", "Judge more")
        least = found["suggested"][0]
        words = f"the filter keeps from {least:.2f} by {scorer}"
        return {threshold.dataset: reference, threshold.quality: least, threshold.preset: scorer, **cell.says(words)}

    place = [dataset, reviewer, preset]
    for changed in (dataset.change, reviewer.submit, reviewer.blur, preset.input):
        page.follow(changed, look, place, outputs, cell)
    at_once: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "multiple"}
    page.on(good.click, judge("good"), [*place, shown], outputs, cell, **at_once)
    page.on(bad.click, judge("bad"), [*place, shown], outputs, cell, **at_once)
    page.on(undo.click, take_back, place, outputs, cell, **at_once)
    page.on(use.click, hand_over, [dataset, preset], [*threshold], cell)
    cell.box.expand(None, None, None, js=KEYS)
    page.refresh_with(lambda project: {dataset: choose(project, "load", "filter")}, [dataset])


def _shown(row: Any) -> str:
    row_id = str(row["id"])
    return f'<p class="why" data-row="{escape(row_id)}">{escape(row_id)} · {escape(str(row["source"]))}</p>{turns(row["messages"])}'


def _report(found: dict[str, Any]) -> str:
    thresholds, suggested, agreed = found["thresholds"], found["suggested"], found["agreement"]
    if thresholds.empty:
        return f'<p class="why">{found["judged"]:,} judged. After ten the thresholds are told here.</p>'
    facts = {"judged": f"{found['judged']:,}"}
    if suggested:
        facts[f"keep from this {found['preset']} score"] = f"{suggested[0]:.2f}"
    if agreed["rows"]:
        kappa = "" if math.isnan(agreed["kappa"]) else f", kappa {agreed['kappa']:.2f}"
        facts[f"agreement on {agreed['rows']:,} shared rows"] = f"{agreed['raw']:.0%}{kappa}"
    words = suggested[1] if suggested else found["why_none"]
    why = f'<p class="why">{escape(words[0].upper() + words[1:])}.</p>'
    rows = [
        (
            f"{row.threshold:.2f}", f"{row.dropped_share:.0%}", _share(row.precision, row.precision_low, row.precision_high),
            _share(row.recall, row.recall_low, row.recall_high),
        )
        for row in thresholds.itertuples()
        if row.dropped_share > 0
    ]  # fmt: skip
    heads = [f"{found['preset']} score under", "drops", "of these bad (95 %)", "of all bad, found (95 %)"]
    return tiles(facts) + why + (table(heads, rows) if rows else "")


def _share(share: float, low: float, high: float) -> str:
    return "not judged" if math.isnan(share) else f"{share:.0%} ({low:.0%} to {high:.0%})"
