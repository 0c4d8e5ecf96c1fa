"""The Model cell: what is on this machine, the Hub as one types, a download, a token, a template, and code of its own."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from studio import Project, consent, models
from tests import own_code
from tests.browser.page import MINUTES, more, press, state_of, studio, tab, visit
from tests.families import make_model
from tests.hub_server import TOKEN, HubServer, put_into_cache
from tests.waiting import until

NAME = "train-model-name"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    folder = tmp_path_factory.mktemp("on-the-hub")
    with HubServer().serving() as made:
        made.models |= {"maker/small-one": models.STARTER, "maker/small-closed": folder / "closed"}
        shutil.copytree(models.STARTER, folder / "closed")
        made.gated.add("maker/small-closed")
        yield made


@pytest.fixture(scope="module")
def project(own_home: Path) -> Project:
    return Project.open("models", home=own_home)


@pytest.fixture(scope="module")
def page(project: Project, own_home: Path, server: HubServer, browser: Browser) -> Iterator[Page]:
    put_into_cache(own_home / "hf" / "hub", "maker/cached", models.STARTER)
    with (
        studio(own_home, project.name, **server.environment(own_home / "hf")) as address,
        visit(browser, address, project.name) as page,
    ):
        page.set_default_timeout(MINUTES)
        tab(page, "3 Train")
        expect(page.locator("#train-model-report")).to_contain_text("comes with the studio", timeout=3 * MINUTES)
        yield page


def type_name(page: Page, text: str) -> None:
    """Letter by letter, as a person does."""
    box = page.locator(f"#{NAME} input").first
    box.click()
    box.fill("")
    box.press_sequentially(text, delay=20)


def take_model(page: Page, name: object) -> None:
    """By its name, as one who knows it; what the box shows then may say more than the name."""
    type_model(page, name)
    expect(page.locator("#train-model-report")).to_contain_text(str(name))


def type_model(page: Page, name: object) -> None:
    box = page.locator(f"#{NAME} input").first
    box.click()
    box.fill(str(name))
    box.press("Tab")


def look_under_more(page: Page) -> None:
    if not page.locator("#train-model-consents").is_visible():
        more(page, "train-model")


def test_what_is_here_comes_first_and_the_hub_while_one_types(page: Page, server: HubServer) -> None:
    expect(page.locator("#train-model-machine")).to_contain_text("Training without a GPU is slow")
    page.locator(f"#{NAME} input").first.click()
    options = page.get_by_role("option")
    expect(options).to_contain_text(["starter", "maker/cached · on this machine, 6.9 MB"])
    type_name(page, "small")
    expect(options.filter(has_text="maker/small-closed · Hub, 1.2 M downloads, gated")).to_be_visible()
    searches = [asked["search"][0] for asked in server.searches]
    assert searches and all("small".startswith(text) and len(text) >= 3 for text in searches)
    options.filter(has_text="maker/small-one").click()
    expect(page.locator("#train-model-report")).to_contain_text("3.5 M parameters · 6.9 MB of weights · on the Hub")


def test_it_is_fetched_and_found_again_after_a_reload(page: Page, server: HubServer) -> None:
    server.open.clear()
    take_model(page, "maker/small-one")
    expect(page.locator("#train-model-download")).to_contain_text("Download 7.")
    press(page, "train-model-download")
    expect(page.locator("#train-model-download-state")).to_contain_text("maker/small-one")
    page.reload()
    tab(page, "3 Train")
    expect(page.locator("#train-model-stop")).to_be_visible()
    server.open.set()
    expect(page.locator("#train-model-download-state")).to_contain_text(
        "✓ maker/small-one is on this machine", timeout=MINUTES
    )
    page.locator(f"#{NAME} input").first.click()
    page.get_by_role("option").filter(has_text="maker/small-one · on this machine").click()
    expect(page.locator("#train-model-report")).to_contain_text("6.9 MB of weights · on this machine")
    expect(page.locator("#train-model-download")).to_be_hidden()


def test_a_gated_model_is_explained_and_a_token_opens_it(page: Page, own_home: Path) -> None:
    take_model(page, "maker/small-closed")
    expect(page.locator("#train-model-report")).to_contain_text("is gated: its owner asks you to accept terms first")
    look_under_more(page)
    expect(page.locator("#train-model-token-state")).to_contain_text("No token")
    page.locator("#train-model-token input").fill(TOKEN)
    press(page, "train-model-token-use")
    expect(page.locator("#train-model-token-state")).to_contain_text("A token that you typed")
    expect(page.locator("#train-model-report")).to_contain_text("on the Hub, not here yet · gated")
    expect(page.locator("#train-model-report")).not_to_contain_text("is gated")
    assert page.locator("#train-model-token input").input_value() == "" and TOKEN not in page.content()
    assert not [path for path in own_home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    press(page, "train-model-token-forget")
    expect(page.locator("#train-model-token-state")).to_contain_text("No token")


def test_a_base_model_is_told_how_it_is_asked_and_an_encoder_is_refused(page: Page, tmp_path: Path) -> None:
    take_model(page, make_model(tmp_path / "base", "gpt2"))
    expect(page.locator("#train-model-report .note")).to_contain_text("brings no chat template")
    expect(page.locator("#train-model-report pre")).to_contain_text("### Assistant:")
    encoder = tmp_path / "encoder"
    shutil.copytree(models.STARTER, encoder)
    config = json.loads((encoder / "config.json").read_text())
    (encoder / "config.json").write_text(json.dumps({**config, "model_type": "bert", "architectures": ["BertModel"]}))
    take_model(page, encoder)
    expect(page.locator("#train-model-report")).to_contain_text(
        "cannot be trained here: its weights are those of BertModel"
    )


def test_of_a_folder_that_cannot_be_read_nothing_is_said_that_was_true_of_another(page: Page, tmp_path: Path) -> None:
    take_model(page, "starter")
    expect(page.locator("#train-model-report")).to_contain_text("3.5 M parameters")
    broken = tmp_path / "broken"
    shutil.copytree(models.STARTER, broken)
    (broken / "config.json").write_text("{}")
    type_model(page, broken)
    expect(page.locator("#train-model-message")).to_contain_text("config.json")
    state_of(page, "train-model", "! This model's config.json is not")  # a dot in a name ends no sentence
    expect(page.locator("#train-model-report")).to_contain_text("its config.json names no model_type")
    expect(page.locator("#train-model-report")).not_to_contain_text("3.5 M parameters")
    expect(page.locator("#train-model-machine")).not_to_contain_text("Its weights take")
    take_model(page, "starter")
    expect(page.locator("#train-model-report")).to_contain_text("3.5 M parameters")


def test_code_of_its_own_is_read_allowed_and_taken_back(page: Page, own_home: Path, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    model = own_code.make_model(tmp_path / "own", marker)
    take_model(page, model)
    expect(page.locator("#train-model-code")).to_contain_text("nobody allowed it yet")
    page.locator("#train-model-code summary", has_text="modeling_tiny.py").click()
    expect(page.locator("#train-model-code pre", has_text="class TinyForCausalLM")).to_be_visible()
    assert consent.listed(own_home) == []
    press(page, "train-model-allow")
    expect(page.locator("#train-model-code")).to_contain_text("it is allowed")
    look_under_more(page)
    expect(page.locator("#train-model-consents")).to_contain_text("modeling_tiny.py")
    assert [one.model for one in consent.listed(own_home)] == [str(model)]
    press(page, "train-model-withdraw")
    expect(page.locator("#train-model-code")).to_contain_text("nobody allowed it yet")
    until(lambda: consent.listed(own_home) == [])
    assert not marker.exists()
