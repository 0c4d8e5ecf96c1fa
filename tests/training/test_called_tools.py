"""Rows that call tools: never trained with a model whose chat template writes no call, and said wherever it matters."""

import json
import shutil
from pathlib import Path

import pytest

from studio import InputError, Project, Recipe, called_tools
from studio.examples import Dataset
from studio.models import STARTER
from studio.training import objectives

WRITES_CALLS = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>{% generation %}{{ message['content'] }}"
    "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}<|end|>{% endgeneration %}"
    "{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"parcel": "7"}'}}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]


def loaded(project: Project, tmp_path: Path) -> Dataset:
    asked = {"role": "user", "content": "Where is parcel 7?"}
    rows = [
        {"messages": [asked, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "tools": TOOLS},
        {"messages": [asked, {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL, CALL]}, {"role": "tool", "content": "In Rome."},
                      {"role": "assistant", "content": "It is in Rome."}]},
        {"messages": [asked, {"role": "assistant", "content": "I cannot say."}]},
    ]  # fmt: skip
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return project.load(path)


def model_that_writes_calls(tmp_path: Path) -> Path:
    folder = tmp_path / "caller"
    shutil.copytree(STARTER, folder)
    (folder / "chat_template.jinja").write_text(WRITES_CALLS)
    return folder


def test_a_training_that_would_leave_calls_out_is_refused(tmp_path: Path) -> None:
    project = Project.open("calls", home=tmp_path)
    data = loaded(project, tmp_path)
    recipe = Recipe(model="starter", epochs=1)
    for asked in (lambda: project.check_training(data, recipe), lambda: project.train(data, recipe)):
        with pytest.raises(InputError, match="tool calls") as caught:
            asked()
        assert "2 of the 3 rows of calls@v1" in caught.value.found and "take these rows out" in caught.value.fix
    plain = project.filter(data, min_quality=0, drop_flags=(), rules=[{"kind": "regex", "pattern": "cannot"}])
    with pytest.raises(InputError, match="The evaluation: .*tool calls"):
        project.check_training(plain, recipe, data)
    project.check_training(plain, recipe)
    project.check_training(data, Recipe(model=str(model_that_writes_calls(tmp_path)), epochs=1))


def test_they_are_counted_without_reading_a_text(tmp_path: Path) -> None:
    project = Project.open("calls", home=tmp_path)
    rows = objectives.count_rows(loaded(project, tmp_path))
    assert (rows.total, rows.with_calls, rows.with_tools) == (3, 2, 1)
    assert "2 rows call tools" in objectives.sentence(rows, "sft")
    assert "call" not in objectives.sentence(objectives.Rows(conversations=3), "sft")


def test_what_a_template_leaves_out_is_said_beside_the_tokens(tmp_path: Path) -> None:
    project = Project.open("calls", home=tmp_path)
    data = loaded(project, tmp_path)
    first, second, third = data.examples["id"]
    said = project.left_out_of_tokens(data, first)
    assert "the tool call" in said and "the tools on offer" in said
    assert "2 tool calls" in project.left_out_of_tokens(data, second)
    assert project.left_out_of_tokens(data, third) == ""
    caller = str(model_that_writes_calls(tmp_path))
    assert project.left_out_of_tokens(data, second, caller) == ""
    assert "look_up" in "".join(token.text for token in project.tokens_of(data, second, caller).tokens)


@pytest.mark.parametrize(("template", "writes"), [
    (WRITES_CALLS, True), ("{{ messages[-1].content }}", False), ("{{ messages[-1].tool_calls[0].function.arguments.place }}", False),
    ("{% if tools %}{{ messages[-1].tool_calls }}{% endif %}", True), ("{{ raise_exception('no ' ~ messages[1].tool_calls) }}", True),
    ("{{ raise_exception('no') }}", False), ("{{ messages[-1].nothing.at_all }}", False),
])  # fmt: skip
def test_whether_a_template_writes_calls(tmp_path: Path, template: str, writes: bool) -> None:
    (tmp_path / "chat_template.jinja").write_text(template)
    assert called_tools.are_written(tmp_path) == writes
