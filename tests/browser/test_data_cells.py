"""The cells of the Data tab that look and judge: tokens, review by key, steps off and on again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import choose, fill, more, opened, press, state_of, visit
from tests.waiting import until


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    project = Project.open("cells", home=home)
    raw = project.load(Project.sample())
    first = project.filter(raw, min_quality=0, drop_flags=("TODO",), exact_duplicates=False)
    project.filter(first, min_quality=0, drop_flags=(), exact_duplicates=True)
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


def test_the_tokens_of_a_row_say_what_is_trained_on(page: Page) -> None:
    opened(page, "data-look", "data-look-table")
    page.locator("#data-look-table").get_by_text("r000001").last.click()
    expect(page.locator("#data-look-tokens-view")).to_contain_text("are trained on")
    trained = page.locator("#data-look-tokens-view .trained").first
    expect(trained).to_contain_text("team")
    fill(page, "data-look-length", 20)
    expect(page.locator("#data-look-tokens-view")).to_contain_text("are cut")


def test_rows_are_judged_by_key_and_taken_back(page: Page, project: Project) -> None:
    opened(page, "data-review", "data-review-good")
    choose(page, "data-review-dataset", "tickets@v1")
    fill(page, "data-review-name", "Ada")
    expect(page.locator("button#data-review-good")).to_be_enabled()
    page.locator("#data-review .turn").first.click()
    page.keyboard.type("ggbggbggbggb")  # faster than the page: none is lost
    state_of(page, "data-review", "12 of")
    expect(page.locator("#data-review-report")).to_contain_text("of all bad, found")
    page.keyboard.press("u")
    state_of(page, "data-review", "11 of")
    judged = project.reviews(project.dataset("tickets"))
    assert (
        len(judged) == 11
        and sorted(judged["verdict"]) == ["bad"] * 3 + ["good"] * 8
        and set(judged["reviewer"]) == {"Ada"}
    )


def test_a_step_goes_off_and_comes_on_again(page: Page, project: Project) -> None:
    opened(page, "data-steps", "data-steps-list")
    choose(page, "data-steps-dataset", "clean@v2")
    expect(page.locator("#data-steps-list")).to_contain_text("exact duplicate (40)")
    page.locator("#data-steps-kept label", has_text="2 filter").click()
    press(page, "data-steps-run")
    until(lambda: project.dataset("clean").version == 3)
    assert len(project.dataset("clean")) == len(project.dataset("clean@v1"))
    state_of(page, "data-steps", "clean@v3")
    choose(page, "data-steps-dataset", "clean@v2")
    choose(page, "data-steps-other", "clean@v3")
    press(page, "data-steps-compare")
    expect(page.locator("#data-steps-difference")).to_contain_text("40 only in the second")


def test_a_step_that_then_finds_nothing_is_passed_over_and_said(home: Path, address: str, browser: Browser) -> None:
    """Rows that are alike only once their addresses are masked."""
    project = Project.open("masked", home=home)
    rows = [
        f'{{"prompt": "Write to {one}@{one}corp.com or {one}{one}@{one}{one}.org?", "completion": "Yes, to {one}@x{one}.net today."}}'
        for one in "abcd"
    ]
    raw = project.load(pasted="\n".join(rows), name="raw")
    project.filter(project.drop_duplicates(project.redact(raw)), min_quality=0, drop_flags=())
    with visit(browser, address, project.name) as page:
        opened(page, "data-steps", "data-steps-list")
        page.locator("#data-steps-kept label", has_text="1 redact").click()
        press(page, "data-steps-run")
        said = page.locator("#data-steps-result")
        expect(said).to_contain_text("clean@v4 holds 4 examples")
        expect(said).to_contain_text("Passed over: 2 drop_duplicates: There are no duplicates to drop")
        state_of(page, "data-steps", "2 steps to clean@v4")
        expect(said).to_contain_text("Passed over")
        choose(page, "data-steps-dataset", "clean@v3")
        expect(said).to_be_empty()
        for step in ("1 redact", "3 filter"):
            page.locator("#data-steps-kept label", has_text=step).click()
        press(page, "data-steps-run")
        expect(said).to_contain_text("No dataset was made: raw@v1 is what is left")
        expect(page.locator("#data-steps-message")).to_be_hidden()
    assert [one.reference for one in project.datasets()] == ["raw@v1", *(f"clean@v{at}" for at in range(1, 5))]


def test_topics_and_labels_are_drawn(page: Page) -> None:
    more(page, "data-look")
    expect(page.locator("#data-look-labels")).to_contain_text("urgency")
    expect(page.locator("#data-look-topics .plot-container").first).to_be_visible()


def test_a_file_of_unknown_columns_is_looked_at_and_mapped(page: Page, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "fragen.csv"
    rows = [
        f'{number},"Wie spät ist es, Nummer {number}?","Es ist {number} Uhr, wie jeden Tag um diese Zeit."'
        for number in range(12)
    ]
    file.write_text("\n".join(["nr,frage,antwort", *rows]), encoding="utf-8")
    opened(page, "data-load", "data-load-run")
    page.set_input_files("#data-load-file input[type=file]", str(file))
    expect(page.locator("#data-load-preview")).to_contain_text("Say which column is which")
    expect(page.locator("#data-load-question input").first).to_have_value("frage")
    expect(page.locator("#data-load-answer input").first).to_have_value("antwort")
    press(page, "data-load-run")
    state_of(page, "data-load", "12 rows in fragen@v1")
    messages = project.dataset("fragen").examples["messages"].iloc[3]
    assert messages[-2]["content"] == "Wie spät ist es, Nummer 3?" and messages[-1]["content"].startswith(
        "Es ist 3 Uhr"
    )


def test_one_of_the_lists_of_a_json_file_is_chosen(page: Page, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "lists.json"
    rows = [{"prompt": f"Where is parcel {number}?", "completion": f"In hall {number}."} for number in range(8)]
    file.write_text(json.dumps({"train": rows[:5], "validation": rows[5:]}))
    page.reload()
    opened(page, "data-load", "data-load-run")
    page.set_input_files("#data-load-file input[type=file]", str(file))
    expect(page.locator("#data-load-array input").first).to_have_value("train (5)")
    expect(page.locator("#data-load-preview")).to_contain_text("holds 2 lists")
    choose(page, "data-load-array", "validation (3)")
    expect(page.locator("#data-load-preview")).to_contain_text("In hall 5.")
    press(page, "data-load-run")
    state_of(page, "data-load", "3 rows in lists@v1")
    assert "array='validation'" in project.journal.steps()[-1].code.replace('"', "'")
    expect(page.locator("#data-load-array")).to_be_hidden()


def test_a_copy_that_was_downloaded_is_loaded_with_its_ids(page: Page, project: Project, tmp_path: Path) -> None:
    page.reload()
    opened(page, "data-copy", "data-copy-run")
    choose(page, "data-copy-dataset", "clean@v1")
    press(page, "data-copy-run")
    files = []
    for part, name in (("file", "clean-v1.jsonl"), ("ids", "clean-v1.ids.jsonl"), ("card", "clean-v1.md")):
        expect(page.locator(f"#data-copy-{part}")).to_contain_text(f"Download {name}")
        with page.expect_download() as download:
            page.locator(f"#data-copy-{part}").click()
        files.append(tmp_path / download.value.suggested_filename)
        download.value.save_as(files[-1])
    opened(page, "data-load", "data-load-run")
    page.set_input_files("#data-load-file input[type=file]", [str(file) for file in files[:2]])
    expect(page.locator("#data-load-preview")).to_contain_text("This looks like messages")
    press(page, "data-load-run")
    expect(page.locator("#data-load-result")).to_contain_text("have their ids and sources from clean-v1.ids.jsonl")
    back, before = project.datasets()[-1].examples, project.dataset("clean@v1").examples
    assert [*back["id"]] == [*before["id"]] and [*back["source"]] == [*before["source"]]


def test_the_kind_of_examples_is_chosen(page: Page, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    rows = [f"Where is my parcel {number}?,It comes on Monday {number}.,No idea {number}." for number in range(6)]
    file.write_text("\n".join(["query,first_reply,second_reply", *rows]), encoding="utf-8")
    page.set_viewport_size({"width": 390, "height": 900})
    page.reload()
    opened(page, "data-load", "data-load-run")
    page.set_input_files("#data-load-file input[type=file]", str(file))
    expect(page.locator("#data-load-kind input").first).to_have_value("question and answer")
    expect(page.locator("#data-load-third")).to_be_hidden()
    choose(page, "data-load-kind", "better and worse answer")
    expect(page.locator("#data-load-preview")).to_contain_text("Still to be chosen: Column of the better answer")
    choose(page, "data-load-answer", "first_reply")
    choose(page, "data-load-third", "second_reply")
    expect(page.locator("#data-load-preview")).to_contain_text("So the first rows are read as better and worse answer")
    press(page, "data-load-run")
    state_of(page, "data-load", "6 rows in pairs@v1")
    assert list(project.dataset("pairs").examples["rejected"][:2]) == ["No idea 0.", "No idea 1."]
    assert "shape='preference'" in project.journal.steps()[-1].code.replace('"', "'")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_any_column_may_be_the_answer(page: Page, project: Project, tmp_path: Path) -> None:
    file = tmp_path / "teams.csv"
    rows = [
        f"My order {number} has not arrived and I am upset,customer called twice see the log,shipping"
        for number in range(9)
    ]
    file.write_text("\n".join(["ticket_text,agent_notes,team", *rows]), encoding="utf-8")
    page.reload()  # another upload would stand beside the one before
    opened(page, "data-load", "data-load-run")
    page.set_input_files("#data-load-file input[type=file]", str(file))
    expect(page.locator("#data-load-question input").first).to_have_value("ticket_text")
    choose(page, "data-load-answer", "team")
    press(page, "data-load-run")
    state_of(page, "data-load", "9 rows in teams@v1")
    assert project.dataset("teams").examples["messages"].iloc[0][-1]["content"] == "shipping"


def test_what_was_given_last_is_loaded(page: Page, project: Project, tmp_path: Path) -> None:
    """An upload, a path beside it, then pasted rows: the page says which of them Load takes."""
    path = tmp_path / "typed.jsonl"
    path.write_text('{"prompt": "typed", "completion": "row"}\n' * 7, encoding="utf-8")
    opened(page, "data-load", "data-load-run")
    more(page, "data-load")
    fill(page, "data-load-path", path)
    press(page, "data-load-run")
    state_of(page, "data-load", "7 rows in typed@v1")
    fill(page, "data-load-path", "")
    fill(page, "data-load-pasted", '{"prompt": "pasted", "completion": "one"}')
    expect(page.locator("#data-load-preview")).to_contain_text("The pasted rows were given last")
    expect(page.locator("#data-load-preview")).to_contain_text("one")
    press(page, "data-load-run")
    state_of(page, "data-load", "1 rows in pasted@v1")
    fill(page, "data-load-pasted", "")
    expect(page.locator("#data-load-preview")).to_contain_text("My order 0")  # the upload is all that is left


def test_the_filter_counts_near_duplicates_and_own_rules(page: Page, project: Project) -> None:
    opened(page, "data-filter", "data-filter-run")
    choose(page, "data-filter-dataset", "tickets@v1")
    page.locator("#data-filter-near input").check()
    expect(page.locator("#data-filter-kept")).to_contain_text("near duplicate")
    more(page, "data-filter")
    fill(page, "data-filter-pattern", "(")
    expect(page.locator("#data-filter-message")).to_contain_text("regular expression")
    fill(page, "data-filter-pattern", '"team": "billing"')
    expect(page.locator("#data-filter-message")).to_be_hidden()
    press(page, "data-filter-run")
    state_of(page, "data-filter", "kept")
    made = project.dataset("clean")
    assert all('"team": "billing"' in messages[-1]["content"] for messages in made.examples["messages"])
    assert 200 < len(made) < 300


def test_private_details_are_counted_and_masked(page: Page, project: Project) -> None:
    opened(page, "data-privacy", "data-privacy-run")
    choose(page, "data-privacy-dataset", "tickets@v1")
    press(page, "data-privacy-count")
    expect(page.locator("#data-privacy-result")).to_contain_text("e-mail address")
    press(page, "data-privacy-run")
    state_of(page, "data-privacy", "1,236 examples")
    after = project.private_details(project.dataset("clean"))
    assert sum(after.values()) == 0
