"""A length that cuts the answers off is seen before anything starts: refused where next to nothing is left to learn, else
said."""

import json
from typing import Any

import pytest

from studio import InputError, Project, Recipe, RecipeError, chat
from studio.examples import Dataset
from studio.models import STARTER
from studio.training import whole_answers
from studio.training.rows import encode_rows

WORDS = "the ticket says hello and more "
ROWS = 20


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.open("cut", home=tmp_path_factory.mktemp("home"))


def data(project: Project, long: int, name: str, before: tuple[dict[str, Any], ...] = (), **fields: str) -> Dataset:
    """ROWS rows, of which `long` have a question of about 2,000 tokens."""
    rows: list[dict[str, Any]] = []
    for at in range(ROWS):
        question = {"role": "user", "content": WORDS * (250 if at < long else 2) + str(at)}
        messages = [*before, question, {"role": "assistant", "content": f"answer {at}"}]
        pair = {"prompt": question["content"], "chosen": f"answer {at}", **fields}
        rows.append(pair if fields else {"messages": messages})
    return project.load(pasted="\n".join(map(json.dumps, rows)), name=name)


@pytest.mark.parametrize("fields", [{}, {"rejected": "no answer"}])
def test_where_no_answer_is_left_nothing_starts(project: Project, fields: dict[str, str]) -> None:
    long = data(project, ROWS, f"all-long-{len(fields)}", **fields)
    recipe = Recipe.recommended(long)
    assert recipe.max_length == 1024
    assert recipe.reasons["max_length"].endswith(
        "20 longer examples are cut, 20 of them before the answer begins; choose a model that takes in more"
    )
    with pytest.raises(RecipeError) as caught:
        project.check_training(long, recipe)
    (said,) = caught.value.mistakes
    assert said.startswith("max_length: of 20 of the 20 examples the whole answer is cut off")
    assert "tokens would keep them, and the model was made for 1,024: choose one that takes in more" in said
    with pytest.raises(InputError, match="No example leaves anything to learn"):
        encode_rows(chat.load_tokenizer(STARTER), long, recipe)
    with pytest.raises(RecipeError, match="the evaluation: of 20 of the 20 examples"):
        project.check_training(data(project, 0, f"short-{len(fields)}", **fields), recipe, long)


def test_the_length_that_is_named_keeps_them(project: Project) -> None:
    long = data(project, ROWS, "named")
    left = whole_answers.left_of(long, "starter", "sft", 512)
    longer = Recipe(max_length=left.keeps)
    project.check_training(long, longer)
    assert left.lost == ROWS and whole_answers.sentence(longer, long) == ""
    found = encode_rows(chat.load_tokenizer(STARTER), long, longer)
    assert (found.left_out, found.truncated) == (0, 0)


def test_some_that_are_lost_are_said_and_hinder_nothing(project: Project) -> None:
    some, recipe = data(project, 6, "some-long"), Recipe(max_length=1024)
    project.check_training(some, recipe)
    said = project.length_notes(recipe, some)
    assert said.startswith("Of 6 of the 20 examples the whole answer is cut off at 1,024 tokens")
    assert "filter them, or choose a model that takes in more (this one was made for 1,024" in said
    assert "raise max_length, to 1,024 at most, for which the model was made" in project.length_notes(
        Recipe(max_length=512), some
    )
    beyond = project.length_notes(Recipe(max_length=8192), some)
    assert beyond.startswith("The model was made for 1,024 tokens at once, and there are examples of")
    assert encode_rows(chat.load_tokenizer(STARTER), some, recipe).left_out == 6
    assert "6 of them before the answer begins; filter them" in Recipe.recommended(some).reasons["max_length"]
    assert project.length_notes(Recipe(max_length=1024, packing=True), some) == ""


def test_an_answer_that_is_only_read_or_stands_early_counts_as_it_does_for_the_trainer(project: Project) -> None:
    asked = {"role": "user", "content": "Hello."}
    greeting: dict[str, Any] = {"role": "assistant", "content": "Good day."}
    project.check_training(data(project, ROWS, "greets", (asked, greeting)), Recipe(max_length=1024))
    read = data(project, ROWS, "reads", (asked, {**greeting, "weight": 0}))
    with pytest.raises(RecipeError, match="the whole answer is cut off"):
        project.check_training(read, Recipe(max_length=1024))


def test_what_is_counted_in_another_vocabulary_refuses_nothing(project: Project) -> None:
    long, recipe = data(project, ROWS, "elsewhere"), Recipe(model="nobody/has-this-1B", max_length=1024)
    project.check_training(long, recipe)
    assert "Of 20 of the 20 examples" in project.length_notes(recipe, long)
