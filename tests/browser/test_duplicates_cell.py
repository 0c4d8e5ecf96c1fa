"""The Duplicates cell: groups side by side, a page at a time, by words and by meaning, and the best of each kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import choose, fill, more, opened, press, state_of, unfold, visit
from tests.waiting import until


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    project = Project.open("copies", home=home)
    project.load(Project.sample())
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


def side_by_side(page: Page) -> bool:
    """Whether the first two rows of the first group stand next to each other."""
    first, second = (page.locator("#data-duplicates-groups .card").nth(at).bounding_box() for at in (0, 1))
    assert first and second
    return second["x"] > first["x"] and abs(second["y"] - first["y"]) < 2


def test_groups_stand_side_by_side_and_say_what_is_kept_and_why(page: Page, project: Project) -> None:
    opened(page, "data-duplicates", "data-duplicates-show")
    expect(page.locator("#data-duplicates-counts")).to_contain_text("Press “Show them”")
    press(page, "data-duplicates-show")
    found = project.near_duplicate_groups(project.dataset("tickets"))
    goes = found[~found["keep"]]
    exact = int((goes["kind"] == "exact").sum())
    assert 0 < exact < len(goes)
    tiles = page.locator("#data-duplicates-counts")
    expect(tiles).to_contain_text(f"{exact}exact copies")
    expect(tiles).to_contain_text(f"{len(goes) - exact}near copies")
    expect(tiles).to_contain_text(f"{len(goes)}rows that would go")
    groups = page.locator("#data-duplicates-groups .group")
    expect(groups).to_have_count(10)
    first = found[found["group"] == 1]
    expect(groups.first).to_contain_text(f"✓ Kept: {first['id'].iloc[0]}")
    expect(groups.first).to_contain_text(f"✕ Would go: {first['id'].iloc[1]}")
    expect(groups.first.locator(".kept")).to_contain_text("score")
    expect(groups.first.locator(".kept")).to_contain_text("like it")
    expect(page.locator("#data-duplicates-groups ins").first).to_be_visible()  # the differing words
    assert side_by_side(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert not side_by_side(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_page_at_a_time(page: Page, project: Project) -> None:
    found = project.near_duplicate_groups(project.dataset("tickets"))
    press(page, "data-duplicates-next")
    groups = page.locator("#data-duplicates-groups .group")
    expect(groups.first).to_contain_text("Group 11 ")
    expect(groups.first).to_contain_text(str(found.loc[found["group"] == 11, "id"].iloc[0]))
    fill(page, "data-duplicates-page", 1)
    page.locator("#data-duplicates-page input").press("Enter")
    expect(groups.first).to_contain_text("Group 1 ")


def test_the_best_of_each_is_kept_and_the_filter_takes_it_from_there(page: Page, project: Project) -> None:
    press(page, "data-duplicates-run")
    state_of(page, "data-duplicates", "dropped, .* kept")
    made = project.dataset("clean")
    found = project.near_duplicate_groups(project.dataset("tickets"))
    assert len(made.dropped) == int((~found["keep"]).sum()) and len(made) + len(made.dropped) == 1236
    code = project.journal.steps()[-1].code
    assert code == "clean = project.drop_duplicates(raw, by='words', threshold=0.8, run=3)"
    unfold(page, "data-duplicates", "Code")
    expect(page.locator("#data-duplicates-code")).to_contain_text("project.drop_duplicates(raw")
    opened(page, "data-filter", "data-filter-run")
    expect(page.locator("#data-filter-dataset input").first).to_have_value(made.reference)


def test_by_meaning_in_a_job(page: Page, project: Project) -> None:
    _, fewer = project.split(project.dataset("tickets"), test=0.2)  # groups stay together
    page.reload()
    opened(page, "data-duplicates", "data-duplicates-show")
    choose(page, "data-duplicates-dataset", fewer.reference)
    page.locator("#data-duplicates-by label", has_text="the same meaning").click()
    expect(page.locator("#data-duplicates-note")).to_contain_text("a sentence encoder")
    expect(page.locator("#data-duplicates-threshold input").first).to_have_value("0.95")
    more(page, "data-duplicates")
    expect(page.locator("#data-duplicates-model textarea, #data-duplicates-model input").first).to_have_value("starter")
    press(page, "data-duplicates-show")
    until(lambda: bool(project.jobs("semantic")))
    page.reload()  # the job goes on, and the page finds it again
    opened(page, "data-duplicates", "data-duplicates-show")
    expect(page.locator("#data-duplicates-dataset input").first).to_have_value(fewer.reference)
    expect(page.locator("#data-duplicates-groups .group").first).to_contain_text("like", timeout=120_000)
    found = project.found_semantic_duplicates(fewer)
    assert found is not None and len(project.jobs("semantic")) == 1
    expect(page.locator("#data-duplicates-counts")).to_contain_text(
        f"{int((~found['keep']).sum()):,}rows that would go"
    )
    title = page.locator("#data-duplicates button.label-wrap").first
    expect(title).not_to_contain_text("running")
    expect(page.locator("#data-duplicates-stop")).to_be_hidden()
