"""The Look cell: search, filters, sorts, one row after the other, the worst by a score, on a narrow dark page too."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import choose, fill, more, opened, press, unfold, visit

PICTURES = Path(os.environ.get("STUDIO_TEST_PICTURES", "no-such-folder"))  # where a person wants to see them


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    project = Project.open("look", home=home)
    rows = [
        {"messages": [{"role": "user", "content": "Und wann fährt der nächste Zug nach Hause?"}, {"role": "assistant", "content": "Der nächste Zug fährt um halb neun vom Gleis zwei ab."},
                      {"role": "user", "content": "Danke! Und danach?"}, {"role": "assistant", "content": "Danach fährt er jede halbe Stunde bis zum Abend."}]},
        {"messages": [{"role": "user", "content": "Which colour has the <sky> today, and why is it so?"}, {"role": "assistant", "content": "It is blue, since short waves of light are scattered most."}]},
    ] * 3  # fmt: skip
    file = home / "talks.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    project.load(file)
    project.load(Project.sample())
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name, ["clipboard-read", "clipboard-write"]) as page:
        opened(page, "data-look", "data-look-table")
        yield page


def test_the_word_on_the_search_button_stands_in_one_line(page: Page) -> None:
    lines = "button => { const range = document.createRange(); range.selectNodeContents(button); return new Set([...range.getClientRects()].filter(box => box.width).map(box => Math.round(box.top))).size; }"
    assert page.locator("button#data-look-go").evaluate(lines) == 1


def shown_id(page: Page) -> str:
    return page.locator("#data-look-example [data-row]").get_attribute("data-row") or ""


def picture(page: Page, name: str, inside: str = "data-look") -> None:
    if PICTURES.is_dir():
        page.locator(f"#{inside}").screenshot(path=PICTURES / f"{name}.png")


def ids(project: Project, reference: str, **query: object) -> list[str]:
    return list(project.rows(project.dataset(reference), size=50, **query).rows["id"])


def tick(page: Page, box: str, choice: str) -> None:
    """Adds a choice to a dropdown of several."""
    page.locator(f"#{box} input").first.click()
    page.get_by_role("option", name=re.compile(re.escape(choice))).first.click()
    page.keyboard.press("Escape")


def found(page: Page, words: str) -> None:
    expect(page.locator("#data-look-found")).to_contain_text(words)


def test_pictures_of_scores_tokens_turns_and_sources(page: Page) -> None:
    for part in ("scores", "tokens", "turns", "sources-chart"):
        expect(page.locator(f"#data-look-{part} .plot-container").first).to_be_visible()
    expect(page.locator("#data-look-turns")).to_contain_text("turns (messages of user and assistant)")
    found(page, "1,236 rows found, page 1 of 25")
    picture(page, "look-1280")


def test_a_search_finds_counts_and_marks(page: Page, project: Project) -> None:
    fill(page, "data-look-search", "RECEIPT")
    page.locator("#data-look-search textarea, #data-look-search input").first.press("Enter")
    wanted = project.rows(project.dataset("tickets"), search="receipt")
    found(page, f"{wanted.total:,} rows found")
    page.locator("#data-look-table").get_by_text(wanted.rows["id"][0]).last.click()
    expect(page.locator("#data-look-example mark").first).to_have_text(re.compile("receipt", re.IGNORECASE))
    picture(page, "look-found")


def test_from_row_to_row_by_button_and_key_and_copied(page: Page, project: Project) -> None:
    order = ids(project, "tickets", search="receipt")
    press(page, "data-look-next-row")
    expect(page.locator(f'#data-look-example [data-row="{order[1]}"]')).to_be_visible()
    page.locator("#data-look-example .turn").first.click()
    page.keyboard.press("j")
    expect(page.locator(f'#data-look-example [data-row="{order[2]}"]')).to_be_visible()
    page.keyboard.press("k")
    press(page, "data-look-previous-row")
    expect(page.locator(f'#data-look-example [data-row="{order[0]}"]')).to_be_visible()
    expect(page.locator("#data-look-tokens-view")).to_contain_text("are trained on")
    press(page, "data-look-copy")
    expect(page.locator("#data-look-copy")).to_contain_text("Copied")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert (
        copied["id"] == order[0] and copied["messages"] == project.row(project.dataset("tickets"), order[0])["messages"]
    )


def test_filter_by_flag_and_sort_and_page(page: Page, project: Project) -> None:
    fill(page, "data-look-search", "")
    page.locator("#data-look-search textarea, #data-look-search input").first.press("Enter")
    found(page, "1,236 rows found")
    tick(page, "data-look-flags", "truncated")
    wanted = project.rows(project.dataset("tickets"), flags=["truncated"], sort="tokens", descending=True)
    found(page, f"{wanted.total:,} rows found")
    choose(page, "data-look-sort", "tokens, most first")
    expect(page.locator("#data-look-table tbody tr").first).to_contain_text(wanted.rows["id"][0])
    page.locator("#data-look-flags button[aria-label*='emove'], #data-look-flags .token-remove").first.click()
    found(page, "1,236 rows found, page 1 of 25")
    press(page, "data-look-next")
    found(page, "page 2 of 25")
    second = project.rows(project.dataset("tickets"), page=2, sort="tokens", descending=True)
    expect(page.locator("#data-look-table tbody tr").first).to_contain_text(second.rows["id"][0])


def test_the_worst_twenty_and_the_way_on_among_them(page: Page, project: Project) -> None:
    unfold(page, "data-look-worst-box")
    choose(page, "data-look-score", "guide: formatting")
    wanted = project.worst(project.dataset("tickets"), "formatting")
    expect(page.locator("#data-look-worst")).to_contain_text("(formatting -")
    page.locator("#data-look-worst").get_by_text(wanted["id"][0]).last.click()
    expect(page.locator(f'#data-look-example [data-row="{wanted["id"][0]}"]')).to_be_visible()
    press(page, "data-look-next-row")
    expect(page.locator(f'#data-look-example [data-row="{wanted["id"][1]}"]')).to_be_visible()
    choose(page, "data-look-score", "studio")
    expect(page.locator("#data-look-worst")).to_contain_text("not valid JSON (-0.5)")
    picture(page, "look-worst")


def test_languages_are_counted_and_filtered_and_a_bad_pattern_is_told(page: Page) -> None:
    choose(page, "data-look-dataset", "talks@v1")
    found(page, "6 rows found")
    unfold(page, "data-look-filters")
    tick(page, "data-look-languages", "German")
    found(page, "3 rows found")
    page.locator("#data-look-regular input").check()
    fill(page, "data-look-search", "(")
    page.locator("#data-look-search textarea, #data-look-search input").first.press("Enter")
    found(page, "is no regular expression")
    picture(page, "look-bad-pattern")
    fill(page, "data-look-search", "halb(e Stunde)?")
    page.locator("#data-look-search textarea, #data-look-search input").first.press("Enter")
    found(page, "3 rows found")
    more(page, "data-look")
    expect(page.locator("#data-look-spoken")).to_contain_text("German")


def test_a_narrow_dark_page_is_not_wider_than_its_window(page: Page, browser: Browser) -> None:
    narrow = browser.new_page(viewport={"width": 390, "height": 844})
    narrow.set_default_timeout(30_000)
    narrow.goto(page.url + "&__theme=dark")
    opened(narrow, "data-look", "data-look-table")
    expect(narrow.locator("#data-look-sources-chart .plot-container").first).to_be_visible()
    narrow.locator("#data-look-table").get_by_text("r000001").last.click()
    expect(narrow.locator("#data-look-example .turn").first).to_be_visible()
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
    picture(narrow, "look-390-dark")
    narrow.close()
