"""Tools in the blocks of Anthropic's messages, results that are objects, and OpenAI's own rows of two answers."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studio import Project
from studio.data import shapes
from studio.data.columns import Choices
from studio.data.conversations import BadRowError

PLAIN = Choices(system="")
ASKED = {"role": "user", "content": "Weather in Rome?"}
SUNNY, UNKNOWN = ({"role": "assistant", "content": said} for said in ("Sunny.", "Dunno."))
USED = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "18 C"}
CALL = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
TOOL = {"role": "tool", "content": "18 C", "tool_call_id": "t1"}
OFFERED = {"name": "weather", "description": "Of a city.", "input_schema": {"type": "object"}}
FUNCTION = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a city.", "parameters": {"type": "object"}},
}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def dialog(*blocks: Any, used: tuple[Any, ...] = (USED,)) -> list[dict[str, Any]]:
    answer = {"role": "assistant", "content": [text("18 degrees.")]}
    return [ASKED, {"role": "assistant", "content": [*used]}, {"role": "user", "content": [*blocks]}, answer]


def read(**row: Any) -> list[dict[str, str]]:
    return shapes.parts(row, PLAIN).messages


def test_tools_used_and_their_results_are_calls_and_messages_of_the_tool() -> None:
    asked, called, result, answer = read(messages=dialog(RESULT))
    assert asked == ASKED and result == TOOL and answer == {"role": "assistant", "content": "18 degrees."}
    assert called["content"] == "" and json.loads(called["tool_calls"]) == [CALL]
    with_words = read(messages=dialog(RESULT, text("Go on."), used=(text("I look."), USED, USED)))
    assert [one["role"] for one in with_words] == ["user", "assistant", "tool", "user", "assistant"]
    assert with_words[1]["content"] == "I look." and json.loads(with_words[1]["tool_calls"]) == [CALL, CALL]
    assert with_words[3] == {"role": "user", "content": "Go on."}
    assert read(messages=json.dumps(dialog(RESULT, text("")))) == read(messages=dialog(RESULT))
    several = read(messages=dialog(RESULT, {**RESULT, "tool_use_id": "t2", "content": None}))
    assert several[2:4] == [TOOL, {"role": "tool", "content": "", "tool_call_id": "t2"}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temp": 18}, '{"temp": 18}'),
        ([{"temp": 18}], '[{"temp": 18}]'),
        ([{"type": "sunny"}], '[{"type": "sunny"}]'),
        ([1, 2], "[1, 2]"),
        ([text("18"), text("C")], "18\nC"),
        (18, "18"),
    ],
)
def test_a_result_may_be_an_object_or_a_list(given: Any, said: str) -> None:
    assert read(messages=dialog({**RESULT, "content": given}))[2] == {**TOOL, "content": said}
    called = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert read(messages=[ASKED, called, {**TOOL, "content": given}, SUNNY])[2] == {**TOOL, "content": said}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (dialog({**RESULT, "content": [{"type": "image", "source": {}}]}), "message 3 holds 'image'"),
        (dialog(RESULT, {"type": "image", "source": {}}), "message 3 holds 'image'"),
        (dialog(RESULT, used=({**USED, "name": None},)), "the tool call of message 2 names no function"),
        ([ASKED, {"role": "assistant", "content": [RESULT]}], "message 2 holds 'tool_result'"),
        ([{**ASKED, "content": {"a": 1}}, SUNNY], "message 1 has no text"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(messages: Any, reason: str) -> None:
    with pytest.raises(BadRowError, match=reason):
        read(messages=messages)


def test_a_system_prompt_of_blocks_and_the_tools_on_offer() -> None:
    system = [{**text("Be brief."), "cache_control": {"type": "ephemeral"}}, text("Be kind.")]
    made = shapes.parts({"system": system, "messages": dialog(RESULT), "tools": [OFFERED, FUNCTION]}, PLAIN)
    assert made.messages[0] == {"role": "system", "content": "Be brief.\nBe kind."}
    assert json.loads(made.tools or "") == [FUNCTION, FUNCTION]
    with pytest.raises(BadRowError, match="system is not text but list"):
        read(system=[{"type": "image"}], messages=[ASKED, SUNNY])


@pytest.mark.parametrize("tools", [[], None, [FUNCTION]])
def test_openais_rows_of_two_answers(tmp_path: Path, tools: Any) -> None:
    row = {
        "input": {"messages": [ASKED], "tools": tools, "parallel_tool_calls": True}, "preferred_output": [SUNNY],
        "non_preferred_output": [UNKNOWN],
    }  # fmt: skip
    expected = ("preference", [ASKED, SUNNY], "Dunno.", json.dumps(tools) if tools else None)
    assert shapes.parts(row, PLAIN) == expected
    mapped = Choices(
        columns={"prompt": "input", "chosen": "preferred_output", "rejected": "non_preferred_output"}, system=""
    )
    assert shapes.parts(row, mapped) == expected
    path = tmp_path / "compare.jsonl"
    path.write_text(f"{json.dumps(row)}\n" * 3)
    found = Project.open("compare", home=tmp_path / "home").preview_load(path)
    assert found.shape == "preference" and found.is_sure and not found.unused


def test_openais_rows_in_the_cells_of_a_table(tmp_path: Path) -> None:
    project = Project.open("cells", home=tmp_path / "home")
    cells = {
        "input": {"messages": [ASKED], "tools": [FUNCTION]},
        "preferred_output": [SUNNY],
        "non_preferred_output": [UNKNOWN],
    }
    as_json = pd.DataFrame([{name: json.dumps(value) for name, value in cells.items()}] * 3)
    as_json.to_csv(tmp_path / "json.csv", index=False)
    examples = project.load(tmp_path / "json.csv", system="").examples
    assert examples["messages"][0] == [ASKED, SUNNY] and json.loads(examples["tools"][0]) == [FUNCTION]
    pd.DataFrame([cells] * 3).to_csv(tmp_path / "python.csv", index=False)
    with pytest.raises(Exception, match="prompt is text and not JSON"):
        project.load(tmp_path / "python.csv")
    pd.DataFrame([cells] * 3).to_parquet(tmp_path / "cells.parquet")
    assert project.load(tmp_path / "cells.parquet", system="").examples["messages"][0] == [ASKED, SUNNY]


def test_a_text_that_only_begins_like_messages_offers_no_tools() -> None:
    broken = '[{"role": "user", "content": "x"} is broken'
    assert read(prompt=broken, completion="Hello")[0]["content"] == broken
