"""Review by one scorer or another, and the threshold that goes to the filter with its scorer."""

import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from studio import Project
from tests.browser.page import choose, more, opened, press, visit
from tests.data.frames import labels_and_refusals

STUDIO = "studio: fair to short answers, checks code and JSON"


def test_a_threshold_goes_to_the_filter_with_its_scorer(home: Path, address: str, browser: Browser) -> None:
    (home / "labels.jsonl").write_text("\n".join(map(json.dumps, labels_and_refusals())))
    project = Project.open("labels", home=home)
    raw = project.load(home / "labels.jsonl", name="labels")
    for number, row_id in enumerate(raw.examples["id"][:20]):
        project.judge(raw, row_id, "good" if number % 4 else "bad", "me")
    with visit(browser, address, project.name) as page:
        opened(page, "data-review", "data-review-good")
        expect(page.locator("#data-review-report")).to_contain_text("No threshold of the guide score separates")
        expect(page.locator("#data-review-use")).to_be_hidden()
        choose(page, "data-review-preset", STUDIO)
        expect(page.locator("#data-review-report")).to_contain_text("keep from this studio score")
        press(page, "data-review-use")
        expect(page.locator("#data-review")).to_contain_text("the filter keeps from 0.65 by studio")
        opened(page, "data-filter", "data-filter-run")
        expect(page.locator("#data-filter-kept")).to_contain_text("of 80")
        more(page, "data-filter")
        expect(page.locator("#data-filter-preset input").first).to_have_value(STUDIO)
        assert page.locator("#data-filter-quality input").first.input_value() == "0.65"
