"""Every shape in use becomes the same kind of example; what is not sure says so."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from studio import InputError, Project
from studio.chat import TokenCounter
from studio.data import detection, shapes
from studio.data.columns import Choices
from studio.data.conversations import BadRowError
from studio.models import STARTER

PLAIN = Choices(system="")
TURN = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
CALL = {"type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def read(row: dict[str, Any], choices: Choices = PLAIN) -> shapes.Parts:
    return shapes.parts(row, choices)


@pytest.mark.parametrize(
    ("row", "question"),
    [
        ({"instruction": "Hi", "input": "", "output": "Hello"}, "Hi"),
        ({"instruction": "Hi", "context": "there", "response": "Hello"}, "Hi\n\nInput: there"),
        ({"Instruction": "Hi", "Output": "Hello"}, "Hi"),
        ({"prompt": "Hi", "completion": "Hello"}, "Hi"),
        ({"prompt": "Hi", "response": "Hello"}, "Hi"),
        ({"input": "Hi", "output": "Hello"}, "Hi"),
        ({"query": "Hi", "answer": "Hello"}, "Hi"),
        (
            {"prompt": [{"role": "user", "content": "Hi"}], "completion": [{"role": "assistant", "content": "Hello"}]},
            "Hi",
        ),
        ({"question": "Hi", "answer": "Hello"}, "Hi"),
        (
            {"question": "Hi", "context": "there", "answers": {"text": ["Hello"], "answer_start": [0]}},
            "Hi\n\nInput: there",
        ),
        ({"messages": TURN}, "Hi"),
        ({"messages": json.dumps(TURN)}, "Hi"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, TURN[1]]}, "Hi"),
        ({"prompt": None, "instruction": "Hi", "output": "Hello", "completion": float("nan")}, "Hi"),
    ],
)
def test_one_turn(row: dict[str, Any], question: str) -> None:
    assert read(row) == ("conversation", [{"role": "user", "content": question}, TURN[1]], None, None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (2, "2"), (0, "0"), (2.5, "2.5"), (True, "true"), (False, "false"), (Decimal("1.50"), "1.50"), (date(2024, 5, 1), "2024-05-01"),
        ({"team": "Größe", "n": [1]}, '{"team": "Größe", "n": [1]}'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", [("prompt", "completion"), ("instruction", "output"), ("question", "answer")])
def test_an_answer_may_be_a_number_a_truth_value_or_an_object(names: tuple[str, str], answer: Any, said: str) -> None:
    question, field = names
    assert read({question: "Hi", field: answer}).messages == [TURN[0], {"role": "assistant", "content": said}]
    mapped = Choices(columns={"prompt": "text", "completion": "label"}, system="")
    assert read({"text": "Hi", "label": answer}, mapped).messages[1]["content"] == said
    assert read({"prompt": "Hi", "chosen": answer, "rejected": 7}) == (
        "preference", [TURN[0], {"role": "assistant", "content": said}], "7", None,
    )  # fmt: skip
    assert read({"prompt": 1, "completion": answer, "label": False}).rejected == said


def test_an_object_that_is_a_message_stays_a_message() -> None:
    assert read({"prompt": "Hi", "completion": TURN[1]}).messages == TURN
    assert read({"prompt": TURN[0], "completion": "Hello"}).messages == TURN
    assert read({"question": "Hi", "answer": {"text": "Hello", "answer_start": 3}}).messages == TURN
    assert (
        read({"instruction": "Add", "input": {"a": 1}, "output": 1}).messages[0]["content"] == 'Add\n\nInput: {"a": 1}'
    )
    assert read({"messages": [TURN[0], {"role": "assistant", "content": 3}]}).messages[1]["content"] == "3"


@pytest.mark.parametrize("zero", [0, 0.0, "0", False])
def test_an_answer_of_weight_0_is_kept_and_marked(zero: Any) -> None:
    question, bad, good = TURN[0], {"role": "assistant", "content": "No."}, TURN[1]
    made = read({"messages": [question, {**bad, "weight": zero}, {**question, "weight": 0}, {**good, "weight": 1}]})
    assert made.messages == [question, {**bad, "weight": "0"}, question, good]
    # what follows the last answer to learn teaches nothing, and would be taken for the answer
    assert read({"messages": [question, good, question, {**bad, "weight": zero}]}).messages == TURN
    called = [
        ("human", "Hi", None),
        ("function_call", '{"name": "add"}', zero),
        ("observation", "2", None),
        ("gpt", "Hello", None),
    ]
    turns = [{"from": name, "value": said, "weight": weight} for name, said, weight in called]
    assert [one.get("weight") for one in read({"conversations": turns}).messages] == [None, "0", None, None]
    judged = read({"prompt": "Hi", "chosen": [{**good, "weight": zero}], "rejected": [bad]})
    assert judged.messages == TURN and judged.rejected == "No."


@pytest.mark.parametrize(
    ("weights", "reason"),
    [((0, 0), "every answer has weight 0"), ((0.5, 1), "the weight 0.5; known are 0"), (("x", 1), "the weight 'x'")],
)
def test_weights_that_leave_nothing_to_learn_or_are_none(weights: tuple[Any, Any], reason: str) -> None:
    turns = [message for weight in weights for message in (TURN[0], {**TURN[1], "weight": weight})]
    with pytest.raises(BadRowError, match=reason):
        read({"messages": turns})


@pytest.mark.parametrize("user", ["human", "user", "Human"])
@pytest.mark.parametrize("assistant", ["gpt", "assistant", "chatgpt", "bing", "bard", "model"])
def test_sharegpt_by_all_its_names(user: str, assistant: str) -> None:
    turns = [("system", "Be brief."), (user, "Hi"), (assistant, "Hello"), (user, "Bye"), (assistant, "Goodbye")]
    row = {"conversations": [{"from": name, "value": said} for name, said in turns]}
    roles = ["system", "user", "assistant", "user", "assistant"]
    assert [(one["role"], one["content"]) for one in read(row, Choices(system="Other")).messages] == [
        (role, said) for role, (_, said) in zip(roles, turns, strict=True)
    ]


def test_tool_calls_are_kept_in_either_form() -> None:
    openai = {
        "messages": [
            TURN[0],
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", **CALL}]},
            {"role": "tool", "content": "2", "tool_call_id": "c1"},
            TURN[1],
        ],
        "tools": [{"type": "function", "function": {"name": "add"}}],
    }
    made = read(openai)
    assert [one["role"] for one in made.messages] == ["user", "assistant", "tool", "assistant"]
    assert json.loads(made.messages[1]["tool_calls"]) == [{"id": "c1", **CALL}] and made.messages[1]["content"] == ""
    assert made.messages[2]["tool_call_id"] == "c1" and json.loads(made.tools or "")[0]["function"]["name"] == "add"
    called = {"name": "add", "arguments": {"a": 1}}
    turns = [("human", "Hi"), ("function_call", json.dumps(called)), ("observation", "2"), ("gpt", "Hello")]
    sharegpt = read({"conversations": [{"from": name, "value": said} for name, said in turns]})
    assert [one["role"] for one in sharegpt.messages] == ["user", "assistant", "tool", "assistant"]
    assert json.loads(sharegpt.messages[1]["tool_calls"]) == [CALL]


def test_a_question_its_calls_and_the_tools_are_read_as_a_tool_call() -> None:
    tool = {"name": "add", "description": "Adds.", "parameters": {"a": {"type": "int"}}}
    row = {"id": 7, "query": "Hi", "answers": json.dumps([{"name": "add", "arguments": {"a": 1}}]), "tools": json.dumps([tool])}  # fmt: skip
    made = read(row)
    assert made.messages[0] == TURN[0] and json.loads(made.messages[1]["tool_calls"]) == [CALL]
    wrapped = {**tool, "parameters": {"type": "object", "properties": tool["parameters"]}}
    assert json.loads(made.tools or "") == [{"type": "function", "function": wrapped}]
    assert read({**row, "answers": json.loads(row["answers"]), "tools": [{"type": "function", "function": wrapped}]}) == made  # fmt: skip
    found = detection.detect([row] * 3)
    assert (found.shape, found.confidence, found.unused) == ("tool-calls", 1.0, [])
    mapped = Choices(columns={"query": "q", "answers": "a", "tools": "t"}, system="")
    assert read({"q": row["query"], "a": row["answers"], "t": row["tools"]}, mapped) == made
    for wrong in ("[]", "none", '[{"arguments": {}}]', "[{"):
        with pytest.raises(BadRowError, match="the tool call of message 2"):
            read({**row, "answers": wrong})


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Hi", "chosen": "Hello", "rejected": "No"},
        {"question": "Hi", "chosen": "Hello", "rejected": "No"},
        {"prompt": TURN[:1], "chosen": TURN[1:], "rejected": [{"role": "assistant", "content": "No"}]},
        {"prompt": "Hi", "chosen": TURN, "rejected": [TURN[0], {"role": "assistant", "content": "No"}]},
        {"chosen": TURN, "rejected": [TURN[0], {"role": "assistant", "content": "No"}]},
        {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"},
        {"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": "Hello"},
         "rejected": {"from": "gpt", "value": "No"}},
    ],
)  # fmt: skip
def test_preference_pairs(row: dict[str, Any]) -> None:
    assert read(row) == ("preference", TURN, "No", None)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (True, False), ("True", "False"), (1, 0), (1, -1), (1.0, 0.0), ("1", "0"), ("1.0", "-1"), ("+1", "-1.0"), ("Yes", "no"),
        ("good", "BAD"), ("desirable", "undesirable"), ("chosen", "rejected"), ("thumbs_up", "thumbs-down"), ("👍", "👎"),
    ],
)  # fmt: skip
def test_one_answer_judged_good_or_bad(good: Any, bad: Any) -> None:
    """Whatever the words are, nothing that is to be avoided is learned."""
    kept, avoided = ("preference", TURN, None, None), ("preference", TURN[:1], "Hello", None)
    for row in (
        {"prompt": "Hi", "completion": "Hello"}, {"instruction": "Hi", "input": "", "output": "Hello"},
        {"question": "Hi", "answer": "Hello"}, {"messages": TURN}, {"prompt": TURN[:1], "completion": TURN[1:]},
    ):  # fmt: skip
        assert read({**row, "label": good}) == kept and read({**row, "label": bad}) == avoided
        assert read({**row, "kto_tag": bad}) == avoided
    mapped = Choices(columns={"prompt": "q", "completion": "a", "label": "verdict"}, system="")
    assert read({"q": "Hi", "a": "Hello", "verdict": bad}, mapped) == avoided
    told = {"instruction": "Hi", "input": "there", "history": [["a", "b"]], "output": "Hello", "label": bad}
    assert [one["content"] for one in read(told).messages] == ["a", "b", "Hi\n\nInput: there"]


@pytest.mark.parametrize("label", ["greeting", "?", 2, 0.5, None, "", [1], 10**400])
def test_an_answer_whose_label_says_neither_is_not_learned(label: Any) -> None:
    row = {"prompt": "Hi", "completion": "Hello", "label": label}
    assert not shapes.gather([(1, row)], "", PLAIN, set())[0]
    with pytest.raises(BadRowError, match="^label .*(neither good nor bad|is missing)"):
        read(row)
    assert read(row, Choices(shape="prompt-completion", system="")).messages == TURN
    with pytest.raises(BadRowError, match="^label "):
        read({"messages": TURN, "label": label})
    assert read({"messages": TURN, "label": label}, Choices(shape="messages", system="")).messages == TURN


@pytest.mark.parametrize("labels", [["billing", "repair"], [0, 1, 2, 3], ["1", "3", "5"], [1, 0, -1], [None]])
def test_labels_that_are_a_category_or_a_scale_are_asked_about(tmp_path: Path, labels: list[Any]) -> None:
    path = tmp_path / "labelled.jsonl"
    rows = [{"instruction": f"Ask {place}", "output": "Say.", "label": label} for place, label in enumerate(labels * 9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = Project.open("labelled", home=tmp_path / "home")
    with pytest.raises(InputError, match='labels do not say which answers are good.*shape="alpaca"'):
        project.load(path)
    found = project.preview_load(path)
    assert not found.is_sure and found.shape == "alpaca" and found.preview[0]["kind"] == "conversation"
    assert found.alternatives[0][:2] == (
        "feedback",
        {"prompt": "instruction", "completion": "output", "label": "label"},
    )
    assert set(project.load(path, shape="alpaca").examples["kind"]) == {"conversation"}
    if labels[-1] in (3, "5", -1):  # a 1 may be the worst of them
        with pytest.raises(InputError, match="labels do not say"):
            project.load(path, shape="feedback")


def test_a_scale_beside_what_has_no_shape_without_it_is_asked_about() -> None:
    with pytest.raises(InputError, match="labels do not say which answers are good"):
        detection.detect([{"question": "Hi", "completion": "Hello", "label": -234}] * 3)


def test_a_slip_among_labels_costs_its_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "kto.csv"
    path.write_text("prompt,completion,label\n" + "x,good,1\nx,bad,0\n" * 20 + "x,odd,ture\n")
    project = Project.open("kto", home=tmp_path / "home")
    found = project.preview_load(path)
    assert found.shape == "feedback" and found.is_sure
    made = project.load(path)
    assert list(made.examples["rejected"][:2]) == [None, "bad"] and set(made.examples["kind"]) == {"preference"}
    assert list(made.problems["line"]) == [42] and "'ture' says neither" in made.problems["reason"][0]


def test_a_text_is_a_passage() -> None:
    assert read({"text": "Once."}, Choices()) == ("passage", [{"role": "assistant", "content": "Once."}], None, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "Hi"}, "completion is missing"),
        ({"instruction": "Hi", "input": "x"}, "output is missing"),
        ({"question": "Hi", "answer": ""}, "answer is empty"),
        ({"prompt": "Hi", "chosen": "Hello"}, "rejected is missing"),
        ({"prompt": "Hi", "chosen": "a", "rejected": "a"}, "are the same"),
        ({"chosen": "a", "rejected": "b"}, "prompt is missing"),
        ({"messages": [TURN[0]]}, "the last message is of the user"),
        ({"messages": [TURN[1], *TURN]}, "the first message is of the assistant"),
        ({"messages": [TURN[0], {"role": "king", "content": "x"}]}, "role 'king'"),
        ({"messages": [TURN[0], {"role": "assistant", "content": None}]}, "message 2 has no text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, TURN[1]]}, "image_url"),
        ({"messages": [*TURN, {"role": "system", "content": "x"}, *TURN]}, "system message stands after"),
        (
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": None}]},
            "names no function",
        ),
        ({"messages": None, "other": 1}, "no known shape"),
        ({"prompt": "Hi", "completion": "x", "history": "?"}, "history"),
        ({"question": {"a": 1}, "answer": "x"}, "question is not text but dict"),
        ({"prompt": "Hi", "completion": b"x"}, "completion is not text but bytes"),
    ],
)
def test_the_reason_names_what_is_wrong(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError, match=reason):
        read(row)


def test_detection_says_how_sure_it_is() -> None:
    sure = detection.detect([{"instruction": "Hi", "input": "", "output": "Hello"}] * 4)
    assert (sure.shape, sure.confidence) == ("alpaca", 1.0) and len(sure.preview) == 3
    mixed = detection.detect([{"prompt": "Hi", "completion": "Hello"}] * 3 + [{"text": "Once."}])
    assert mixed.shapes == {"prompt-completion": 3, "text": 1} and mixed.alternatives[0][0] == "text"
    guess = detection.detect(
        [{"frage": "Wie geht es dir heute?", "antwort": "Es geht mir gut, danke der Nachfrage."}] * 5
    )
    assert guess.confidence < detection.SURE and guess.columns == {"prompt": "frage", "completion": "antwort"}
    labelled = detection.detect([{"text": "My card was charged twice.", "label": "billing"}] * 5)
    assert (labelled.shape, labelled.columns) == ("prompt-completion", {"prompt": "text", "completion": "label"})
    assert labelled.confidence < detection.SURE and labelled.alternatives[0][:2] == ("text", {"text": "text"})
    assert labelled.fields == ["text", "label"]  # any of them may be the answer
    numbered = detection.detect([{"text": "My card was charged twice.", "label": number % 2} for number in range(5)])
    assert numbered.columns == labelled.columns and numbered.fields == labelled.fields
    short = detection.detect(
        [{"ticket_text": "Where is my parcel?", "agent_notes": "Called twice.", "team": "shipping"}]
    )
    assert short.fields == ["ticket_text", "agent_notes", "team"]
    assert detection.detect([{"a": 1}]).shape is None


def test_columns_are_mapped_and_their_mistakes_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fragen.csv"
    path.write_text("frage,antwort,source\nWie?,So.,buch\nWo?,Hier.,buch\n")
    project = Project.open("mapped", home=tmp_path / "home")
    with pytest.raises(InputError, match="Say which is which"):
        project.load(path)
    found = project.preview_load(path, columns={"instruction": "frage", "output": "antwort"})
    assert (found.shape, found.confidence) == ("alpaca", 1.0) and not list(project.folder.glob("sources/*/*"))
    made = project.load(path, columns={"instruction": "frage", "output": "antwort"}, system="")
    assert made.examples["messages"][0] == [
        {"role": "user", "content": "Wie?"},
        {"role": "assistant", "content": "So."},
    ]
    assert set(made.examples["source"]) == {"buch"}
    assert "columns={'instruction': 'frage', 'output': 'antwort'}" in project.journal.steps()[-1].code
    with pytest.raises(InputError, match="(?s)'was'.*'wer'.*no shape 'odd'"):
        project.load(path, shape="odd", columns={"was": "frage", "wer": "antwort"})
    with pytest.raises(InputError, match="no column 'x'"):
        project.load(path, columns={"prompt": "x", "completion": "antwort"})


def test_many_conversations_are_counted_as_one_by_one() -> None:
    counter = TokenCounter(STARTER)
    conversations = [TURN, [{"role": "system", "content": "Be brief."}, *TURN], TURN[1:]]
    assert counter.count_many(conversations) == [counter.count(messages) for messages in conversations]


@pytest.mark.parametrize(
    ("row", "shape", "columns"),
    [
        ({"headline_id": "0", "article": "What happened."}, "text", {"text": "article"}),
        ({"article": "What happened."}, "text", {"text": "article"}),
        ({"query": "Where?", "better_answer": "Here, at last.", "worse_answer": "No idea at all."}, "preference",
         {"prompt": "query", "chosen": "better_answer", "rejected": "worse_answer"}),
    ],
)  # fmt: skip
def test_columns_of_other_names_are_guessed(row: dict[str, Any], shape: str, columns: dict[str, str]) -> None:
    found = detection.detect([row] * 4)
    assert (found.shape, found.columns) == (shape, columns) and not found.is_sure
    assert found.preview[0]["rejected"] == row.get("worse_answer")


def test_the_columns_that_another_shape_would_have() -> None:
    found = detection.detect([{"ask": "Where?", "reply": "Here, at last.", "thumb": "up"}] * 4)
    assert found.columns_for("feedback", ["prompt", "completion", "label"]) == {
        "prompt": "ask", "completion": "reply", "label": "thumb",
    }  # fmt: skip
    assert found.columns_for("text", ["text"]) == {"text": "reply"}
    plain = detection.detect([{"instruction": "Where?", "output": "Here."}])
    assert plain.columns_for("prompt-completion", ["prompt", "completion"]) == {
        "prompt": "instruction",
        "completion": "output",
    }
    assert plain.columns_for("preference", ["chosen", "rejected"]) == {}
