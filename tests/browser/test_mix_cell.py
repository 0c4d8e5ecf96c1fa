"""The Mix, Split and Leaks cells: what would come out before it is made, and a benchmark's rows found and dropped."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import choose, fill, opened, press, state_of, visit


def lines(*pairs: tuple[str, str]) -> str:
    return "".join(json.dumps({"prompt": asked, "completion": said}) + "\n" for asked, said in pairs)


@pytest.fixture(scope="module")
def project(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.open("mixes", home=home)
    folder = tmp_path_factory.mktemp("files")
    own = [(f"Which team has ticket number {at}?", json.dumps({"team": "ab"[at % 3 == 0]})) for at in range(90)]
    general = [(f"What is {at} and {at}?", f"It is {2 * at}.") for at in range(200)]
    (folder / "own.jsonl").write_text(lines(*own))
    (folder / "general.jsonl").write_text(lines(*general))
    (folder / "bench.jsonl").write_text(lines(*own[:4], ("Something else that nobody asked before?", "Yes.")))
    for name in ("bench", "general", "own"):
        project.load(folder / f"{name}.jsonl")
    return project


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


def test_general_data_in_a_share(page: Page, project: Project) -> None:
    opened(page, "data-mix", "data-mix-run")
    for name in ("own@v1", "general@v1"):
        page.locator("#data-mix-datasets input").first.click()
        page.get_by_role("option", name=name).first.click()
    page.keyboard.press("Escape")
    expect(page.get_by_label("own@v1, %")).to_have_value("90")
    expect(page.get_by_label("general@v1, %")).to_have_value("10")
    press(page, "data-mix-preview")
    result = page.locator("#data-mix-result")
    expect(result).to_contain_text("nothing is made yet")
    expect(result.locator("tbody tr").nth(1)).to_contain_text("10.0%")
    assert not [step for step in project.journal.steps() if step.verb == "mix"]
    press(page, "data-mix-run")
    state_of(page, "data-mix", "100 rows in mixed@v1")
    mixed = project.dataset("mixed")
    assert Counter(mixed.examples["source"]) == {"own.jsonl": 90, "general.jsonl": 10}
    expect(result).to_contain_text("general@v1")


def test_labels_in_balance_by_weights(page: Page, project: Project) -> None:
    page.locator("#data-mix-how label", has_text="labels").click()
    fill(page, "data-mix-field", "team")
    fill(page, "data-mix-weights", "a=2, b=")
    press(page, "data-mix-preview")
    expect(page.locator("#data-mix-message")).to_contain_text("'b='")
    fill(page, "data-mix-weights", "a=2, b=1")
    press(page, "data-mix-preview")
    expect(page.locator("#data-mix-message")).to_be_hidden()
    press(page, "data-mix-run")
    state_of(page, "data-mix", "rows in mixed@v2")
    answers = Counter(messages[-1]["content"] for messages in project.dataset("mixed").examples["messages"])
    assert answers == {'{"team": "a"}': 60, '{"team": "b"}': 30}


def test_rows_of_a_benchmark_are_found_and_dropped(page: Page, project: Project) -> None:
    opened(page, "data-leaks", "data-leaks-check")
    choose(page, "data-leaks-dataset", "own@v1")
    choose(page, "data-leaks-benchmark", "bench@v1")
    press(page, "data-leaks-check")
    expect(page.locator("#data-leaks-found")).to_contain_text(
        "4 of 5 rows of bench@v1 stand in the training rows: 4 the same"
    )
    expect(page.locator("#data-leaks-pairs .group")).to_have_count(4)
    expect(page.locator("#data-leaks-pairs .card").nth(1)).to_contain_text("Which team has ticket number 0?")
    press(page, "data-leaks-run")
    state_of(page, "data-leaks", "4 dropped, 86 left")
    assert len(project.dataset("clean")) == 86


def test_a_split_says_in_words_what_leaked(page: Page, project: Project) -> None:
    opened(page, "data-split", "data-split-run")
    choose(page, "data-split-dataset", "general@v1")
    press(page, "data-split-run")
    state_of(page, "data-split", "rows in train@v1 and 20 rows in test@v1")
    expect(page.locator("#data-split-result")).to_contain_text("stands in the training rows")


def test_a_filter_before_a_mix_and_a_split_goes_off_and_both_are_made_again(
    home: Path, address: str, browser: Browser
) -> None:
    project = Project.open("remixed", home=home)
    own, general = (
        project.load(pasted=lines(*((f"Where is {name} {at}?", f"In {name} {at}.") for at in range(count))), name=name)
        for name, count in (("hall", 20), ("yard", 30))
    )
    short = project.filter(own, min_quality=0, drop_flags=(), rules=[{"kind": "length", "maximum": 10}])
    project.split(project.mix(short, general, shares=[1, 1]), test=0.2)
    with visit(browser, address, project.name) as page:
        opened(page, "data-steps", "data-steps-list")
        state_of(page, "data-steps", "5 steps to train@v1")
        expect(page.locator("#data-steps-list")).to_contain_text("not drawn (20)")
        page.locator("#data-steps-kept label", has_text="1 filter").click()
        press(page, "data-steps-run")
        said = page.locator("#data-steps-result")
        expect(said).to_contain_text("train@v2 holds 32 examples. The other part is test@v2")
        state_of(page, "data-steps", "4 steps to train@v2")
        expect(page.locator("#data-steps-list")).to_contain_text("None of these can be switched off")
        expect(said).to_contain_text("The other part is test@v2")
    assert len(project.dataset("test@v2")) == 8
