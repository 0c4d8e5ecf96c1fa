"""The cell that makes examples of documents: previewed, run, followed over a reload, stopped and gone on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project
from tests.browser.page import fill, more, opened, press, state_of, unfold, visit
from tests.chat_server import Server, good


@pytest.fixture(scope="module")
def project(home: Path) -> Project:
    return Project.open("manuals", home=home)


@pytest.fixture(scope="module")
def page(project: Project, address: str, browser: Browser) -> Iterator[Page]:
    with visit(browser, address, project.name) as page:
        yield page


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server().serving() as made:
        made.delay = 5.0
        made.answer = lambda passage, attempt: (200, good(passage))
        yield made


def test_a_template_is_previewed_and_run(page: Page, project: Project, tmp_path: Path) -> None:
    opened(page, "data-documents", "data-documents-empty")
    expect(page.locator("#data-documents-empty")).to_contain_text("No documents yet")
    file = tmp_path / "handbook.md"
    rules = [
        f"Rule {number}: orders of day {number} cost {number * 3} coins. It is never waived." for number in range(30)
    ]
    file.write_text("\n\n".join(rules))
    page.set_input_files("#data-load-file input[type=file]", str(file))
    expect(page.locator("#data-load-preview")).to_contain_text("text")
    press(page, "data-load-run")
    expect(page.locator("#data-documents-dataset input").first).to_have_value("handbook@v1")
    more(page, "data-documents")
    fill(page, "data-documents-tokens", 45)
    press(page, "data-documents-preview")
    expect(page.locator("#data-documents-message")).to_contain_text("overlap 64")
    fill(page, "data-documents-overlap", 0)
    fill(page, "data-documents-prompt", "What holds here? {first}")
    press(page, "data-documents-preview")
    expect(page.locator("#data-documents-seen .pair")).to_have_count(3)
    expect(page.locator("#data-documents-seen")).to_contain_text(
        "What holds here? Rule 0: orders of day 0 cost 0 coins."
    )
    assert project.generations() == [] and len(project.journal.steps()) == 1
    press(page, "data-documents-run")
    state_of(page, "data-documents", "30 rows in handbook-examples@v1")
    expect(page.locator("#data-documents-result .pair")).to_have_count(3)
    expect(page.locator("#data-documents-result .pair").nth(1)).to_contain_text("handbook.md#2")
    unfold(page, "data-documents", "Code")
    expect(page.locator("#data-documents-code")).to_contain_text("project.add_from_documents(raw, generator=")
    opened(page, "data-filter", "data-filter-dataset")
    expect(page.locator("#data-filter-dataset input").first).to_have_value("handbook-examples@v1")
    assert "What holds here? {first}" in project.journal.steps()[-1].code


def test_an_endpoint_is_followed_over_a_reload_stopped_and_gone_on(
    page: Page, project: Project, server: Server
) -> None:
    key = "sk-typed-on-the-page"
    page.locator("#data-documents-by").get_by_text("Endpoint").click()
    fill(page, "data-documents-url", server.url)
    fill(page, "data-documents-served", "any")
    fill(page, "data-documents-key", key)
    press(page, "data-documents-run")
    expect(page.locator("#data-documents-key input")).to_have_value("")
    state_of(page, "data-documents", r"running \d+%.*left")
    page.reload()
    opened(page, "data-documents", "data-documents-stop")
    state_of(page, "data-documents", "running")
    expect(page.locator("#data-documents-state [role=progressbar]")).to_be_visible()
    press(page, "data-documents-stop")
    state_of(page, "data-documents", "stopped")
    (_, job) = project.generations()
    asked = sum(server.asked.values())
    assert 0 < asked < 30 and job.dataset is None
    server.delay = 0.01
    press(page, "data-documents-resume")
    state_of(page, "data-documents", "30 rows in handbook-examples@v2")
    expect(page.locator("#data-documents-state")).to_be_empty()
    expect(page.locator("#data-documents-result")).to_contain_text("What is said in Rule 0")
    assert sum(server.asked.values()) == 30 and set(server.keys) == {f"Bearer {key}"}
    for path in (*project.folder.rglob("*"), *project.home.glob("*")):  # others work in the other projects
        assert not path.is_file() or key.encode() not in path.read_bytes(), path
